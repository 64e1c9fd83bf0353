// What suits a data set: the network and the training it starts with, and the usual learning rates.

export const SIZED = ["circles", "moons", "spirals", "gaussians", "plane", "bump"];
export const LOGIC = ["and", "or", "xor"];
const VIEWS = { truth_table: [0, 2], iris: [2, 3], digits: [27, 36] };
export const FIRST_POINTS = [[-0.8, -0.8, 0], [0.8, 0.8, 0], [-0.8, 0.8, 1], [0.8, -0.8, 1]];

// hidden layers, activation, initial weights, optimiser, batch size, epochs; then the usual rates
// of plain descent and of Adam, from which those of the other optimisers follow
const HINTS = {
  truth_table: { hidden: [2], activation: "sigmoid", init: "uniform", optimizer: "gradient_descent", batch: 0, epochs: 20000, descent: 1.6, adam: 0.02 },
  logic: { hidden: [2], activation: "tanh", optimizer: "gradient_descent", batch: 0, epochs: 2000, descent: 0.5, adam: 0.02 },
  xor: { hidden: [4], activation: "tanh", optimizer: "gradient_descent", batch: 0, epochs: 2000, descent: 0.5, adam: 0.02 },
  plain: { hidden: [6], activation: "tanh", optimizer: "adam", batch: 16, epochs: 100, descent: 0.3, adam: 0.03 },
  digits: { hidden: [32], activation: "relu", optimizer: "adam", batch: 32, epochs: 30, descent: 0.1, adam: 0.005 },
  hard: { hidden: [8, 8], activation: "tanh", optimizer: "adam", batch: 16, epochs: 300, descent: 0.2, adam: 0.02 },
  table: { hidden: [8], activation: "tanh", optimizer: "adam", batch: 32, epochs: 50, descent: 0.1, adam: 0.01 },
};

function hintFor(kind) {
  if (HINTS[kind]) return HINTS[kind];
  if (LOGIC.includes(kind)) return HINTS.logic;
  return kind === "spirals" || kind === "bump" ? HINTS.hard : HINTS.plain;
}

/** The usual learning rate of an optimiser on a data set. */
export function usualRate(kind, optimizer) {
  const { descent, adam } = hintFor(kind);
  return {
    gradient_descent: descent, momentum: descent / 5, nesterov: descent / 5, rmsprop: adam / 4, adam, adamw: adam,
  }[optimizer];
}

/** The training that suits a data set. */
export function usualTraining(kind) {
  const { optimizer, batch, epochs } = hintFor(kind);
  return {
    optimizer, learning_rate: usualRate(kind, optimizer), batch_size: batch, epochs,
    loss: "auto", schedule: "constant", momentum: 0.9, l2: 0, l1: 0, dropout: 0, gradient: "right",
  };
}

/** The network that suits a data set. */
export function usualNetwork(kind) {
  const { hidden, activation, init } = hintFor(kind);
  return { hidden, activations: hidden.map(() => activation), init: init || "" };
}

/** The data settings with which a set is shown first; ``before`` are those that it follows. */
export function usualData(kind, before) {
  const data = { kind, view: VIEWS[kind] || [0, 1], inputs: ["x1", "x2"], rows: [] };
  if (kind === "drawn" && before.points.length < 2) data.points = FIRST_POINTS;
  if (LOGIC.includes(kind)) data.noise = 0;
  else if (LOGIC.includes(before.kind)) data.noise = 0.1;
  return data;
}
