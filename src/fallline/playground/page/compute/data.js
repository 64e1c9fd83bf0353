// The data sets that are generated or drawn: training and test rows. Generators are seeded and used
// so that a script makes the same numbers.
//
// A problem is {task, X, y, X_test, y_test, features, classes, target}: X (n, n_features) matrices,
// y class numbers or numbers, task "binary", "classes" or "numbers". Where X are functions of points
// in the plane (`inputs`), `plane` has these points, training and test. A problem whose rows can be
// edited has them as `cells`: [held out (0 or 1), inputs..., target] each.

import { PageError } from "./errors.js";
import { Matrix } from "./matrix.js";
import { Generator } from "./random.js";

/** Rows of [x1, x2] and their targets, by what is asked for. */
export function madeProblem(data) {
  if (data.kind === "truth_table") return edited(truthTable(), data.rows);
  if (data.kind === "drawn") return lifted(drawn(data), data.inputs);
  const made = MAKERS[data.kind](data, new Generator(data.seed));
  return lifted(isEdited(data) ? edited(made, data.rows) : made, data.inputs);
}

const isEdited = ({ kind, noise }) => kind === "truth_table" || (LOGIC.includes(kind) && noise === 0);

/** The rows of a problem as cells, the training rows first. */
const cellsOf = ({ X, y, X_test, y_test }) => [
  ...X.lists().map((row, i) => [0, ...row, y[i]]),
  ...X_test.lists().map((row, i) => [1, ...row, y_test[i]]),
];

/** The problem with these rows instead of its own, if there are any. */
function edited(problem, rows) {
  const columns = problem.features.length;
  if (!rows.length) return { ...problem, cells: cellsOf(problem) };
  const bit = (value) => value === 0 || value === 1;
  if (!rows.every((row) => row.length === columns + 2 && bit(row[0]) && bit(row.at(-1))))
    throw new PageError(
      `data.rows must have ${columns + 2} entries each: 1 for a test row or 0, the ${columns} inputs, and the target 0 or 1`,
    );
  const part = (held) => rows.filter((row) => row[0] === held);
  if (!part(0).length) throw new PageError("data.rows must have a row to train on");
  const X = (held) =>
    Matrix.from(
      part(held).map((row) => row.slice(1, -1)),
      columns,
    );
  const y = (held) => part(held).map((row) => row.at(-1));
  const made = { ...problem, X: X(0), y: y(0), X_test: X(1), y_test: y(1) };
  return { ...made, cells: cellsOf(made) };
}

/** The rows of a setup of an earlier version, which named the targets only. */
export function rowsWithTargets(data, targets) {
  const { cells } = madeProblem({ ...data, rows: [] });
  if (!cells || cells.length !== targets.length)
    throw new PageError("data.targets must be zeros and ones, one for each row of a truth table");
  return cells.map((row, i) => [...row.slice(0, -1), targets[i]]);
}

// ---- the truth table "first AND last"

const TRAIN_X = [
  [1, 0, 1],
  [0, 0, 0],
  [1, 1, 0],
  [1, 0, 0],
  [0, 0, 1],
];
const TRAIN_Y = [1, 0, 0, 0, 0];
const TEST_X = [
  [0, 1, 1],
  [1, 1, 1],
  [0, 1, 0],
];
const TEST_Y = [0, 1, 0];

const truthTable = () => ({
  task: "binary",
  X: Matrix.from(TRAIN_X),
  y: TRAIN_Y,
  X_test: Matrix.from(TEST_X),
  y_test: TEST_Y,
  features: ["first", "middle", "last"],
  classes: ["0", "1"],
  target: "first AND last",
});

// ---- generated ones, in two features of about unit size

const points = (n, at) =>
  Matrix.from(
    Array.from({ length: n }, (_, i) => at(i)),
    2,
  );

