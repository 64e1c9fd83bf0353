// The loss around the present point, and the path walked so far.

import { color, rgb, word } from "./colors.js";
import { fitted, h, short } from "./dom.js";
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
  return [h("p", {}, T.landscape.intro),
    h("div", { class: "landscape" }, canvas), note];
}

const FINE = 8, BANDS = 15;

/** Bands of equal steps of the logarithm, between the grid's values by straight lines. */
function bands(logs, low, high, size) {
  const n = (size - 1) * FINE + 1;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = n;
  const image = canvas.getContext("2d").createImageData(n, n);
  const words = new Uint32Array(image.data.buffer);
  const [deep, top] = [rgb("deep"), rgb("peak")];
  const tones = Array.from({ length: BANDS + 1 }, (_, k) => word(deep.map((v, c) => v + ((top[c] - v) * k) / BANDS)));
  const value = (i, j) => logs[Math.min(i, size - 1)][Math.min(j, size - 1)] ?? high;
  for (let y = 0; y < n; y++) {
    const [i, u] = [Math.floor(y / FINE), (y % FINE) / FINE];
    for (let x = 0; x < n; x++) {
      const [j, v] = [Math.floor(x / FINE), (x % FINE) / FINE];
      const upper = value(i, j) * (1 - v) + value(i, j + 1) * v;
      const lower = value(i + 1, j) * (1 - v) + value(i + 1, j + 1) * v;
      const t = (upper * (1 - u) + lower * u - low) / (high - low || 1);
      words[y * n + x] = tones[Math.round(t * BANDS)];
    }
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

function picture(canvas, { size, loss, path, reach }) {
  const side = Math.min(460, canvas.parentElement.clientWidth);
  const [context, width, height] = fitted(canvas, side);
  context.clearRect(0, 0, width, height);
  const logs = loss.map((row) => row.map((v) => (v === null ? null : Math.log10(v + 1e-12))));
  const all = logs.flat().filter((v) => v !== null);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const small = bands(logs, low, high, size);
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
