// The compiled engine in WebAssembly, by its C interface (docs/c-interface.md).
//
// The engine's memory is one arena: a Loop lays its arrays out from the beginning when it is called
// and another one was there before. So nothing is ever left over, and theta and the optimiser's state
// live in JavaScript, copied in and out at each call.

import { keysOf } from "./dropout.js";
import { ACTIVATIONS, LOSSES, RECORDS } from "./records.js";

const LANES = 8; // numbers of a vector: 64 bytes
const BLOCK = 128;
const MOST_PARTS = 8;
const FEWEST_ROWS = 64; // as in engine/layout.py
const SEGMENT = 1024;
const MOST_DRAWN = 500_000; // row numbers drawn ahead for one call
const MOST_RATES = 200_000; // steps of one call under a schedule
const PAGE = 65536;

const padded = (count) => Math.ceil(count / LANES) * LANES;

/** Rows in a part of a batch of n rows. */
function partLength(n) {
  const length = Math.ceil(n / MOST_PARTS);
  return Math.ceil(length / FEWEST_ROWS) * FEWEST_ROWS;
}

/** The number by which the engine knows a loss; that of quantile(q) is -q in units of 2^-62. */
const lossCode = (loss) =>
  loss.quantile === undefined
    ? BigInt(LOSSES.indexOf(loss.name))
    : -BigInt(Math.round(loss.quantile * 2 ** 62));

const activationCodes = (network) =>
  BigInt64Array.from(network.hidden, (name) => BigInt(ACTIVATIONS.indexOf(name)));

export class Engine {
  constructor(module) {
    this.exports = new WebAssembly.Instance(module, {}).exports;
    this.memory = this.exports.memory;
    this.holder = null; // the Loop whose arrays are there
    this.clear();
  }

  /** Forget all arrays. */
  clear() {
    this.top = (this.exports.__heap_base.value + 63) & ~63;
  }

  /** The address of so many bytes of zeros. */
  take(bytes) {
    const start = this.top;
    this.top = (start + bytes + 63) & ~63;
    const lacking = this.top + 64 - this.memory.buffer.byteLength;
    if (lacking > 0) this.memory.grow(Math.ceil(lacking / PAGE));
    new Uint8Array(this.memory.buffer, start, bytes).fill(0);
    return start;
  }

  floats(length) {
    return this.take(8 * length);
  }

  /** The address of a copy of these numbers. */
  put(values) {
    const start = this.take(8 * values.length);
    this.view(values.constructor, start, values.length).set(values);
    return start;
  }

  /** A view of an array; it holds until memory is taken next. */
  view(kind, address, length) {
    return new kind(this.memory.buffer, address, length);
  }

  /** An array as a copy. */
  get(address, length) {
    return this.view(Float64Array, address, length).slice();
  }

  set(address, values) {
    this.view(Float64Array, address, values.length).set(values);
  }

  record(name, values = {}) {
    return new Record(this, name).set(values);
  }

  /** Numbers 0 .. n - 1, as the engine has row numbers. */
  everything(n) {
    return this.put(BigInt64Array.from({ length: n }, (_, i) => BigInt(i)));
  }
}

/** A record of 8-byte fields in the engine's memory; an array is named by its address. */
class Record {
  constructor(engine, name) {
    this.engine = engine;
    this.name = name;
    this.fields = new Map(
      RECORDS[name].map((field, place) => {
        const [key, kind] = field.split(": ");
        return [key, { place: 8 * place, float: kind === "float" }];
      }),
    );
    this.address = engine.take(8 * this.fields.size);
  }

  set(values) {
    const words = new DataView(this.engine.memory.buffer, this.address);
    for (const [name, value] of Object.entries(values)) {
      const field = this.fields.get(name);
      if (!field) throw new Error(`${this.name} has no field ${name}`);
      if (field.float) words.setFloat64(field.place, value, true);
      else words.setBigInt64(field.place, BigInt(value), true);
    }
    return this;
  }

  call(symbol) {
    return this.engine.exports[symbol](this.address);
  }
}

/** Divide a workspace for a network and blocks of so many rows. */
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
    at.everything = engine.everything(longest);
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
   * are drawn from ``generator``. It may make fewer than ``count``; gives how many it made.
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
    const orders = this.engine.put(BigInt64Array.from(numbers, BigInt));
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

  /** Permutations of the rows for so many epochs, as NumPy's generator draws them; their address. */
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

  /** The gradient of the loss of all training rows, penalty and all. */
  gradient(theta) {
    this.hold();
    const { engine, at } = this;
    engine.set(at.theta, theta);
    this.learning.call("fallline_train_float64");
    return engine.get(at.gradient, theta.length);
  }

  /** The loss of the first rows at each of many thetas: the landscape's. */
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

  /** The truth table's network by the code made for its shape; whether that was so. */
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

