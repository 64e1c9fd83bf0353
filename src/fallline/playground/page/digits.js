// Digits as pictures: a row as 8 by 8 pixels to draw on, and a neuron's incoming weights as a map.

import { rgb } from "./colors.js";
import { button, h } from "./dom.js";
import { forward, knows } from "./forward.js";
import { weightAt, offsets } from "./layout.js";
import { on, state } from "./state.js";
import { T } from "./text.js";

const PIXEL = /^pixel_(\d+)_(\d+)$/;
const FULL = 16;  // the value of a pixel that is all ink
const STROKE = 0.62;  // the pen's reach, in pixels of the picture

/** The position of each feature's pixel, and the picture's side; null if the features are not pixels. */
export function pixelsOf(problem) {
  const found = problem.features.map((name) => PIXEL.exec(name));
  if (!found.length || found.some((one) => !one)) return null;
  const places = found.map(([, row, column]) => [Number(row), Number(column)]);
  return { places, side: 1 + Math.max(...places.flat()) };
}

/** Ink of each pixel, from 0 to 1, as a picture; ``canvas`` gets one pixel for each. */
function paintInk(canvas, ink, side) {
  canvas.width = canvas.height = side;
  const context = canvas.getContext("2d");
  const image = context.createImageData(side, side);
  const [paper, pen] = [rgb("card"), rgb("ink")];
  ink.forEach((value, k) => {
    const v = Math.max(0, Math.min(1, value));
    image.data.set([...paper.map((p, c) => p + (pen[c] - p) * v), 255], 4 * k);
  });
  context.putImageData(image, 0, 0);
}

/** A row's features as the ink of each pixel. */
function inkOf(problem, pixels, x) {
  const ink = new Array(pixels.side ** 2).fill(0);
  pixels.places.forEach(([row, column], k) => {
    const [mean, scale] = problem.scales[k];
    ink[row * pixels.side + column] = (x[k] * scale + mean) / FULL;
  });
  return ink;
}

/** The ink of each pixel as the features of a row. */
const featuresOf = (problem, pixels, ink) => pixels.places.map(([row, column], k) => {
  const [mean, scale] = problem.scales[k];
  return (ink[row * pixels.side + column] * FULL - mean) / scale;
});

export function paintRow(canvas, problem, pixels, x) {
  paintInk(canvas, inkOf(problem, pixels, x), pixels.side);
}

/** The incoming weights of a neuron of layer 1, orange below zero and blue above. */
export function paintWeights(canvas, problem, pixels, theta, j) {
  const { side, places } = pixels;
  const starts = offsets(problem.sizes);
  const weights = places.map((_, i) => theta[weightAt(problem.sizes, starts, 1, i, j)]);
  const largest = Math.max(1e-9, ...weights.map(Math.abs));
  if (canvas.width !== side) canvas.width = canvas.height = side;
  const context = canvas.getContext("2d");
  const image = context.createImageData(side, side);
  const [middle, low, high] = [rgb("middle"), rgb("low"), rgb("high")];
  for (let k = 0; k < side * side; k++) image.data.set([...middle, 255], 4 * k);
  places.forEach(([row, column], i) => {
    const t = weights[i] / largest;
    const to = t < 0 ? low : high;
    image.data.set([...middle.map((m, c) => m + (to[c] - m) * Math.abs(t)), 255], 4 * (row * side + column));
  });
  context.putImageData(image, 0, 0);
}

/** The pad to draw on, and a bar for each class. */
export function digitView() {
  const canvas = h("canvas", { class: "pad", id: "pad", role: "img", "aria-label": T.digit.pad });
  const what = h("p", { class: "quiet", id: "pad-what" });
  const bars = h("div", { class: "ten-bars", id: "ten-bars" });
  const told = h("p", { class: "quiet" }, T.digit.own_activation);
  let ink = null, own = false, pixels = null, shownRow = -1, places = [];

  const again = button(T.digit.again, () => { own = false; shownRow = -1; render(); }, { id: "pad-row" });
  const clear = button(T.digit.clear, () => { own = true; ink = ink.map(() => 0); render(); }, { id: "pad-clear" });
  const box = h("div", { class: "digit", id: "digit" }, h("p", {}, T.digit.hint),
    h("div", { class: "digit-pair" }, canvas, bars), what, h("div", { class: "head" }, clear, again),
    told, h("p", { class: "quiet" }, T.digit.weights));
  box.hidden = true;

  on("problem", ({ problem }) => {
    pixels = pixelsOf(problem);
    box.hidden = !pixels;
    if (!pixels) return;
    ink ||= new Array(pixels.side ** 2).fill(0);
    shownRow = -1;
    places = barsFor(bars, problem.classes);
  });
  on("frame", () => render());
  on("theme", () => render());

  function render() {
    const { frame, problem } = state;
    if (!pixels || !frame || !problem) return;
    if (!own && frame.row.index !== shownRow) {
      ink = inkOf(problem, pixels, frame.row.x);
      shownRow = frame.row.index;
    }
    again.disabled = !own;
    const label = Array.isArray(frame.row.y) ? problem.classes[frame.row.y.indexOf(1)] : frame.row.y;
    what.textContent = own ? T.digit.own : T.digit.row(frame.row.index, label);
    paintInk(canvas, ink, pixels.side);
    told.hidden = knows(problem.activations);
    if (!told.hidden) return;
    const layers = forward(problem, frame.theta, featuresOf(problem, pixels, ink));
    const output = layers[layers.length - 1];
    const best = output.indexOf(Math.max(...output));
    places.forEach(({ bar, number, box: line }, k) => {
      bar.style.width = `${100 * output[k]}%`;
      number.textContent = output[k].toFixed(2);
      line.classList.toggle("best", k === best);
    });
  }

  pen(canvas, (weights, rubber, begins) => {
    if (!pixels) return;
    if (begins && !own) ink = ink.map(() => 0);  // the first stroke begins a new drawing
    own = true;
    ink = ink.map((value, k) => {
      const weight = weights((k % pixels.side) + 0.5, Math.floor(k / pixels.side) + 0.5, pixels.side);
      return rubber ? value * (1 - weight) : Math.max(value, Math.min(1, 1.3 * weight));
    });
    render();
  });
  return box;
}

/** A bar and a number for each class. */
function barsFor(place, classes) {
  const made = classes.map((name) => {
    const [bar, number] = [h("span", { class: "fill" }), h("output", { "aria-live": "off" })];
    return { bar, number, box: h("div", { class: "one-bar" }, h("span", {}, name), h("span", { class: "track" }, bar), number) };
  });
  place.replaceChildren(...made.map((one) => one.box));
  return made;
}

/**
 * Drawing on a picture by mouse or finger; the right button erases. ``draw`` gets how near
 * the pen is to a place of the picture, whether it erases, and whether a stroke begins.
 */
function pen(canvas, draw) {
  let down = false, rubber = false;
  const stroke = (event, begins) => {
    const at = canvas.getBoundingClientRect();
    const [x, y] = [(event.clientX - at.left) / at.width, (event.clientY - at.top) / at.height];
    const near = (column, row, side) => Math.exp(-((column - x * side) ** 2 + (row - y * side) ** 2) / (2 * STROKE * STROKE));
    draw(near, rubber, begins);
  };
  canvas.addEventListener("pointerdown", (event) => {
    down = true;
    rubber = event.button === 2;
    canvas.setPointerCapture(event.pointerId);
    stroke(event, true);
  });
  canvas.addEventListener("pointermove", (event) => { if (down) stroke(event, false); });
  canvas.addEventListener("pointerup", () => { down = false; });
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
}
