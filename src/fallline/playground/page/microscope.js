// The microscope: the next update, stage by stage, each number with its formula.

import * as actions from "./actions.js";
import { button, exact, field, h, select, short } from "./dom.js";
import { formulas } from "./formulas.js";
import { ask } from "./server.js";
import { on, state } from "./state.js";
import { T } from "./text.js";

const M = T.microscope;
const COLUMNS = 16;

export function microscopeView() {
  const view = { trace: null, stage: 0, kind: "batch", check: null, method: "complex_step" };
  const body = h("div", { class: "stage", id: "stage" });
  const title = h("h3", { id: "stage-title" });
  const count = h("span", { class: "quiet", id: "stage-count" });
  const formula = h("div", { class: "formula", id: "formula", "aria-live": "polite" });
  const checks = h("div", { id: "checks" });
  const kind = select({ batch: T.bar.kinds.batch, sample: T.bar.kinds.sample }, "batch",
    (value) => { view.kind = value; load(); }, { id: "microscope-kind" });
  const checking = h("input", { type: "checkbox", id: "check", onchange: () => loadCheck() });
  const method = select(M.methods, view.method, (value) => { view.method = value; loadCheck(); }, { id: "method", "aria-label": M.method });

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
    checks.replaceChildren(...(view.check ? checkParts(view.check) : []));
    if (view.trace) render();
  }
  function render() {
    const stages = stagesOf(view.trace);
    view.stage = Math.min(view.stage, stages.length - 1);
    const stage = stages[view.stage];
    title.textContent = stage.title;
    count.textContent = M.of(view.stage + 1, stages.length);
    formula.replaceChildren(h("p", { class: "quiet" }, M.point));
    const parts = stage.make(view.trace, view.check);
    const slips = view.trace.slips ? [h("p", { class: "warning" }, M.slips)] : [];
    const some = view.trace.n_rows > view.trace.rows.length ? [h("p", { class: "quiet" }, M.some(view.trace.rows.length, view.trace.n_rows))] : [];
    body.replaceChildren(...slips, h("div", { class: "matrices" }, parts), ...some);
  }
  const move = (by) => {
    if (!view.trace) return;
    view.stage = Math.max(0, Math.min(stagesOf(view.trace).length - 1, view.stage + by));
    render();
  };
  const show = (event) => {
    const cell = event.target.closest("[data-cell]");
    if (!cell) return;
    const [name, ...indices] = JSON.parse(cell.dataset.cell);
    const [head, ...lines] = formulas[name](view.trace, ...indices);
    formula.replaceChildren(h("p", { class: "quiet" }, head), ...lines.map((line) => h("p", {}, line)));
  };
  body.addEventListener("pointerover", show);
  body.addEventListener("focusin", show);
  body.addEventListener("click", show);
  document.addEventListener("keydown", (event) => {
    if (state.tab !== "microscope" || event.target.closest("input, select, [role=tab]")) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "ArrowRight") move(1);
    if (event.key === "ArrowLeft") move(-1);
  });

  let timer = 0;
  const soon = () => { clearTimeout(timer); timer = setTimeout(load, state.frame && state.frame.playing ? 400 : 60); };
  on("frame", soon);
  on("tab", soon);

  return [h("p", {}, M.intro),
    h("div", { class: "head" }, field(M.kind, kind),
      button(M.take, () => actions.step(view.kind), { id: "take-step", class: "main" }),
      button(M.undo, () => actions.back(), { id: "undo-step" }),
      h("div", { class: "check" }, checking, h("label", { for: "check" }, M.check)), method),
    checks,
    h("div", { class: "head stage-head" }, button("← " + M.back, () => move(-1), { id: "stage-back" }),
      title, count, button(M.next + " →", () => move(1), { id: "stage-next" })),
    formula, body];
}

// ---- the stages

