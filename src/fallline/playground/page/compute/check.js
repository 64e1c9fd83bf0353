// The gradient check: backpropagation against a derivative computed without it, like `fl.check_gradients`.
//
// * complex step: Im L(theta + i h e_j) / h with h = 1e-30, exact to rounding; Squire and Trapp 1998,
//   doi:10.1137/S003614459631241X, eq. 6;
// * central differences over five points, with an error of order h^4; Abramowitz and Stegun 1964,
//   table 25.2.
//
// A parameter is left out, and counted, if the difference would straddle a seam of two formulas.

import { ACTIVATIONS } from "./activations.js";
import { PageError, shown } from "./errors.js";
import { Generator } from "./random.js";
import { forward, gradientOf, lossesOf, mean, penaltyOf } from "./steps.js";

const COMPLEX_STEP = 1e-30;
const DIFFERENCE_STEP = 1e-3;
const TOLERANCE = { complex_step: 1e-10, central: 1e-6 };
const ROWS_CHECKED = 200;
const PARAMETERS_CHECKED = 400;

/** The gradient in use against numeric derivatives, on the first training rows. */
export function checkGradients(descent, method) {
  if (!(method in TOLERANCE))
    throw new PageError(`method must be complex_step or central, not ${shown(method)}`);
  const { network, penalty } = descent;
  const X = descent.rows.X.first(ROWS_CHECKED);
  const Y = descent.rows.Y.first(ROWS_CHECKED);
  const everything = Int32Array.from({ length: X.rows }, (_, i) => i);
  const analytic = descent.spoilt
    ? descent.spoiltGradient(everything)
    : gradientOf(network, X, Y, penalty).gradient;
  const chosen = new Generator(0).permutation(network.nParameters).slice(0, PARAMETERS_CHECKED);
  const derivative = method === "complex_step" ? complexStep : centralDifference;
  const numeric = new Float64Array(network.nParameters).fill(NaN);
  const asked = new Set(chosen);
  for (const j of asked) numeric[j] = derivative(network, X, Y, penalty, j);
  const parts = compared(network, analytic, numeric, asked, TOLERANCE[method]);
  const worst = parts.reduce((a, b) => (b.error > a.error ? b : a));
  return {
    passed: parts.every((part) => part.passed),
    tolerance: TOLERANCE[method],
    error: worst.error,
    worst,
    parts,
    rows: X.rows,
  };
}

/** Whether the difference straddles L1's kink at 0. */
const atZero = (network, penalty, j, reach) =>
  penalty.l1 > 0 && network.isWeight[j] && Math.abs(network.theta[j]) <= reach;

// ---- the complex step

/** Im L(theta + i h e_j) / h; NaN if a pre-activation that depends on it sits on a kink. */
function complexStep(network, X, Y, penalty, j) {
  if (atZero(network, penalty, j, 0)) return NaN;
  let loss = 0;
  for (let i = 0; i < X.rows; i++) {
    const row = complexRow(network, X.row(i), Y.row(i), j);
    if (Number.isNaN(row)) return NaN;
    loss += row / X.rows;
  }
  const w = network.theta[j] * network.isWeight[j];
  return loss + penalty.l2 * w + penalty.l1 * Math.sign(w); // Im of l2/2 w^2 + l1 |w|
}

/** One row's Im loss / h. */
function complexRow(network, x, y, j) {
  let [real, imaginary] = [Array.from(x), Array(x.length).fill(0)];
  for (const [l, { nIn, nOut, W, b }] of network.places.entries()) {
    const [Z, I] = [Array.from(network.theta.subarray(b, b + nOut)), Array(nOut).fill(0)];
    for (let k = 0; k < nIn; k++) {
      for (let o = 0; o < nOut; o++) {
        const w = network.theta[W + k * nOut + o];
        Z[o] += real[k] * w;
        I[o] += imaginary[k] * w;
      }
    }
    if (j >= b && j < b + nOut) I[j - b] += COMPLEX_STEP;
    if (j >= W && j < b) I[(j - W) % nOut] += real[Math.floor((j - W) / nOut)] * COMPLEX_STEP;
    if (l === network.hidden.length) {
      const onKink = network.loss.kinks.some((kink) => Z.some((z, o) => z - y[o] === kink && I[o] !== 0));
      return onKink ? NaN : network.loss.at(Z, I, y)[1] / COMPLEX_STEP;
    }
    const { at, kinks } = ACTIVATIONS[network.hidden[l]];
    if (kinks.some((kink) => Z.some((z, o) => z === kink && I[o] !== 0))) return NaN;
    const A = Z.map((z, o) => at(z, I[o]));
    [real, imaginary] = [A.map(([a]) => a), A.map(([, a]) => a)];
  }
  return NaN;
}

