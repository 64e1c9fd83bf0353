// The loss around the present parameters in two directions, with the path so far.
//
// The directions are the two along which the path spreads most (its principal components, after Li et
// al. 2018, arXiv:1712.09913, section 7); if the path is too short for that, random ones.

import { Generator } from "./random.js";
import { penaltyOf } from "./steps.js";

const SIZE = 33; // odd, so that the present point lies on the grid
const MAX_ROWS = 300;
const ITERATIONS = 200;
const TINY = 1e-12;

/** The loss on a grid (size, size), top line first; the path's coordinates; the half width of the grid. */
export function landscape(descent) {
  const { network, track, penalty } = descent;
  const { theta } = network;
  const way = track.theta.map((point) => point.map((value, i) => value - theta[i]));
  const { axes, spread } = directions(way, descent.setup.network.seed);
  const path = way.map((point) => axes.map((axis) => dot(point, axis)));
  const smallest = 0.25 * Math.max(1, Math.sqrt(dot(theta, theta)));
  const far = [0, 1].map((k) => 1.15 * path.reduce((most, point) => Math.max(most, Math.abs(point[k])), 0));
  const reach = far.map((value) => Math.max(value, smallest, 0.2 * Math.max(...far)));
  const rows = Math.min(MAX_ROWS, descent.n);
  const places = Array.from({ length: SIZE }, (_, k) => -1 + (2 * k) / (SIZE - 1));
  const loss = places.map((up) => {
    const thetas = places.map((across) =>
      theta.map((value, i) => value + across * reach[0] * axes[0][i] - up * reach[1] * axes[1][i]),
    );
    return descent.loop
      .losses(thetas, rows)
      .map((value, k) => value + penaltyOf(network, penalty, thetas[k]));
  });
  return { size: SIZE, loss, path, epoch: track.epoch.slice(), reach, rows, spread };
}

const dot = (a, b) => {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i] * b[i];
  return total;
};

/** ``vector`` without its parts along ``others``, of length 1; null if nothing is left. */
function unit(vector, others) {
  let rest = vector;
  for (const other of others) {
    const by = dot(rest, other);
    rest = rest.map((value, i) => value - by * other[i]);
  }
  const length = Math.sqrt(dot(rest, rest));
  return length > TINY ? rest.map((value) => value / length) : null;
}

/** Two orthogonal unit vectors, and the shares of the path's spread along them; null for random ones. */
function directions(way, seed) {
  const generator = new Generator(seed);
  const P = way[0].length;
  const axes = [];
  let spread = null;
  const whole = way.every((point) => point.every(Number.isFinite));
  if (way.length > 2 && whole) {
    const all = way.reduce((total, point) => total + dot(point, point), 0);
    while (axes.length < 2) {
      const found = principal(way, axes, generator);
      if (!found) break;
      axes.push(found.axis);
      spread = [...(spread || []), found.spread / all];
    }
  }
  while (axes.length < 2) {
    const axis = unit(generator.normal(0, 1, P), axes);
    axes.push(axis || new Float64Array(P));
  }
  return { axes, spread: spread && [...spread, 0].slice(0, 2) };
}

/** The direction of the largest spread apart from ``axes``, by power iteration on way' way. */
function principal(way, axes, generator) {
  let axis = unit(generator.normal(0, 1, way[0].length), axes);
  let before = 0;
  for (let k = 0; axis && k < ITERATIONS; k++) {
    const next = new Float64Array(axis.length);
    let spread = 0;
    for (const point of way) {
      const by = dot(point, axis);
      spread += by * by;
      for (let i = 0; i < next.length; i++) next[i] += by * point[i];
    }
    if (spread < TINY * TINY) return null;
    axis = unit(next, axes);
    if (Math.abs(spread - before) <= 1e-14 * spread) return axis && { axis, spread };
    before = spread;
  }
  return axis && { axis, spread: before };
}