function shaken(X, generator, noise) {
  const by = generator.normal(0, noise, X.values.length);
  return new Matrix(
    X.rows,
    2,
    X.values.map((value, i) => value + by[i]),
  );
}

/** The four rows of a logical operation; with noise, points around the four corners. */
const logic = (operator) => (data, generator) => {
  const corners = [
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ];
  const answer = ([a, b]) => Number(operator(a, b));
  if (data.noise === 0) {
    return {
      task: "binary",
      X: Matrix.from(corners),
      y: corners.map(answer),
      X_test: new Matrix(0, 2),
      y_test: [],
      features: ["x1", "x2"],
      classes: ["0", "1"],
      target: "y",
    };
  }
  const X = shaken(
    points(data.n, (i) => corners[i % 4]),
    generator,
    data.noise,
  );
  return split(
    data,
    X,
    Array.from({ length: data.n }, (_, i) => answer(corners[i % 4])),
  );
};

const alternating = (n, classes) => Array.from({ length: n }, (_, i) => i % classes);

/** A disc within a ring. */
function circles(data, generator) {
  const { n } = data;
  const y = alternating(n, 2);
  const disc = generator.uniform(0, 0.6, n);
  const ring = generator.uniform(1.0, 1.5, n);
  const angle = generator.uniform(0, 2 * Math.PI, n);
  const radius = y.map((k, i) => (k ? disc[i] : ring[i]));
  return split(
    data,
    shaken(
      points(n, (i) => [radius[i] * Math.cos(angle[i]), radius[i] * Math.sin(angle[i])]),
      generator,
      data.noise,
    ),
    y,
  );
}

/** Two half circles, each reaching into the other. */
function moons(data, generator) {
  const y = alternating(data.n, 2);
  const angle = generator.uniform(0, Math.PI, data.n);
  const at = (i) =>
    y[i] === 0
      ? [Math.cos(angle[i]) - 0.5, Math.sin(angle[i]) - 0.25]
      : [0.5 - Math.cos(angle[i]), 0.25 - Math.sin(angle[i])];
  return split(data, shaken(points(data.n, at), generator, data.noise), y);
}

/** Two arms of a spiral. */
function spirals(data, generator) {
  const y = alternating(data.n, 2);
  const along = generator.uniform(0.01, 1, data.n).map(Math.sqrt);
  const angle = along.map((r, i) => (r * 3.5 * Math.PI) / 2 + Math.PI * y[i]);
  const at = (i) => [1.6 * along[i] * Math.sin(angle[i]), 1.6 * along[i] * Math.cos(angle[i])];
  return split(data, shaken(points(data.n, at), generator, data.noise / 2), y);
}

/** Three round clusters, one for each class. */
function gaussians(data, generator) {
  const classes = alternating(data.n, 3);
  const angle = classes.map((k) => Math.PI / 2 + (k * 2 * Math.PI) / 3);
  const X = shaken(
    points(data.n, (i) => [Math.cos(angle[i]), Math.sin(angle[i])]),
    generator,
    0.15 + data.noise,
  );
  return split(data, X, classes, "classes");
}

const square = (data, generator) => new Matrix(data.n, 2, generator.uniform(-1.5, 1.5, 2 * data.n));

/** y = (x1 + x2) / 2. */
function plane(data, generator) {
  const X = square(data, generator);
  const by = generator.normal(0, data.noise, data.n);
  return split(
    data,
    X,
    Array.from(by, (e, i) => (X.at(i, 0) + X.at(i, 1)) / 2 + e),
    "numbers",
  );
}

/** A hill and a hollow, both Gaussian. */
function bump(data, generator) {
  const X = square(data, generator);
  const by = generator.normal(0, data.noise / 2, data.n);
  const far = (i, centre) => (X.at(i, 0) - centre) ** 2 + (X.at(i, 1) - centre) ** 2;
  return split(
    data,
    X,
    Array.from(by, (e, i) => Math.exp(-2 * far(i, 0.7)) - Math.exp(-2 * far(i, -0.7)) + e),
    "numbers",
  );
}

