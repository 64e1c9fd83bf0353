// The formula behind each number of the microscope, with the numbers put in.

import { exact } from "./dom.js";
import { slopeAt } from "./slopes.js";
import { T } from "./text.js";

const F = T.formulas;

const row = (t, i) => t.rows[i];  // from 0, as Python counts
const signed = (x) => (x < 0 ? `(${exact(x)})` : exact(x));
const MOST_TERMS = 8;

function sum(terms) {
  if (terms.length <= MOST_TERMS) return terms.join(" + ");
  return `${terms.slice(0, MOST_TERMS - 2).join(" + ")} + … + ${terms[terms.length - 1]}`;
}

const VALUE = {
  sigmoid: (z) => `1 / (1 + e^(−${signed(z)}))`,
  tanh: (z) => `tanh ${signed(z)}`,
  relu: (z) => `max(${exact(z)}, 0)`,
  leaky_relu: (z) => (z > 0 ? F.above(exact(z)) : `0.01 · ${signed(z)}`),
  elu: (z) => (z > 0 ? F.above(exact(z)) : `e^${signed(z)} − 1`),
  gelu: (z) => `${signed(z)} · Φ(${exact(z)})`,
  silu: (z) => `${signed(z)} / (1 + e^(−${signed(z)}))`,
  softplus: (z) => `log(1 + e^${signed(z)})`,
  identity: (z) => exact(z),
  exp: (z) => `e^${signed(z)}`,
};

const SLOPE = {
  sigmoid: (z, a) => `${exact(a)} · (1 − ${exact(a)})`,
  tanh: (z, a) => `(1 − ${signed(a)}²)`,
  relu: (z) => (z > 0 ? "1" : "0"),
  leaky_relu: (z) => (z > 0 ? "1" : "0.01"),
  elu: (z, a) => (z > 0 ? "1" : `(${exact(a)} + 1)`),
  identity: () => "1",
};

const slope = (name, z, a) => (SLOPE[name] ? SLOPE[name](z, a) : `${name}′(${exact(z)})`);

const LOSS = {
  binary_cross_entropy: (y, a) => `−(${y[0]} · log ${exact(a[0])} + (1 − ${y[0]}) · log(1 − ${exact(a[0])}))`,
  cross_entropy: (y, a) => F.share(exact(a[y.indexOf(Math.max(...y))])),
  squared_error: (y, a) => sum(a.map((v, k) => `(${exact(v)} − ${signed(y[k])})² / 2`)),
  absolute_error: (y, a) => sum(a.map((v, k) => `|${exact(v)} − ${signed(y[k])}|`)),
  huber: (y, a) => sum(a.map((v, k) => `Huber(${exact(v)} − ${signed(y[k])})`)),
};

const OUTPUT_DELTA = {
  binary_cross_entropy: (a, y) => `${exact(a)} − ${signed(y)}`,
  cross_entropy: (a, y) => `${exact(a)} − ${signed(y)}`,
  squared_error: (a, y) => `${exact(a)} − ${signed(y)}`,
  poisson: (a, y) => `${exact(a)} − ${signed(y)}`,
  absolute_error: (a, y) => `sign(${exact(a)} − ${signed(y)})`,
  huber: (a, y) => `clip(${exact(a)} − ${signed(y)}, −1, 1)`,
};

