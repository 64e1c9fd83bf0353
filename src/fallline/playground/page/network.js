// The network card: neurons with their maps and numbers, weights as lines, and the inspector.

import * as actions from "./actions.js";
import { color, paint } from "./colors.js";
import { button, exact, field, fitted, h, select, short, svg } from "./dom.js";
import { biasAt, offsets, weightAt, whereIs } from "./layout.js";
import { on, state, tell } from "./state.js";
import { T } from "./text.js";

const SHOWN = 12;
const BOX = 38, STEP = 62, NAMED_STEP = 70, TOP = 12;
const INITS = { "": T.network.usual, uniform: T.network.inits.uniform, glorot_uniform: T.network.inits.glorot_uniform,
  glorot_normal: T.network.inits.glorot_normal, he_uniform: T.network.inits.he_uniform, he_normal: T.network.inits.he_normal };

export function networkView() {
  const picture = h("div", { class: "net", id: "net" });
  const heads = h("div", { class: "net-heads" });
  const inspector = h("div", { class: "inspector", id: "inspector" });
  const hint = h("p", { class: "quiet" }, T.network.hint);
  const init = select(INITS, "", (value) => actions.change({ network: { init: value } }), { id: "init" });
  const row = h("input", { type: "number", min: 1, step: 1, value: 1, class: "number", id: "row",
    onchange: () => actions.look(state.parameter, Math.max(0, Math.min((Number(row.value) || 1) - 1, state.problem.n_train - 1))) });
  const view = { lines: [], boxes: [], key: "" };

  on("problem", ({ problem }) => {
    build(view, picture, heads, problem);
    row.max = problem.n_train;
    if (state.parameter !== null && state.parameter >= problem.n_parameters) state.parameter = null;
    state.peek = null;
    inspector.replaceChildren();
    view.inspected = null;
  });
  on("frame", ({ frame, problem }) => {
    if (!problem) return;
    update(view, frame, problem);
    inspect(view, inspector, frame, problem);
    if (document.activeElement !== row) row.value = frame.row.index + 1;
    state.row = frame.row.index;
  });
  on("setup", ({ setup }) => { init.value = setup.network.init; });
  on("look", () => { view.inspected = null; });

  const layers = (add) => () => {
    const { hidden, activations } = state.setup.network;
    const last = activations[activations.length - 1] || "tanh";
    actions.change({ network: add
      ? { hidden: [...hidden, hidden[hidden.length - 1] || 4], activations: [...activations, last] }
      : { hidden: hidden.slice(0, -1), activations: activations.slice(0, -1) } });
  };
  return h("section", { class: "card", "aria-labelledby": "network-title" },
    h("div", { class: "head" }, h("h2", { id: "network-title" }, T.network.title),
      button("+ " + T.network.addLayer, layers(true), { id: "add-layer" }),
      button("− " + T.network.removeLayer, layers(false), { id: "remove-layer" })),
    h("div", { class: "scroll" }, heads, picture),
    h("div", { class: "pair" }, field(T.network.row, row), field(T.network.init, init)),
    hint, inspector);
}

const shortNames = (problem) => problem.classes.every((name) => name.length <= 3);

const places = (problem, width) => {
  const step = problem.sizes[problem.sizes.length - 1] > 1 && !shortNames(problem) ? NAMED_STEP : STEP;
  const columns = problem.sizes.length;
  const tallest = Math.max(...problem.sizes.map((n) => Math.min(n, SHOWN)));
  return {
    height: TOP + tallest * step + 8,
    x: (l) => 34 + (width - BOX - 68) * (l / (columns - 1)),
    y: (l, j) => TOP + ((tallest - Math.min(problem.sizes[l], SHOWN)) / 2 + j) * step,
  };
};

