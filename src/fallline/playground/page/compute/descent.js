// One descent: a network that trains step by step or many epochs at a time, and can go back.
//
// Epochs, batches and samples go through the engine, the steps along a wrong
// gradient through mistakes.js. The batches are those of `fl.train`, in its order.

import { Loop } from "./loop.js";
import { PageError, shown } from "./errors.js";
import { MAX_PARAMETERS } from "./limits.js";
import { Matrix } from "./matrix.js";
import { Network } from "./network.js";
import { OUTPUTS } from "./activations.js";
import { makeOptimizer } from "./optimizers.js";
import { Generator } from "./random.js";
import { spoilt } from "./mistakes.js";
import { ReadableLoop } from "./readable.js";
import { penaltyOf } from "./steps.js";

const MOST_RECORDS = 400;
const MOST_KEPT_BYTES = 8 << 20; // of earlier states to go back to
const STEP_KINDS = ["sample", "batch", "epoch"];
const RUNAWAY = 1e3;
const TRIAL = 2e6; // rows times parameters times epochs, before their time is known: some milliseconds
const RECENT = 0.05; // seconds

const usualLoss = { binary: "binary_cross_entropy", classes: "cross_entropy", numbers: "squared_error" };

/** The name of the chosen loss. Throws PageError if the task does not allow it. */
export function lossName(setup, problem) {
  const name = setup.training.loss === "auto" ? usualLoss[problem.task] : setup.training.loss;
  if (name === "binary_cross_entropy" && problem.task !== "binary")
    throw new PageError("binary_cross_entropy needs two classes; choose another loss");
  if (name === "cross_entropy" && problem.task === "numbers")
    throw new PageError("cross_entropy needs classes, and this target is a number");
  if (name === "poisson" && [...problem.y, ...problem.y_test].some((y) => y < 0))
    throw new PageError(
      "poisson needs targets of at least 0, and some here are below; choose another loss",
    );
  return name;
}

/** The network that a setup describes, at its start. */
export function newNetwork(setup, problem) {
  const name = lossName(setup, problem);
  const { hidden, activations, init, seed } = setup.network;
  const wide = problem.task === "classes" || name === "cross_entropy";
  const sizes = [problem.X.columns, ...hidden, wide ? Math.max(problem.classes.length, 2) : 1];
  const count = sizes.slice(1).reduce((total, nOut, l) => total + (sizes[l] + 1) * nOut, 0);
  if (count > MAX_PARAMETERS) {
    throw new PageError(
      `this network has ${count.toLocaleString("en")} parameters; the page takes up to ` +
        `${MAX_PARAMETERS.toLocaleString("en")}. Use fewer neurons, or \`fallline train\``,
    );
  }
  return new Network(sizes, activations, name, init, seed);
}

/** Targets in the form for the loss: class numbers and numbers in one column, or a column per class. */
function targets(network, problem, y) {
  const k = network.sizes.at(-1);
  const Y = new Matrix(y.length, k);
  y.forEach((value, i) => {
    if (problem.task === "classes" || network.loss.task === "classes") Y.values[i * k + value] = 1;
    else Y.values[i] = value;
  });
  return Y;
}

export function rowsOf(network, problem) {
  return {
    X: problem.X,
    Y: targets(network, problem, Array.from(problem.y)),
    X_test: problem.X_test,
    Y_test: targets(network, problem, Array.from(problem.y_test)),
  };
}

/** The run of a setup, by the engine; without one, by the readable steps, which do not train. */
export function loopOf(engine, setup, network, rows) {
  const { training } = setup;
  const n = rows.X.rows;
  const batchSize = Math.min(training.batch_size || n, n);
  const optimizer = makeOptimizer(training, training.epochs * Math.ceil(n / batchSize));
  const { l2, l1, dropout } = training;
  const settings = { batchSize, l2, l1, dropout, seed: setup.network.seed };
  return engine
    ? new Loop(engine, network, rows, optimizer, settings)
    : new ReadableLoop(network, rows, optimizer, settings);
}

/** Losses, scores and parameters along the way, thinned to a few hundred records. */
export class Track {
  constructor() {
    for (const name of Track.names) this[name] = [];
    this.every = 1;
    this.provisional = false; // whether the next record takes the last one's place
  }

