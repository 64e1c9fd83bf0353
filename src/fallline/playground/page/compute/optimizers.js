// Optimisers: an initial state and an update of theta, as in Fallline's core/optimizers.py.
//
// `update(theta, gradient, state, step, rate, isWeight)` moves theta in place and overwrites the
// gradient with the change. `code` is the optimiser's number in the engine (records.js), `hyperparameters`
// its five numbers there, `states` the names of its two state vectors.

import { OPTIMIZERS as CODES } from "./records.js";
import { SCHEDULES } from "./schedules.js";

const BETA_1 = 0.9;
const BETA_2 = 0.999;
const DECAY = 0.9;
const EPSILON = 1e-8;
const WEIGHT_DECAY = 0.01;

/** v <- mu v - eta g; theta <- theta + v, or with Nesterov's look-ahead theta + mu v - eta g. */
function momentum(mu, nesterov) {
  return (theta, gradient, { velocity }, step, rate) => {
    for (let i = 0; i < theta.length; i++) {
      const change = -rate * gradient[i];
      velocity[i] = mu * velocity[i] + change;
      gradient[i] = nesterov ? change + mu * velocity[i] : velocity[i];
      theta[i] += gradient[i];
    }
  };
}

/** theta <- theta - eta g. */
function descend(theta, gradient, state, step, rate) {
  for (let i = 0; i < theta.length; i++) {
    gradient[i] *= -rate;
    theta[i] += gradient[i];
  }
}

/** s <- rho s + (1 - rho) g^2; theta <- theta - eta g / (sqrt(s) + epsilon). */
function rmsprop(theta, gradient, { mean_square: s }, step, rate) {
  for (let i = 0; i < theta.length; i++) {
    s[i] = DECAY * s[i] + (1 - DECAY) * gradient[i] ** 2;
    gradient[i] = (-rate * gradient[i]) / (Math.sqrt(s[i]) + EPSILON);
    theta[i] += gradient[i];
  }
}

/** Adam; with a decay, AdamW: theta <- theta - eta (mHat / (sqrt(vHat) + epsilon) + decay theta). */
function adam(decay) {
  return (theta, gradient, { mean: m, mean_square: v }, step, rate, isWeight) => {
    const t = step + 1;
    const correction = 1 / Math.sqrt(1 - BETA_2 ** t);
    const size = -rate / (1 - BETA_1 ** t);
    for (let i = 0; i < theta.length; i++) {
      const g = gradient[i];
      const shrink = -rate * decay * isWeight[i] * theta[i];
      m[i] = BETA_1 * m[i] + (1 - BETA_1) * g;
      v[i] = BETA_2 * v[i] + (1 - BETA_2) * g * g;
      gradient[i] = (m[i] / (Math.sqrt(v[i]) * correction + EPSILON)) * size + shrink;
      theta[i] += gradient[i];
    }
  };
}

/** The optimiser that a training setup names, for a run of ``steps`` steps. */
export function makeOptimizer(training, steps) {
  const { optimizer, learning_rate: rate, momentum: mu, schedule } = training;
  const plain = !["rmsprop", "adam", "adamw"].includes(optimizer);
  const still = plain && (optimizer === "gradient_descent" || mu === 0);
  const decay = optimizer === "adamw" ? WEIGHT_DECAY : 0;
  const kind = {
    rmsprop: { states: ["", "mean_square"], hyperparameters: [DECAY, EPSILON], update: rmsprop },
    adam: {
      states: ["mean", "mean_square"],
      hyperparameters: [BETA_1, BETA_2, EPSILON, decay],
      update: adam(decay),
    },
    still: { states: ["", ""], hyperparameters: [], update: descend },
    moving: {
      states: ["velocity", ""],
      hyperparameters: [mu],
      update: momentum(mu, optimizer === "nesterov"),
    },
  }[plain ? (still ? "still" : "moving") : optimizer.replace("adamw", "adam")];
  const name = still ? "descent" : optimizer;
  return {
    ...kind,
    name,
    code: CODES.indexOf(name),
    constant: schedule === "constant",
    rate: SCHEDULES[schedule](rate, Math.max(steps, 1)),
    constants: constantsOf(name, still ? 0 : mu, decay),
    init: (length) =>
      Object.fromEntries(kind.states.filter(Boolean).map((state) => [state, new Float64Array(length)])),
  };
}

/** The numbers in the optimiser's formula, as the microscope shows them. */
function constantsOf(name, mu, decay) {
  if (name === "rmsprop") return { kind: name, decay: DECAY, epsilon: EPSILON };
  if (name.startsWith("adam")) {
    return {
      kind: "adam",
      beta_1: BETA_1,
      beta_2: BETA_2,
      epsilon: EPSILON,
      ...(decay ? { weight_decay: decay } : {}),
    };
  }
  return { kind: mu > 0 ? "momentum" : "descent", momentum: mu, nesterov: name === "nesterov" };
}
