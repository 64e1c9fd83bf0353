// The stages of an update: for each its title, what it does in a sentence, and its matrices.

import { worst } from "./checking.js";
import { exact, h, short } from "./dom.js";
import { slopeAt, writtenSlope } from "./slopes.js";
import { state } from "./state.js";
import { T } from "./text.js";

const M = T.microscope;
const E = M.explain;
const COLUMNS = 16, ROWS = 40;
const CANONICAL = ["binary_cross_entropy", "cross_entropy", "squared_error", "poisson"];

export function stagesOf(trace) {
  const { layers } = trace;
  const up = layers.map((_, l) => l), down = [...up].reverse();
  const end = layers.length - 1;
  return [
    { title: M.rows, explain: E.rows, make: rowsStage },
    ...up.map((l) => ({ title: M.forward(l + 1), lit: ["Z", l], make: (t) => forwardStage(t, l),
      explain: (l ? E.forward : E.first)(l + 1, layers[l].activation.replace("_", " ")) })),
    { title: M.loss, explain: E.loss, lit: ["loss", end], make: lossStage },
    ...down.flatMap((l) => [
      { title: M.backward(l + 1), lit: [l === end ? "A" : "delta", l], explain: explainBackward(trace, l), make: (t) => backwardStage(t, l) },
      { title: M.stack(l + 1), lit: ["dW1", l], explain: E.stack(l + 1, source(l)), make: (t, check) => stackStage(t, l, check) }]),
    ...up.map((l) => ({ title: M.update(l + 1), lit: ["step", l], make: (t, check) => updateStage(t, l, check),
      explain: (trace.constants.kind === "descent" ? E.descent : E.update)(l + 1) })),
    { title: M.result, explain: E.result, make: resultStage },
  ];
}

const source = (l) => (l === 0 ? "X" : `A${l}`);
const rowNames = (t) => t.rows.map((row) => M.ofRow(row));

function explainBackward(t, l) {
  const slope = writtenSlope(t.layers[l].activation, l + 1);
  if (l < t.layers.length - 1) return E.backward(l + 1, slope);
  if (t.layers[l].activation === "softmax") return E.softmax(l + 1);
  return t.loss_name === "binary_cross_entropy" ? E.canonical(l + 1, slope) : E.plain(l + 1);
}

function rowsStage(t) {
  return [matrix("X", t.X, { rows: rowNames(t), columns: state.problem.features }), matrix("Y", t.Y, { rows: rowNames(t) })];
}

function forwardStage(t, l) {
  const { A_prev, W, b, Z, A, activation } = t.layers[l];
  const n = l + 1;
  return [matrix(source(l), A_prev, { id: `A${l}`, rows: rowNames(t) }), sign("·"), matrix(`W${n}`, W, { id: `W${n}` }), sign("+"),
    matrix(`b${n}`, [b], { id: `b${n}` }), sign("="),
    matrix(`Z${n}`, Z, { id: `Z${n}`, rows: rowNames(t), cell: (i, j) => ["Z", l, i, j] }), sign("→"),
    matrix(`A${n} = ${activation.replace("_", " ")}(Z${n})`, A, { id: `A${n}`, rows: rowNames(t), cell: (i, j) => ["A", l, i, j] })];
}

function lossStage(t) {
  const n = t.layers.length;
  return [matrix(`A${n}`, t.layers[n - 1].A, { id: `A${n}`, rows: rowNames(t) }), matrix("Y", t.Y, { id: "Y", rows: rowNames(t) }), sign("→"),
    matrix(t.loss_name.replaceAll("_", " "), t.losses.map((v) => [v]), { id: "losses", rows: rowNames(t), cell: (i) => ["loss", i] }), sign("→"),
    matrix(M.mean, [[t.loss]], { cell: () => ["mean"] })];
}

function slopes(t, l) {
  const { Z, A, activation } = t.layers[l];
  return Z.map((row, i) => row.map((z, j) => slopeAt(activation, z, A[i][j])));
}

function backwardStage(t, l) {
  const here = t.layers[l], next = t.layers[l + 1];
  const n = l + 1, rows = rowNames(t);
  const delta = matrix(`delta${n} = dLoss/dZ${n}`, here.delta, { id: `delta${n}`, rows, cell: (i, j) => ["delta", l, i, j] });
  const slope = () => matrix(`${M.slope} ${writtenSlope(here.activation, n)}`, slopes(t, l), { id: `slope${n}`, rows, cell: (i, j) => ["slope", l, i, j] });
  if (next) {
    const back = here.delta.map((_, i) => next.W.map((w) => w.reduce((sum, v, k) => sum + next.delta[i][k] * v, 0)));
    return [matrix(`delta${n + 1}`, next.delta, { id: `delta${n + 1}`, rows }), sign("·"),
      matrix(`W${n + 1}ᵀ`, transposed(next.W), { id: `WT${n + 1}` }), sign("="),
      matrix(`dLoss/dA${n}`, back, { id: `back${n}`, rows, cell: (i, j) => ["back", l, i, j] }), sign("∘"), slope(), sign("="), delta];
  }
  const outputs = [matrix(`A${n}`, here.A, { id: `A${n}`, rows }), matrix("Y", t.Y, { id: "Y", rows }), sign("→")];
  if (t.loss_name === "binary_cross_entropy") {
    const lossSlope = here.A.map((row, i) => row.map((a, j) => finite((a - t.Y[i][j]) / (a * (1 - a)))));
    return [...outputs, matrix(M.lossSlope(n), lossSlope, { id: `lossSlope${n}`, rows, cell: (i, j) => ["lossSlope", l, i, j] }),
      sign("∘"), slope(), sign("="), delta];
  }
  if (!CANONICAL.includes(t.loss_name)) return [...outputs, delta];
  return [outputs[0], sign("−"), outputs[1], sign("="), delta];
}

