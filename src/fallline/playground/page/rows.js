// Row by row: the columns' own values, the target, the prediction. The targets of a truth table can
// be changed here.

import * as actions from "./actions.js";
import { button, h, short } from "./dom.js";
import { question } from "./help.js";
import { LOGIC } from "./hints.js";
import { on, state } from "./state.js";
import { T } from "./text.js";

const R = T.rows;
const FEW_FEATURES = 3;
const OPEN_UP_TO = 12;  // rows

/** A column's own value from a feature's. */
export const original = (problem, feature, x) => x * problem.scales[feature][1] + problem.scales[feature][0];

const editable = ({ kind, noise }) => kind === "truth_table" || (LOGIC.includes(kind) && noise === 0);

/** Whether an output puts its row into the right class; numbers are never wrong. */
export function isRight(problem, output, target) {
  if (problem.task === "numbers" || !output || output.some((v) => v === null)) return true;
  const best = output.length > 1 ? output.indexOf(Math.max(...output)) : Number(output[0] > 0.5);
  return best === target;
}

export function rowsView() {
  const place = h("div", { class: "predictions", id: "predictions" });
  const asMade = button(R.asMade, () => actions.change({ data: { targets: [] } }), { id: "as-made" });
  const hint = h("p", { class: "quiet" }, R.flipHint);
  const some = h("p", { class: "quiet" });
  const box = h("details", { id: "rows" }, h("summary", {}, h("h3", {}, R.title)), h("span", { class: "beside-summary" }, question("rows", R.title)), place, some, h("div", { class: "pair" }, hint, asMade));
  let cells = [], known = "";

  on("problem", ({ problem, setup }) => {
    const opened = `${setup.data.kind} ${problem.n_train}`;
    if (known !== opened) box.open = problem.n_train + problem.n_test <= OPEN_UP_TO;
    known = opened;
    cells = build(place, problem, setup.data);
    asMade.hidden = hint.hidden = !editable(setup.data);
    asMade.disabled = !setup.data.targets.length;
    const shown = problem.rows.train.length;
    some.textContent = shown < problem.n_train ? R.some(shown, problem.n_train) : "";
    some.hidden = !some.textContent;
  });
  on("frame", ({ frame, problem }) => { if (problem && box.open) update(cells, frame, problem); });
  box.addEventListener("toggle", () => { if (box.open && state.frame && state.problem) update(cells, state.frame, state.problem); });
  return box;
}

/** The columns shown: all features where there are few, else the two of the picture. */
function columnsOf(problem) {
  const plain = problem.axes.length === problem.features.length;
  if (plain && problem.features.length <= FEW_FEATURES) {
    return { names: problem.features, values: (part, i) => problem.rows[part][i].slice(0, -1).map((x, k) => original(problem, k, x)) };
  }
  const names = problem.view.map((k) => problem.axes[k]);
  const scaled = (x, k) => (plain ? original(problem, problem.view[k], x) : x);
  return { names, values: (part, i) => problem.points[part][i].slice(0, 2).map(scaled) };
}

function build(place, problem, data) {
  const { names, values } = columnsOf(problem);
  const cells = [];
  const tables = [["train", R.trained], ["test", R.held]].filter(([part]) => problem.rows[part].length).map(([part, title]) => {
    const body = h("tbody", { "data-part": part }, problem.rows[part].map((row, i) => {
      const target = row[row.length - 1];
      const shown = problem.task === "classes" ? problem.classes[target] : short(target, 3);
      const number = part === "train"
        ? button(String(i), () => actions.look(state.parameter, i), { class: "plain", "aria-label": `${T.network.row} ${i}` }) : String(i);
      const [predicted, bar] = [h("td", { class: "num predicted" }), h("span", {})];
      const made = h("tr", {}, h("th", { scope: "row" }, number), values(part, i).map((x) => h("td", { class: "num" }, short(x, 3))),
        h("td", { class: "num" }, editable(data) ? flip(problem, part, i, shown) : shown), predicted, h("td", { class: "bar" }, bar));
      if (part === "train") made.addEventListener("click", (event) => { if (!event.target.closest("button")) actions.look(state.parameter, i); });
      cells.push({ part, i, target, row: made, predicted, bar });
      return made;
    }));
    const heads = [R.row, ...names, R.target, R.predicted];
    return h("div", { class: "scroll table" }, h("table", {}, h("caption", {}, title),
      h("thead", {}, h("tr", {}, heads.map((text) => h("th", { scope: "col" }, text)), h("td", {}))), body));
  });
  place.replaceChildren(...tables);
  return cells;
}

/** A target that a click changes from 0 to 1 and back. */
function flip(problem, part, i, shown) {
  const at = part === "train" ? i : problem.n_train + i;
  return button(shown, () => {
    const targets = ["train", "test"].flatMap((name) => problem.rows[name].map((row) => row[row.length - 1]));
    targets[at] = 1 - targets[at];
    actions.change({ data: { targets } }, { then: state.onChange === "run" && state.frame.epoch ? "run" : "reset" });
  }, { class: "flip", "aria-label": `${shown}: ${R.flip(at)}` });
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
