// One run in the engine: rows, network, optimiser, with the numbers of `fl.train`, like engine/loop.py.

import { keysOf } from "./dropout.js";
import { LANES, activationCodes, lossCode, padded } from "./engine.js";

const BLOCK = 128;
export const MOST_PARTS = 8;
export const FEWEST_ROWS = 64; // as in engine/layout.py
const SEGMENT = 1024;
export const MOST_DRAWN = 500_000; // row numbers drawn ahead for one call
const MOST_RATES = 200_000; // steps of one call under a schedule

/** Rows in a part of a batch of n rows. */
function partLength(n) {
  const length = Math.ceil(n / MOST_PARTS);
  return Math.ceil(length / FEWEST_ROWS) * FEWEST_ROWS;
}

/** Divide a workspace for a network and blocks of ``samples`` rows. */
function laidOut(engine, network, samples) {
  const layers = network.sizes.length - 1;
  const plan = engine.take(8 * (8 + 8 * layers));
  const length = engine.take(8);
  const record = engine.record("lay_out", {
    sizes: engine.put(BigInt64Array.from(network.sizes, BigInt)),
    codes: engine.put(activationCodes(network)),
    n_layers: layers,
    loss: lossCode(network.loss),
    samples,
    plan,
    length,
  });
  record.call("fallline_lay_out_float64");
  const workspace = engine.floats(Number(engine.view(BigInt64Array, length, 1)[0]));
  record.set({ workspace }).call("fallline_lay_out_float64");
  return { plan, workspace };
}

/** One run: rows, network, optimiser; the numbers of `fl.train`. */
export class Loop {
  /** ``rows`` are {X, Y, X_test, Y_test}; ``settings`` {batchSize, l2, l1, dropout, seed}. */
  constructor(engine, network, rows, optimizer, settings) {
    Object.assign(this, { engine, network, rows, optimizer, settings });
    this.n = rows.X.rows;
    this.batchSize = Math.min(settings.batchSize, this.n);
    this.full = this.batchSize >= this.n;
    this.stepsPerEpoch = Math.ceil(this.n / this.batchSize);
  }

  /** Have this run's arrays in the engine's memory. */
  hold() {
    const { engine, network, rows, optimizer, settings } = this;
    if (engine.holder === this) return;
    engine.holder = null;
    engine.clear();
    const size = padded(network.nParameters);
    const segment = Math.max(SEGMENT, Math.ceil(size / (8 * SEGMENT)) * SEGMENT);
    const samples = Math.min(partLength(this.batchSize), BLOCK);
    const { plan, workspace } = laidOut(engine, network, samples);
    const isWeight = new Float64Array(size);
    isWeight.set(network.isWeight);
    const at = (this.at = {
      theta: engine.floats(size),
      gradient: engine.floats(2 * size),
      first: engine.floats(size),
      second: engine.floats(size),
      X: engine.put(rows.X.values),
      Y: engine.put(rows.Y.values),
      results: engine.floats(3),
    });
    if (rows.X_test.rows)
      [at.X_test, at.Y_test] = [engine.put(rows.X_test.values), engine.put(rows.Y_test.values)];
    const longest = Math.max(this.n, rows.X_test.rows);
    at.everything = engine.numbers(Int32Array.from({ length: longest }, (_, i) => i));
    at.logits = engine.floats(longest * network.sizes.at(-1));
    const common = {
      thread: 0,
      n_threads: 1,
      barrier: engine.take(8),
      theta: at.theta,
      gradient: at.gradient,
      first: at.first,
      second: at.second,
      is_weight: engine.put(isWeight),
      size,
      segment,
      losses: engine.floats(8),
      costs: engine.floats(Math.ceil(size / segment)),
      workspace,
      plan,
      n_runs: 1,
      results: at.results,
      before: engine.floats(size),
      best: engine.floats(size),
      every: 0,
      hyperparameters: engine.put(
        Float64Array.from({ length: 5 }, (_, i) => optimizer.hyperparameters[i] || 0),
      ),
      optimizer: optimizer.code,
      n_hidden: network.hidden.length,
    };
    this.training = engine.record("train", {
      ...common,
      X: at.X,
      Y: at.Y,
      batch_size: this.batchSize,
      one_block: this.full && this.n <= samples ? 1 : 0,
      l2: settings.l2,
      l1: settings.l1,
      learn: 1,
      dropout: settings.dropout,
    });
    at.rate = engine.floats(1);
    this.measuring = engine.record("train", {
      ...common,
      optimizer: 0,
      orders: at.everything,
      epochs: 1,
      rates: at.rate,
      n_rates: 1,
      want_loss: 1,
      learn: 0,
      logits: at.logits,
    });
    this.learning = engine.record("train", {
      ...common,
      optimizer: 0,
      X: at.X,
      Y: at.Y,
      orders: at.everything,
      n_order: this.n,
      n_rows: this.n,
      batch_size: this.n,
      epochs: 1,
      rates: at.rate,
      n_rates: 1,
      want_loss: 0,
      learn: 1,
      l2: settings.l2,
      l1: settings.l1,
    });
    this.free = engine.top; // what a call needs besides lies behind
    engine.holder = this;
  }

  /**
   * Passes over the rows from ``theta`` and ``state`` at ``step``, both changed in place; the orders
   * are drawn from ``generator``. It may make fewer than ``count``; returns how many it made.
   */
  epochs(theta, state, step, count, generator) {
    this.hold();
    if (this.tiny(theta, step, count)) return count;
    const { engine, at } = this;
    engine.top = this.free;
    const most =
      this.optimizer.constant && !this.settings.dropout
        ? count
        : Math.floor(MOST_RATES / this.stepsPerEpoch);
    const drawn = this.full ? count : Math.floor(MOST_DRAWN / this.n);
    const epochs = Math.max(1, Math.min(count, most, drawn));
    const orders = this.full ? at.everything : this.draw(generator, epochs);
    this.train(
      theta,
      state,
      step,
      { n_rows: this.n, orders, n_order: this.full ? this.n : epochs * this.n, epochs },
      epochs * this.stepsPerEpoch,
      this.batchSize,
    );
    return epochs;
  }

