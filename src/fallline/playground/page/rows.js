// Row by row: the columns' own values, the target, the prediction. The rows of a truth table can be
// edited here: inputs are typed, a click changes a target, rows are added and removed.

import * as actions from "./actions.js";
import { button, exact, h, short, written } from "./dom.js";
import { question } from "./help.js";
import { on, state } from "./state.js";
import { T } from "./text.js";

const R = T.rows;
const FEW_FEATURES = 3;
const OPEN_UP_TO = 12;  // rows
const MOST_ROWS = 32, LARGEST = 100;  // of an edited table

/** A column's own value from a feature's. */
export const original = (problem, feature, x) => x * problem.scales[feature][1] + problem.scales[feature][0];

/** Whether an output predicts the right class of its row; numbers are never wrong. */
export function isRight(problem, output, target) {
  if (problem.task === "numbers" || !output || output.some((v) => v === null)) return true;
  const best = output.length > 1 ? output.indexOf(Math.max(...output)) : Number(output[0] > 0.5);
  return best === target;
}

export function rowsView() {
  const place = h("div", { class: "predictions", id: "predictions" });
  const asMade = button(R.asMade, () => edit([]), { id: "as-made" });
  const add = button(R.add, () => edit([...state.problem.cells, state.problem.cells[0].map(() => 0)]), { id: "add-row" });
  const remove = button("", () => edit(state.problem.cells.filter((_, i) => i !== state.row)), { id: "remove-row" });
  const editing = h("div", { class: "editing" }, h("p", { class: "quiet" }, R.hint), h("div", { class: "head" }, add, remove, asMade));
  const some = h("p", { class: "quiet" });
  const box = h("details", { id: "rows" }, h("summary", {}, h("h3", {}, R.title)), h("span", { class: "beside-summary" }, question("rows", R.title)), place, some, editing);
  let cells = [], known = "";

  on("problem", ({ problem, setup }) => {
    const opened = `${setup.data.kind} ${problem.n_train}`;
    if (known !== opened) box.open = problem.n_train + problem.n_test <= OPEN_UP_TO;
    known = opened;
    cells = build(place, problem);
    editing.hidden = !problem.cells;
    asMade.disabled = !setup.data.rows.length;
    add.disabled = Boolean(problem.cells) && problem.cells.length >= MOST_ROWS;
    remove.disabled = problem.n_train < 2;
    const shown = problem.rows.train.length;
    some.textContent = shown < problem.n_train ? R.some(shown, problem.n_train) : "";
    some.hidden = !some.textContent;
  });
  on("frame", ({ frame, problem }) => {
    remove.textContent = R.remove(frame.row.index);
    if (problem && box.open) update(cells, frame, problem);
  });
  box.addEventListener("toggle", () => { if (box.open && state.frame && state.problem) update(cells, state.frame, state.problem); });
  return box;
}

/** Use these rows instead of the data set's own; an empty list restores its own. */
function edit(rows) {
  actions.change({ data: { rows } }, { then: state.onChange === "run" && state.frame.epoch ? "run" : "reset" });
}

/** Change one number of a row. */
function editCell(at, column, value) {
  edit(state.problem.cells.map((row, i) => (i === at ? row.map((old, k) => (k === column ? value : old)) : row)));
}

/** The columns shown: all features if there are few, else the two of the picture. */
function columnsOf(problem) {
  if (problem.cells) return { names: problem.axes, values: (part, i) => problem.cells[placeOf(problem, part, i)].slice(1, -1) };
  const plain = problem.axes.length === problem.features.length;
  if (plain && problem.features.length <= FEW_FEATURES) {
    return { names: problem.features, values: (part, i) => problem.rows[part][i].slice(0, -1).map((x, k) => original(problem, k, x)) };
  }
  const names = problem.view.map((k) => problem.axes[k]);
  const scaled = (x, k) => (plain ? original(problem, problem.view[k], x) : x);
  return { names, values: (part, i) => problem.points[part][i].slice(0, 2).map(scaled) };
}