function stagesOf(trace) {
  const layers = trace.layers.map((_, l) => l);
  const reversed = [...layers].reverse();
  return [
    { title: M.rows, make: rowsStage },
    ...layers.map((l) => ({ title: M.forward(l + 1), make: (t) => forwardStage(t, l) })),
    { title: M.loss, make: lossStage },
    ...reversed.flatMap((l) => [
      { title: M.backward(l + 1), make: (t) => backwardStage(t, l) },
      { title: M.stack(l + 1), make: (t, check) => stackStage(t, l, check) }]),
    ...layers.map((l) => ({ title: M.update(l + 1), make: (t, check) => updateStage(t, l, check) })),
    { title: M.result, make: resultStage },
  ];
}

const source = (l) => (l === 0 ? "X" : `A${l}`);
const rowNames = (t) => t.rows.map((row) => M.ofRow(row));
const columnNames = (l, n) => (l < 0 ? state.problem.features : Array.from({ length: n }, (_, k) => `${k + 1}`));

function rowsStage(t) {
  return [matrix("X", t.X, { rows: rowNames(t), columns: columnNames(-1) }), matrix("Y", t.Y, { rows: rowNames(t) })];
}

function forwardStage(t, l) {
  const { A_prev, W, b, Z, A, activation } = t.layers[l];
  const n = l + 1;
  return [matrix(source(l), A_prev, { rows: rowNames(t) }), sign("·"), matrix(`W${n}`, W), sign("+"), matrix(`b${n}`, [b]), sign("="),
    matrix(`Z${n}`, Z, { rows: rowNames(t), cell: (i, j) => ["Z", l, i, j] }), sign("→"),
    matrix(`A${n} = ${activation}(Z${n})`, A, { rows: rowNames(t), cell: (i, j) => ["A", l, i, j] })];
}

function lossStage(t) {
  const last = t.layers[t.layers.length - 1];
  return [matrix(`A${t.layers.length}`, last.A, { rows: rowNames(t) }), matrix("Y", t.Y, { rows: rowNames(t) }), sign("→"),
    matrix(t.loss_name.replaceAll("_", " "), t.losses.map((v) => [v]), { rows: rowNames(t), cell: (i) => ["loss", i] }), sign("→"),
    matrix(M.mean, [[t.loss]], { cell: () => ["mean"] })];
}

function backwardStage(t, l) {
  const here = t.layers[l], next = t.layers[l + 1];
  const n = l + 1;
  const delta = matrix(`delta${n} = dLoss/dZ${n}`, here.delta, { rows: rowNames(t), cell: (i, j) => ["delta", l, i, j] });
  if (!next) return [matrix(`A${n}`, here.A, { rows: rowNames(t) }), sign("−"), matrix("Y", t.Y, { rows: rowNames(t) }), sign("→"), delta];
  return [matrix(`delta${n + 1}`, next.delta, { rows: rowNames(t) }), sign("·"), matrix(`W${n + 1} (turned)`, turned(next.W)), sign("∘"),
    matrix(`A${n}`, here.A, { rows: rowNames(t) }), sign("→"), delta];
}

function stackStage(t, l, check) {
  const layer = t.layers[l];
  const n = l + 1;
  const stack = layer.dW_per_sample.map((dW, i) => h("div", { class: "of-row" },
    matrix(`dW${n}, ${M.ofRow(t.rows[i])}`, dW, { cell: (k, j) => ["dW1", l, i, k, j] }),
    matrix(`db${n}`, [layer.db_per_sample[i]], { cell: (_, j) => ["db1", l, i, j] })));
  return [h("div", { class: "stack" }, stack), sign("→"), h("div", { class: "of-row mean" },
    matrix(`${M.mean}: dW${n}`, layer.dW, { cell: (k, j) => ["dW", l, k, j], mark: worst(check, n, "W") }),
    matrix(`${M.mean}: db${n}`, [layer.db], { cell: (_, j) => ["db", l, j], mark: worst(check, n, "b") }))];
}

