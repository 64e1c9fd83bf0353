// The whole run from a hundred starts: loss, scores, and whether it found the answer.

import { Descent, loopOf, newNetwork, rowsOf, score } from "./descent.js";
import { SEEDS_AT_ONCE, interleaves, trainTogether } from "./together.js";
import { PageError } from "./errors.js";
import { Matrix } from "./matrix.js";
import { Generator } from "./random.js";
import { penaltyOf } from "./steps.js";

export const N_SEEDS = 100;
const FOUND = 0.95; // the score, on training and on test rows, that counts as the answer found
const MOST_WORK = 1e9; // rows times epochs of a run

/** The results of the seeds 0 to 99, in groups. */
export function* seedResults(engine, setup, problem) {
  if (problem.X.rows * setup.training.epochs > MOST_WORK)
    throw new PageError("a hundred such runs would take too long; lower the number of epochs first");
  const at = (seed) => ({ ...setup, network: { ...setup.network, seed } });
  const first = newNetwork(at(0), problem);
  const rows = rowsOf(first, problem);
  const loop = loopOf(engine, setup, first, rows);
  const together = interleaves(loop) && setup.training.gradient === "right";
  const size = together ? SEEDS_AT_ONCE : 1;
  for (let start = 0; start < N_SEEDS; start += size) {
    const seeds = Array.from({ length: Math.min(size, N_SEEDS - start) }, (_, k) => start + k);
    if (!together) yield seeds.map((seed) => alone(engine, at(seed), problem, seed));
    else {
      const thetas = seeds.map((seed) => newNetwork(at(seed), problem).theta);
      const ended = trainTogether(
        loop,
        thetas,
        seeds.map((seed) => new Generator(seed)),
        setup.training.epochs,
      );
      yield seeds.map((seed, k) => result(loop, problem, setup, ended[k], seed));
    }
  }
}

/** A single run, like one of the page. */
function alone(engine, setup, problem, seed) {
  const descent = new Descent(engine, setup, problem);
  const { epochs } = setup.training;
  descent.track.every = epochs + 1;
  while (descent.epoch < epochs && !descent.message) descent.advance(epochs - descent.epoch, 1);
  return result(descent.loop, problem, setup, descent.network.theta, seed, Boolean(descent.message));
}

function result(loop, problem, setup, theta, seed, diverged = false) {
  const { network, rows } = loop;
  const { l2, l1 } = setup.training;
  const told = (part, Y) => {
    if (!Y.rows) return [null, null];
    const { loss, logits } = loop.measure(theta, part);
    const whole = loss + penaltyOf(network, { l2, l1 }, theta);
    return [
      Number.isFinite(whole) ? whole : null,
      score(problem, network, new Matrix(Y.rows, Y.columns, logits), Y),
    ];
  };
  const [train, test] = [told("train", rows.Y), told("test", rows.Y_test)];
  const scores = [train[1], test[1]].filter((value) => value !== null);
  return {
    seed,
    loss: [train[0], test[0]],
    score: [train[1], test[1]],
    found: !diverged && train[0] !== null && Math.min(...scores) >= FOUND,
  };
}
