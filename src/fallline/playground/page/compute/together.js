// Up to eight networks of one shape trained together, one in each SIMD lane, like engine/many.py.

import { LANES, activationCodes, lossCode, padded } from "./engine.js";
import { FEWEST_ROWS, MOST_DRAWN, MOST_PARTS } from "./loop.js";

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
 * The whole runs of up to eight networks of one shape, a lane each; returns their thetas. ``loop`` is
 * the run of the first, ``generators`` draw the orders of each.
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
