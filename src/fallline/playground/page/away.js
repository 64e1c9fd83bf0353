// Take away: the address, a script, a notebook, a model file, an image.

import { color } from "./colors.js";
import { button, h, short, whole } from "./dom.js";
import { host } from "./home.js";
import { ask } from "./server.js";
import { state, writeAddress } from "./state.js";
import { T } from "./text.js";

export function awayView() {
  const told = h("p", { role: "status", class: "quiet" });
  const copy = async () => {
    writeAddress();
    try { await navigator.clipboard.writeText(location.href); told.textContent = T.away.copied; } catch { told.textContent = location.href; }
  };
  const kinds = ["script", "notebook", "model"].map((kind) =>
    button(T.away[kind], () => fetchFile(kind), { id: `export-${kind}` }));
  const keys = h("dl", { class: "keys" }, T.away.keyList.flatMap(([key, what]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)]));
  return [h("p", {}, host ? T.away.introNotebook : T.away.intro),
    h("div", { class: "head" }, host ? null : button(T.away.link, copy, { id: "copy", class: "main" }), kinds,
      button(T.away.image, saveImage, { id: "export-image" })),
    told, h("h3", {}, T.away.keys), keys];
}

async function fetchFile(kind) {
  try {
    const { facts } = await ask({ type: "export", kind });
    const bytes = Uint8Array.from(atob(facts.content), (c) => c.charCodeAt(0));
    save(new Blob([bytes], { type: facts.media }), facts.name);
  } catch { /* told as an error already */ }
}

function save(blob, name) {
  const link = h("a", { href: URL.createObjectURL(blob), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** Network, output and curves as one picture. */
async function saveImage() {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d");
  [canvas.width, canvas.height] = [1600, 900];
  context.fillStyle = color("paper");
  context.fillRect(0, 0, 1600, 900);
  context.fillStyle = color("ink");
  context.font = "600 30px system-ui, sans-serif";
  const { frame, problem } = state;
  context.fillText(`${T.title}: ${problem.sizes.join("-")}, ${T.bar.epoch.toLowerCase()} ${whole(frame.epoch)}, ${T.curves.loss} ${short(frame.loss[0])}`, 40, 60);
  const net = document.getElementById("net");
  const lines = net.querySelector("svg").cloneNode(true);
  const picture = new Image();
  picture.src = `data:image/svg+xml,${encodeURIComponent(new XMLSerializer().serializeToString(lines))}`;
  await picture.decode();
  const scale = Math.min(980 / net.clientWidth, 780 / net.clientHeight, 2);
  context.drawImage(picture, 40, 100, picture.width * scale, picture.height * scale);
  for (const box of net.querySelectorAll(".neuron")) {
    const map = box.querySelector("canvas");
    const [x, y] = [40 + box.offsetLeft * scale, 100 + box.offsetTop * scale];
    context.font = `${13 * scale}px system-ui, sans-serif`;
    context.fillStyle = color("ink");
    if (map) context.drawImage(map, x, y, 38 * scale, 38 * scale);
    else context.fillText(box.querySelector(".feature").textContent, x, y + 24 * scale);
  }
  const place = (id, x, y, width) => {
    const from = document.getElementById(id);
    context.drawImage(from, x, y, width, (width * from.height) / from.width);
  };
  place("surface", 1080, 100, 480);
  place("loss-curve", 1080, 600, 480);
  canvas.toBlob((blob) => save(blob, "descent.png"));
}
