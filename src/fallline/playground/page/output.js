// The output card: the surface over two features with the points; for digits, a picture to draw on.

import * as actions from "./actions.js";
import { classColor, color, diverging, rgb, scale, word, CLASSES } from "./colors.js";
import { digitView, pixelsOf } from "./digits.js";
import { checkbox, field, fitted, h, select, short, written } from "./dom.js";
import { forward, knows, lifted } from "./forward.js";
import { question } from "./help.js";
import { font, larger } from "./letters.js";
import { isRight, original } from "./rows.js";
import { on, show, state } from "./state.js";
import { T } from "./text.js";

const FLAT = 26;  // of 255: an output that changes by a tenth says little about two features

export function outputView() {
  const canvas = h("canvas", { role: "img", "aria-label": T.output.aria, id: "surface" });
  const small = document.createElement("canvas");
  const axes = h("div", { class: "pair" });
  const others = h("p", { class: "quiet", id: "others" });
  const sharp = h("input", { type: "checkbox", id: "sharp", onchange: () => show({ sharp: sharp.checked }) });
  const testPoints = h("input", { type: "checkbox", id: "test-points",
    onchange: () => show({ testPoints: testPoints.checked }) });
  testPoints.checked = true;
  const legend = h("div", { class: "legend" });
  const surface = h("div", { class: "surface" }, canvas);
  const checks = h("div", { class: "checks" },
    checkbox(T.output.testPoints, testPoints, question("testPoints", T.output.testPoints)),
    checkbox(T.output.sharp, sharp, question("sharp", T.output.sharp)));
  on("view", () => {
    sharp.checked = state.sharp;
    testPoints.checked = state.testPoints;
    redraw();
  });
  const redraw = () => {
    if (state.frame && state.problem && !surface.hidden) draw(canvas, small, sharp.checked, testPoints.checked);
  };

  on("problem", ({ problem }) => {
    const digits = Boolean(pixelsOf(problem));
    for (const part of [surface, legend, axes, checks, others]) part.hidden = digits;
    axes.replaceChildren();
    if (problem.axes.length > 2) {
      const names = Object.fromEntries(problem.axes.slice(0, 400).map((name, k) => [k, name]));
      const pick = (which, id) => select(names, problem.view[which], (value) => {
        const view = [...problem.view];
        view[which] = Number(value);
        actions.change({ data: { view } }, { then: "on" });
      }, { id });
      axes.append(field(T.output.across, pick(0, "view-x")), field(T.output.up, pick(1, "view-y")));
    }
    if (!digits) others.hidden = problem.axes.length <= 2;
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
    const text = problem.axes.length > 2 && frame.epoch > 0 && isFlat(frame, problem) ? T.output.flat : T.output.others;
    if (others.textContent !== text) others.textContent = text;
  });

  drawing(canvas);
  const title = h("h2", { id: "output-title" }, T.output.title);
  on("peek", ({ peek }) => {
    title.textContent = peek ? T.output.of(T.network.neuron(peek.l, peek.j)) : T.output.title;
    redraw();
  });
  return h("section", { class: "card output", "aria-labelledby": "output-title" },
    h("div", { class: "head" }, title, question("output", T.output.title)),
    surface, digitView(), legend, axes, others, checks);
}

/** Whether the output hardly changes over the two features shown. */
function isFlat(frame, problem) {
  if (problem.task === "numbers" || !frame.map_size) return false;
  const n = Math.min(problem.sizes[problem.sizes.length - 1], 12) * frame.map_size ** 2;
  const bytes = frame.maps.subarray(frame.maps.length - n);
  for (let k = 0; k < n; k += frame.map_size ** 2) {
    const one = bytes.subarray(k, k + frame.map_size ** 2);
    if (Math.max(...one) - Math.min(...one) > FLAT) return false;
  }
  return true;
}

/** A letter for each class, if there are more than everybody can distinguish by colour. */
function lettersOf(problem) {
  if (problem.classes.length <= 2) return null;
  const firsts = problem.classes.map((name) => name.slice(0, name.length <= 2 ? 2 : 1));
  return new Set(firsts).size === firsts.length ? firsts : problem.classes.map((_, k) => String(k));
}

function legendParts(problem) {
  const wrong = h("span", {}, h("span", { class: "spot ringed" }), T.output.legendWrong);
  const parts = [h("span", {}, h("span", { class: "spot plain" }), T.output.train), ...(problem.n_test ? [h("span", {}, h("span", { class: "spot plain square" }), T.output.test)] : [])];
  if (problem.task === "numbers") {
    return [h("span", {}, h("span", { class: "range-low" }), h("span", { class: "ramp" }), h("span", { class: "range-high" })), ...parts];
  }
  const letters = lettersOf(problem);
  const classes = problem.classes.slice(0, 30).map((name, k) =>
    h("span", {}, h("span", { class: `spot class-${k % CLASSES.length}`, "aria-hidden": "true" }, letters ? letters[k] : ""), name));
  return [...classes, ...parts, wrong];
}

const SIDE = 330, LARGE_SIDE = 1400, MARGIN = 44, FINER = 3;

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
  const place = canvas.parentElement;
  const width = Math.max(120, place.clientWidth), margin = MARGIN * larger(), foot = 28 * larger();
  const tallest = state.pictures ? place.clientHeight - foot - 4 : window.innerHeight - 140;
  const side = Math.max(60, Math.min(width - margin, state.pictures ? LARGE_SIDE : SIDE, tallest));
  return { width, side, left: margin + Math.max(0, (width - margin - side) / 2), top: 4, height: side + foot };
}

