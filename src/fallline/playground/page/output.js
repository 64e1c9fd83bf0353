// The output card: the surface over two features with the points, and predictions row by row.

import * as actions from "./actions.js";
import { classColor, color, diverging, rgb, scale, word, CLASSES } from "./colors.js";
import { field, fitted, h, select, short } from "./dom.js";
import { on, show, state } from "./state.js";
import { T } from "./text.js";

export function outputView() {
  const canvas = h("canvas", { role: "img", "aria-label": T.output.aria, id: "surface" });
  const small = document.createElement("canvas");
  const axes = h("div", { class: "pair" });
  const others = h("p", { class: "quiet" }, T.output.others);
  const sharp = h("input", { type: "checkbox", id: "sharp", onchange: () => show({ sharp: sharp.checked }) });
  const testPoints = h("input", { type: "checkbox", id: "test-points",
    onchange: () => show({ testPoints: testPoints.checked }) });
  testPoints.checked = true;
  const table = h("div", { class: "predictions", id: "predictions" });
  const legend = h("div", { class: "legend" });
  on("view", () => {
    sharp.checked = state.sharp;
    testPoints.checked = state.testPoints;
    redraw();
  });
  const redraw = () => { if (state.frame && state.problem) draw(canvas, small, sharp.checked, testPoints.checked); };

  on("problem", ({ problem }) => {
    axes.replaceChildren();
    if (problem.axes.length > 2) {
      const names = Object.fromEntries(problem.axes.slice(0, 400).map((name, k) => [k, name]));
      const pick = (which, id) => select(names, problem.view[which], (value) => {
        const view = [...problem.view];
        view[which] = Number(value);
        actions.change({ data: { view } });
      }, { id });
      axes.append(field(T.output.across, pick(0, "view-x")), field(T.output.up, pick(1, "view-y")));
    }
    others.hidden = problem.axes.length <= 2;
    table.replaceChildren();
    legend.replaceChildren(...legendParts(problem));
  });
  on("frame", ({ frame, problem }) => {
    if (!problem) return;
    redraw();
    if (problem.task === "numbers" && frame.ranges.length) {
      const [low, high] = frame.ranges[frame.ranges.length - 1];
      legend.querySelector(".range-low").textContent = short(low, 3);
      legend.querySelector(".range-high").textContent = short(high, 3);
    }
    if (problem.n_train <= 40) predictions(table, frame, problem);
  });

  drawing(canvas);
  const title = h("h2", { id: "output-title" }, T.output.title);
  on("peek", ({ peek }) => {
    title.textContent = peek ? T.output.of(T.network.neuron(peek.l, peek.j)) : T.output.title;
    redraw();
  });
  return h("section", { class: "card output", "aria-labelledby": "output-title" },
    title,
    h("div", { class: "surface" }, canvas), legend, axes, others,
    h("div", { class: "checks" },
      h("div", { class: "check" }, testPoints, h("label", { for: "test-points" }, T.output.testPoints)),
      h("div", { class: "check" }, sharp, h("label", { for: "sharp" }, T.output.sharp))),
    table);
}

function legendParts(problem) {
  if (problem.task === "numbers") {
    return [h("span", {}, h("span", { class: "range-low" }), h("span", { class: "ramp" }), h("span", { class: "range-high" }))];
  }
  return problem.classes.slice(0, 30).map((name, k) => {
    const spot = h("span", { class: `spot class-${k % CLASSES.length}` });
    return h("span", {}, spot, name);
  });
}

const SIDE = 420, LARGE_SIDE = 900, MARGIN = 44, FINER = 3;

/** A map of (size * size) bytes, FINER times as fine each way: the boundary between is a line then. */
function finer(bytes, size) {
  const n = size * FINER, made = new Uint8Array(n * n);
  const low = new Uint8Array(n), part = new Float32Array(n);
  for (let i = 0; i < n; i++) {
    const place = Math.min(Math.max((i + 0.5) / FINER - 0.5, 0), size - 1);
    low[i] = Math.min(Math.floor(place), size - 2);
    part[i] = place - low[i];
  }
  for (let y = 0; y < n; y++) {
    const row = low[y] * size, v = part[y];
    for (let x = 0; x < n; x++) {
      const at = row + low[x], u = part[x];
      const upper = bytes[at] + (bytes[at + 1] - bytes[at]) * u;
      const lower = bytes[at + size] + (bytes[at + size + 1] - bytes[at + size]) * u;
      made[y * n + x] = upper + (lower - upper) * v;
    }
  }
  return made;
}