  /** One step on the rows of these numbers. */
  step(theta, state, step, numbers) {
    this.hold();
    this.engine.top = this.free;
    const orders = this.engine.numbers(numbers);
    this.train(
      theta,
      state,
      step,
      { n_rows: numbers.length, orders, n_order: numbers.length, epochs: 1 },
      1,
      numbers.length,
    );
  }

  train(theta, state, step, call, steps, batchSize) {
    const { engine, at, optimizer, network, settings } = this;
    const { rate, constant } = optimizer;
    const nRates = constant ? 1 : steps;
    const rates = engine.put(Float64Array.from({ length: nRates }, (_, i) => rate(step + i)));
    const layers = network.hidden.length;
    const keys = settings.dropout ? engine.put(keysOf(settings.seed, step, steps, layers)) : 0;
    const kept = optimizer.states
      .map((name, i) => [name, [at.first, at.second][i]])
      .filter(([name]) => name);
    engine.set(at.theta, theta);
    for (const [name, address] of kept) engine.set(address, state[name]);
    this.training.set({
      ...call,
      batch_size: batchSize,
      rates,
      n_rates: nRates,
      keys,
      n_keys: layers * steps,
      step,
      want_loss: 0,
    });
    this.training.call("fallline_train_float64");
    theta.set(engine.view(Float64Array, at.theta, theta.length));
    for (const [name, address] of kept) state[name].set(engine.view(Float64Array, address, theta.length));
  }

  /** Permutations of the rows for ``count`` epochs, as NumPy's generator draws them; their address. */
  draw(generator, count) {
    const { engine } = this;
    const states = engine.put(generator.words());
    const orders = engine.take(8 * count * this.n);
    engine
      .record("shuffle", { states, n_generators: 1, n_rows: this.n, count, orders })
      .call("fallline_shuffle_float64");
    generator.takeWords(engine.view(BigUint64Array, states, 6).slice());
    return orders;
  }

  /** The loss at theta of the training rows, or the test rows, without the penalty; and their logits. */
  measure(theta, part = "train") {
    this.hold();
    const { engine, at, network } = this;
    const test = part === "test";
    const n = test ? this.rows.X_test.rows : this.n;
    engine.set(at.theta, theta);
    this.measuring.set({
      X: test ? at.X_test : at.X,
      Y: test ? at.Y_test : at.Y,
      n_rows: n,
      n_order: n,
      batch_size: n,
    });
    this.measuring.call("fallline_train_float64");
    const [total, mass] = engine.get(at.results, 2);
    return {
      loss: Number.isFinite(total) ? total / mass : total,
      logits: engine.get(at.logits, n * network.sizes.at(-1)),
    };
  }

  /** The gradient of the loss of all training rows with the penalty. */
  gradient(theta) {
    this.hold();
    const { engine, at } = this;
    engine.set(at.theta, theta);
    this.learning.call("fallline_train_float64");
    return engine.get(at.gradient, theta.length);
  }

  /** The loss of the first rows at each of many thetas, for the landscape. */
  losses(thetas, rows) {
    this.hold();
    const { engine, at } = this;
    this.measuring.set({ X: at.X, Y: at.Y, n_rows: rows, n_order: rows, batch_size: rows });
    return thetas.map((theta) => {
      engine.set(at.theta, theta);
      this.measuring.call("fallline_train_float64");
      const [total, mass] = engine.get(at.results, 2);
      return Number.isFinite(total) ? total / mass : total;
    });
  }

  /** Train the truth table's network by the code for its shape; returns whether that was possible. */
  tiny(theta, step, count) {
    const { engine, network, optimizer, settings, rows } = this;
    const symbol = `fallline_descend_float64_${network.sizes.join("_")}_${activationCodes(network).join("_")}_${lossCode(network.loss)}`;
    const serves =
      Object.hasOwn(engine.exports, symbol) &&
      this.full &&
      this.n <= LANES &&
      optimizer.name === "descent" &&
      !settings.l2 &&
      !settings.l1 &&
      !settings.dropout &&
      count <= MOST_RATES;
    if (!serves) return false;
    engine.top = this.free;
    const byLane = (matrix, columns) =>
      Float64Array.from({ length: columns * LANES }, (_, i) =>
        i % LANES < matrix.rows ? matrix.at(i % LANES, Math.floor(i / LANES)) : 0,
      );
    const nRates = optimizer.constant ? 1 : count;
    const lanes = engine.put(
      Float64Array.from({ length: theta.length * LANES }, (_, i) => theta[Math.floor(i / LANES)]),
    );
    engine
      .record("descend", {
        theta: lanes,
        X: engine.put(byLane(rows.X, network.sizes[0])),
        Y: engine.put(byLane(rows.Y, 1)),
        shares: engine.put(Float64Array.from({ length: LANES }, (_, i) => (i < this.n ? 1 / this.n : 0))),
        rates: engine.put(Float64Array.from({ length: nRates }, (_, i) => optimizer.rate(step + i))),
        n_rates: nRates,
        epochs: count,
        mass: this.n,
        every: 0,
      })
      .call(symbol);
    const found = engine.view(Float64Array, lanes, theta.length * LANES);
    for (let i = 0; i < theta.length; i++) theta[i] = found[i * LANES];
    return true;
  }
}
