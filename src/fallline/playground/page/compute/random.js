// NumPy's default_rng(seed), to the bit: SeedSequence, PCG64, and the numbers drawn from it.
//
// SeedSequence: O'Neill 2015, "Developing a seed_seq Alternative" (pcg-random.org), as in NumPy.
// PCG64: O'Neill 2014, "PCG: A Family of Simple Fast Space-Efficient Statistically Good Algorithms
// for Random Number Generation", section 6.3 (XSL RR 128/64).

import { DENSITIES, INSIDE, WIDTHS } from "./ziggurat.js";

const MULTIPLIER = 0x2360ed051fc65da44385df649fccf645n;
const LOW = (1n << 64n) - 1n;
const WHOLE = (1n << 128n) - 1n;
const TAIL = 3.6541528853610088;
const INVERSE_TAIL = 0.27366123732975828; // where the ziggurat ends

/** Four 64-bit numbers from a whole number from 0 to 2^32 - 1. */
export function spread(seed) {
  let constant = 0x43b0d7e5;
  const hashed = (value) => {
    let x = (value ^ constant) >>> 0;
    constant = Math.imul(constant, 0x931e8875) >>> 0;
    x = Math.imul(x, constant) >>> 0;
    return (x ^ (x >>> 16)) >>> 0;
  };
  const mixed = (x, y) => {
    const z = (Math.imul(0xca01f9dd, x) - Math.imul(0x4973f715, y)) >>> 0;
    return (z ^ (z >>> 16)) >>> 0;
  };
  const pool = [seed >>> 0, 0, 0, 0].map(hashed);
  for (let from = 0; from < 4; from++)
    for (let to = 0; to < 4; to++) if (from !== to) pool[to] = mixed(pool[to], hashed(pool[from]));
  constant = 0x8b51f9dd;
  const words = Array.from({ length: 8 }, (_, i) => {
    let x = (pool[i % 4] ^ constant) >>> 0;
    constant = Math.imul(constant, 0x58f38ded) >>> 0;
    x = Math.imul(x, constant) >>> 0;
    return BigInt((x ^ (x >>> 16)) >>> 0);
  });
  return [0, 2, 4, 6].map((i) => words[i] | (words[i + 1] << 32n));
}

/** numpy.random.default_rng(seed), for a seed from 0 to 2^32 - 1. */
export class Generator {
  constructor(seed) {
    const [high, low, sequenceHigh, sequenceLow] = spread(seed);
    this.increment = ((((sequenceHigh << 64n) | sequenceLow) << 1n) | 1n) & WHOLE;
    this.state = (this.increment + ((high << 64n) | low)) & WHOLE;
    this.advance();
    this.half = 0; // the upper 32 bits of a number whose lower ones were drawn
    this.halfLeft = false;
  }

  advance() {
    this.state = (this.state * MULTIPLIER + this.increment) & WHOLE;
  }

  /** 64 random bits. */
  bits() {
    this.advance();
    const high = this.state >> 64n;
    const folded = high ^ (this.state & LOW);
    const by = high >> 58n;
    return ((folded >> by) | (folded << (64n - by))) & LOW;
  }

  /** 32 random bits, as a number. */
  halfBits() {
    if (this.halfLeft) {
      this.halfLeft = false;
      return this.half;
    }
    const whole = this.bits();
    this.half = Number(whole >> 32n);
    this.halfLeft = true;
    return Number(whole & 0xffffffffn);
  }

  /** A number from 0 to 1, 1 excluded. */
  random() {
    return Number(this.bits() >> 11n) / 2 ** 53;
  }

  uniform(low, high, count) {
    return Float64Array.from({ length: count }, () => low + (high - low) * this.random());
  }

  normal(mean, deviation, count) {
    return Float64Array.from({ length: count }, () => mean + deviation * this.standardNormal());
  }

  /** By the ziggurat method: 256 layers of equal area; one random layer nearly always suffices. */
  standardNormal() {
    for (;;) {
      const bits = this.bits();
      const layer = Number(bits & 0xffn);
      const negative = (bits >> 8n) & 1n;
      const place = Number((bits >> 9n) & 0xfffffffffffffn);
      const x = (negative ? -1 : 1) * place * WIDTHS[layer];
      if (place < INSIDE[layer]) return x;
      if (layer === 0) return this.fromTail(place);
      const between = (DENSITIES[layer - 1] - DENSITIES[layer]) * this.random() + DENSITIES[layer];
      if (between < Math.exp(-0.5 * x * x)) return x;
    }
  }

  fromTail(place) {
    for (;;) {
      const x = -INVERSE_TAIL * Math.log1p(-this.random());
      const y = -Math.log1p(-this.random());
      if (y + y > x * x) return Math.floor(place / 256) % 2 ? -(TAIL + x) : TAIL + x;
    }
  }

  /** A whole number from 0 to ``most``, by rejection. */
  upTo(most) {
    if (most === 0) return 0;
    const mask = 2 ** (32 - Math.clz32(most)) - 1;
    let found = (this.halfBits() & mask) >>> 0;
    while (found > most) found = (this.halfBits() & mask) >>> 0;
    return found;
  }

  /** Shuffle in place, by Fisher and Yates, from the end. */
  shuffle(values) {
    for (let i = values.length - 1; i > 0; i--) {
      const j = this.upTo(i);
      [values[i], values[j]] = [values[j], values[i]];
    }
    return values;
  }

  /** A permutation of 0 .. n - 1, or of the values given. */
  permutation(values) {
    return this.shuffle(
      typeof values === "number" ? Int32Array.from({ length: values }, (_, i) => i) : values.slice(),
    );
  }

  /** The state for the compiled shuffle: six 64-bit words. */
  words() {
    return BigUint64Array.of(
      this.state & LOW,
      this.state >> 64n,
      this.increment & LOW,
      this.increment >> 64n,
      this.halfLeft ? 1n : 0n,
      BigInt(this.half),
    );
  }

  takeWords(words) {
    this.state = words[0] | (words[1] << 64n);
    this.increment = words[2] | (words[3] << 64n);
    this.halfLeft = words[4] > 0n;
    this.half = Number(words[5]);
  }

  copy() {
    const twin = Object.create(Generator.prototype);
    return Object.assign(twin, this);
  }
}
