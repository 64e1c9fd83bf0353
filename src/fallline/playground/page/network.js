// The network card: neurons with their maps and numbers, and weights as lines.

import * as actions from "./actions.js";
import { color, paint } from "./colors.js";
import { paintRow, paintWeights, pixelsOf } from "./digits.js";
import { button, field, h, select, short, svg, written } from "./dom.js";
import { question } from "./help.js";
import { inspector } from "./inspector.js";
import { biasAt, offsets, weightAt, whereIs } from "./layout.js";
import { larger } from "./letters.js";
import { on, state, tell } from "./state.js";
import { T } from "./text.js";

const N = T.network;
const SHOWN = 12, SHOWN_LARGE = 8;  // neurons of a layer; hidden ones on a projector
const NARROW = 58;  // pixels for a neuron below which its number stands beside it
const MOST_LAYERS = 6, MOST_NEURONS = 64;
const USUAL = { box: 38, step: 62, named: 70, least: 52, height: 330, input: 76, number: 11.5 }, TOP = 12;
const INITS = { "": N.usual, ...N.inits };

export function networkView() {
  const picture = h("div", { class: "net", id: "net" });
  const heads = h("div", { class: "net-heads" });
  const tip = h("div", { class: "tip", id: "tip", hidden: true });
  const inspected = inspector();
  const init = select(INITS, "", (value) => actions.change({ network: { init: value } }), { id: "init" });
  const row = h("input", { type: "number", min: 0, step: 1, value: 0, class: "number", id: "row",
    onchange: () => actions.look(state.parameter, Math.max(0, Math.min(Number(row.value) || 0, state.problem.n_train - 1))) });
  const scroll = h("div", { class: "scroll" }, heads, picture);
  const view = { lines: [], boxes: [], key: "", picture, heads, tip, scroll };

  on("problem", ({ problem }) => {
    build(view, problem);
    row.max = problem.n_train - 1;
    if (state.parameter !== null && state.parameter >= problem.n_parameters) state.parameter = null;
    state.peek = null;
    tell("peek");
  });
  on("frame", ({ frame, problem }) => {
    if (!problem) return;
    update(view, frame, problem);
    if (document.activeElement !== row) row.value = frame.row.index;
    state.row = frame.row.index;
  });
  on("setup", ({ setup }) => {
    init.value = setup.network.init;
    add.disabled = setup.network.hidden.length >= MOST_LAYERS;
    add.title = add.disabled ? N.mostLayers : "";
    remove.disabled = !setup.network.hidden.length;
    remove.title = remove.disabled ? N.noLayers : "";
  });
  on("lit", () => light(view));

  const layers = (more) => () => {
    const { hidden, activations } = state.setup.network;
    const last = activations[activations.length - 1] || "tanh";
    actions.change({ network: more
      ? { hidden: [...hidden, hidden[hidden.length - 1] || 4], activations: [...activations, last] }
      : { hidden: hidden.slice(0, -1), activations: activations.slice(0, -1) } });
  };
  const add = button(N.addLayer, layers(true), { id: "add-layer" });
  const remove = button(N.removeLayer, layers(false), { id: "remove-layer" });
  return h("section", { class: "card net-card", "aria-labelledby": "network-title" },
    h("div", { class: "head" }, h("h2", { id: "network-title" }, N.title), question("network", N.title), add, remove),
    h("div", { class: "net-place" }, scroll, tip, inspected),
    h("div", { class: "head net-foot" }, field(N.row, row, { beside: question("row", N.row) }), field(N.init, init, { beside: question("init", N.init) })),
    h("p", { class: "quiet net-hint" }, N.hint));
}

const shortNames = (problem) => problem.classes.every((name) => name.length <= 3);

