// The inspector: one neuron's bias and incoming weights, to read and to set. It overlays the page
// below the network, so that nothing moves away under the pointer.

import * as actions from "./actions.js";
import { color } from "./colors.js";
import { button, exact, fitted, h, short } from "./dom.js";
import { biasAt, offsets, weightAt, whereIs } from "./layout.js";
import { font } from "./letters.js";
import { on, state } from "./state.js";
import { T } from "./text.js";

const N = T.network;

export function inspector() {
  const place = h("div", { class: "inspector", id: "inspector" });
  const view = { key: null, rows: [] };
  const forget = () => { place.replaceChildren(); view.key = null; };
  on("problem", forget);
  on("look", () => { view.key = null; if (state.parameter === null) forget(); });
  on("frame", ({ frame, problem }) => {
    if (!problem || state.parameter === null || state.parameter >= problem.n_parameters) { forget(); return; }
    const key = `${problem.sizes}/${state.parameter}`;
    if (view.key !== key) {
      view.key = key;
      view.rows = build(place, problem);
    }
    fill(view.rows, frame);
    const trail = place.querySelector("canvas");
    if (frame.look) drawTrail(trail, frame.curve.epoch, frame.look);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && state.parameter !== null && !event.defaultPrevented) actions.look(null);
  });
  return place;
}

function fill(rows, frame) {
  for (const { parameter, value, gradient, input } of rows) {
    value.textContent = exact(frame.theta[parameter]);
    gradient.textContent = frame.gradient ? exact(frame.gradient[parameter]) : N.noGradient;
    if (document.activeElement !== input) input.value = Number(frame.theta[parameter].toPrecision(6));
  }
}

function build(place, problem) {
  const { sizes } = problem;
  const { l, i, j } = whereIs(sizes, state.parameter);
  const starts = offsets(sizes);
  const names = l === 1 ? problem.features : Array.from({ length: sizes[l - 1] }, (_, k) => `A${l - 1}[${k}]`);
  const order = [-1, ...Array.from({ length: Math.min(sizes[l - 1], 64) }, (_, k) => k)];
  const rows = order.map((k) => {
    const parameter = k < 0 ? biasAt(sizes, starts, l, j) : weightAt(sizes, starts, l, k, j);
    const [value, gradient] = [h("td", { class: "num value" }), h("td", { class: "num gradient" })];
    const label = k < 0 ? `b${l}[${j}], ${N.bias}` : `W${l}[${k}, ${j}], ${N.from} ${names[k]}`;
    const input = h("input", { type: "number", step: "any", class: "number", "aria-label": `${label}, ${N.set}`,
      onchange: () => { if (input.value !== "") actions.setParameter(parameter, Number(input.value)); } });
    const name = button(label, () => actions.look(parameter), { class: "plain", "aria-pressed": String(k === i) });
    const row = h("tr", { "data-parameter": parameter, class: k === i ? "chosen" : "" },
      h("th", { scope: "row" }, name), value, gradient, h("td", {}, input));
    return { parameter, value, gradient, input, row, chosen: k === i };
  });
  const heads = [N.value, N.gradient, N.set];
  place.replaceChildren(
    h("div", { class: "head" }, h("h3", {}, N.neuron(l, j)),
      button(N.close, () => actions.look(null), { id: "close-inspector" })),
    h("div", { class: "scroll table" }, h("table", {},
      h("thead", {}, h("tr", {}, h("td", {}), heads.map((head) => h("th", { scope: "col" }, head)))),
      h("tbody", {}, rows.map(({ row }) => row)))),
    h("p", { class: "quiet" }, `${i < 0 ? `b${l}[${j}]` : `W${l}[${i}, ${j}]`}, ${N.history}`),
    h("div", {}, h("canvas", { role: "img", "aria-label": N.history })));
  if (state.editing) {
    state.editing = false;
    const { input } = rows.find(({ chosen }) => chosen);
    fill(rows, state.frame);
    input.focus();
    input.select();
  }
  return rows;
}

function drawTrail(canvas, epochs, values) {
  const [context, width, height] = fitted(canvas, 44);
  context.clearRect(0, 0, width, height);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const end = epochs[epochs.length - 1] || 1;
  context.strokeStyle = color("accent");
  context.lineWidth = 2;
  context.beginPath();
  values.forEach((value, k) => {
    const x = 2 + (width - 70) * (epochs[k] / end);
    const y = height - 6 - (height - 12) * (high > low ? (value - low) / (high - low) : 0.5);
    if (k) context.lineTo(x, y); else context.moveTo(x, y);
  });
  context.stroke();
  context.fillStyle = color("quiet");
  context.font = font(11);
  context.fillText(short(high, 3), width - 62, 12);
  context.fillText(short(low, 3), width - 62, height - 4);
}