// ---- finite differences

function centralDifference(network, X, Y, penalty, j) {
  for (const h of [DIFFERENCE_STEP, DIFFERENCE_STEP / 1000]) {
    if (atZero(network, penalty, j, 2 * h)) continue;
    const points = [-2, -1, 1, 2].map((k) => moved(network, X, Y, penalty, j, k * h));
    if (points.every(({ sides }) => sides === points[0].sides)) {
      const [low2, low, high, high2] = points.map(({ loss }) => loss);
      return (8 * (high - low) - (high2 - low2)) / (12 * h);
    }
  }
  return NaN;
}

/** The loss with one parameter moved, and on which side of every seam each number lies. */
function moved(network, X, Y, penalty, j, by) {
  const theta = network.theta.slice();
  theta[j] += by;
  const layers = forward(network, X, theta);
  const { Z } = layers.at(-1);
  const loss = mean(lossesOf(network, Z, Y)) + penaltyOf(network, penalty, theta);
  const sides = [];
  for (const [l, name] of network.hidden.entries())
    for (const seam of ACTIVATIONS[name].seams)
      sides.push(...layers[l].Z.values.map((z) => Math.sign(z - seam)));
  for (const seam of network.loss.seams)
    sides.push(...Z.values.map((z, i) => Math.sign(z - Y.values[i] - seam)));
  return { loss, sides: sides.join() };
}

// ---- the comparison

/** One verdict for each W and each b. */
function compared(network, analytic, numeric, chosen, limit) {
  const usable = (j) => chosen.has(j) && !Number.isNaN(numeric[j]);
  const scale = numeric.reduce((most, value) => (Math.abs(value) > most ? Math.abs(value) : most), 0);
  const floor = Math.max(1e-3 * scale, Number.MIN_VALUE * 2 ** 52);
  const errorAt = (j) => {
    if (!usable(j)) return -1;
    const error =
      Math.abs(analytic[j] - numeric[j]) / Math.max(Math.abs(analytic[j]), Math.abs(numeric[j]), floor);
    return Number.isNaN(error) ? Infinity : error;
  };
  const part = (layer, kind, from, to, nOut) => {
    const all = Array.from({ length: to - from }, (_, k) => from + k);
    const used = all.filter(usable);
    const worst = all.reduce((best, j) => (errorAt(j) > errorAt(best) ? j : best), from);
    const at = worst - from;
    return {
      layer,
      kind,
      index: kind === "W" ? [Math.floor(at / nOut), at % nOut] : [at],
      error: Math.max(errorAt(worst), 0),
      analytic: analytic[worst],
      numeric: numeric[worst],
      ratio: commonRatio(
        used.map((j) => analytic[j]),
        used.map((j) => numeric[j]),
      ),
      checked: used.length,
      at_kink: all.filter((j) => chosen.has(j)).length - used.length,
      passed: errorAt(worst) <= limit,
    };
  };
  return network.places.flatMap(({ W, b, nOut }, l) => [
    part(l + 1, "W", W, b, nOut),
    part(l + 1, "b", b, b + nOut, nOut),
  ]);
}

/** analytic / numeric, if it is the same for all entries to six digits, and not 1. */
function commonRatio(analytic, numeric) {
  const most = Math.max(0, ...numeric.map(Math.abs));
  const solid = numeric.map((value) => Math.abs(value) > 1e-8 * most);
  if (solid.filter(Boolean).length < 2 || analytic.some((value, i) => !solid[i] && Math.abs(value) > 1e-8))
    return null;
  const ratios = analytic.map((value, i) => value / numeric[i]).filter((_, i) => solid[i]);
  const sorted = [...ratios].sort((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  const middle = sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  const same = ratios.every((ratio) => Math.abs(ratio - middle) <= 1e-6 * Math.abs(middle));
  return same && Math.abs(middle - 1) > 1e-6 ? middle : null;
}