/** The layout of the picture: on a projector as large as the window allows, else in the usual size. */
function places(view, problem) {
  const { sizes } = problem;
  const pixels = pixelsOf(problem);
  const most = (l) => (state.pictures && l > 0 && l < sizes.length - 1 ? SHOWN_LARGE : SHOWN);
  const shown = sizes.map((n, l) => (l === 0 && pixels ? 1 : Math.min(n, most(l))));
  const hidesSome = sizes.some((n, l) => shown[l] < n && !(l === 0 && pixels));
  const tallest = Math.max(...shown);
  const named = sizes[sizes.length - 1] > 1 && !shortNames(problem);
  let { box, input, number } = USUAL;
  let step = Math.max(USUAL.least, Math.min(named ? USUAL.named : USUAL.step, USUAL.height / tallest));
  box = Math.min(box, step - number - (named ? 21 : 9));  // a name above it, its number below it
  if (state.pictures) {
    const room = view.scroll.clientHeight - view.heads.offsetHeight - TOP - 8 - (hidesSome ? 18 * larger() : 0);
    step = Math.max(26, Math.min(room / tallest, 160));
    const narrow = step < NARROW;
    number = narrow ? Math.max(12, Math.min(step * 0.36, 15 * larger())) : Math.min(step * 0.26, 15 * larger());
    box = Math.max(14, Math.min(narrow ? step - 4 : step - number - 8, 96));
    input = Math.round(USUAL.input * larger());
  }
  const picture = pixels ? Math.min(input * 1.6, tallest * step) : 0;
  const left = pixels ? picture : input;
  const width = Math.max(view.scroll.clientWidth, (left + 60) + (box + 46) * (sizes.length - 1));
  const beside = state.pictures && step < NARROW;  // names and numbers stand to the right of the boxes
  const right = beside ? number * (named ? 5.4 : 3.6) : named ? 46 : 34 * larger();
  const first = 4 + left / 2, last = width - right - box / 2;
  const height = TOP + tallest * step + 8;
  return {
    pixels, shown, width, height, box, number, input: left, picture, beside,
    middle: (l) => first + ((last - first) * l) / (sizes.length - 1),
    y: (l, j) => (l === 0 && pixels ? Math.max(TOP, (height - picture) / 2 - number) : TOP + ((tallest - shown[l]) / 2 + j) * step),
  };
}