/** The points that were drawn on the page. */
function drawn(data) {
  if (data.points.length < 2) throw new PageError("draw at least two points first");
  const y = data.points.map((point) => point[2]);
  if (y.some((k) => !Number.isInteger(k) || k < 0 || k > 5))
    throw new PageError("the class of a drawn point must be a whole number from 0 to 5");
  return split(
    data,
    points(y.length, (i) => data.points[i].slice(0, 2)),
    y,
    Math.max(...y) > 1 ? "classes" : "binary",
  );
}

const LOGIC = ["and", "or", "xor"];
const MAKERS = {
  and: logic((a, b) => a && b),
  or: logic((a, b) => a || b),
  xor: logic((a, b) => a !== b),
  circles,
  moons,
  spirals,
  gaussians,
  plane,
  bump,
};

// ---- the inputs of the network for a point

const FUNCTIONS = {
  x1: (a) => a,
  x2: (a, b) => b,
  "x1²": (a) => a * a,
  "x2²": (a, b) => b * b,
  "x1 x2": (a, b) => a * b,
  "sin πx1": (a) => Math.sin(Math.PI * a),
  "sin πx2": (a, b) => Math.sin(Math.PI * b),
};

/** The inputs of points (m, 2), by name: (m, n_inputs). */
export function lift(P, inputs) {
  const X = new Matrix(P.rows, inputs.length);
  inputs.forEach((name, k) => {
    for (let i = 0; i < P.rows; i++)
      X.values[i * inputs.length + k] = FUNCTIONS[name](P.at(i, 0), P.at(i, 1));
  });
  return X;
}

function lifted(problem, inputs) {
  if (inputs.join() === "x1,x2") return problem;
  const { X, X_test } = problem;
  return {
    ...problem,
    X: lift(X, inputs),
    X_test: lift(X_test, inputs),
    features: inputs,
    plane: [X, X_test],
    inputs,
  };
}

// ---- rows held out

/** To the nearest whole number, halves to the even one, as Python rounds. */
function rounded(x) {
  const low = Math.floor(x);
  const part = x - low;
  return part < 0.5 || (part === 0.5 && low % 2 === 0) ? low : low + 1;
}

const holdoutSize = (n, share) => (n < 2 ? 0 : Math.min(Math.max(rounded(share * n), 1), n - 1));

/** Row numbers to train on and to test on; with ``strata``, the share is taken of each class. */
export function holdout(n, share, generator, strata = null) {
  const held = new Uint8Array(n);
  const hold = (rows) =>
    rows.slice(0, holdoutSize(rows.length, share)).forEach((i) => {
      held[i] = 1;
    });
  if (strata) {
    for (const stratum of [...new Set(strata)].sort((a, b) => a - b))
      hold(generator.permutation(strata.flatMap((k, i) => (k === stratum ? [i] : []))));
  } else hold(generator.permutation(n));
  const all = Array.from({ length: n }, (_, i) => i);
  return [all.filter((i) => !held[i]), all.filter((i) => held[i])];
}

/** Hold the test share out, class by class if there are classes. */
function split(data, X, y, task = "binary") {
  const numbers = task === "numbers";
  const everything = Array.from(y, (_, i) => i);
  const [kept, held] =
    data.test > 0
      ? holdout(X.rows, data.test, new Generator(data.seed), numbers ? null : y)
      : [everything, []];
  const most = Math.max(2, ...(numbers ? [] : y.map((k) => k + 1)));
  return {
    task,
    X: X.take(kept),
    y: kept.map((i) => y[i]),
    X_test: X.take(held),
    y_test: held.map((i) => y[i]),
    features: ["x1", "x2"],
    classes: numbers ? [] : Array.from({ length: most }, (_, k) => String(k)),
    target: "y",
  };
}