export const formulas = {
  Z: (t, l, i, j) => {
    const { A_prev: A, W, b, Z } = t.layers[l];
    const terms = A[i].map((a, k) => `${exact(a)} · ${signed(W[k][j])}`);
    return [`Z${l + 1}[${row(t, i)}, ${j}] = Σ ${l ? `A${l}` : "X"} · W${l + 1} + b${l + 1}`, `${sum([...terms, signed(b[j])])} = ${exact(Z[i][j])}`];
  },
  A: (t, l, i, j) => {
    const { activation, Z, A } = t.layers[l];
    if (activation === "softmax")
      return [`A${l + 1}[${row(t, i)}, ${j}] = softmax(Z${l + 1})`, `e^${signed(Z[i][j])} / (${sum(Z[i].map((z) => `e^${signed(z)}`))}) = ${exact(A[i][j])}`];
    return [`A${l + 1}[${row(t, i)}, ${j}] = ${activation}(Z${l + 1})`, `${(VALUE[activation] || ((z) => `${activation}(${exact(z)})`))(Z[i][j])} = ${exact(A[i][j])}`];
  },
  loss: (t, i) => [F.ofRow(row(t, i), t.loss_name.replaceAll("_", " ")),
    `${(LOSS[t.loss_name] || F.lossOf)(t.Y[i], t.layers[t.layers.length - 1].A[i])} = ${exact(t.losses[i])}`],
  mean: (t) => {
    const terms = t.losses.map((v) => exact(v));
    const more = t.n_rows > t.losses.length ? " + …" : "";
    const penalty = ["l2", "l1"].filter((k) => t[k]).map((k) => ` + ${F.penalties[k](exact(t[k]))}`).join("");
    return [F.meanLoss, `(${sum(terms)}${more}) / ${t.n_rows}${penalty} = ${exact(t.loss)}`];
  },
  delta: (t, l, i, j) => {
    const here = t.layers[l], next = t.layers[l + 1];
    if (!next) {
      const { A } = here;
      const text = (OUTPUT_DELTA[t.loss_name] || ((a, y) => F.slopeOfLoss(exact(a), exact(y))))(A[i][j], t.Y[i][j]);
      return [F.delta, `${text} = ${exact(here.delta[i][j])}`];
    }
    const terms = next.delta[i].map((d, k) => `${exact(d)} · ${signed(next.W[j][k])}`);
    return [`delta${l + 1}[${row(t, i)}, ${j}] = (Σ delta${l + 2} · W${l + 2}ᵀ) · ${here.activation}′(Z${l + 1})`,
      `(${sum(terms)}) · ${slope(here.activation, here.Z[i][j], here.A[i][j])} = ${exact(here.delta[i][j])}`];
  },
  lossSlope: (t, l, i, j) => {
    const [a, y] = [t.layers[l].A[i][j], t.Y[i][j]];
    return [F.back, `(${exact(a)} − ${signed(y)}) / (${exact(a)} · (1 − ${exact(a)})) = ${exact((a - y) / (a * (1 - a)))}`];
  },
  slope: (t, l, i, j) => {
    const { activation, Z, A } = t.layers[l];
    return [F.slope, `${slope(activation, Z[i][j], A[i][j])} = ${exact(slopeAt(activation, Z[i][j], A[i][j]))}`];
  },
  back: (t, l, i, j) => {
    const next = t.layers[l + 1];
    const terms = next.delta[i].map((d, k) => `${exact(d)} · ${signed(next.W[j][k])}`);
    return [`dLoss/dA${l + 1}[${row(t, i)}, ${j}] = Σ delta${l + 2} · W${l + 2}ᵀ`,
      `${sum(terms)} = ${exact(next.delta[i].reduce((total, d, k) => total + d * next.W[j][k], 0))}`];
  },
  dW1: (t, l, i, k, j) => {
    const { A_prev: A, delta, W, dW_per_sample: G } = t.layers[l];
    const penalty = (t.l2 ? ` + ${exact(t.l2)} · ${signed(W[k][j])}` : "")
      + (t.l1 ? ` + ${exact(t.l1)} · ${Math.sign(W[k][j]) < 0 ? "(−1)" : Math.sign(W[k][j])}` : "");
    return [F.weightOfRow(`dW${l + 1}[${k}, ${j}]`, `${l ? `A${l}` : "X"}[${row(t, i)}, ${k}]`, `delta${l + 1}[${row(t, i)}, ${j}]`, row(t, i)), `${exact(A[i][k])} · ${signed(delta[i][j])}${penalty} = ${exact(G[i][k][j])}`];
  },
  db1: (t, l, i, j) => [F.biasOfRow(`db${l + 1}[${j}]`, row(t, i)), `${exact(t.layers[l].delta[i][j])} = ${exact(t.layers[l].db_per_sample[i][j])}`],
  dW: (t, l, k, j) => mean(t, `dW${l + 1}[${k}, ${j}]`, t.layers[l].dW_per_sample.map((g) => g[k][j]), t.layers[l].dW[k][j]),
  db: (t, l, j) => mean(t, `db${l + 1}[${j}]`, t.layers[l].db_per_sample.map((g) => g[j]), t.layers[l].db[j]),
  step: (t, l, kind, k, j) => {
    const pick = (m) => (kind === "W" ? m[k][j] : m[j]);
    const layer = t.layers[l];
    const [g, step, old] = [pick(kind === "W" ? layer.dW : layer.db), pick(kind === "W" ? layer.step_W : layer.step_b), pick(layer[kind])];
    const kept = Object.fromEntries(Object.entries(t.state).map(([name, layers]) => [name, pick(layers[l][kind])]));
    return optimizerLines(t, g, step, old, kept, kind);
  },
  fresh: (t, l, kind, k, j) => {
    const pick = (m) => (kind === "W" ? m[k][j] : m[j]);
    const layer = t.layers[l];
    const [old, step, fresh] = [pick(layer[kind]), pick(layer[`step_${kind}`]), pick(layer[`new_${kind}`])];
    if (t.constants.kind === "descent") {
      const g = pick(kind === "W" ? layer.dW : layer.db);
      return [F.updatedPlain, `${exact(old)} − ${exact(t.learning_rate)} · ${signed(g)} = ${exact(fresh)}`];
    }
    return [F.updated, `${exact(old)} + ${signed(step)} = ${exact(fresh)}`];
  },
};