/** The place of a row among the cells: the training rows come first. */
const placeOf = (problem, part, i) => (part === "train" ? i : problem.n_train + i);

function build(place, problem) {
  const { names, values } = columnsOf(problem);
  const cells = [];
  const focused = place.contains(document.activeElement) ? document.activeElement.id : "";
  const tables = [["train", R.trained], ["test", R.held]].filter(([part]) => problem.rows[part].length).map(([part, title]) => {
    const body = h("tbody", { "data-part": part }, problem.rows[part].map((row, i) => {
      const target = row[row.length - 1];
      const shown = problem.task === "classes" ? problem.classes[target] : short(target, 3);
      const number = part === "train"
        ? button(String(i), () => actions.look(state.parameter, i), { class: "plain", "aria-label": `${i}: ${R.show}` }) : String(i);
      const about = { part, i, at: placeOf(problem, part, i) };
      const [predicted, bar] = [h("td", { class: "num predicted" }), h("span", {})];
      const made = h("tr", {}, h("th", { scope: "row" }, number), 
        values(part, i).map((x, k) => h("td", { class: "num" }, problem.cells ? typed(about, names[k], k, x) : short(x, 3))),
        h("td", { class: "num" }, problem.cells ? flip(about, target, shown) : shown), predicted, h("td", { class: "bar" }, bar));
      if (part === "train") made.addEventListener("click", (event) => { if (!event.target.closest("button, input")) actions.look(state.parameter, i); });
      cells.push({ part, i, target, row: made, predicted, bar });
      return made;
    }));
    const heads = [R.row, ...names, R.target, R.predicted];
    return h("div", { class: "scroll table" }, h("table", {}, h("caption", {}, title),
      h("thead", {}, h("tr", {}, heads.map((text) => h("th", { scope: "col" }, text)), h("td", {}))), body));
  });
  place.replaceChildren(...tables);
  if (focused) document.getElementById(focused)?.focus();  // the keyboard goes on from there
  return cells;
}

/** An input of the network that can be typed. */
function typed({ part, i, at }, name, column, x) {
  const label = R.cell(written(name), R.parts[part], i);
  const box = h("input", { type: "text", inputmode: "decimal", class: "cell", value: exact(x), id: `cell-${at}-${column}`, "aria-label": label,
    onfocus: () => box.select(),
    onchange: () => {
      const value = Number(box.value.trim().replace("−", "-").replace(",", "."));
      if (box.value.trim() !== "" && Math.abs(value) <= LARGEST) { editCell(at, column + 1, value); return; }
      actions.complain(R.noNumber(label, box.value));
      box.value = exact(x);
    } });
  box.style.width = `${Math.max(2.6, box.value.length + 1.4)}ch`;
  return box;
}

/** A target that a click changes from 0 to 1 and back. */
function flip({ part, i, at }, target, shown) {
  return button(shown, () => editCell(at, state.problem.cells[at].length - 1, 1 - target),
    { class: "flip", id: `flip-${at}`, "aria-label": `${shown}: ${R.flip(R.parts[part], i)}` });
}

function update(cells, frame, problem) {
  for (const { part, i, target, row, predicted, bar } of cells) {
    const output = frame.outputs[part][i];
    if (!output) continue;
    const best = output.length > 1 ? output.indexOf(Math.max(...output)) : 0;
    const value = output[best];
    predicted.textContent = output.length > 1
      ? `${problem.classes[best]} (${value.toFixed(3)})`
      : problem.task === "numbers" ? short(value) : (value === null ? "–" : value.toFixed(5));
    bar.style.width = problem.task === "numbers" ? "0" : `${Math.round(100 * Math.max(0, Math.min(1, value)))}%`;
    const wrong = !isRight(problem, output, target);
    row.classList.toggle("misses", wrong);
    predicted.title = wrong ? R.wrong : "";
    row.classList.toggle("chosen", part === "train" && i === frame.row.index);
  }
}
