// The compiled engine in WebAssembly, by its C interface (docs/c-interface.md).
//
// The engine's memory is one arena: a Loop lays its arrays out from the beginning when it is called
// after another one. So nothing is left over, and theta and the optimiser's state
// live in JavaScript, copied in and out at each call.

import { ACTIVATIONS, LOSSES, RECORDS } from "./records.js";

export const LANES = 8; // numbers of a vector: 64 bytes
const PAGE = 65536;

export const padded = (count) => Math.ceil(count / LANES) * LANES;

/** The number of a loss in the engine; that of quantile(q) is -q in units of 2^-62. */
export const lossCode = (loss) =>
  loss.quantile === undefined
    ? BigInt(LOSSES.indexOf(loss.name))
    : -BigInt(Math.round(loss.quantile * 2 ** 62));

export const activationCodes = (network) =>
  BigInt64Array.from(network.hidden, (name) => BigInt(ACTIVATIONS.indexOf(name)));

export class Engine {
  constructor(module) {
    this.exports = new WebAssembly.Instance(module, {}).exports;
    this.memory = this.exports.memory;
    this.holder = null; // the Loop whose arrays are there
    this.clear();
  }

  /** Forget all arrays. */
  clear() {
    this.top = (this.exports.__heap_base.value + 63) & ~63;
  }

  /** The address of ``bytes`` bytes of zeros. */
  take(bytes) {
    const start = this.top;
    this.top = (start + bytes + 63) & ~63;
    const lacking = this.top + 64 - this.memory.buffer.byteLength;
    if (lacking > 0) this.memory.grow(Math.ceil(lacking / PAGE));
    new Uint8Array(this.memory.buffer, start, bytes).fill(0);
    return start;
  }

  floats(length) {
    return this.take(8 * length);
  }

  /** The address of a copy of these numbers. */
  put(values) {
    const start = this.take(8 * values.length);
    this.view(values.constructor, start, values.length).set(values);
    return start;
  }

  /** A view of an array; it is valid until memory is taken again. */
  view(kind, address, length) {
    return new kind(this.memory.buffer, address, length);
  }

  /** An array as a copy. */
  get(address, length) {
    return this.view(Float64Array, address, length).slice();
  }

  set(address, values) {
    this.view(Float64Array, address, values.length).set(values);
  }

  record(name, values = {}) {
    return new Record(this, name).set(values);
  }

  /** The address of row numbers, which the engine has in 64 bits, low half first. */
  numbers(values) {
    const halves = new Int32Array(2 * values.length);
    for (let i = 0; i < values.length; i++) halves[2 * i] = values[i];
    const start = this.take(8 * values.length);
    this.view(Int32Array, start, halves.length).set(halves);
    return start;
  }
}

/** A record of 8-byte fields in the engine's memory; an array is named by its address. */
class Record {
  constructor(engine, name) {
    this.engine = engine;
    this.name = name;
    this.fields = new Map(
      RECORDS[name].map((field, place) => {
        const [key, kind] = field.split(": ");
        return [key, { place: 8 * place, float: kind === "float" }];
      }),
    );
    this.address = engine.take(8 * this.fields.size);
  }

  set(values) {
    const words = new DataView(this.engine.memory.buffer, this.address);
    for (const [name, value] of Object.entries(values)) {
      const field = this.fields.get(name);
      if (!field) throw new Error(`${this.name} has no field ${name}`);
      if (field.float) words.setFloat64(field.place, value, true);
      else words.setBigInt64(field.place, BigInt(value), true);
    }
    return this;
  }

  call(symbol) {
    return this.engine.exports[symbol](this.address);
  }
}