  copy() {
    const twin = Object.assign(new Track(), this);
    for (const name of Track.names) twin[name] = this[name].slice();
    return twin;
  }

  /** Drop every second record between the first and the last. */
  thin() {
    for (const name of Track.names)
      this[name] = this[name].filter((_, i, all) => i % 2 === 0 || i === all.length - 1);
    this.every *= 2;
  }
}
Track.names = ["epoch", "train", "test", "train_score", "test_score", "theta"];

export class Descent {
  /** ``theta``: the initial parameters, if they are not drawn. */
  constructor(engine, setup, problem, theta = null) {
    Object.assign(this, { engine, problem });
    this.network = newNetwork(setup, problem);
    if (theta) this.network.theta.set(theta);
    checkGradient(setup, this.network);
    this.rows = rowsOf(this.network, problem);
    this.generator = new Generator(setup.network.seed);
    Object.assign(this, {
      epoch: 0,
      steps: 0,
      cursor: null,
      track: new Track(),
      kept: [],
      message: "",
      pace: { epochs: 0, seconds: 0 }, // of late
      state: null,
    });
    this.arrange(setup);
    this.firstLoss = Infinity;
    this.record();
    this.firstLoss = this.track.train[0];
  }

  /** Use other training settings from here on; the network and its history stay. */
  arrange(setup) {
    checkGradient(setup, this.network);
    this.loop = loopOf(this.engine, setup, this.network, this.rows);
    this.setup = setup;
    this.optimizer = this.loop.optimizer;
    const fresh = this.optimizer.init(this.network.nParameters);
    const before = this.state && Object.keys(this.state).join();
    if (before !== Object.keys(fresh).join()) {
      this.state = fresh;
      this.kept = [];
    }
    this.message = "";
    this.cursor = null;
  }

  get n() {
    return this.rows.X.rows;
  }

  get batchSize() {
    return this.loop.batchSize;
  }

  get penalty() {
    return { l2: this.setup.training.l2, l1: this.setup.training.l1 };
  }

  /** The learning rate of the next step. */
  get rate() {
    return this.optimizer.rate(this.steps);
  }

  // ---- going on

  /** ``epochs`` epochs, or as many as fit into the time; at least one. Stops if it diverges. */
  advance(epochs, seconds) {
    const end = this.epoch + epochs;
    const deadline = performance.now() + 1000 * seconds;
    while (this.epoch < end && !this.message) {
      const left = (deadline - performance.now()) / 1000;
      let ahead = Math.min(end, this.nextRecord()) - this.epoch;
      ahead = Math.max(1, Math.min(ahead, this.epochsIn(left)));
      this.passEpochs(ahead);
      if (this.epoch % this.track.every === 0) this.record();
      if (performance.now() >= deadline) break;
    }
    this.record(this.epoch % this.track.every !== 0);
  }

  /** How many epochs fit into the time, judging by recent ones; a browser's clock may stand still for 0.1 ms. */
  epochsIn(seconds) {
    const { pace } = this;
    if (pace.seconds === 0)
      return Math.max(Math.floor(TRIAL / (this.n * this.network.nParameters)), 8 * pace.epochs);
    return Math.floor((seconds * pace.epochs) / pace.seconds);
  }

  notePace(epochs, seconds) {
    const fade = this.pace.seconds > RECENT ? 0.5 : 1;
    this.pace = { epochs: fade * this.pace.epochs + epochs, seconds: fade * this.pace.seconds + seconds };
  }

  passEpochs(count) {
    const began = performance.now();
    const before = this.epoch;
    if (this.cursor) {
      this.finishEpoch();
      count -= 1;
    }
    if (this.spoilt) for (let k = 0; k < count; k++) this.spoiltEpoch();
    for (let done = 0; !this.spoilt && done < count;) {
      const now = this.loop.epochs(
        this.network.theta,
        this.state,
        this.steps,
        count - done,
        this.generator,
      );
      this.steps += now * this.loop.stepsPerEpoch;
      done += now;
    }
    this.epoch += count;
    if (this.epoch > before) this.notePace(this.epoch - before, (performance.now() - began) / 1000);
  }

