// The loss around the present point, and the path walked so far.

import { color, rgb } from "./colors.js";
import { button, fitted, h, short } from "./dom.js";
import { ask } from "./server.js";
import { on, state } from "./state.js";
import { T } from "./text.js";

export function landscapeView() {
  const canvas = h("canvas", { role: "img", "aria-label": T.landscape.aria, id: "landscape" });
  const note = h("p", { class: "quiet", id: "landscape-note" });
  let facts = null, busy = false, again = false;
  const load = async () => {
    if (busy) { again = true; return; }
    busy = true;
    try {
      facts = (await ask({ type: "landscape" })).facts;
      draw();
    } catch { /* told as an error already */ }
    busy = false;
    if (again) { again = false; load(); }
  };
  const draw = () => {
    if (!facts || state.tab !== "landscape") return;
    picture(canvas, facts);
    const losses = facts.loss.flat().filter((v) => v !== null);
    note.textContent = `${T.landscape.rows(facts.rows)}: ${short(Math.min(...losses), 3)} – ${short(Math.max(...losses), 3)}`;
    canvas.dataset.drawn = "yes";
  };
  let timer = 0;
  const soon = () => {
    if (state.tab !== "landscape" || !state.frame) return;
    clearTimeout(timer);
    timer = setTimeout(load, 120);
  };
  on("tab", soon);
  on("frame", soon);
  on("theme", draw);
  return [h("p", {}, T.landscape.intro), button(T.landscape.draw, load, { id: "draw-landscape" }),
    h("div", { class: "landscape" }, canvas), note];
}

function picture(canvas, { size, loss, path, reach }) {
  const side = Math.min(460, canvas.parentElement.clientWidth);
  const [context, width, height] = fitted(canvas, side);
  context.clearRect(0, 0, width, height);
  const logs = loss.map((row) => row.map((v) => (v === null ? null : Math.log10(v + 1e-12))));
  const all = logs.flat().filter((v) => v !== null);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const small = document.createElement("canvas");
  small.width = small.height = size;
  const image = small.getContext("2d").createImageData(size, size);
  const [deep, top] = [rgb("deep"), rgb("peak")];
  logs.flat().forEach((v, i) => {
    const t = v === null ? 1 : Math.round(14 * ((v - low) / (high - low || 1))) / 14;
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = deep[c] + (top[c] - deep[c]) * t;
    image.data[4 * i + 3] = 255;
  });
  small.getContext("2d").putImageData(image, 0, 0);
  const left = (width - side) / 2;
  context.imageSmoothingEnabled = true;
  context.drawImage(small, left, 0, side, side);
  const place = ([a, b]) => [left + (side / 2) * (1 + a / reach[0]), (side / 2) * (1 - b / reach[1])];
  context.lineWidth = 2.5;
  context.strokeStyle = color("path");
  context.beginPath();
  path.forEach((point, k) => { if (k) context.lineTo(...place(point)); else context.moveTo(...place(point)); });
  context.stroke();
  const mark = (point, radius, text) => {
    const [x, y] = place(point);
    context.beginPath();
    context.arc(x, y, radius, 0, 7);
    context.fillStyle = color("path");
    context.fill();
    context.lineWidth = 2;
    context.strokeStyle = color("ring");
    context.stroke();
    context.font = "600 13px system-ui, sans-serif";
    const right = x < left + side - 60;
    context.textAlign = right ? "left" : "right";
    context.strokeText(text, x + (right ? 10 : -10), y + 4);
    context.fillText(text, x + (right ? 10 : -10), y + 4);
  };
  if (path.length > 1) mark(path[0], 5, T.landscape.start);
  mark([0, 0], 6, T.landscape.here);
}
