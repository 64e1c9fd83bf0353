// Sharing the current page: its address, as text and as a QR code, and the parts that it hides.

import { generate } from "../vendor/lean-qr.js";
import { button, checkbox, h } from "./dom.js";
import { HIDEABLE, setHidden } from "./hiding.js";
import { on, state, writeAddress } from "./state.js";
import { T } from "./text.js";

const S = T.share;
const QUIET = 4;  // modules of white around the code, as the standard asks
const MODULE = 4;  // pixels

/** The address with a QR code, and a box for each part that can be hidden. */
export function shareView() {
  const told = h("p", { role: "status", class: "quiet", id: "share-told" });
  const code = h("canvas", { role: "img", "aria-label": S.code, id: "qr-code", hidden: true });
  const copy = button(S.copy, async () => {
    writeAddress();
    try { await navigator.clipboard.writeText(location.href); told.textContent = S.copied; } catch { told.textContent = location.href; }
  }, { id: "copy", class: "main" });
  const show = button(S.show, () => {
    writeAddress();
    code.hidden = !draw(code, location.href);
    told.textContent = code.hidden ? S.long : location.protocol === "file:" ? S.file : S.scan;
  }, { id: "show-qr" });
  const boxes = HIDEABLE.map((name) => {
    const box = h("input", { type: "checkbox", id: `hide-${name}`, onchange: () => setHidden(name, box.checked) });
    return { name, box };
  });
  on("view", () => {
    for (const { name, box } of boxes) box.checked = state.hidden.includes(name);
    code.hidden = true;  // the address is another one now
  });
  return [h("div", { class: "head" }, copy, show), told, code,
    h("details", { id: "hiding" }, h("summary", {}, S.hide), h("p", { class: "quiet" }, S.hideWhy),
      h("div", { class: "checks" }, boxes.map(({ name, box }) => checkbox(S.parts[name] || T.tabs[name.slice("tab-".length)], box))))];
}

/** Draw the QR code of a text; false if it is too long for one. */
function draw(canvas, text) {
  let code = null;
  try { code = generate(text); } catch { return false; }
  const side = (code.size + 2 * QUIET) * MODULE;
  canvas.width = canvas.height = side;
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, side, side);
  context.fillStyle = "#000";
  for (let y = 0; y < code.size; y++) {
    for (let x = 0; x < code.size; x++) if (code.get(x, y)) context.fillRect((x + QUIET) * MODULE, (y + QUIET) * MODULE, MODULE, MODULE);
  }
  return true;
}