function geometry(canvas) {
  const width = Math.max(120, canvas.parentElement.clientWidth);
  const side = Math.min(width - MARGIN, state.pictures ? LARGE_SIDE : SIDE, window.innerHeight - 140);
  return { width, side, left: MARGIN + Math.max(0, (width - MARGIN - side) / 2), top: 4, height: side + 28 };
}

function draw(canvas, small, sharp, withTest) {
  const { frame, problem } = state;
  const size = frame.map_size;
  const { side, left, top, height } = geometry(canvas);
  const [context, width] = fitted(canvas, height);
  context.clearRect(0, 0, width, height);
  const n = problem.sizes[problem.sizes.length - 1];
  const shown = problem.sizes.slice(1).map((k) => Math.min(k, 12));
  const first = shown.slice(0, -1).reduce((a, b) => a + b, 0) * size * size;
  const { peek } = state;  // a hidden neuron that is pointed at stands in for the output
  const at = peek ? shown.slice(0, peek.l - 1).reduce((a, b) => a + b, 0) + peek.j : first / size ** 2;
  const maps = Array.from({ length: n === 1 || peek ? 1 : Math.min(n, 12) },
    (_, k) => finer(frame.maps.subarray((at + k) * size * size, (at + k + 1) * size * size), size));
  const fine = size * FINER;
  if (small.width !== fine) small.width = small.height = fine;
  const image = small.getContext("2d").createImageData(fine, fine);
  const table = scale();
  const words = new Uint32Array(image.data.buffer);
  if (n === 1 || peek) {
    const [bytes] = maps;
    const decided = sharp && !peek && problem.task !== "numbers";
    for (let i = 0; i < words.length; i++) words[i] = table[decided ? (bytes[i] > 127 ? 235 : 20) : bytes[i]];
  } else {
    const paper = rgb("middle");
    const ramps = maps.map((_, k) => {  // from no surer than chance to sure
      const full = rgb(CLASSES[k % CLASSES.length]);
      return Uint32Array.from({ length: 256 }, (__, b) => {
        const sure = sharp ? 0.85 : Math.max(0, (b / 255 - 1 / n) / (1 - 1 / n));
        return word(paper.map((v, c) => v + (full[c] - v) * 0.8 * sure));
      });
    });
    for (let i = 0; i < words.length; i++) {
      let best = 0;
      for (let k = 1; k < maps.length; k++) if (maps[k][i] > maps[best][i]) best = k;
      words[i] = ramps[best][maps[best][i]];
    }
  }
  small.getContext("2d").putImageData(image, 0, 0);
  context.imageSmoothingEnabled = true;
  context.save();
  context.beginPath();
  context.roundRect(left, top, side, side, 6);
  context.clip();
  context.drawImage(small, left, top, side, side);
  const [[x0, x1], [y0, y1]] = problem.view_ranges;
  const [low, high] = frame.ranges[frame.ranges.length - 1] || [0, 1];
  const spot = ([x, y, target], test) => {
    const [px, py] = [left + (side * (x - x0)) / (x1 - x0), top + side - (side * (y - y0)) / (y1 - y0)];
    context.beginPath();
    if (test) context.rect(px - 3.6, py - 3.6, 7.2, 7.2); else context.arc(px, py, 4.4, 0, 7);
    context.fillStyle = problem.task === "numbers"
      ? `rgb(${diverging(Math.max(0, Math.min(1, (target - low) / (high - low || 1)))).map(Math.round)})`
      : classColor(target);
    context.fill();
    context.lineWidth = 1.4;
    context.strokeStyle = color("outline");
    context.stroke();
  };
  problem.points.train.forEach((point) => spot(point, false));
  if (withTest) problem.points.test.forEach((point) => spot(point, true));
  context.restore();
  axisLabels(context, problem, { left, top, side });
}

