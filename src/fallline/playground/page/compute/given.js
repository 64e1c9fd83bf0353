// Rows and parameters that Python put into the page: numbers in one run of float64, low byte first,
// in the order X, y, X_test, y_test, theta.

import { Matrix } from "./matrix.js";

/** The problem and theta of a start; null if nothing was given. */
export function givenProblem({ given }, bytes) {
  if (!given || !bytes) return { problem: null, theta: null };
  const { n_train: n, n_test: m, n_parameters: p, ...facts } = given;
  const columns = facts.features.length;
  const numbers = new Float64Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 8);
  let at = 0;
  const take = (count) => numbers.slice(at, (at += count));
  const X = new Matrix(n, columns, take(n * columns));
  const y = Array.from(take(n));
  const X_test = new Matrix(m, columns, take(m * columns));
  const y_test = Array.from(take(m));
  const theta = take(p);
  return { problem: { ...facts, X, y, X_test, y_test }, theta: p ? theta : null };
}
