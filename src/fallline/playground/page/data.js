// The data card: the rows to learn from.

import * as actions from "./actions.js";
import { button, field, h, roomy, select, whole, written } from "./dom.js";
import { question } from "./help.js";
import { FIRST_POINTS, LOGIC, SIZED, usualData, usualNetwork, usualTraining } from "./hints.js";
import { rowsView } from "./rows.js";
import { slider } from "./sliders.js";
import { on, state, tell } from "./state.js";
import { T } from "./text.js";

const INPUTS = ["x1", "x2", "x1²", "x2²", "x1 x2", "sin πx1", "sin πx2"];

export function chooseData(kind) {
  const data = usualData(kind, state.setup.data);
  if (kind === "given" || kind === "table") { actions.change({ data }); return; }
  actions.change({ data, network: usualNetwork(kind), training: usualTraining(kind) });
}

export function dataView() {
  const help = (key, label) => ({ beside: question(key, label) });
  const kind = select(T.data.kinds, "truth_table", chooseData, { id: "data-kind" });
  const drag = (name) => (value, first) =>
    actions.change({ data: { [name]: value, rows: [] } }, { keep: first, then: state.onChange === "run" ? "run" : "reset" });
  const n = slider(T.data.n, { low: 10, high: 1000, log: true, integer: true, id: "data-n", ...help("n", T.data.n), onmove: drag("n") });
  const noise = slider(T.data.noise, { low: 0, high: 0.6, id: "data-noise", ...help("noise", T.data.noise), onmove: drag("noise") });
  const test = slider(T.data.test, { low: 0, high: 0.8, id: "data-test", ...help("test", T.data.test), onmove: drag("test") });
  const seed = slider(T.data.seed, { low: 0, high: 99, integer: true, id: "data-seed", ...help("dataSeed", T.data.seed), onmove: drag("seed") });
  const target = h("div");
  const inputs = INPUTS.map((name) => button(written(name), () => {
    const { inputs: had } = state.setup.data;
    const next = INPUTS.filter((one) => (one === name) !== had.includes(one));
    if (next.length) actions.change({ data: { inputs: next } });
  }, { class: "toggle", id: `input-${name.replaceAll(" ", "-")}` }));
  const inputsBox = h("div", { class: "inputs", role: "group", "aria-label": T.data.inputs },
    h("span", { class: "quiet label" }, T.data.inputs, question("inputs", T.data.inputs)), inputs);
  const file = h("input", { type: "file", id: "file", class: "unseen", accept: ".csv,.tsv,.txt,.jsonl",
    onchange: () => { if (file.files[0]) actions.takeTable(file.files[0].name, file.files[0]); file.value = ""; } });
  const size = h("p", { class: "quiet", id: "data-size" });
  const notes = h("ul", { class: "quiet notes", id: "data-notes" });
  const drawing = drawingBox();

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
    notes.replaceChildren(...(problem.notes || []).map((note) => h("li", {}, note)));
    target.replaceChildren();
    if (setup.data.kind === "table" && problem.columns.length) {
      const columns = Object.fromEntries(problem.columns.map((name) => [name, name]));
      target.append(field(T.data.target, select(columns, problem.target,
        (name) => actions.change({ data: { target: name, view: [0, 1] } }), { id: "target" })));
    }
  });

  return h("details", { class: "card", open: roomy, id: "data-card" },
    h("summary", {}, h("h2", { id: "data-title" }, T.data.title)),
    field(T.data.set, kind, help("data", T.data.set)), target, n.box, noise.box, test.box, seed.box, inputsBox, drawing, size, notes,
    rowsView(),
    h("p", { class: "drop quiet" }, T.data.drop, " ",
      h("label", { for: "file", class: "link" }, T.data.choose), file));
}

const DRAWN = [0, 1, 2, 3, 4, 5, -1];

/** The classes to draw with: buttons, and the keys 0 to 5. */
function drawingBox() {
  const klasses = DRAWN.map((k) => button(k < 0 ? T.data.erase : String(k), () => { state.drawClass = k; tell("draw-class"); },
    { class: "toggle", id: `draw-${k < 0 ? "erase" : k}` }));
  const mark = () => klasses.forEach((one, i) => one.setAttribute("aria-pressed", String(DRAWN[i] === state.drawClass)));
  on("draw-class", mark);
  mark();
  return h("div", { class: "drawing" },
    h("p", { class: "quiet" }, T.data.draw),
    h("div", { class: "inputs", role: "group", "aria-label": T.data.klass }, klasses),
    button(T.data.clear, () => actions.change({ data: { points: FIRST_POINTS } }), { id: "clear" }));
}