  nextRecord() {
    return (Math.floor(this.epoch / this.track.every) + 1) * this.track.every;
  }

  /** One update on the next row, one on the next batch, or the rest of the epoch. */
  step(kind) {
    if (!STEP_KINDS.includes(kind))
      throw new PageError(`a step is one of ${STEP_KINDS.join(", ")}, not ${shown(kind)}`);
    this.keep();
    this.message = "";
    if (kind === "epoch") this.passEpochs(1);
    else this.update(this.nextRows(kind));
    this.record();
  }

  finishEpoch() {
    const { epoch } = this;
    while (this.epoch === epoch) this.update(this.nextRows("batch"));
  }

  /** The numbers of the rows of the next update; asking twice gives the same. */
  nextRows(kind) {
    if (!this.cursor) {
      const everything = Int32Array.from({ length: this.n }, (_, i) => i);
      this.cursor = { order: this.loop.full ? everything : this.generator.permutation(this.n), at: 0 };
    }
    const { order, at } = this.cursor;
    return order.subarray(at, at + (kind === "sample" ? 1 : this.batchSize));
  }

  /** One update on these rows, the next ones of the epoch. */
  update(numbers) {
    if (this.spoilt) this.spoiltStep(numbers);
    else {
      this.loop.step(this.network.theta, this.state, this.steps, numbers);
      this.steps += 1;
    }
    const { order, at } = this.cursor;
    this.cursor = { order, at: at + numbers.length };
    if (this.cursor.at >= order.length) {
      this.cursor = null;
      this.epoch += 1;
    }
  }

  /** Whether a wrong gradient is in use. */
  get spoilt() {
    return this.setup.training.gradient !== "right";
  }

  spoiltEpoch() {
    if (this.loop.full) this.spoiltStep(null);
    else {
      const order = this.generator.permutation(this.n);
      for (let at = 0; at < this.n; at += this.batchSize)
        this.spoiltStep(order.subarray(at, at + this.batchSize));
    }
  }

  /** One update along the wrong gradient. */
  spoiltStep(numbers) {
    const { theta, isWeight } = this.network;
    this.optimizer.update(theta, this.spoiltGradient(numbers), this.state, this.steps, this.rate, isWeight);
    this.steps += 1;
  }

  spoiltGradient(numbers) {
    const { X, Y } = this.rows;
    const kind = this.setup.training.gradient;
    return numbers
      ? spoilt(kind, this.network, X.take(numbers), Y.take(numbers), this.penalty)
      : spoilt(kind, this.network, X, Y, this.penalty);
  }

  // ---- what is recorded

  /** Record the losses and scores; the next record replaces a provisional one. */
  record(provisional = false) {
    const { track } = this;
    const here = this.epoch + this.partOfEpoch;
    while (track.epoch.length && (track.provisional || track.epoch.at(-1) >= here)) {
      for (const name of Track.names) track[name].pop();
      track.provisional = false;
    }
    const [train, trainScore] = this.measured("train");
    if (track.train.length && (!Number.isFinite(train) || train > RUNAWAY * this.firstLoss)) {
      this.diverged(train);
      return;
    }
    const [test, testScore] = this.rows.X_test.rows ? this.measured("test") : [NaN, NaN];
    const noted = {
      epoch: here,
      train,
      test,
      train_score: trainScore,
      test_score: testScore,
      theta: this.network.theta.slice(),
    };
    for (const name of Track.names) track[name].push(noted[name]);
    track.provisional = provisional;
    if (track.epoch.length > this.mostRecords()) track.thin();
  }

  get partOfEpoch() {
    return this.cursor ? this.cursor.at / this.n : 0;
  }

  mostRecords() {
    const fitting = Math.floor(MOST_KEPT_BYTES / (8 * this.network.nParameters));
    return Math.max(20, Math.min(MOST_RECORDS, fitting));
  }

  /** Stop, with advice, and restore the last recorded parameters. */
  diverged(loss) {
    const rate = this.optimizer.rate(Math.max(this.steps - 1, 0));
    const how = Number.isFinite(loss) ? `has run away to ${figures(loss)}` : "is no longer finite";
    this.message =
      `the loss ${how} at epoch ${this.epoch} (it began at ${figures(this.firstLoss)}): ` +
      `learning_rate ${figures(rate, 6)} is too large here; try ${figures(rate / 10, 6)}`;
    this.network.theta.set(this.track.theta.at(-1));
  }

