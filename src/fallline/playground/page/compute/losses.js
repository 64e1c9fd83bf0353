// Losses, each from the logits of a row, its delta = dLoss/dZ beside it.
//
// For the canonical pairs (sigmoid and softmax with cross-entropy, identity with squared error, exp
// with Poisson) the slope of the output activation cancels, and delta is A - Y. `value(Z, Y)` is the
// loss of one row, summed over its outputs; `at(X, I, Y)` the same for complex logits X + iI, of
// which the imaginary part is tiny. `seams` and `kinks` are those of the error a - y.

import { complexSoftplus, softplus } from "./activations.js";

const difference = (a, y) => a - y;
const sum = (terms) => terms.reduce((total, term) => total + term, 0);

/** A loss that is a sum over the outputs of terms(z, y), and complexTerms(x, i, y). */
const summed = (term, complexTerm) => ({
  value: (Z, Y) => {
    let total = 0;
    for (let k = 0; k < Z.length; k++) total += term(Z[k], Y[k]);
    return total;
  },
  at: (X, I, Y) => {
    let [real, imaginary] = [0, 0];
    for (let k = 0; k < X.length; k++) {
      const [a, b] = complexTerm(X[k], I[k], Y[k]);
      real += a;
      imaginary += b;
    }
    return [real, imaginary];
  },
});

const huberOf = (e) => (Math.abs(e) <= 1 ? 0.5 * e * e : Math.abs(e) - 0.5);

function crossEntropy(Z, Y) {
  const top = Z.indexOf(Math.max(...Z));
  const m = Z[top];
  let rest = 0;
  for (let k = 0; k < Z.length; k++) if (k !== top) rest += Math.exp(Z[k] - m);
  rest = Math.log1p(rest);
  let total = 0;
  for (let k = 0; k < Z.length; k++) if (Y[k] !== 0) total += Y[k] * (rest - (Z[k] - m));
  return total;
}

function complexCrossEntropy(X, I, Y) {
  const m = Math.max(...X);
  const powers = Array.from(X, (x, k) => [Math.exp(x - m), Math.exp(x - m) * I[k]]);
  const real = sum(powers.map(([a]) => a));
  const imaginary = sum(powers.map(([, b]) => b));
  const [log, turn] = [Math.log(real), imaginary / real];
  return [
    sum(Array.from(Y, (y, k) => y * (log - (X[k] - m)))),
    sum(Array.from(Y, (y, k) => y * (turn - I[k]))),
  ];
}

export const LOSSES = {
  binary_cross_entropy: {
    task: "binary",
    output: "sigmoid",
    delta: difference,
    range: [0, 1],
    ...summed(
      (z, y) => Math.max(z, 0) - y * z + softplus(-Math.abs(z)),
      (x, i, y) => {
        const [a, b] = x > 0 ? complexSoftplus(-x, -i) : complexSoftplus(x, i);
        return [(x > 0 ? x : 0) - y * x + a, (x > 0 ? i : 0) - y * i + b];
      },
    ),
  },
  cross_entropy: {
    task: "classes",
    output: "softmax",
    delta: difference,
    range: [0, 1],
    value: crossEntropy,
    at: complexCrossEntropy,
  },
  squared_error: {
    task: "numbers",
    output: "identity",
    delta: difference,
    ...summed(
      (z, y) => 0.5 * (z - y) ** 2,
      (x, i, y) => [0.5 * (x - y) ** 2, (x - y) * i],
    ),
  },
  absolute_error: {
    task: "numbers",
    output: "identity",
    delta: (a, y) => Math.sign(a - y),
    seams: [0],
    kinks: [0],
    ...summed(
      (z, y) => Math.abs(z - y),
      (x, i, y) => [Math.abs(x - y), x > y ? i : -i],
    ),
  },
  huber: {
    task: "numbers",
    output: "identity",
    delta: (a, y) => Math.max(-1, Math.min(1, a - y)),
    seams: [-1, 1],
    ...summed(
      (z, y) => huberOf(z - y),
      (x, i, y) => {
        const e = x - y;
        return [huberOf(e), Math.abs(e) <= 1 ? e * i : Math.sign(e) * i];
      },
    ),
  },
  poisson: {
    task: "numbers",
    output: "exp",
    delta: difference,
    range: [0, Infinity],
    ...summed(
      (z, y) => Math.exp(Math.min(z, 709)) - y * z + (y > 0 ? y * Math.log(y) : 0) - y,
      (x, i, y) => [
        Math.exp(Math.min(x, 709)) - y * x + (y > 0 ? y * Math.log(y) : 0) - y,
        Math.exp(Math.min(x, 709)) * i - y * i,
      ],
    ),
  },
};

/** The pinball loss of the q-quantile: Koenker and Bassett 1978, doi:10.2307/1913643. */
function quantile(q) {
  const slope = (e) => (e > 0 ? 1 - q : -q);
  return {
    task: "numbers",
    output: "identity",
    quantile: q,
    seams: [0],
    kinks: [0],
    delta: (a, y) => (a === y ? 0 : slope(a - y)),
    ...summed(
      (z, y) => slope(z - y) * (z - y),
      (x, i, y) => [slope(x - y) * (x - y), slope(x - y) * i],
    ),
  };
}

for (const [name, loss] of Object.entries(LOSSES)) {
  LOSSES[name] = { name, seams: [], kinks: [], range: [-Infinity, Infinity], ...loss };
}

/** The loss with this name; "quantile(0.9)" makes one; null for an unknown name. */
export function lossOf(name) {
  const made = /^quantile\(([0-9.e-]+)\)$/.exec(name);
  if (!made) return Object.hasOwn(LOSSES, name) ? LOSSES[name] : null;
  const q = Number(made[1]);
  return q > 0 && q < 1 ? { name, range: [-Infinity, Infinity], ...quantile(q) } : null;
}