function axisLabels(context, problem, { left, top, side }) {
  const [[x0, x1], [y0, y1]] = problem.view_ranges;
  context.fillStyle = color("quiet");
  context.font = "12px system-ui, sans-serif";
  context.textAlign = "left";
  context.fillText(short(x0, 2), left, top + side + 15);
  context.textAlign = "right";
  context.fillText(short(x1, 2), left + side, top + side + 15);
  context.fillText(short(y1, 2), left - 5, top + 11);
  context.fillText(short(y0, 2), left - 5, top + side - 2);
  context.textAlign = "center";
  context.fillText(problem.axes[problem.view[0]], left + side / 2, top + side + 15);
  context.save();
  context.translate(left - 10, top + side / 2);
  context.rotate(-Math.PI / 2);
  if (problem.axes.length > 1) context.fillText(problem.axes[problem.view[1]], 0, 0);
  context.restore();
}

// ---- row by row

function predictions(place, frame, problem) {
  const parts = [["train", T.output.trained], ["test", T.output.held]];
  if (!place.firstChild) {
    for (const [part, title] of parts) {
      if (!problem.rows[part].length) continue;
      const body = h("tbody", { "data-part": part }, problem.rows[part].map((row, i) => h("tr", {},
        h("td", {}, row.slice(0, -1).map((x) => short(x, 3)).join(" ")),
        h("td", { class: "num" }, problem.task === "classes" ? problem.classes[row[row.length - 1]] : short(row[row.length - 1], 3)),
        h("td", { class: "num predicted" }), h("td", { class: "bar" }, h("span", {})))));
      const heads = [`${title}: ${T.output.row}`, T.output.target, T.output.predicted, ""];
      place.append(h("div", { class: "scroll table" }, h("table", {},
        h("thead", {}, h("tr", {}, heads.map((text) => h("th", { scope: "col" }, text)))), body)));
    }
  }
  for (const body of place.querySelectorAll("tbody")) {
    const part = body.dataset.part;
    [...body.children].forEach((row, i) => {
      const output = frame.outputs[part][i];
      if (!output) return;
      const best = output.length > 1 ? output.indexOf(Math.max(...output)) : 0;
      const value = output[best];
      row.querySelector(".predicted").textContent = output.length > 1
        ? `${problem.classes[best]} (${value.toFixed(3)})`
        : problem.task === "numbers" ? short(value) : (value === null ? "–" : value.toFixed(5));
      const bar = row.querySelector(".bar span");
      bar.style.width = problem.task === "numbers" ? "0" : `${Math.round(100 * Math.max(0, Math.min(1, value)))}%`;
      row.classList.toggle("chosen", part === "train" && i === frame.row.index);
      row.onclick = part === "train" ? () => actions.look(state.parameter, i) : null;
    });
  }
}

// ---- drawing points, and picking a row by clicking on its point

function drawing(canvas) {
  let down = false, last = null, first = true;
  const where = (event) => {
    const { left, top, side } = geometry(canvas);
    const box = canvas.getBoundingClientRect();
    const [u, v] = [(event.clientX - box.left - left) / side, 1 - (event.clientY - box.top - top) / side];
    const [[x0, x1], [y0, y1]] = state.problem.view_ranges;
    return u < 0 || u > 1 || v < 0 || v > 1 ? null : [x0 + u * (x1 - x0), y0 + v * (y1 - y0), (x1 - x0) / side];
  };
  const add = (event) => {
    const place = where(event);
    if (!place || (last && Math.hypot(place[0] - last[0], place[1] - last[1]) < 10 * place[2])) return;
    last = place;
    let { points } = state.setup.data;
    points = state.drawClass < 0
      ? points.filter(([x, y]) => Math.hypot(x - place[0], y - place[1]) > 9 * place[2])
      : [...points, [Number(place[0].toFixed(3)), Number(place[1].toFixed(3)), state.drawClass]].slice(-2000);
    if (points.length >= 2) actions.change({ data: { points } }, { keep: first });
    first = false;
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (!state.problem) return;
    if (state.setup.data.kind === "drawn") {
      [down, last, first] = [true, null, true];
      canvas.setPointerCapture(event.pointerId);
      add(event);
    } else {
      const place = where(event);
      if (!place) return;
      const near = state.problem.points.train.map(([x, y]) => Math.hypot(x - place[0], y - place[1]) / place[2]);
      const best = near.indexOf(Math.min(...near));
      if (near[best] < 10) actions.look(state.parameter, best);
    }
  });
  canvas.addEventListener("pointermove", (event) => { if (down) add(event); });
  canvas.addEventListener("pointerup", () => { down = false; });
  on("setup", ({ setup }) => { canvas.classList.toggle("draws", setup.data.kind === "drawn"); });
}
