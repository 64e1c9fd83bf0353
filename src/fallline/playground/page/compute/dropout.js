// The keys from which the engine draws dropout's masks, as in core/dropout.py.

const WORD = (1n << 64n) - 1n;

/** 32 bits for each step and layer, by the finaliser of SplitMix64: (steps, layers) in one array. */
export function keysOf(seed, firstStep, steps, layers) {
  const keys = new BigInt64Array(steps * layers);
  const start = (BigInt(seed) * 0x9e3779b97f4a7c15n) & WORD;
  for (let step = 0; step < steps; step++) {
    for (let layer = 0; layer < layers; layer++) {
      let x = BigInt(firstStep + step) * 0xd1b54a32d192ed03n + BigInt(layer) * 0x8cb92ba72f3d8dd7n + start;
      x &= WORD;
      x = ((x ^ (x >> 30n)) * 0xbf58476d1ce4e5b9n) & WORD;
      x = ((x ^ (x >> 27n)) * 0x94d049bb133111ebn) & WORD;
      keys[step * layers + layer] = (x ^ (x >> 31n)) & 0xffffffffn;
    }
  }
  return keys;
}
