// The next update, number by number, like `fl.trace` in Python.

import { PageError, shown } from "./errors.js";
import {
  forward,
  backward,
  gradientOfRow,
  lossesOf,
  mean,
  meanGradient,
  penaltyOf,
  penaltySlope,
} from "./steps.js";

const ROWS_SHOWN = 12;
const MOST_SHOWN = 40_000; // numbers in a stack of per-row gradients
const MOST_TRACED = 4_000_000;

/** The next update of a descent, on one sample or one batch, with the first of its rows. */
export function nextUpdate(descent, kind) {
  if (!["sample", "batch"].includes(kind))
    throw new PageError(`the microscope shows one sample or one batch, not ${shown(kind)}`);
  const numbers = descent.nextRows(kind);
  const { network, optimizer, penalty, steps } = descent;
  if (numbers.length * network.nParameters > MOST_TRACED) {
    throw new PageError(
      `a batch of ${numbers.length.toLocaleString("en")} rows has too many per-row gradients to show; choose one sample, ` +
        "or a smaller batch size",
    );
  }
  const X = descent.rows.X.take(numbers);
  const Y = descent.rows.Y.take(numbers);
  const { training } = descent.setup;
  const layers = forward(network, X);
  backward(network, layers, Y);
  const gradient = descent.spoilt
    ? descent.spoiltGradient(numbers)
    : meanGradient(network, layers, penalty);
  const theta = network.theta.slice();
  const change = gradient.slice();
  const state = copied(descent.state);
  optimizer.update(theta, change, state, steps, optimizer.rate(steps), network.isWeight);
  const losses = lossesOf(network, layers.at(-1).Z, Y);
  const after =
    mean(lossesOf(network, forward(network, X, theta).at(-1).Z, Y)) + penaltyOf(network, penalty, theta);
  const most = Math.max(1, Math.min(ROWS_SHOWN, Math.floor(MOST_SHOWN / network.nParameters)));
  return {
    X: X.first(most).lists(),
    Y: Y.first(most).lists(),
    shares: Array(Math.min(most, X.rows)).fill(1 / X.rows),
    losses: Array.from(losses.slice(0, most)),
    loss: mean(losses) + penaltyOf(network, penalty),
    new_loss: after,
    ...penalty,
    dropout: training.dropout,
    loss_name: network.loss.name,
    optimizer: optimizer.name,
    learning_rate: optimizer.rate(steps),
    layers: layersShown(network, layers, { gradient, change, theta }, penalty, most),
    rows: Array.from(numbers.slice(0, most)),
    n_rows: X.rows,
    kind,
    step: steps,
    gradient: training.gradient,
    state: stateTerms(descent),
    constants: optimizer.constants,
  };
}

const copied = (state) =>
  Object.fromEntries(Object.entries(state).map(([name, values]) => [name, values.slice()]));

/** Each layer's numbers; the per-row gradients include the penalty's slope, like the mean. */
function layersShown(network, layers, { gradient, change, theta }, penalty, most) {
  const slope = penaltySlope(network, penalty);
  const rows = Math.min(most, layers[0].Z.rows);
  const stack = Array.from({ length: rows }, (_, i) =>
    network.layers(gradientOfRow(network, layers, i).map((g, j) => g + slope[j])),
  );
  const [means, steps, fresh] = [gradient, change, theta].map((vector) => network.layers(vector));
  return layers.map(({ activation, A_prev, W, b, Z, A, delta }, l) => ({
    layer: l + 1,
    activation,
    A_prev: A_prev.first(most).lists(),
    W: W.lists(),
    b: Array.from(b),
    Z: Z.first(most).lists(),
    A: A.first(most).lists(),
    delta: delta.first(most).lists(),
    dW_per_sample: stack.map((own) => own[l].W.lists()),
    db_per_sample: stack.map((own) => Array.from(own[l].b)),
    dW: means[l].W.lists(),
    db: Array.from(means[l].b),
    step_W: steps[l].W.lists(),
    step_b: Array.from(steps[l].b),
    new_W: fresh[l].W.lists(),
    new_b: Array.from(fresh[l].b),
  }));
}

/** The optimiser's averages before the update, layer by layer. */
const stateTerms = ({ network, state }) =>
  Object.fromEntries(
    Object.entries(state).map(([name, values]) => [
      name,
      network.layers(values).map(({ W, b }) => ({ W: W.lists(), b: Array.from(b) })),
    ]),
  );
