// The slope f'(Z) of each activation: as a number and as a formula.

const sigmoid = (z) => 1 / (1 + Math.exp(-z));
const density = (z) => Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);

// (z, a) => the slope; a = f(z)
const SLOPE = {
  sigmoid: (z, a) => a * (1 - a),
  tanh: (z, a) => 1 - a * a,
  relu: (z) => (z > 0 ? 1 : 0),
  leaky_relu: (z) => (z > 0 ? 1 : 0.01),
  elu: (z, a) => (z > 0 ? 1 : a + 1),
  silu: (z) => sigmoid(z) * (1 + z * (1 - sigmoid(z))),
  softplus: sigmoid,
  identity: () => 1,
  exp: (z, a) => a,
  gelu: (z, a) => (z === 0 ? 0.5 : a / z + z * density(z)),  // a / z is the normal distribution's Φ(z)
};

/** f'(z) if the page knows the activation, else null. */
export const slopeAt = (name, z, a) => (SLOPE[name] && z !== null && a !== null ? SLOPE[name](z, a) : null);

const WRITTEN = {
  sigmoid: (A) => `${A}(1 − ${A})`,
  tanh: (A) => `1 − ${A}²`,
  relu: (A, Z) => `1 where ${Z} > 0`,
  leaky_relu: (A, Z) => `1 where ${Z} > 0, else 0.01`,
  elu: (A, Z) => `1 where ${Z} > 0, else ${A} + 1`,
  identity: () => "1",
};

/** The slope of layer l as a formula: A1(1 − A1) for a sigmoid. */
export const writtenSlope = (name, l) => (WRITTEN[name] ? WRITTEN[name](`A${l}`, `Z${l}`) : `${name}′(Z${l})`);