function build(view, problem) {
  const { sizes } = problem;
  const at = places(view, problem);
  const key = JSON.stringify([sizes, problem.activations, problem.features.slice(0, SHOWN), problem.classes.slice(0, SHOWN),
    at.width, at.height, at.box, state.pictures]);
  if (key === view.key) return;
  view.key = key;
  view.at = at;
  const starts = offsets(sizes);
  const lines = svg("svg", { width: at.width, height: at.height, viewBox: `0 0 ${at.width} ${at.height}`, "aria-hidden": "true" });
  view.lines = [];
  view.boxes = [];
  for (let l = 1; l < sizes.length; l++) {
    const fromPicture = l === 1 && at.pixels;
    for (let i = 0; i < at.shown[l - 1]; i++) {
      for (let j = 0; j < at.shown[l]; j++) {
        const [x1, y1] = [at.middle(l - 1) + (l === 1 ? at.input : at.box) / 2, at.y(l - 1, i) + (fromPicture ? at.picture : at.box) / 2];
        const [x2, y2] = [at.middle(l) - at.box / 2, at.y(l, j) + at.box / 2];
        const bend = (x2 - x1) * 0.4;
        const d = `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
        if (fromPicture) {  // 64 weights in one line: they are the neuron's picture
          lines.append(svg("path", { d, fill: "none", stroke: "var(--line)", "stroke-width": 2 }));
          continue;
        }
        lines.append(...weightLine(view, problem, d, { l, i, j, parameter: weightAt(sizes, starts, l, i, j), x: (x1 + x2) / 2, y: (y1 + y2) / 2 }));
      }
    }
  }
  const neurons = [];
  for (let l = 0; l < sizes.length; l++) {
    for (let j = 0; j < at.shown[l]; j++) neurons.push(neuron(view, problem, l, j, starts));
    if (sizes[l] > at.shown[l] && !(l === 0 && at.pixels)) {
      const more = h("span", { class: "more quiet" }, N.left(sizes[l] - at.shown[l]));
      more.style.left = `${at.middle(l) - 32}px`;
      more.style.top = `${at.height - 10}px`;
      neurons.push(more);
    }
  }
  view.picture.style.width = `${at.width}px`;
  view.picture.style.height = `${at.height + 14}px`;
  view.picture.classList.toggle("numbers-beside", at.beside);
  view.picture.style.setProperty("--box", `${at.box}px`);
  view.picture.style.setProperty("--number", `${at.number}px`);
  view.picture.replaceChildren(lines, ...neurons);
  buildHeads(view, problem);
  light(view);
}

function weightLine(view, problem, d, { l, i, j, parameter, x, y }) {
  const line = svg("path", { d, fill: "none", "stroke-linecap": "round" });
  const hit = svg("path", { d, fill: "none", stroke: "transparent", "stroke-width": 11, class: "hit", "data-parameter": parameter });
  hit.addEventListener("click", (event) => {
    state.editing = event.pointerType === "mouse";
    actions.look(parameter);
  });
  pointed(view, hit, { l, i, j, parameter, x, y });
  view.lines.push({ line, parameter, l, i, j });
  return [line, hit];
}

/** Show a weight's or bias's number beside it as soon as it is pointed at, or tapped. */
function pointed(view, element, about) {
  for (const event of ["pointerenter", "focus"]) element.addEventListener(event, () => { view.about = about; showTip(view); });
  for (const event of ["pointerleave", "blur"]) element.addEventListener(event, (e) => { if (e.pointerType !== "touch") { view.about = null; showTip(view); } });
}

/** A parameter's name as in Python. */
export const nameOf = (l, i, j) => (i < 0 ? `b${l}[${j}]` : `W${l}[${i}, ${j}]`);

function showTip(view) {
  const { about, tip } = view;
  tip.hidden = !about || !state.frame || about.parameter >= state.frame.theta.length;
  if (tip.hidden) return;
  const { theta, gradient } = state.frame;
  tip.textContent = N.tip(nameOf(about.l, about.i, about.j), short(theta[about.parameter]), gradient ? short(gradient[about.parameter], 3) : null);
  const x = about.x - view.scroll.scrollLeft;
  tip.style.left = `${Math.max(4, Math.min(x - tip.offsetWidth / 2, view.scroll.clientWidth - tip.offsetWidth - 4))}px`;
  tip.style.top = `${view.heads.offsetHeight + about.y - tip.offsetHeight - 10}px`;
}

function neuron(view, problem, l, j, starts) {
  const { at } = view;
  const { sizes } = problem;
  const canvas = h("canvas", { width: 1, height: 1 });
  const number = h("span", { class: "number-under" });
  const last = l === sizes.length - 1;
  const name = l === 0 ? (at.pixels ? "" : written(problem.features[j])) : last && problem.classes.length && sizes[l] > 1 ? problem.classes[j] : "";
  const inner = l === 0 && !at.pixels ? h("span", { class: "feature", title: name }, name.replaceAll("_", "_\u200b")) : canvas;
  const box = l === 0
    ? h("div", { class: `neuron input${at.pixels ? " picture" : ""}` }, inner, number)
    : h("button", { type: "button", class: "neuron", "data-neuron": `${l}-${j}`,
      onclick: () => { state.editing = false; actions.look(biasAt(sizes, starts, l, j)); } }, inner, number);
  const [width, height] = l === 0 ? [at.input, at.pixels ? at.picture : at.box] : [at.box, at.box];
  if (l > 0) {
    for (const [event, peek] of [["pointerenter", { l, j }], ["pointerleave", null]])
      box.addEventListener(event, () => { state.peek = peek; tell("peek"); });
    pointed(view, box, { l, i: -1, j, parameter: biasAt(sizes, starts, l, j), x: at.middle(l), y: at.y(l, j) });
  }
  if (name && l > 0) box.append(" ", h("span", { class: shortNames(problem) || at.beside ? "beside end" : "beside", title: name }, name));
  Object.assign(box.style, { left: `${at.middle(l) - width / 2}px`, top: `${at.y(l, j)}px`, width: `${width}px`, height: `${height}px` });
  view.boxes.push({ l, j, box, canvas, number, name });
  return box;
}

function buildHeads(view, problem) {
  const { heads, at } = view;
  const { sizes, activations } = problem;
  heads.style.width = `${at.width}px`;
  const focused = document.activeElement && document.activeElement.id;
  const made = sizes.map((size, l) => {
    const last = l === sizes.length - 1;
    const title = h("span", { class: "layer-title" }, l === 0 ? N.inputs : last ? N.output : String(size));
    const parts = [title];
    if (l > 0 && !last) {
      const resize = (by) => () => {
        const hidden = [...state.setup.network.hidden];
        hidden[l - 1] = Math.max(1, Math.min(MOST_NEURONS, hidden[l - 1] + by));
        if (hidden[l - 1] !== size) actions.change({ network: { hidden } });
      };
      parts.splice(0, 1, h("span", { class: "resize" },
        button("−", resize(-1), { "aria-label": `${N.fewer}, ${N.hidden(l)}`, id: `fewer-${l}` }), title,
        button("+", resize(1), { "aria-label": `${N.more}, ${N.hidden(l)}`, id: `more-${l}` })));
      const names = Object.fromEntries(problem.known_activations.map((name) => [name, name.replace("_", " ")]));
      const activation = select(names, activations[l - 1], (value) => {
        const all = [...state.setup.network.activations];
        all[l - 1] = value;
        actions.change({ network: { activations: all } });
      }, { "aria-label": `${N.activation}, ${N.hidden(l)}`, id: `activation-${l}` });
      parts.push(h("span", { class: "resize" }, activation, l === 1 ? question("activation", N.activation) : null));
    } else if (last) parts.push(h("span", { class: "quiet" }, activations[l - 1]));
    const head = h("div", { class: "layer-head" }, parts);
    head.style.left = `${at.middle(l)}px`;
    head.style.width = `${Math.min(112 * larger(), at.middle(1) - at.middle(0) - 4)}px`;
    return head;
  });
  heads.replaceChildren(...made);
  if (focused && document.getElementById(focused)) document.getElementById(focused).focus();
}

function update(view, frame, problem) {
  const largest = Math.max(0.5, ...view.lines.map(({ parameter }) => Math.abs(frame.theta[parameter]) || 0));
  const thick = larger();
  for (const { line, parameter } of view.lines) {
    const w = frame.theta[parameter];
    const size = Math.abs(w) / largest;
    line.setAttribute("stroke", color(w >= 0 ? "high" : "low"));
    line.setAttribute("stroke-width", (thick * (0.8 + 5.2 * size)).toFixed(2));
    line.setAttribute("stroke-opacity", (0.25 + 0.7 * size).toFixed(2));
    line.classList.toggle("chosen", parameter === state.parameter);
  }
  const { pixels } = view.at;
  const size = frame.map_size;
  const mapped = problem.sizes.map((n, l) => (l ? Math.min(n, SHOWN) : 0));
  const firstMap = mapped.map((_, l) => mapped.slice(0, l).reduce((a, b) => a + b, 0));
  for (const { l, j, box, canvas, number, name } of view.boxes) {
    const picture = l === 0 && pixels;
    const value = l === 0 ? frame.row.x[j] : frame.row.A[l - 1][j];
    number.textContent = picture ? "" : short(value, 3);
    if (picture) paintRow(canvas, problem, pixels, frame.row.x);
    if (l === 0) continue;
    if (l === 1 && pixels) paintWeights(canvas, problem, pixels, frame.theta, j);
    else if (size) paint(canvas, frame.maps.subarray((firstMap[l] + j) * size * size, (firstMap[l] + j + 1) * size * size), size);
    box.setAttribute("aria-label", N.aria(`${number.textContent}${name ? ` ${name}` : ""}`, l, j));
    const chosen = state.parameter !== null ? whereIs(problem.sizes, state.parameter) : null;
    box.classList.toggle("chosen", Boolean(chosen && chosen.l === l && chosen.j === j));
  }
  showTip(view);
}

/** Highlight what the microscope shows: whole layers of neurons and weights, or single ones. */
function light(view) {
  const lit = state.lit || { neurons: () => false, weights: () => false };
  for (const { l, j, box } of view.boxes) box.classList.toggle("lit", lit.neurons(l, j));
  for (const { line, l, i, j } of view.lines) line.classList.toggle("lit", lit.weights(l, i, j));
}
