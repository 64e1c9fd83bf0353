// One step of gradient descent as the lesson writes it: forward, loss, backward, the gradient of each
// row, their mean, the update. The microscope and the gradient check use it; the engine is its
// compiled twin.

import { ACTIVATIONS } from "./activations.js";
import { Matrix, product, productWithTransposed } from "./matrix.js";

/** Z = A_prev @ W + b and A = f(Z), layer by layer. */
export function forward(network, X, theta = network.theta) {
  let A = X;
  return network.layers(theta).map(({ activation, W, b }, l) => {
    const A_prev = A;
    const Z = product(A_prev, W, b);
    A = network.activate(l, Z);
    return { activation, A_prev, W, b, Z, A };
  });
}

/** The loss of each row. */
export const lossesOf = (network, Z, Y) =>
  Float64Array.from({ length: Z.rows }, (_, i) => network.loss.value(Z.row(i), Y.row(i)));

export const mean = (values) => values.reduce((total, value) => total + value, 0) / values.length;

/** l2 / 2 sum W^2 + l1 sum |W|; biases are not penalised. */
export function penaltyOf(network, { l2, l1 }, theta = network.theta) {
  let [squares, sizes] = [0, 0];
  for (let i = 0; i < theta.length; i++) {
    const w = theta[i] * network.isWeight[i];
    squares += w * w;
    sizes += Math.abs(w);
  }
  return 0.5 * l2 * squares + l1 * sizes;
}

/** The penalty's slope: l2 W + l1 sign(W). */
export const penaltySlope = (network, { l2, l1 }) =>
  network.theta.map((value, i) => network.isWeight[i] * (l2 * value + l1 * Math.sign(value)));

/** delta = dLoss_i/dZ of every layer, from the last to the first, of each row's own loss. */
export function backward(network, layers, Y) {
  const last = layers[layers.length - 1];
  last.delta = new Matrix(
    Y.rows,
    Y.columns,
    last.A.values.map((a, i) => network.loss.delta(a, Y.values[i])),
  );
  for (let l = layers.length - 2; l >= 0; l--) {
    const here = layers[l];
    const above = layers[l + 1];
    const { slope } = ACTIVATIONS[here.activation];
    here.delta = productWithTransposed(above.delta, above.W); // dLoss/dA
    for (let i = 0; i < here.delta.values.length; i++)
      // dLoss/dZ = dLoss/dA * f'(Z)
      here.delta.values[i] *= slope(here.Z.values[i], here.A.values[i]);
  }
}

/** dW of one row = A_prev of the row, outer delta of the row; db = delta. */
export function gradientOfRow(network, layers, i) {
  const gradient = new Float64Array(network.nParameters);
  layers.forEach(({ A_prev, delta }, l) => {
    const { W, b, nIn, nOut } = network.places[l];
    const d = delta.row(i);
    for (let k = 0; k < nIn; k++)
      for (let j = 0; j < nOut; j++) gradient[W + k * nOut + j] = A_prev.at(i, k) * d[j];
    gradient.set(d, b);
  });
  return gradient;
}

/** The mean of the rows' gradients, and the penalty's slope. */
export function meanGradient(network, layers, penalty = { l2: 0, l1: 0 }) {
  const gradient = new Float64Array(network.nParameters);
  const n = layers[0].A_prev.rows;
  layers.forEach(({ A_prev, delta }, l) => {
    const { W, b, nIn, nOut } = network.places[l];
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < nOut; j++) {
        const d = delta.values[i * nOut + j] / n;
        gradient[b + j] += d;
        for (let k = 0, at = W + j; k < nIn; k++, at += nOut)
          gradient[at] += A_prev.values[i * nIn + k] * d;
      }
    }
  });
  if (penalty.l2 || penalty.l1)
    penaltySlope(network, penalty).forEach((slope, i) => {
      gradient[i] += slope;
    });
  return gradient;
}

/** Forward, backward, and the gradient of the mean loss of these rows. */
export function gradientOf(network, X, Y, penalty) {
  const layers = forward(network, X);
  backward(network, layers, Y);
  return { layers, gradient: meanGradient(network, layers, penalty) };
}