const finite = (x) => (Number.isFinite(x) ? x : null);

/** Each row's gradient is a multiplication table: its inputs down the side, its deltas along the top. */
function stackStage(t, l, check) {
  const layer = t.layers[l];
  const n = l + 1;
  const stack = layer.dW_per_sample.map((dW, i) => h("div", { class: "of-row" },
    matrix(`dW${n}, ${M.ofRow(t.rows[i])}`, dW, { id: `dW1_${i}`, cell: (k, j) => ["dW1", l, i, k, j],
      corner: `${source(l)} × delta${n}`, rows: layer.A_prev[i].map((v) => short(v)), columns: layer.delta[i].map((v) => short(v)), headed: [`A_row${i}`, `delta_row${i}`] }),
    matrix(`db${n}`, [layer.db_per_sample[i]], { id: `db1_${i}`, cell: (_, j) => ["db1", l, i, j] })));
  return [h("div", { class: "stack" }, stack), sign("→"), h("div", { class: "of-row mean" },
    matrix(`${M.mean}: dW${n}`, layer.dW, { cell: (k, j) => ["dW", l, k, j], mark: worst(check, n, "W") }),
    matrix(`${M.mean}: db${n}`, [layer.db], { cell: (_, j) => ["db", l, j], mark: worst(check, n, "b") }))];
}

function updateStage(t, l, check) {
  const layer = t.layers[l];
  const n = l + 1;
  const plain = t.constants.kind === "descent";
  const part = (kind) => {
    const wrap = (m) => (kind === "W" ? m : [m]);
    const cell = (name) => (k, j) => [name, l, kind, k, j];
    const gradient = matrix(`d${kind}${n}`, wrap(kind === "W" ? layer.dW : layer.db), { id: `d${kind}`,
      cell: kind === "W" ? (k, j) => ["dW", l, k, j] : (_, j) => ["db", l, j], mark: worst(check, n, kind) });
    const old = matrix(`${M.old} ${kind}${n}`, wrap(layer[kind]), { id: `old${kind}` });
    const step = matrix(plain ? `${M.step} = − ${M.rate} × d${kind}${n}` : M.step, wrap(layer[`step_${kind}`]), { id: `step${kind}`, cell: cell("step") });
    const fresh = matrix(`${M.new} ${kind}${n}`, wrap(layer[`new_${kind}`]), { cell: cell("fresh") });
    if (plain) {
      const rate = h("span", { class: "sign" }, `− ${M.rate} ${short(t.learning_rate)} ${M.times}`);
      return h("div", { class: "row-of" }, old, rate, gradient, sign("="), fresh, step);
    }
    const averages = Object.entries(t.state).map(([name, layers]) => matrix(`${name.replace("_", " ")} ${kind}${n}`, wrap(layers[l][kind]), { id: `state${kind}` }));
    return h("div", { class: "row-of" }, averages, gradient, sign("→"), old, sign("+"), step, sign("="), fresh);
  };
  return [h("div", {}, part("W"), part("b"))];
}

function resultStage(t) {
  return [matrix(M.before, [[t.loss]], {}), sign("→"), matrix(M.after, [[t.new_loss]], {})];
}

const transposed = (m) => m[0].map((_, j) => m.map((row) => row[j]));
const sign = (text) => h("span", { class: "sign", "aria-hidden": "true" }, text);

/**
 * A matrix as a table. ``cell`` gives a number's formula, ``id`` its name for numbers that come from it;
 * ``headed`` are the names of the numbers at its side and top.
 */
function matrix(title, values, { id = null, rows = null, columns = null, corner = "", cell = null, mark = null, headed = [] } = {}) {
  const at = (name, i, j) => (name ? { "data-at": JSON.stringify([name, i, j]) } : {});
  const head = columns ? h("thead", {}, h("tr", {}, rows ? h("td", { class: "corner" }, corner) : null,
    columns.slice(0, COLUMNS).map((name, j) => h("th", { scope: "col", ...at(headed[1], 0, j) }, name)))) : null;
  const body = values.slice(0, ROWS).map((row, i) => h("tr", {}, rows ? h("th", { scope: "row", ...at(headed[0], i, 0) }, rows[i]) : null,
    row.slice(0, COLUMNS).map((value, j) => {
      const bad = mark && mark[mark.length - 1] === j && (mark.length === 1 || mark[0] === i);
      const formula = cell ? { "data-cell": JSON.stringify(cell(i, j)), tabindex: 0 } : {};
      return h("td", { class: `num${bad ? " worst" : ""}`, title: exact(value), "data-value": value === null ? "" : String(value), ...at(id, i, j), ...formula }, short(value));
    }), row.length > COLUMNS ? h("td", {}, "…") : null));
  return h("table", { class: "matrix" }, h("caption", {}, title), head, h("tbody", {}, body));
}
