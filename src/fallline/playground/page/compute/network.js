// A network: its architecture, and its parameters in one vector, layer after layer, W before b.

import { ACTIVATIONS, OUTPUTS } from "./activations.js";
import { lossOf } from "./losses.js";
import { Matrix } from "./matrix.js";
import { Generator } from "./random.js";

const HALF_OPEN = ["relu", "leaky_relu", "elu", "gelu", "silu", "softplus"];

/** Initialisers: the first values of W (n_in, n_out). Glorot and Bengio 2010; He et al. 2015. */
export const INITIALIZERS = {
  uniform: (g, nIn, nOut) => g.uniform(-0.5, 0.5, nIn * nOut),
  glorot_uniform: (g, nIn, nOut) => within(g, Math.sqrt(6 / (nIn + nOut)), nIn * nOut),
  glorot_normal: (g, nIn, nOut) => g.normal(0, Math.sqrt(2 / (nIn + nOut)), nIn * nOut),
  he_uniform: (g, nIn, nOut) => within(g, Math.sqrt(6 / nIn), nIn * nOut),
  he_normal: (g, nIn, nOut) => g.normal(0, Math.sqrt(2 / nIn), nIn * nOut),
  zeros: (g, nIn, nOut) => new Float64Array(nIn * nOut),
};

const within = (g, bound, count) => g.uniform(-bound, bound, count);
const usualFor = (activation) => (HALF_OPEN.includes(activation) ? "he_uniform" : "glorot_uniform");

export class Network {
  constructor(sizes, hidden, loss, init, seed) {
    Object.assign(this, { sizes, hidden, init, seed, loss: lossOf(loss) });
    this.activations = [...hidden, this.loss.output];
    let start = 0;
    this.places = this.activations.map((activation, l) => {
      const [nIn, nOut] = [sizes[l], sizes[l + 1]];
      const place = { activation, nIn, nOut, W: start, b: start + nIn * nOut };
      start = place.b + nOut;
      return place;
    });
    this.nParameters = start;
    this.isWeight = new Float64Array(start);
    for (const { W, b } of this.places) this.isWeight.fill(1, W, b);
    this.theta = new Float64Array(start);
    this.initialize(seed);
  }

  /** Draw the weights; biases are zero. One generator draws for the layers in order. */
  initialize(seed) {
    const generator = new Generator(seed);
    this.theta.fill(0);
    for (const { activation, nIn, nOut, W } of this.places)
      this.theta.set(INITIALIZERS[this.init || usualFor(activation)](generator, nIn, nOut), W);
  }

  /** Each layer's part of a vector in the layout of theta: W as a matrix, b. */
  layers(vector = this.theta) {
    return this.places.map(({ activation, nIn, nOut, W, b }) => ({
      activation,
      W: new Matrix(nIn, nOut, vector.subarray(W, b)),
      b: vector.subarray(b, b + nOut),
    }));
  }

  /** A of a layer from its Z. */
  activate(l, Z) {
    const A = new Matrix(Z.rows, Z.columns);
    if (l < this.hidden.length) {
      const { value } = ACTIVATIONS[this.hidden[l]];
      for (let i = 0; i < Z.values.length; i++) A.values[i] = value(Z.values[i]);
    } else {
      const output = OUTPUTS[this.loss.output];
      for (let i = 0; i < Z.rows; i++) output(Z.row(i), A.row(i));
    }
    return A;
  }
}