function build(view, picture, heads, problem) {
  const { sizes } = problem;
  const width = Math.max(picture.parentElement.clientWidth, 80 * sizes.length);
  const key = JSON.stringify([sizes, problem.activations, problem.features.slice(0, SHOWN), width]);
  if (key === view.key) return;
  view.key = key;
  const at = places(problem, width);
  const starts = offsets(sizes);
  const lines = svg("svg", { width, height: at.height, viewBox: `0 0 ${width} ${at.height}`, "aria-hidden": "true" });
  view.lines = [];
  view.boxes = [];
  for (let l = 1; l < sizes.length; l++) {
    for (let i = 0; i < Math.min(sizes[l - 1], SHOWN); i++) {
      for (let j = 0; j < Math.min(sizes[l], SHOWN); j++) {
        const [x1, y1] = [at.x(l - 1) + BOX + (l === 1 ? 8 : 0), at.y(l - 1, i) + BOX / 2];
        const [x2, y2] = [at.x(l), at.y(l, j) + BOX / 2];
        const bend = (x2 - x1) * 0.4;
        const d = `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
        const parameter = weightAt(sizes, starts, l, i, j);
        const line = svg("path", { d, fill: "none", "stroke-linecap": "round" });
        const hit = svg("path", { d, fill: "none", stroke: "transparent", "stroke-width": 11, class: "hit", "data-parameter": parameter });
        hit.addEventListener("click", () => actions.look(parameter));
        const title = svg("title");
        hit.append(title);
        lines.append(line, hit);
        view.lines.push({ line, title, parameter });
      }
    }
  }
  const neurons = [];
  const beside = shortNames(problem);  // there is room beside the box, else above it
  for (let l = 0; l < sizes.length; l++) {
    for (let j = 0; j < Math.min(sizes[l], SHOWN); j++) {
      const canvas = h("canvas", { width: 1, height: 1 });
      const number = h("span", { class: "number-under" });
      const name = l === 0 ? problem.features[j] : l === sizes.length - 1 ? (problem.classes.length && sizes[l] > 1 ? problem.classes[j] : "") : "";
      const inner = [l === 0 ? h("span", { class: "feature", title: name }, name.replaceAll("_", "_\u200b")) : canvas, number];
      const box = l === 0
        ? h("div", { class: "neuron input" }, inner)
        : h("button", { type: "button", class: "neuron", "data-neuron": `${l}-${j}`,
          onclick: () => actions.look(biasAt(sizes, starts, l, j)) }, inner);
      if (l > 0) for (const [event, peek] of [["pointerenter", { l, j }], ["pointerleave", null]])
        box.addEventListener(event, () => { state.peek = peek; tell("peek"); });
      if (name && l > 0) box.append(h("span", { class: beside ? "beside end" : "beside", title: name }, name));
      box.style.left = `${at.x(l)}px`;
      box.style.top = `${at.y(l, j)}px`;
      neurons.push(box);
      view.boxes.push({ l, j, box, canvas, number });
    }
    if (sizes[l] > SHOWN) {
      const more = h("span", { class: "more quiet" }, T.network.left(sizes[l] - SHOWN));
      more.style.left = `${at.x(l) - 12}px`;
      more.style.top = `${at.height - 10}px`;
      neurons.push(more);
    }
  }
  picture.style.width = `${width}px`;
  picture.style.height = `${at.height + 14}px`;
  picture.replaceChildren(lines, ...neurons);
  buildHeads(heads, problem, at, width);
}

function buildHeads(heads, problem, at, width) {
  const { sizes, activations } = problem;
  heads.style.width = `${width}px`;
  const focused = document.activeElement && document.activeElement.id;
  const made = sizes.map((size, l) => {
    const last = l === sizes.length - 1;
    const title = h("span", { class: "layer-title" }, l === 0 ? T.network.inputs : last ? T.network.output : String(size));
    const parts = [title];
    if (l > 0 && !last) {
      const resize = (by) => () => {
        const hidden = [...state.setup.network.hidden];
        hidden[l - 1] = Math.max(1, Math.min(64, hidden[l - 1] + by));
        actions.change({ network: { hidden } });
      };
      title.before();
      parts.splice(0, 1, h("span", { class: "resize" },
        button("−", resize(-1), { "aria-label": `${T.network.fewer}, ${T.network.hidden(l)}`, id: `fewer-${l}` }), title,
        button("+", resize(1), { "aria-label": `${T.network.more}, ${T.network.hidden(l)}`, id: `more-${l}` })));
      const names = Object.fromEntries(problem.known_activations.map((name) => [name, name.replace("_", " ")]));
      parts.push(select(names, activations[l - 1], (value) => {
        const all = [...state.setup.network.activations];
        all[l - 1] = value;
        actions.change({ network: { activations: all } });
      }, { "aria-label": `${T.network.activation}, ${T.network.hidden(l)}`, id: `activation-${l}` }));
    } else if (last) parts.push(h("span", { class: "quiet" }, activations[l - 1]));
    const head = h("div", { class: "layer-head" }, parts);
    head.style.left = `${at.x(l) + BOX / 2}px`;
    head.style.width = `${Math.min(112, at.x(1) - at.x(0) - 4)}px`;
    return head;
  });
  heads.replaceChildren(...made);
  if (focused && document.getElementById(focused)) document.getElementById(focused).focus();
}

function update(view, frame, problem) {
  const largest = Math.max(0.5, ...view.lines.map(({ parameter }) => Math.abs(frame.theta[parameter]) || 0));
  for (const { line, title, parameter } of view.lines) {
    const w = frame.theta[parameter];
    const size = Math.abs(w) / largest;
    line.setAttribute("stroke", color(w >= 0 ? "high" : "low"));
    line.setAttribute("stroke-width", (0.8 + 5.2 * size).toFixed(2));
    line.setAttribute("stroke-opacity", (0.25 + 0.7 * size).toFixed(2));
    line.classList.toggle("chosen", parameter === state.parameter);
    title.textContent = short(w);
  }
  const starts = offsets(problem.sizes);
  let map = 0;
  const size = frame.map_size;
  for (const { l, j, box, canvas, number } of view.boxes) {
    const value = l === 0 ? frame.row.x[j] : frame.row.A[l - 1][j];
    number.textContent = short(value, 3);
    if (l === 0) continue;
    if (size) paint(canvas, frame.maps.subarray(map * size * size, (map + 1) * size * size), size);
    map += 1;
    box.setAttribute("aria-label", T.network.aria(l, j, short(value, 3)));
    const chosen = state.parameter !== null ? whereIs(problem.sizes, state.parameter) : null;
    box.classList.toggle("chosen", Boolean(chosen && chosen.l === l && chosen.j === j));
    box.title = `b = ${short(frame.theta[biasAt(problem.sizes, starts, l, j)])}`;
  }
}

// ---- the inspector: one neuron's bias and incoming weights

function inspect(view, place, frame, problem) {
  if (state.parameter === null) { place.replaceChildren(); view.inspected = null; return; }
  const { l, i, j } = whereIs(problem.sizes, state.parameter);
  const key = `${problem.sizes}/${state.parameter}`;
  if (view.inspected !== key) {
    view.inspected = key;
    view.rows = inspectorRows(place, problem, l, i, j);
  }
  for (const { parameter, value, gradient, input } of view.rows) {
    value.textContent = exact(frame.theta[parameter]);
    gradient.textContent = frame.gradient ? exact(frame.gradient[parameter]) : T.network.noGradient;
    if (document.activeElement !== input) input.value = Number(frame.theta[parameter].toPrecision(6));
  }
  const trail = place.querySelector("canvas");
  if (trail && frame.look) drawTrail(trail, frame.curve.epoch, frame.look);
}

function inspectorRows(place, problem, l, i, j) {
  const { sizes } = problem;
  const starts = offsets(sizes);
  const names = l === 1 ? problem.features : Array.from({ length: sizes[l - 1] }, (_, k) => `a${k + 1}`);
  const order = [-1, ...Array.from({ length: Math.min(sizes[l - 1], 64) }, (_, k) => k)];
  const rows = order.map((k) => {
    const parameter = k < 0 ? biasAt(sizes, starts, l, j) : weightAt(sizes, starts, l, k, j);
    const [value, gradient] = [h("td", { class: "num value" }), h("td", { class: "num gradient" })];
    const label = k < 0 ? T.network.bias : `${T.network.from} ${names[k]}`;
    const input = h("input", { type: "number", step: "any", class: "number", "aria-label": `${label}, ${T.network.set}`,
      onchange: () => { if (input.value !== "") actions.setParameter(parameter, Number(input.value)); } });
    const name = button(label, () => actions.look(parameter), { class: "plain", "aria-pressed": String(k === i) });
    const row = h("tr", { "data-parameter": parameter, class: k === i ? "chosen" : "" },
      h("th", { scope: "row" }, name), value, gradient, h("td", {}, input));
    return { parameter, value, gradient, input, row };
  });
  const heads = ["", T.network.value, T.network.gradient, T.network.set];
  place.replaceChildren(
    h("div", { class: "head" }, h("h3", {}, T.network.neuron(l, j)),
      button(T.network.close, () => actions.look(null), { id: "close-inspector" })),
    h("div", { class: "scroll table" }, h("table", {},
      h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
      h("tbody", {}, rows.map(({ row }) => row)))),
    h("p", { class: "quiet" }, `${i < 0 ? T.network.bias : `${T.network.from} ${names[i]}`}, ${T.network.history}`),
    h("div", {}, h("canvas", { role: "img", "aria-label": T.network.history })));
  return rows;
}

function drawTrail(canvas, epochs, values) {
  const [context, width, height] = fitted(canvas, 54);
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
  context.font = "11px system-ui, sans-serif";
  context.fillText(short(high, 3), width - 62, 12);
  context.fillText(short(low, 3), width - 62, height - 4);
}