function updateStage(t, l, check) {
  const layer = t.layers[l];
  const n = l + 1;
  const part = (kind) => {
    const wrap = (m) => (kind === "W" ? m : [m]);
    const cell = (name) => (k, j) => [name, l, kind, k, j];
    const averages = Object.entries(t.state).map(([name, layers]) => matrix(`${name.replace("_", " ")} ${kind}${n}`, wrap(layers[l][kind])));
    return h("div", { class: "row-of" }, averages,
      matrix(`d${kind}${n}`, wrap(kind === "W" ? layer.dW : layer.db), { cell: kind === "W" ? (k, j) => ["dW", l, k, j] : (_, j) => ["db", l, j], mark: worst(check, n, kind) }),
      matrix(`${M.old} ${kind}${n}`, wrap(layer[kind])), sign("+"),
      matrix(M.step, wrap(layer[`step_${kind}`]), { cell: cell("step") }), sign("="),
      matrix(`${M.new} ${kind}${n}`, wrap(layer[`new_${kind}`]), { cell: cell("fresh") }));
  };
  return [h("div", {}, part("W"), part("b"))];
}

function resultStage(t) {
  return [matrix(M.before, [[t.loss]], {}), sign("→"), matrix(M.after, [[t.new_loss]], {})];
}

const turned = (m) => m[0].map((_, j) => m.map((row) => row[j]));
const sign = (text) => h("span", { class: "sign", "aria-hidden": "true" }, text);

/** A matrix as a table; a cell with a formula can be pointed at. */
function matrix(title, values, { rows = null, columns = null, cell = null, mark = null } = {}) {
  const shown = values.map((row) => row.slice(0, COLUMNS));
  const head = columns ? h("thead", {}, h("tr", {}, rows ? h("td", {}) : null, columns.slice(0, COLUMNS).map((name) => h("th", { scope: "col" }, name)))) : null;
  const body = shown.slice(0, 40).map((row, i) => h("tr", {}, rows ? h("th", { scope: "row" }, rows[i]) : null,
    row.map((value, j) => {
      const worst_ = mark && mark[mark.length - 1] === j && (mark.length === 1 || mark[0] === i);
      const attributes = cell ? { "data-cell": JSON.stringify(cell(i, j)), tabindex: 0, title: exact(value) } : { title: exact(value) };
      return h("td", { class: `num${worst_ ? " worst" : ""}`, "data-value": value === null ? "" : String(value), ...attributes }, short(value));
    }), values[i].length > COLUMNS ? h("td", {}, "…") : null));
  return h("table", { class: "matrix" }, h("caption", {}, title), head, h("tbody", {}, body));
}

// ---- the check

function worst(check, layer, kind) {
  if (!check) return null;
  const part = check.parts.find((one) => one.layer === layer && one.kind === kind);
  return part && !part.passed ? part.index : null;
}

function checkParts(check) {
  const heads = [M.part, M.worst, M.analytic, M.numeric, M.error, M.verdict];
  const rows = check.parts.map((part) => h("tr", { class: part.passed ? "" : "wrong" },
    h("th", { scope: "row" }, `${M.layer} ${part.layer}, ${part.kind}`),
    h("td", {}, `${part.kind}[${part.index.map((i) => i + 1).join(", ")}]`),
    h("td", { class: "num" }, exact(part.analytic)), h("td", { class: "num" }, exact(part.numeric)),
    h("td", { class: "num" }, part.error === null ? "–" : part.error.toExponential(1)),
    h("td", {}, part.passed ? M.right : M.wrong, part.ratio !== null && !part.passed ? `: ${M.ratio(part.ratio.toFixed(4))}` : "")));
  return [h("p", { class: check.passed ? "good" : "warning", id: "verdict" }, check.passed ? M.passed : M.failed),
    h("div", { class: "scroll table" }, h("table", {}, h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))), h("tbody", {}, rows)))];
}
