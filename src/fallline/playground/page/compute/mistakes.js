// Gradients with a deliberate mistake, as made by people who forget one thing. The gradient check and the
// page's tasks use them. Each changes a correct backward pass.

import { Matrix, productWithTransposed } from "./matrix.js";
import { backward, forward, meanGradient, penaltySlope } from "./steps.js";

const last = (layers) => layers[layers.length - 1];

/** The same layers with another A_prev under their dW; db stays the mean of delta. */
const below = (layers, pick) => layers.map((layer, l) => ({ ...layer, A_prev: pick(layer, l) }));

/** W of a layer, or all of it, times a factor. */
function scaled(network, gradient, factor, { from = 0, to = network.places.length, biases = true } = {}) {
  for (const { W, b, nOut } of network.places.slice(from, to))
    for (let i = W; i < (biases ? b + nOut : b); i++) gradient[i] *= factor;
  return gradient;
}

const MISTAKES = {
  /** The lesson's: the slope instead of the activation in the output layer, means over n + 1 slices. */
  published(network, layers) {
    const n = layers[0].A_prev.rows;
    const slope = (A) =>
      new Matrix(
        A.rows,
        A.columns,
        A.values.map((a) => a * (1 - a)),
      );
    const turned = below(layers, (layer, l) =>
      l > 0 && layer === last(layers) ? slope(layer.A_prev) : layer.A_prev,
    );
    return scaled(network, meanGradient(network, turned), n / (n + 1), { biases: false });
  },
  /** Sums over the rows of the batch, not means. */
  sum: (network, layers) => scaled(network, meanGradient(network, layers), layers[0].A_prev.rows),
  /** The chain rule without the factor f'(Z) of the hidden layers. */
  no_slope(network, layers) {
    for (let l = layers.length - 2; l >= 0; l--)
      layers[l].delta = productWithTransposed(layers[l + 1].delta, layers[l + 1].W);
    return meanGradient(network, layers);
  },
  /** dW of a layer from the Z of the layer before, not from its A. */
  z_for_a: (network, layers) =>
    meanGradient(
      network,
      below(layers, (layer, l) => (l ? layers[l - 1].Z : layer.A_prev)),
    ),
  /** The biases are never trained. */
  no_bias(network, layers) {
    const gradient = meanGradient(network, layers);
    for (const { b, nOut } of network.places) gradient.fill(0, b, b + nOut);
    return gradient;
  },
  /** Layer 1 has the opposite sign. */
  sign: (network, layers) => scaled(network, meanGradient(network, layers), -1, { to: 1 }),
};

export const GRADIENTS = ["right", ...Object.keys(MISTAKES)];

/** The gradient of the mean loss of these rows with a mistake, and the penalty's slope. */
export function spoilt(kind, network, X, Y, penalty) {
  const layers = forward(network, X);
  backward(network, layers, Y);
  const gradient = MISTAKES[kind](network, layers);
  if (penalty.l2 || penalty.l1)
    penaltySlope(network, penalty).forEach((slope, i) => {
      gradient[i] += slope;
    });
  return gradient;
}