function draw(canvas, small, sharp, withTest) {
  const { frame, problem } = state;
  const { side, left, top, height } = geometry(canvas);
  const [context, width] = fitted(canvas, height);
  context.clearRect(0, 0, width, height);
  paintSurface(small, frame, problem, sharp);
  context.imageSmoothingEnabled = true;
  context.save();
  context.beginPath();
  context.roundRect(left, top, side, side, 6);
  context.clip();
  context.drawImage(small, left, top, side, side);
  const [[x0, x1], [y0, y1]] = problem.view_ranges;
  const place = ([x, y]) => [left + (side * (x - x0)) / (x1 - x0), top + side - (side * (y - y0)) / (y1 - y0)];
  const letters = lettersOf(problem);
  for (const part of withTest ? ["train", "test"] : ["train"])
    problem.points[part].forEach((point, i) => spot(context, place(point), { point, i, part, letters }));
  context.restore();
  axisLabels(context, problem, { left, top, side });
}

/** The output over the two features, or of the neuron under the pointer, as a small picture. */
function paintSurface(small, frame, problem, sharp) {
  const size = frame.map_size;
  const n = problem.sizes[problem.sizes.length - 1];
  const shown = problem.sizes.slice(1).map((k) => Math.min(k, 12));
  const before = (l) => shown.slice(0, l).reduce((a, b) => a + b, 0);
  const { peek } = state;
  const at = peek ? before(peek.l - 1) + peek.j : before(shown.length - 1);
  const maps = Array.from({ length: n === 1 || peek ? 1 : Math.min(n, 12) },
    (_, k) => finer(frame.maps.subarray((at + k) * size * size, (at + k + 1) * size * size), size));
  const fine = size * FINER;
  if (small.width !== fine) small.width = small.height = fine;
  const image = small.getContext("2d").createImageData(fine, fine);
  const words = new Uint32Array(image.data.buffer);
  if (maps.length === 1) {
    const [bytes] = maps, table = scale();
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
}

/** One row as a point: a circle, or for a test row a square; with a thick outline if its prediction is wrong. */
function spot(context, [x, y], { point, i, part, letters }) {
  const { frame, problem } = state;
  const target = point[2], numbers = problem.task === "numbers";
  const radius = (letters ? 6 : 4.6) * Math.sqrt(larger());
  const [low, high] = frame.ranges[frame.ranges.length - 1] || [0, 1];
  context.beginPath();
  if (part === "test") context.rect(x - radius * 0.88, y - radius * 0.88, radius * 1.76, radius * 1.76); else context.arc(x, y, radius, 0, 7);
  context.fillStyle = numbers
    ? `rgb(${diverging(Math.max(0, Math.min(1, (target - low) / (high - low || 1)))).map(Math.round)})`
    : classColor(target);
  context.fill();
  const wrong = !isRight(problem, outputOf(frame, problem, point, i, part), target);
  context.lineWidth = (wrong ? 3 : numbers ? 1.4 : 1.8) * Math.sqrt(larger());
  context.strokeStyle = color(wrong ? "ink" : numbers ? "outline" : "ring");
  context.stroke();
  if (letters) inSpot(context, letters[target], x, y, radius);
}

/** The output for a point: from the frame for the first rows, else computed if possible. */
function outputOf(frame, problem, point, i, part) {
  if (i < frame.outputs[part].length) return frame.outputs[part][i];
  if (problem.axes.length > 2 || !knows(problem.activations)) return null;
  const features = problem.axes.length === problem.features.length && problem.features.every((name, k) => name === problem.axes[k])
    ? point.slice(0, problem.features.length) : lifted(problem.features, point);
  return forward(problem, frame.theta, features).pop();
}

function inSpot(context, letter, x, y, radius) {
  context.font = `700 ${Math.round(radius * 1.5)}px system-ui, sans-serif`;
  context.fillStyle = color("ring");
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(letter, x, y + 0.5);
  context.textBaseline = "alphabetic";
}

/** The ends of an axis in the column's own numbers. */
function ends(problem, which) {
  const plain = problem.axes.length === problem.features.length && problem.axes.every((name, k) => name === problem.features[k]);
  const own = (x) => (plain ? original(problem, problem.view[which], x) : x);
  return problem.view_ranges[which].map((x) => String(Number(own(x).toPrecision(3))).replace("-", "−"));
}

function axisLabels(context, problem, { left, top, side }) {
  const [[x0, x1], [y0, y1]] = [ends(problem, 0), ends(problem, 1)];
  const below = top + side + 15 * larger();
  context.fillStyle = color("quiet");
  context.font = font(12);
  context.textAlign = "left";
  context.fillText(x0, left, below);
  context.textAlign = "right";
  context.fillText(x1, left + side, below);
  context.fillText(y1, left - 5, top + 11 * larger());
  context.fillText(y0, left - 5, top + side - 2);
  context.textAlign = "center";
  context.fillText(written(problem.axes[problem.view[0]]), left + side / 2, below);
  context.save();
  context.translate(left - 10, top + side / 2);
  context.rotate(-Math.PI / 2);
  if (problem.axes.length > 1) context.fillText(written(problem.axes[problem.view[1]]), 0, 0);
  context.restore();
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