const MOST_INTERLEAVED = 1024; // parameters
export const SEEDS_AT_ONCE = LANES;

/** Whether networks of this run can be trained eight at a time, one in each SIMD lane. */
export const interleaves = ({ network, optimizer, settings, batchSize, rows }) =>
  network.nParameters <= MOST_INTERLEAVED &&
  optimizer.constant &&
  !settings.dropout &&
  batchSize <= MOST_PARTS * FEWEST_ROWS &&
  rows.X.values.length <= 4_000_000;

/**
 * The whole runs of up to eight networks of one shape, a lane each; gives their thetas. ``loop`` is
 * the run of the first, ``generators`` draw each one's orders.
 */
export function trainTogether(loop, thetas, generators, epochs) {
  const { engine, network, rows, optimizer, settings, n, batchSize, full } = loop;
  engine.holder = null;
  engine.clear();
  const L = LANES;
  const P = network.nParameters;
  const lane = (l) => Math.min(l, thetas.length - 1);
  const wide = (pick) =>
    engine.put(Float64Array.from({ length: P * L }, (_, i) => pick(Math.floor(i / L), i % L)));
  const theta = wide((i, l) => thetas[lane(l)][i]);
  const columns = rows.X.columns + rows.Y.columns;
  const XY = new Float64Array(n * padded(columns));
  for (let i = 0; i < n; i++) {
    XY.set(rows.X.row(i), i * padded(columns));
    XY.set(rows.Y.row(i), i * padded(columns) + rows.X.columns);
  }
  const { plan, length } = planInterleaved(network);
  const record = engine.record("interleave", {
    theta,
    gradient: engine.floats(2 * P * L),
    first: engine.floats(P * L),
    second: engine.floats(P * L),
    is_weight: wide((i) => network.isWeight[i]),
    size: P * L,
    workspace: engine.floats(length),
    plan: engine.put(plan),
    n_layers: network.places.length,
    loss: lossCode(network.loss),
    XY: engine.put(XY),
    n_columns: padded(columns),
    n_rows: n,
    batch_size: batchSize,
    want_loss: 0,
    optimizer: optimizer.code,
    l2: settings.l2,
    l1: settings.l1,
    hyperparameters: engine.put(
      Float64Array.from({ length: 5 }, (_, i) => optimizer.hyperparameters[i] || 0),
    ),
    rates: engine.put(new Float64Array(L).fill(optimizer.rate(0))),
    shares: engine.put(Float64Array.from({ length: batchSize + 1 }, (_, i) => (i ? 1 / i : 0))),
    losses: engine.floats((6 + 3 * L) * L),
    results: engine.floats(2 * L),
  });
  const atOnce = full ? epochs : Math.max(1, Math.floor(MOST_DRAWN / (L * n)));
  const free = engine.top;
  const states = new BigUint64Array(6 * L);
  for (let l = 0; l < L; l++) states.set(generators[lane(l)].words(), 6 * l);
  let words = states;
  for (let done = 0; done < epochs;) {
    engine.top = free;
    const now = Math.min(atOnce, epochs - done);
    let orders = 0;
    if (!full) {
      const place = engine.put(words);
      orders = engine.take(8 * L * now * n);
      engine
        .record("shuffle", { states: place, n_generators: L, n_rows: n, count: now, orders })
        .call("fallline_shuffle_float64");
      words = engine.view(BigUint64Array, place, 6 * L).slice();
    }
    record
      .set({ orders, n_order: now * n, epochs: now, step: done * loop.stepsPerEpoch })
      .call("fallline_interleave_float64");
    done += now;
  }
  const found = engine.view(Float64Array, theta, P * L);
  return thetas.map((_, l) => Float64Array.from({ length: P }, (__, i) => found[i * L + l]));
}

/** Where everything lies in the workspace of interleaved networks: engine/many.py. */
function planInterleaved(network) {
  const L = LANES;
  const { sizes } = network;
  const codes = [...activationCodes(network), 0n];
  let end = 0;
  let start = 0;
  const take = (vectors) => {
    end += vectors * L;
    return end - vectors * L;
  };
  const A = [padded(sizes[0] + sizes.at(-1)), ...sizes.slice(1)].map((size) => take(L * size));
  const plan = network.places.flatMap(({ nIn, nOut }, l) => {
    const S = take(L * nOut);
    const D = take(L * nOut);
    const P = 2 * nOut < L ? take(L * (nIn + 1) * nOut) : 0;
    const line = [nIn, nOut, codes[l], start * L, A[l], A[l + 1], S, D, P];
    start += (nIn + 1) * nOut;
    return line;
  });
  return { plan: BigInt64Array.from(plan, BigInt), length: end };
}
