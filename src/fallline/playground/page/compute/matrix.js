// Matrices of float64, row after row in one array, and the three products that a network needs.

export class Matrix {
  constructor(rows, columns, values = new Float64Array(rows * columns)) {
    this.rows = rows;
    this.columns = columns;
    this.values = values;
  }

  static from(lists, columns = lists.length ? lists[0].length : 0) {
    return new Matrix(lists.length, columns, Float64Array.from(lists.flat()));
  }

  row(i) {
    return this.values.subarray(i * this.columns, (i + 1) * this.columns);
  }

  at(i, j) {
    return this.values[i * this.columns + j];
  }

  /** The rows of these numbers, in a new matrix. */
  take(numbers) {
    const taken = new Matrix(numbers.length, this.columns);
    numbers.forEach((number, i) => taken.row(i).set(this.row(number)));
    return taken;
  }

  first(count) {
    const rows = Math.min(count, this.rows);
    return new Matrix(rows, this.columns, this.values.subarray(0, rows * this.columns));
  }

  column(j) {
    return Float64Array.from({ length: this.rows }, (_, i) => this.at(i, j));
  }

  lists() {
    return Array.from({ length: this.rows }, (_, i) => Array.from(this.row(i)));
  }
}

/** A @ B + b, where b is a row that is added to each. */
export function product(A, B, b = null) {
  const C = new Matrix(A.rows, B.columns);
  const n = B.columns;
  const c = C.values;
  for (let i = 0; i < A.rows; i++) {
    const here = i * n;
    if (b) for (let j = 0; j < n; j++) c[here + j] = b[j];
    for (let k = 0; k < A.columns; k++) {
      const a = A.values[i * A.columns + k];
      if (a === 0) continue;
      for (let j = 0, at = k * n; j < n; j++, at++) c[here + j] += a * B.values[at];
    }
  }
  return C;
}

/** A @ B transposed. */
export function productWithTransposed(A, B) {
  const C = new Matrix(A.rows, B.rows);
  const n = A.columns;
  for (let i = 0; i < A.rows; i++) {
    for (let j = 0; j < B.rows; j++) {
      let total = 0;
      for (let k = 0; k < n; k++) total += A.values[i * n + k] * B.values[j * n + k];
      C.values[i * B.rows + j] = total;
    }
  }
  return C;
}