function mean(t, name, terms, result) {
  const more = t.n_rows > terms.length ? " + …" : "";
  const average = terms.reduce((a, b) => a + b, 0) / terms.length;
  const other = t.n_rows === terms.length && Math.abs(average - result) > 1e-9 * Math.max(1e-6, Math.abs(average), Math.abs(result));
  return [`${name} = ${other ? F.other : F.mean}`, `(${sum(terms.map(exact))}${more}) / ${t.n_rows} ${other ? "≠" : "="} ${exact(result)}`];
}

/** The optimiser's own formula, term by term. */
function optimizerLines(t, g, step, old, kept, kind) {
  const { constants: c, learning_rate: eta, step: taken } = t;
  const end = (text) => `${text} = ${exact(step)}`;
  if (c.kind === "descent") return ["step = −η · gradient", end(`−${exact(eta)} · ${signed(g)}`)];
  if (c.kind === "momentum") {
    const v = c.momentum * kept.velocity - eta * g;
    const first = `v = ${c.momentum} · ${signed(kept.velocity)} − ${exact(eta)} · ${signed(g)} = ${exact(v)}`;
    return c.nesterov
      ? ["v ← μ v − η · gradient, step = μ v − η · gradient", first, end(`${c.momentum} · ${signed(v)} − ${exact(eta)} · ${signed(g)}`)]
      : ["v ← μ v − η · gradient, step = v", first, end(F.step)];
  }
  if (c.kind === "rmsprop") {
    const s = c.decay * kept.mean_square + (1 - c.decay) * g * g;
    return ["s ← ρ s + (1 − ρ) g², step = −η g / (√s + ε)",
      `s = ${c.decay} · ${exact(kept.mean_square)} + ${exact(1 - c.decay)} · ${signed(g)}² = ${exact(s)}`,
      end(`−${exact(eta)} · ${signed(g)} / (√${exact(s)} + ${c.epsilon})`)];
  }
  const m = c.beta_1 * kept.mean + (1 - c.beta_1) * g;
  const v = c.beta_2 * kept.mean_square + (1 - c.beta_2) * g * g;
  const u = taken + 1;
  const [mh, vh] = [m / (1 - c.beta_1 ** u), v / (1 - c.beta_2 ** u)];
  const decays = c.weight_decay && kind === "W" ? ` − ${exact(eta)} · ${c.weight_decay} · ${signed(old)}` : "";
  return ["m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², step = −η m̂ / (√v̂ + ε)",
    `m = ${c.beta_1} · ${signed(kept.mean)} + ${exact(1 - c.beta_1)} · ${signed(g)} = ${exact(m)};  m̂ = m / (1 − ${c.beta_1}^${u}) = ${exact(mh)}`,
    `v = ${c.beta_2} · ${exact(kept.mean_square)} + ${exact(1 - c.beta_2)} · ${signed(g)}² = ${exact(v)};  v̂ = v / (1 − ${c.beta_2}^${u}) = ${exact(vh)}`,
    end(`−${exact(eta)} · ${signed(mh)} / (√${exact(vh)} + ${c.epsilon})${decays}`)];
}