  /** Loss (with the penalty) and score: the share of classes predicted right, or R2. */
  measured(part) {
    const { loss, logits } = this.loop.measure(this.network.theta, part);
    const Y = part === "test" ? this.rows.Y_test : this.rows.Y;
    return [
      loss + penaltyOf(this.network, this.penalty),
      score(this.problem, this.network, new Matrix(Y.rows, Y.columns, logits), Y),
    ];
  }

  /** The gradient in use on all training rows, without dropout. */
  gradient() {
    return this.spoilt ? this.spoiltGradient(null) : this.loop.gradient(this.network.theta);
  }

  // ---- going back, and by hand

  /** Store this state, to go back to it. */
  keep() {
    const { epoch, steps, cursor, state, network } = this;
    const copied = Object.fromEntries(
      Object.entries(state).map(([name, values]) => [name, values.slice()]),
    );
    this.kept.push({
      theta: network.theta.slice(),
      state: copied,
      epoch,
      steps,
      cursor,
      generator: this.generator.copy(),
      track: this.track.copy(),
    });
    const each = 8 * network.nParameters * (1 + Object.keys(state).length) + 40 * MOST_RECORDS;
    this.kept = this.kept.slice(-Math.max(3, Math.floor(MOST_KEPT_BYTES / each)));
  }

  /** The state before the last step. */
  back() {
    if (!this.kept.length) throw new PageError("there is no earlier step to go back to");
    const { theta, ...rest } = this.kept.pop();
    this.network.theta.set(theta);
    Object.assign(this, rest, { message: "" });
  }

  /** Set one weight or bias by hand. */
  setParameter(j, value) {
    const { nParameters, theta } = this.network;
    if (j >= nParameters) throw new PageError(`parameter must be from 0 to ${nParameters - 1}, not ${j}`);
    this.keep();
    theta[j] = value;
    this.message = "";
    this.record();
  }

  /** Parameters, epoch and step from an address; the optimiser's averages start again. */
  restore(values, epoch, steps) {
    if (values.length !== this.network.nParameters)
      throw new PageError(`this network has ${this.network.nParameters} parameters, not ${values.length}`);
    this.network.theta.set(values);
    Object.assign(this, { epoch, steps, cursor: null });
    this.record();
  }
}

/** A number in three figures, as Python's %g shows it. */
const figures = (x, digits = 3) => String(Number(x.toPrecision(digits)));

function checkGradient(setup, network) {
  const { gradient, dropout } = setup.training;
  if (gradient === "published" && network.activations.some((name) => name !== "sigmoid"))
    throw new PageError("the published update needs sigmoid in every layer and binary cross-entropy");
  if (gradient !== "right" && dropout)
    throw new PageError(
      "a wrong gradient is tried without dropout: set dropout to 0, or the gradient to right",
    );
}

/** Accuracy, or R2 for numbers, of logits against targets. */
export function score(problem, network, Z, Y) {
  const output = OUTPUTS[network.loss.output];
  const A = new Float64Array(Y.columns);
  const k = Y.columns;
  let [right, residual, total] = [0, 0, 0];
  const numbers = problem.task === "numbers";
  const mean = numbers ? Y.values.reduce((a, b) => a + b, 0) / Y.rows : 0;
  for (let i = 0; i < Y.rows; i++) {
    output(Z.row(i), A);
    if (numbers) {
      residual += (Y.values[i] - A[0]) ** 2;
      total += (Y.values[i] - mean) ** 2;
    } else if (k === 1) right += Y.values[i] >= 0.5 === A[0] >= 0.5 ? 1 : 0;
    else right += highest(Y.row(i)) === highest(A) ? 1 : 0;
  }
  if (!numbers) return right / Y.rows;
  return total > 0 ? 1 - residual / total : residual > 0 ? 0 : 1;
}

function highest(values) {
  let best = 0;
  for (let k = 1; k < values.length; k++) if (values[k] > values[best]) best = k;
  return best;
}
