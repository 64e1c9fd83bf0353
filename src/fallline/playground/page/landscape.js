// The loss around the current point, and the path so far.

import { color, rgb, word } from "./colors.js";
import { fitted, h, short } from "./dom.js";
import { font } from "./letters.js";
import { ask } from "./messages.js";
import { on, state } from "./state.js";
import { T } from "./text.js";

export function landscapeView() {
  const canvas = h("canvas", { role: "img", "aria-label": T.landscape.aria, id: "landscape" });
  const relief = h("canvas", { role: "img", "aria-label": T.landscape.relief, id: "relief" });
  const note = h("p", { class: "quiet", id: "landscape-note" });
  const spread = h("p", { class: "quiet", id: "landscape-spread" });
  const [low, high] = [h("span"), h("span")];
  const key = h("p", { class: "legend" }, h("span", {}, T.landscape.low, low, h("span", { class: "ramp depth" }), high, T.landscape.high));
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
    drawRelief(relief, facts);
    const losses = facts.loss.flat().filter((v) => v !== null);
    low.textContent = short(Math.min(...losses), 3);
    high.textContent = short(Math.max(...losses), 3);
    note.textContent = T.landscape.rows(facts.rows);
    spread.textContent = facts.spread ? T.landscape.spread(...facts.spread.map(percent)) : T.landscape.random;
    canvas.dataset.drawn = "yes";
  };
  let timer = 0;
  const soon = () => {
    if (state.tab !== "landscape" || !state.frame) return;
    if (timer) return;  // while it moves, the picture follows a few times a second
    timer = setTimeout(() => { timer = 0; load(); }, 250);
  };
  on("tab", soon);
  on("frame", soon);
  on("theme", draw);
  return [h("p", {}, T.landscape.intro),
    h("div", { class: "landscapes" }, h("div", { class: "landscape" }, canvas), h("div", { class: "landscape" }, relief)), key, note, spread];
}

const percent = (share) => `${(100 * share).toFixed(share > 0.995 || share < 0.005 ? 1 : 0)} %`;

const FINE = 8, BANDS = 15;

/** The tones of the bands, from the lowest loss to the highest. */
function tonesOf() {
  const [deep, top] = [rgb("deep"), rgb("peak")];
  return Array.from({ length: BANDS + 1 }, (_, k) => deep.map((v, c) => v + ((top[c] - v) * k) / BANDS));
}

const logsOf = (loss) => loss.map((row) => row.map((v) => (v === null ? null : Math.log10(v + 1e-12))));

/** Bands of equal steps of the logarithm, between the grid's values by straight lines. */
function bands(logs, low, high, size) {
  const n = (size - 1) * FINE + 1;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = n;
  const image = canvas.getContext("2d").createImageData(n, n);
  const words = new Uint32Array(image.data.buffer);
  const tones = tonesOf().map(word);
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
  const logs = logsOf(loss);
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
    context.font = font(13, "600");
    const right = x < left + side - 60;
    context.textAlign = right ? "left" : "right";
    context.strokeText(text, x + (right ? 10 : -10), y + 4);
    context.fillText(text, x + (right ? 10 : -10), y + 4);
  };
  if (path.length > 1) mark(path[0], 5, T.landscape.start);
  mark([0, 0], 6, T.landscape.here);
}

const TURN = Math.PI / 5, TILT = 0.5, HEIGHT = 0.55;

/** The same loss as a relief: the grid seen from a corner, painted from the back to the front. */
function drawRelief(canvas, { size, loss, path, reach }) {
  const side = Math.min(460, canvas.parentElement.clientWidth);
  const [context, width, height] = fitted(canvas, side);
  context.clearRect(0, 0, width, height);
  const logs = logsOf(loss);
  const known = logs.flat().filter((v) => v !== null);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const level = (v) => ((v ?? high) - low) / (high - low || 1);
  const [cos, sin] = [Math.cos(TURN), Math.sin(TURN)];
  const scale = side / 3.1;
  const project = (a, b, z) => {  // a and b from -1 to 1, z from 0 to 1
    const [u, v] = [a * cos - b * sin, a * sin + b * cos];
    return [width / 2 + u * scale, height * 0.62 - v * scale * TILT - (z - 0.35) * scale * HEIGHT * 2, v];
  };
  const place = (i, j) => project((2 * j) / (size - 1) - 1, 1 - (2 * i) / (size - 1), level(logs[i][j]));
  const tones = tonesOf().map((tone) => `rgb(${tone.map(Math.round)})`);
  const tiles = [];
  for (let i = 0; i + 1 < size; i++) {
    for (let j = 0; j + 1 < size; j++) {
      const corners = [place(i, j), place(i, j + 1), place(i + 1, j + 1), place(i + 1, j)];
      const mean = (level(logs[i][j]) + level(logs[i + 1][j + 1]) + level(logs[i + 1][j]) + level(logs[i][j + 1])) / 4;
      tiles.push({ corners, depth: corners[0][2] + corners[2][2], tone: tones[Math.round(mean * BANDS)] });
    }
  }
  tiles.sort((one, other) => other.depth - one.depth);
  context.lineWidth = 0.6;
  for (const { corners, tone } of tiles) {
    context.beginPath();
    corners.forEach(([x, y], k) => { if (k) context.lineTo(x, y); else context.moveTo(x, y); });
    context.closePath();
    context.fillStyle = context.strokeStyle = tone;
    context.fill();
    context.stroke();
  }
  const onSurface = ([a, b]) => {
    const at = (t) => Math.max(0, Math.min(size - 1.001, t));
    const [y, x] = [at(((1 - b / reach[1]) / 2) * (size - 1)), at(((a / reach[0] + 1) / 2) * (size - 1))];
    const [i, j] = [Math.floor(y), Math.floor(x)];
    const along = (k) => level(logs[k][j]) * (1 - x + j) + level(logs[k][j + 1]) * (x - j);
    return project(a / reach[0], b / reach[1], along(i) * (1 - y + i) + along(i + 1) * (y - i) + 0.02);
  };
  context.strokeStyle = color("path");
  context.lineWidth = 2.5;
  context.beginPath();
  path.forEach((point, k) => { const [x, y] = onSurface(point); if (k) context.lineTo(x, y); else context.moveTo(x, y); });
  context.stroke();
  const [x, y] = onSurface([0, 0]);
  context.beginPath();
  context.arc(x, y, 6, 0, 7);
  context.fillStyle = color("path");
  context.fill();
  context.lineWidth = 2;
  context.strokeStyle = color("ring");
  context.stroke();
}
