// Pointing at a number of the microscope: its formula, the numbers it comes from, and what is highlighted; a
// click pins it.

import * as actions from "./actions.js";
import { h } from "./dom.js";
import { formulas } from "./formulas.js";
import { lights, sources } from "./sources.js";
import { state, tell } from "./state.js";
import { T } from "./text.js";

const M = T.microscope;
const OF_A_ROW = ["Z", "A", "loss", "lossSlope", "slope", "back", "delta", "dW1", "db1"];

const shine = (lit) => { state.lit = lit; tell("lit"); };

/** The numbers in ``body``; ``view`` has the trace, what its stage highlights, and the pinned number. */
export function pointing(body, formula, view) {
  const unmark = () => { for (const cell of body.querySelectorAll(".source, .picked")) cell.classList.remove("source", "picked"); };
  const cellOf = (text) => [...body.querySelectorAll("[data-cell]")].find((cell) => cell.dataset.cell === text);

  /** Without a number the whole stage is highlighted. */
  function rest() {
    unmark();
    formula.classList.remove("told");
    formula.replaceChildren(h("p", { class: "quiet" }, M.point));
    shine(view.lit ? lights(...view.lit) : null);
  }
  function show(cell) {
    const [name, ...indices] = JSON.parse(cell.dataset.cell);
    const [head, ...lines] = formulas[name](view.trace, ...indices);
    formula.classList.add("told");  // it lies over the page's foot, so that nothing moves under the pointer
    const note = view.pinned === cell.dataset.cell ? [h("p", { class: "quiet" }, M.pinned)] : [];
    formula.replaceChildren(h("p", { class: "quiet" }, head), ...lines.map((line) => h("p", { class: "sum" }, line)), ...note);
    unmark();
    cell.classList.add("picked");
    const wanted = sources[name](view.trace, ...indices);
    for (const one of body.querySelectorAll("[data-at]")) {
      const [matrix, i, j] = JSON.parse(one.dataset.at);
      if (wanted.some(([m, r, c]) => m === matrix && (r === null || r === i) && (c === null || c === j))) one.classList.add("source");
    }
    const ofOutput = name === "loss" || name === "mean";
    shine(ofOutput ? lights(name, view.trace.layers.length - 1) : lights(name, ...indices));
  }
  const point = (event) => {
    const cell = event.target.closest("[data-cell]");
    if (cell && !view.pinned) show(cell);
  };
  const pin = (event) => {
    const cell = event.target.closest("[data-cell]");
    if (!cell) return;
    view.pinned = view.pinned === cell.dataset.cell ? null : cell.dataset.cell;
    show(cell);
    const [name, ...indices] = JSON.parse(cell.dataset.cell);
    if (view.pinned && OF_A_ROW.includes(name)) actions.look(state.parameter, view.trace.rows[name === "loss" ? indices[0] : indices[1]]);
  };
  body.addEventListener("pointerover", point);
  body.addEventListener("focusin", point);
  body.addEventListener("pointerleave", () => { if (!view.pinned && view.trace) rest(); });
  body.addEventListener("click", pin);
  body.addEventListener("keydown", (event) => { if (event.key === "Enter") pin(event); });

  return {
    /** After redrawing, show the pinned number, or the one with the keyboard's focus, again. */
    redrawn(focused) {
      const pinned = view.pinned && cellOf(view.pinned);
      if (!pinned) view.pinned = null;
      if (pinned) show(pinned); else rest();
      if (focused && cellOf(focused)) cellOf(focused).focus();
    },
    letGo() {
      if (!view.pinned) return;
      view.pinned = null;
      rest();
    },
    darken: () => shine(null),
  };
}
