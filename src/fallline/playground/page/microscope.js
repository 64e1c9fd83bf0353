// The microscope: the next update, stage by stage, and the gradient check.

import * as actions from "./actions.js";
import { button, checkbox, field, h, select } from "./dom.js";
import { checkParts } from "./checking.js";
import { question } from "./help.js";
import { miniView } from "./mini.js";
import { pointing } from "./pointing.js";
import { stagesOf } from "./stages.js";
import { ask } from "./messages.js";
import { on, state } from "./state.js";
import { T } from "./text.js";

const M = T.microscope;

export function microscopeView() {
  const view = { trace: null, stage: 0, kind: "batch", check: null, method: "complex_step", pinned: null, lit: null };
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
  const numbers = pointing(body, formula, view);

  const load = oneAtATime(async () => {
    if (state.tab !== "microscope" || !state.problem) return;
    view.trace = (await ask({ type: "microscope", kind: view.kind })).facts;
    render();
    if (checking.checked) await loadCheck();
  });
  async function loadCheck() {
    view.check = null;
    if (checking.checked) {
      try { view.check = (await ask({ type: "check", method: view.method })).facts; } catch { checking.checked = false; }
    }
    checks.replaceChildren(...(view.check ? checkParts(view.check) : []));
    if (view.trace) render();
  }

  function render() {
    const stages = stagesOf(view.trace);
    view.stage = Math.min(view.stage, stages.length - 1);
    const stage = stages[view.stage];
    view.lit = stage.lit || null;
    title.textContent = stage.title;
    count.textContent = M.of(view.stage + 1, stages.length);
    explain.textContent = stage.explain;
    drawStrip(strip, stages, view.stage, go);
    previous.disabled = view.stage === 0;
    next.disabled = view.stage === stages.length - 1;
    const focused = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.cell : null;
    body.replaceChildren(...warnings(view.trace), h("div", { class: "matrices" }, stage.make(view.trace, view.check)));
    numbers.redrawn(focused);
  }
  const go = (k) => {
    if (!view.trace) return;
    view.stage = Math.max(0, Math.min(stagesOf(view.trace).length - 1, k));
    view.pinned = null;
    render();
  };
  const move = (by) => go(view.stage + by);
  document.addEventListener("keydown", (event) => {
    if (state.tab !== "microscope" || event.target.closest("input, select, textarea, [role=tab]")) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "ArrowRight") move(1);
    if (event.key === "ArrowLeft") move(-1);
    if (event.key === "Escape") numbers.letGo();
  });

  let timer = 0;
  const soon = () => { clearTimeout(timer); timer = setTimeout(load, actions.moving() ? 400 : 60); };
  on("frame", soon);
  on("tab", () => { if (state.tab === "microscope") soon(); else numbers.darken(); });

  const take = () => { go(0); actions.step(view.kind); };
  return [
    h("div", { class: "head" }, h("p", { class: "lead" }, M.intro), question("microscope", T.tabs.microscope)),
    h("div", { class: "head panel-head" }, field(M.kind, kind, { beside: question("microscopeKind", M.kind) }),
      button(M.take, take, { id: "take-step", class: "main" }), back,
      checkbox(M.check, checking, question("check", M.check)), method, question("method", M.method)),
    checks,
    strip,
    h("div", { class: "head stage-head" }, previous, title, count, miniView(), next),
    explain, body, formula];
}

/** One request at a time: further requests meanwhile become a single one afterwards. */
function oneAtATime(work) {
  let busy = false, again = false;
  return async function run() {
    if (busy) { again = true; return; }
    busy = true;
    try { await work(); } catch { /* told as an error already */ }
    busy = false;
    if (again) { again = false; run(); }
  };
}

/** A button for each stage; made again only if the stages have changed. */
function drawStrip(strip, stages, at, go) {
  const names = stages.map((one) => one.title).join("|");
  if (strip.dataset.names !== names) {
    strip.dataset.names = names;
    strip.replaceChildren(...stages.map((one, k) => button(`${k + 1} ${one.title}`, () => go(k), { class: "toggle" })));
  }
  [...strip.children].forEach((one, k) => {
    if (k === at) one.setAttribute("aria-current", "step"); else one.removeAttribute("aria-current");
  });
}

/** Differences from the lesson: a wrong gradient, dropout, or rows that are not shown. */
function warnings(trace) {
  return [
    ...(trace.gradient !== "right" ? [h("p", { class: "warning" }, M.wrongGradient)] : []),
    ...(trace.dropout ? [h("p", { class: "warning" }, M.dropout)] : []),
    ...(trace.n_rows > trace.rows.length ? [h("p", { class: "quiet" }, M.some(trace.rows.length, trace.n_rows))] : []),
  ];
}
