// The data card: which rows to learn from.

import * as actions from "./actions.js";
import { button, field, h, select, whole } from "./dom.js";
import { slider } from "./sliders.js";
import { on, state } from "./state.js";
import { T } from "./text.js";

const SIZED = ["circles", "moons", "spirals", "gaussians", "plane", "bump"];
const LOGIC = ["and", "or", "xor"];
const INPUTS = ["x1", "x2", "x1²", "x2²", "x1 x2", "sin πx1", "sin πx2"];
const VIEWS = { truth_table: [0, 2], iris: [2, 3], digits: [27, 36] };
const FIRST_POINTS = [[-0.8, -0.8, 0], [0.8, 0.8, 0], [-0.8, 0.8, 1], [0.8, -0.8, 1]];

// What suits a data set: the network and training it starts with.
const HINTS = {
  truth_table: [[2], "sigmoid", "uniform", { optimizer: "gradient_descent", learning_rate: 1.6, batch_size: 0, epochs: 20000 }],
  logic: [[2], "tanh", "", { optimizer: "gradient_descent", learning_rate: 0.5, batch_size: 0, epochs: 2000 }],
  xor: [[4], "tanh", "", { optimizer: "gradient_descent", learning_rate: 0.5, batch_size: 0, epochs: 2000 }],
  plain: [[6], "tanh", "", { optimizer: "adam", learning_rate: 0.03, batch_size: 16, epochs: 100 }],
  digits: [[32], "relu", "", { optimizer: "adam", learning_rate: 0.005, batch_size: 32, epochs: 30 }],
  hard: [[8, 8], "tanh", "", { optimizer: "adam", learning_rate: 0.02, batch_size: 16, epochs: 300 }],
};

function hintFor(kind) {
  if (HINTS[kind]) return HINTS[kind];
  if (LOGIC.includes(kind)) return HINTS.logic;
  return kind === "spirals" || kind === "bump" ? HINTS.hard : HINTS.plain;
}

export function chooseData(kind) {
  const data = { kind, view: VIEWS[kind] || [0, 1], inputs: ["x1", "x2"] };
  if (kind === "drawn" && state.setup.data.points.length < 2) data.points = FIRST_POINTS;
  if (LOGIC.includes(kind)) data.noise = 0;
  else if (LOGIC.includes(state.setup.data.kind)) data.noise = 0.1;
  if (kind === "given" || kind === "table") { actions.change({ data }); return; }
  const [hidden, activation, init, training] = hintFor(kind);
  actions.change({
    data, network: { hidden, activations: hidden.map(() => activation), init },
    training: { ...training, loss: "auto", schedule: "constant", l2: 0, l1: 0, slips: false },
  });
}

export function dataView() {
  const kind = select(T.data.kinds, "truth_table", chooseData, { id: "data-kind" });
  const drag = (name, extra = {}) => (value, first) =>
    actions.change({ data: { [name]: value, ...extra } }, { keep: first, run: state.dragging });
  const n = slider(T.data.n, { low: 10, high: 1000, log: true, integer: true, id: "data-n", onmove: drag("n") });
  const noise = slider(T.data.noise, { low: 0, high: 0.6, id: "data-noise", onmove: drag("noise") });
  const test = slider(T.data.test, { low: 0, high: 0.8, id: "data-test", onmove: drag("test") });
  const seed = slider(T.data.seed, { low: 0, high: 99, integer: true, id: "data-seed", onmove: drag("seed") });
  const target = h("div");
  const inputs = INPUTS.map((name) => button(name, () => {
    const { inputs: had } = state.setup.data;
    const next = INPUTS.filter((one) => (one === name) !== had.includes(one));
    if (next.length) actions.change({ data: { inputs: next } });
  }, { class: "toggle", id: `input-${name.replaceAll(" ", "-")}` }));
  const inputsBox = h("div", { class: "inputs", role: "group", "aria-label": T.data.inputs },
    h("span", { class: "quiet" }, T.data.inputs), inputs);
  const file = h("input", { type: "file", id: "file", class: "unseen", accept: ".csv,.tsv,.txt,.jsonl",
    onchange: () => { if (file.files[0]) actions.takeTable(file.files[0].name, file.files[0]); file.value = ""; } });
  const drawing = h("div", { class: "drawing" });
  const size = h("p", { class: "quiet", id: "data-size" });

  on("setup", ({ setup }) => {
    kind.value = setup.data.kind;
    const { kind: k } = setup.data;
    n.box.hidden = !(SIZED.includes(k) || (LOGIC.includes(k) && setup.data.noise > 0));
    noise.box.hidden = !(SIZED.includes(k) || LOGIC.includes(k));
    seed.box.hidden = k === "truth_table" || k === "given" || (LOGIC.includes(k) && setup.data.noise === 0);
    test.box.hidden = seed.box.hidden;
    for (const [name, made] of Object.entries({ n, noise, test, seed })) made.show(setup.data[name]);
    drawing.hidden = k !== "drawn";
    inputsBox.hidden = !(SIZED.includes(k) || LOGIC.includes(k) || k === "drawn");
    inputs.forEach((toggle, i) => toggle.setAttribute("aria-pressed", String(setup.data.inputs.includes(INPUTS[i]))));
    for (const option of kind.options) {
      if (option.value === "given") option.hidden = k !== "given";
      if (option.value === "table") option.hidden = !(state.problem && state.problem.columns.length) && k !== "table";
    }
  });

  on("problem", ({ problem, setup }) => {
    size.textContent = T.data.rows(whole(problem.n_train), whole(problem.n_test));
    target.replaceChildren();
    if (setup.data.kind === "table" && problem.columns.length) {
      const columns = Object.fromEntries(problem.columns.map((name) => [name, name]));
      target.append(field(T.data.target, select(columns, problem.target,
        (name) => actions.change({ data: { target: name, view: [0, 1] } }), { id: "target" })));
    }
  });

  const classes = { 0: "0", 1: "1", 2: "2", "-1": T.data.erase };
  drawing.append(
    h("p", { class: "quiet" }, T.data.draw),
    field(T.data.klass, select(classes, 0, (value) => { state.drawClass = Number(value); }, { id: "draw-class" })),
    button(T.data.clear, () => actions.change({ data: { points: FIRST_POINTS } }), { id: "clear" }));

  return h("section", { class: "card", "aria-labelledby": "data-title" },
    h("h2", { id: "data-title" }, T.data.title),
    field(T.data.set, kind), target, n.box, noise.box, test.box, seed.box, inputsBox, drawing, size,
    h("p", { class: "drop quiet" }, T.data.drop, " ",
      h("label", { for: "file", class: "link" }, T.data.choose), file));
}
