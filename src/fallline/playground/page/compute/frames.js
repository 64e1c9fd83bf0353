// Frames: what the page draws of a descent; and the facts about a problem, sent once.
//
// A frame has numbers and lists, theta and the gradient (float64), and the maps: a byte for each of
// size * size points of every neuron shown, layer after layer, scaled to its range.

import { ACTIVATIONS } from "./activations.js";
import { lift } from "./data.js";
import { Matrix } from "./matrix.js";
import { forward } from "./steps.js";

const MAP_SIZE = 48;
const NEURONS_SHOWN = 12; // in each layer
const ROWS_SHOWN = 40; // with their predictions
const POINTS_SHOWN = 600;
const GRADIENT_WORK = 20_000_000; // rows times parameters; beyond it no live gradient

/** Plain data without NaN and infinity: null instead, which the page shows as a dash. */
export function clean(value) {
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (Array.isArray(value)) return value.map(clean);
  if (ArrayBuffer.isView(value)) return clean(Array.from(value));
  if (value && typeof value === "object")
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, clean(item)]));
  return value;
}

/** The state of a descent: numbers, curves, the selected row and parameter, and the maps. */
export function frame(descent, { parameter, row, playing }) {
  const { network, track } = descent;
  const live = descent.n * network.nParameters <= GRADIENT_WORK;
  const { maps, ranges } = neuronMaps(descent);
  return {
    ...clean({
      type: "frame",
      epoch: descent.epoch,
      at: descent.cursor ? descent.cursor.at : 0,
      step: descent.steps,
      playing,
      message: descent.message,
      rate: descent.rate,
      can_go_back: descent.kept.length > 0,
      loss: [track.train.at(-1), track.test.at(-1)],
      score: [track.train_score.at(-1), track.test_score.at(-1)],
      curve: {
        epoch: track.epoch,
        train: track.train,
        test: track.test,
        train_score: track.train_score,
        test_score: track.test_score,
      },
      row: rowFacts(descent, row),
      outputs: outputs(descent),
      look: parameter === null ? null : track.theta.map((theta) => theta[parameter]),
      n_parameters: network.nParameters,
      has_gradient: live,
      map_size: MAP_SIZE,
      ranges,
    }),
    theta: network.theta.slice(),
    gradient: live ? descent.gradient() : null,
    maps,
  };
}

/** Z and A of every neuron for one training row. */
function rowFacts(descent, row) {
  const index = Math.min(row, descent.n - 1);
  const layers = forward(descent.network, descent.rows.X.take([index]));
  return {
    index,
    x: descent.rows.X.row(index),
    y: descent.rows.Y.row(index),
    Z: layers.map(({ Z }) => Z.values),
    A: layers.map(({ A }) => A.values),
  };
}

/** The network's output for the first rows of each part. */
const outputs = (descent) =>
  Object.fromEntries(
    [
      ["train", descent.rows.X],
      ["test", descent.rows.X_test],
    ].map(([name, X]) => [
      name,
      X.rows ? forward(descent.network, X.first(ROWS_SHOWN)).at(-1).A.lists() : [],
    ]),
  );

/** The points of the picture, training and test: the rows, or the points from which their inputs are computed. */
const plane = (problem) => problem.plane || [problem.X, problem.X_test];

/** The two features that the page shows; 0 and 1 if it requests invalid ones. */
function viewOf(descent) {
  const n = plane(descent.problem)[0].columns;
  const [first, second] = descent.setup.data.view;
  return Math.max(first, second) < n && first !== second ? [first, second] : [0, Math.min(1, n - 1)];
}

/** The intervals that the view spans: those of the data, and a margin. */
function viewRanges(descent) {
  return viewOf(descent).map((feature) => {
    let [low, high] = [Infinity, -Infinity];
    for (const part of plane(descent.problem)) {
      for (let i = 0; i < part.rows; i++) {
        low = Math.min(low, part.at(i, feature));
        high = Math.max(high, part.at(i, feature));
      }
    }
    const margin = 0.15 * (high - low) || 1;
    return [low - margin, high + margin];
  });
}

