// The numbers that each number of the microscope comes from, and its part of the network's picture.

// A number of the microscope is [matrix, row, column]; null means all rows or all columns.
// The functions take the indices of a cell: l counts layers from 0, like the trace.
const last = (t) => t.layers.length - 1;

export const sources = {
  Z: (t, l, i, j) => [[`A${l}`, i, null], [`W${l + 1}`, null, j], [`b${l + 1}`, 0, j]],
  A: (t, l, i, j) => [[`Z${l + 1}`, i, t.layers[l].activation === "softmax" ? null : j]],
  loss: (t, i) => [[`A${last(t) + 1}`, i, null], ["Y", i, null]],
  mean: () => [["losses", null, null]],
  lossSlope: (t, l, i, j) => [[`A${l + 1}`, i, j], ["Y", i, j]],
  slope: (t, l, i, j) => [[`Z${l + 1}`, i, j], [`A${l + 1}`, i, j]],
  back: (t, l, i, j) => [[`delta${l + 2}`, i, null], [`WT${l + 2}`, null, j]],
  delta: (t, l, i, j) => (l === last(t)
    ? [[`A${l + 1}`, i, j], ["Y", i, j], [`lossSlope${l + 1}`, i, j], [`slope${l + 1}`, i, j]]
    : [[`back${l + 1}`, i, j], [`slope${l + 1}`, i, j], [`delta${l + 2}`, i, null], [`WT${l + 2}`, null, j]]),
  dW1: (t, l, i, k, j) => [[`A_row${i}`, k, null], [`delta_row${i}`, null, j]],
  db1: (t, l, i, j) => [[`delta_row${i}`, null, j]],
  dW: (t, l, k, j) => t.layers[l].dW_per_sample.map((_, i) => [`dW1_${i}`, k, j]),
  db: (t, l, j) => t.layers[l].db_per_sample.map((_, i) => [`db1_${i}`, 0, j]),
  step: (t, l, kind, k, j) => [[`d${kind}`, k, j], [`state${kind}`, k, j], [`old${kind}`, k, j]],
  fresh: (t, l, kind, k, j) => [[`old${kind}`, k, j], [`step${kind}`, k, j], [`d${kind}`, k, j]],
};

/** The parts of the network's picture that a number, or a whole stage, highlights; l counts from 1. */
export function lights(name, l, ...at) {
  const layer = l + 1;
  const all = { neurons: () => false, weights: () => false };
  const neuron = (j) => ({ ...all, neurons: (m, k) => m === layer && (j === undefined || k === j) });
  const into = (j) => ({ ...neuron(j), weights: (m, i, k) => m === layer && (j === undefined || k === j) });
  const one = (k, j) => ({ neurons: (m, n) => m === layer && n === j, weights: (m, i, n) => m === layer && i === k && n === j });
  switch (name) {
    case "Z": return into(at[1]);
    case "A": case "lossSlope": case "slope": return neuron(at[1]);
    case "loss": case "mean": return { ...all, neurons: (m) => m === layer };
    case "back": case "delta":
      return { neurons: (m, k) => (m === layer && (at[1] === undefined || k === at[1])) || m === layer + 1,
        weights: (m, i) => m === layer + 1 && (at[1] === undefined || i === at[1]) };
    case "dW1": return at.length ? one(at[1], at[2]) : into();
    case "dW": return one(at[0], at[1]);
    case "db1": return neuron(at[1]);
    case "db": return neuron(at[0]);
    case "step": case "fresh": return at.length ? (at[0] === "W" ? one(at[1], at[2]) : neuron(at[2])) : into();
    default: return all;
  }
}
