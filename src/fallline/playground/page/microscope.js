// The microscope: the next update, stage by stage, each number with its formula and what it comes from.

import * as actions from "./actions.js";
import { button, checkbox, field, h, select } from "./dom.js";
import { formulas } from "./formulas.js";
import { checkParts } from "./checking.js";
import { question } from "./help.js";
import { lights, sources } from "./sources.js";
import { stagesOf } from "./stages.js";
import { ask } from "./server.js";
import { on, state, tell } from "./state.js";
import { T } from "./text.js";

const M = T.microscope;
const OF_A_ROW = ["Z", "A", "loss", "lossSlope", "slope", "back", "delta", "dW1", "db1"];

export function microscopeView() {
  const view = { trace: null, stage: 0, kind: "batch", check: null, method: "complex_step", pinned: null };
  const body = h("div", { class: "stage", id: "stage" });
  const title = h("h3", { id: "stage-title" });
  const count = h("span", { class: "quiet", id: "stage-count" });
  const strip = h("div", { class: "stages", role: "group", "aria-label": M.stages, id: "stages" });
  const explain = h("p", { id: "stage-explain" });
  const formula = h("div", { class: "formula", id: "formula", "aria-live": "polite" });
  const checks = h("div", { id: "checks" });
  const kind = select({ batch: T.bar.kinds.batch, sample: T.bar.kinds.sample }, "batch",
    (value) => { view.kind = value; load(); }, { id: "microscope-kind" });
  const checking = h("input", { type: "checkbox", id: "check", onchange: () => loadCheck() });
  const method = select(M.methods, view.method, (value) => { view.method = value; loadCheck(); }, { id: "method", "aria-label": M.method });
  const previous = button("← " + M.back, () => move(-1), { id: "stage-back" });
  const next = button(M.next + " →", () => move(1), { id: "stage-next" });
  const back = button(T.bar.back, () => actions.back(), { id: "undo-step", title: T.bar.backTitle });

  let busy = false, again = false;
  async function load() {
    if (state.tab !== "microscope" || !state.problem) return;
    if (busy) { again = true; return; }
    busy = true;
    try {
      view.trace = (await ask({ type: "microscope", kind: view.kind })).facts;
      render();
      if (checking.checked) await loadCheck();
    } catch { /* told as an error already */ }
    busy = false;
    if (again) { again = false; load(); }
  }
  async function loadCheck() {
    view.check = null;
    if (checking.checked) {
      try { view.check = (await ask({ type: "check", method: view.method })).facts; } catch { checking.checked = false; }
    }
    state.check = view.check;
    checks.replaceChildren(...(view.check ? checkParts(view.check) : []));
    if (view.trace) render();
  }

  function render() {
    const stages = stagesOf(view.trace);
    view.stage = Math.min(view.stage, stages.length - 1);
    const stage = stages[view.stage];
    title.textContent = stage.title;
    count.textContent = M.of(view.stage + 1, stages.length);
    explain.textContent = stage.explain;
    const names = stages.map((one) => one.title).join("|");
    if (strip.dataset.names !== names) {
      strip.dataset.names = names;
      strip.replaceChildren(...stages.map((one, k) => button(`${k + 1} ${one.title}`, () => go(k), { class: "toggle" })));
    }
    [...strip.children].forEach((one, k) => {
      if (k === view.stage) one.setAttribute("aria-current", "step"); else one.removeAttribute("aria-current");
    });
    previous.disabled = view.stage === 0;
    next.disabled = view.stage === stages.length - 1;
    const focused = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.cell : null;
    const warnings = [view.trace.gradient !== "right" ? h("p", { class: "warning" }, M.wrongGradient) : null,
      view.trace.dropout ? h("p", { class: "warning" }, M.dropout) : null,
      view.trace.n_rows > view.trace.rows.length ? h("p", { class: "quiet" }, M.some(view.trace.rows.length, view.trace.n_rows)) : null];
    body.replaceChildren(...warnings.filter(Boolean), h("div", { class: "matrices" }, stage.make(view.trace, view.check)));
    const cellOf = (text) => [...body.querySelectorAll("[data-cell]")].find((cell) => cell.dataset.cell === text);
    const pinned = view.pinned && cellOf(view.pinned);
    if (!pinned) view.pinned = null;
    if (pinned) show(pinned); else rest();
    if (focused && cellOf(focused)) cellOf(focused).focus();
  }
  const go = (k) => {
    if (!view.trace) return;
    view.stage = Math.max(0, Math.min(stagesOf(view.trace).length - 1, k));
    view.pinned = null;
    render();
  };
  const move = (by) => go(view.stage + by);

  // ---- a number that is pointed at, or kept

  const shine = (lit) => { state.lit = lit; tell("lit"); };
  const unmark = () => { for (const cell of body.querySelectorAll(".source, .picked")) cell.classList.remove("source", "picked"); };

  /** Nothing is pointed at: the stage as a whole. */
  function rest() {
    unmark();
    formula.classList.remove("told");
    formula.replaceChildren(h("p", { class: "quiet" }, M.point));
    const { lit } = stagesOf(view.trace)[view.stage];
    shine(lit ? lights(...lit) : null);
  }
  function show(cell) {
    const [name, ...indices] = JSON.parse(cell.dataset.cell);
    const [head, ...lines] = formulas[name](view.trace, ...indices);
    formula.classList.add("told");  // it lies over the page's foot, so that nothing moves under the pointer
    const note = view.pinned === cell.dataset.cell ? h("p", { class: "quiet" }, M.pinned) : null;
    formula.replaceChildren(h("p", { class: "quiet" }, head), ...lines.map((line) => h("p", { class: "sum" }, line)), ...(note ? [note] : []));
    unmark();
    cell.classList.add("picked");
    const wanted = sources[name](view.trace, ...indices);
    for (const one of body.querySelectorAll("[data-at]")) {
      const [matrix, i, j] = JSON.parse(one.dataset.at);
      if (wanted.some(([m, r, c]) => m === matrix && (r === null || r === i) && (c === null || c === j))) one.classList.add("source");
    }
    const ofLast = name === "loss" || name === "mean";
    shine(ofLast ? lights(name, view.trace.layers.length - 1) : lights(name, ...indices));
  }
  const pointed = (event) => {
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
  body.addEventListener("pointerover", pointed);
  body.addEventListener("focusin", pointed);
  body.addEventListener("pointerleave", () => { if (!view.pinned && view.trace) rest(); });
  body.addEventListener("click", pin);
  body.addEventListener("keydown", (event) => { if (event.key === "Enter") pin(event); });
  document.addEventListener("keydown", (event) => {
    if (state.tab !== "microscope" || event.target.closest("input, select, textarea, [role=tab]")) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "ArrowRight") move(1);
    if (event.key === "ArrowLeft") move(-1);
    if (event.key === "Escape" && view.pinned) { view.pinned = null; rest(); }
  });

  let timer = 0;
  const soon = () => { clearTimeout(timer); timer = setTimeout(load, actions.moving() ? 400 : 60); };
  on("frame", soon);
  on("tab", () => {
    if (state.tab === "microscope") soon(); else shine(null);
  });

  const take = () => { go(0); actions.step(view.kind); };
  return [
    h("div", { class: "head" }, h("p", { class: "lead" }, M.intro), question("microscope", T.tabs.microscope)),
    h("div", { class: "head" }, field(M.kind, kind, { beside: question("microscopeKind", M.kind) }),
      button(M.take, take, { id: "take-step", class: "main" }), back,
      checkbox(M.check, checking, question("check", M.check)), method),
    checks,
    strip,
    h("div", { class: "head stage-head" }, previous, title, count, next),
    explain, body, formula];
}
