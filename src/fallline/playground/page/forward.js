// The forward pass for one row, in the page itself: for drawn digits, and for the hidden layer's space.

import { offsets } from "./layout.js";

const erf = (x) => {  // Abramowitz and Stegun 7.1.26, to 1.5e-7: enough for a picture
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const y = 1 - ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t * Math.exp(-x * x);
  return x < 0 ? -y : y;
};
const sigmoid = (z) => 1 / (1 + Math.exp(-z));

const VALUE = {
  sigmoid, tanh: Math.tanh, relu: (z) => Math.max(z, 0), leaky_relu: (z) => (z > 0 ? z : 0.01 * z),
  elu: (z) => (z > 0 ? z : Math.expm1(z)), gelu: (z) => (z * (1 + erf(z / Math.SQRT2))) / 2, silu: (z) => z * sigmoid(z),
  softplus: (z) => (z > 30 ? z : Math.log1p(Math.exp(z))), identity: (z) => z, exp: Math.exp,
};

/** Whether the page knows every activation of a network. */
export const knows = (activations) => activations.every((name) => VALUE[name] || name === "softmax");

function softmax(Z) {
  const top = Math.max(...Z);
  const powers = Z.map((z) => Math.exp(z - top));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((p) => p / sum);
}

/** The activations of every layer for the row x, from the flat parameters theta. */
export function forward({ sizes, activations }, theta, x) {
  const starts = offsets(sizes);
  const layers = [];
  let A = Array.from(x);
  for (let l = 1; l < sizes.length; l++) {
    const n = sizes[l], W = starts[l - 1], b = W + sizes[l - 1] * n;
    const Z = Array.from({ length: n }, (_, j) => A.reduce((sum, a, i) => sum + a * theta[W + i * n + j], theta[b + j]));
    A = activations[l - 1] === "softmax" ? softmax(Z) : Z.map(VALUE[activations[l - 1]]);
    layers.push(A);
  }
  return layers;
}

const INPUT = {
  x1: ([a]) => a, x2: ([, b]) => b, "x1²": ([a]) => a * a, "x2²": ([, b]) => b * b, "x1 x2": ([a, b]) => a * b,
  "sin πx1": ([a]) => Math.sin(Math.PI * a), "sin πx2": ([, b]) => Math.sin(Math.PI * b),
};

/** The inputs of a network for a point, by their names. */
export const lifted = (features, point) => features.map((name) => INPUT[name](point));