/** The points of the maps: two features over the view, the others at their mean. */
function gridOf(descent) {
  const key = descent.setup.data.view.join();
  if (descent.grid && descent.grid.key === key) return descent.grid.X;
  const { problem } = descent;
  const [points] = plane(problem);
  const [first, second] = viewOf(descent);
  const [[x0, x1], [y0, y1]] = viewRanges(descent);
  const n = points.columns;
  const grid = new Matrix(MAP_SIZE * MAP_SIZE, n);
  const means = Float64Array.from(
    { length: n },
    (_, k) => points.column(k).reduce((a, b) => a + b, 0) / points.rows,
  );
  for (let i = 0; i < grid.rows; i++) {
    grid.row(i).set(means);
    const across = (i % MAP_SIZE) / (MAP_SIZE - 1);
    const down = Math.floor(i / MAP_SIZE) / (MAP_SIZE - 1);
    grid.values[i * n + first] = x0 + (x1 - x0) * across;
    if (second !== first) grid.values[i * n + second] = y1 + (y0 - y1) * down; // the first line of a picture is its top
  }
  descent.grid = { key, X: problem.plane ? lift(grid, problem.inputs) : grid };
  return descent.grid.X;
}

/** Every shown neuron's output over the view, in bytes, and the range that these span. */
function neuronMaps(descent) {
  const layers = forward(descent.network, gridOf(descent));
  const points = MAP_SIZE * MAP_SIZE;
  const shown = layers.flatMap(({ A }, l) =>
    Array.from({ length: Math.min(A.columns, NEURONS_SHOWN) }, (_, j) => ({ A, j, l })),
  );
  const maps = new Uint8Array(shown.length * points);
  const ranges = shown.map(({ A, j, l }, k) => {
    let [low, high] = [Infinity, -Infinity];
    for (let i = j; i < A.values.length; i += A.columns) {
      if (A.values[i] < low) low = A.values[i];
      if (A.values[i] > high) high = A.values[i];
    }
    if (l === layers.length - 1 && descent.problem.task !== "numbers") [low, high] = [0, 1];
    const scale = 255 / (high > low ? high - low : 1);
    for (let i = 0; i < points; i++)
      maps[k * points + i] = Math.round(
        Math.max(0, Math.min(255, (A.values[i * A.columns + j] - low) * scale)),
      );
    return [low, high];
  });
  return { maps, ranges };
}

/** What stays the same while a network trains: rows, names, sizes. */
export function problemFacts(descent) {
  const { problem, network } = descent;
  const view = viewOf(descent);
  const shown = plane(problem);
  return clean({
    type: "problem",
    task: problem.task,
    target: problem.target,
    features: problem.features,
    classes: problem.classes,
    sizes: network.sizes,
    activations: network.activations,
    known_activations: Object.keys(ACTIVATIONS),
    loss: network.loss.name,
    n_parameters: network.nParameters,
    n_train: problem.X.rows,
    n_test: problem.X_test.rows,
    batch_size: descent.batchSize,
    view,
    view_ranges: viewRanges(descent),
    axes: problem.plane ? ["x1", "x2"] : problem.features,
    points: { train: pointsOf(shown[0], problem.y, view), test: pointsOf(shown[1], problem.y_test, view) },
    rows: { train: rowsOf(problem.X, problem.y), test: rowsOf(problem.X_test, problem.y_test) },
    scales: scales(problem),
    notes: problem.notes || [],
    cells: problem.cells || null,
  });
}

/** For each feature the mean and scale by which x * scale + mean is its column's own number. */
function scales({ features, encoding }) {
  const numbers = (encoding ? encoding.columns : []).filter((column) => column.kind === "number");
  const known = new Map(numbers.map(({ name, mean, scale }) => [name, [mean, scale]]));
  return features.map((name) => known.get(name) || [0, 1]);
}

/** The points of a scatter plot: the two features of the view, and the target. */
const pointsOf = (X, y, view) =>
  Array.from({ length: Math.min(POINTS_SHOWN, X.rows) }, (_, i) => [
    X.at(i, view[0]),
    X.at(i, view[1]),
    y[i],
  ]);

/** The first rows, with at most 12 features, and their target last. */
const rowsOf = (X, y) =>
  X.first(ROWS_SHOWN)
    .lists()
    .map((row, i) => [...row.slice(0, 12), y[i]]);
