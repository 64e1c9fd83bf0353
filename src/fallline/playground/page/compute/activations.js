// Activations: f(z), its slope f'(z) beside it, and f for a complex z, which the gradient check needs.
//
// A complex number is x + iy; y is tiny (the complex step is 1e-30), so that y^2 counts for nothing.
// `at(x, y)` gives the two parts of f. `seams` are the points where two formulas meet, `kinks` those
// without a derivative.

const LEAK = 0.01;
const FAR = 40;
const SQRT_2_PI = Math.sqrt(2 * Math.PI);

// Phi(-a) = phi(a) / phi(0) * f(t) / (2 + sqrt(2 pi) a) with t = (a - 4) / (a + 4), as in the
// engine: Shepherd and Laframboise 1981, Mathematics of Computation 36; f's Chebyshev series.
const NORMAL = [
  1.1354308142581806, -0.15607136685265952, -0.02792216729765159, 0.10801948125911177, -0.09634499213133454,
  0.04926146476245287, -0.01279624889612973, -0.0010395921103064885, 0.001836681370402437,
  -0.00021362202315905308, -0.00023472804601990197, 5.0919036389005536e-5, 3.633263897199374e-5,
  -8.18229626087537e-6, -6.871313290906022e-6, 9.100191314909096e-7, 1.4087583414920996e-6,
  2.603902552085797e-8, -2.591056513872653e-7, -4.803018250460425e-8, 2.9784250952062744e-8,
  1.0216527158121764e-8,
];

export const sigmoid = (z) => {
  const e = Math.exp(Math.min(z, FAR));
  return e / (1 + e);
};

/** e^(-z^2 / 2), the square's rounding put back. */
function bell(z) {
  const a = Math.min(Math.abs(z), FAR);
  const high = Math.fround(a);
  const low = a - high;
  const square = a * a;
  const rest = high * high - square + 2 * high * low + low * low;
  return Math.exp(-0.5 * square) * (1 - 0.5 * rest);
}

/** The share of a standard normal variable below z. */
export function normalShare(z) {
  const a = Math.min(Math.abs(z), FAR);
  const t = (a - 4) / (a + 4);
  const f = NORMAL.reduceRight((sum, coefficient) => sum * t + coefficient, 0);
  const tail = (bell(z) * f) / (2 + SQRT_2_PI * a);
  return z > 0 ? 1 - tail : tail;
}

const piecewise = (z, above, below) => (z > 0 ? above : below);

export const softplus = (z) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));

/** 1 / (1 + e^-z) as the division of complex numbers. */
function complexSigmoid(x, y) {
  const e = Math.exp(Math.min(-x, 700));
  const real = 1 + e;
  const imaginary = -y * e;
  return [1 / real, -imaginary / real / real];
}

/** log(1 + e^z), z on the side where e^z is small. */
export function complexSoftplus(x, y) {
  const [a, b] = x > 0 ? [-x, -y] : [x, y];
  const e = Math.exp(a);
  return [Math.max(x, 0) + Math.log1p(e), (x > 0 ? y : 0) + (e * b) / (1 + e)];
}

const times = ([a, b], [c, d]) => [a * c - b * d, a * d + b * c];

export const ACTIVATIONS = {
  sigmoid: { value: sigmoid, slope: (z, a) => (1 - a) * a, at: complexSigmoid },
  tanh: {
    value: Math.tanh,
    slope: (z, a) => 1 - a * a,
    at: (x, y) => [Math.tanh(x), y / Math.cosh(x) / Math.cosh(x)],
  },
  relu: {
    value: (z) => Math.max(z, 0),
    slope: (z) => piecewise(z, 1, 0),
    at: (x, y) => piecewise(x, [x, y], [0, 0]),
    seams: [0],
    kinks: [0],
  },
  leaky_relu: {
    value: (z) => piecewise(z, z, LEAK * z),
    slope: (z) => piecewise(z, 1, LEAK),
    at: (x, y) => piecewise(x, [x, y], [LEAK * x, LEAK * y]),
    seams: [0],
    kinks: [0],
  },
  elu: {
    value: (z) => piecewise(z, z, Math.expm1(Math.min(z, 0))),
    slope: (z, a) => piecewise(z, 1, a + 1),
    at: (x, y) => piecewise(x, [x, y], [Math.expm1(Math.min(x, 0)), y * Math.exp(Math.min(x, 0))]),
    seams: [0],
  },
  gelu: {
    value: (z) => z * normalShare(z),
    slope: (z) => normalShare(z) + (z * bell(z)) / SQRT_2_PI,
    at: (x, y) => times([x, y], [normalShare(x), (y * bell(x)) / SQRT_2_PI]),
  },
  silu: {
    value: (z) => z * sigmoid(z),
    slope: (z, a) => {
      const s = sigmoid(z);
      return s + a * (1 - s);
    },
    at: (x, y) => times([x, y], complexSigmoid(x, y)),
  },
  softplus: { value: softplus, slope: sigmoid, at: complexSoftplus },
  identity: { value: (z) => z, slope: () => 1, at: (x, y) => [x, y] },
};
for (const one of Object.values(ACTIVATIONS)) {
  one.seams ||= [];
  one.kinks ||= [];
}

const MOST_EXPONENT = Math.log(0.999 * Number.MAX_VALUE);

/** e^z_k / sum_j e^z_j, into ``out``. */
function softmax(Z, out) {
  const m = Math.max(...Z);
  let total = 0;
  for (let k = 0; k < Z.length; k++) total += out[k] = Math.exp(Z[k] - m);
  for (let k = 0; k < Z.length; k++) out[k] /= total;
}

const each = (f) => (Z, out) => {
  for (let k = 0; k < Z.length; k++) out[k] = f(Z[k]);
};

/** The output activations that a loss can choose: a row of logits to a row of outputs. */
export const OUTPUTS = {
  sigmoid: each(sigmoid),
  identity: each((z) => z),
  softmax,
  exp: each((z) => Math.exp(Math.min(z, MOST_EXPONENT))),
};
