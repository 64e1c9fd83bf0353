// Make recorded calls again in WebAssembly and compare what they leave: node replay.mjs WASM FILE
import { readFileSync } from "node:fs";

const [wasm, file] = process.argv.slice(2).map((name) => readFileSync(name));
const { exports } = (await WebAssembly.instantiate(wasm, {})).instance;
const { memory, __heap_base } = exports;
const words = new DataView(file.buffer, file.byteOffset, file.byteLength);
let place = 0;
const word = () => words.getBigInt64((place += 8) - 8, true);
const NUMBERS = { 8: Float64Array, 4: Float32Array, 1: BigInt64Array };
const numbers = (kind, bytes) => {
  const whole = new NUMBERS[kind](new Uint8Array(bytes).buffer); // a copy, aligned
  return kind === 1 ? Array.from(whole, Number) : whole;
};

// the largest difference, relative to the largest number
function difference(kind, got, want) {
  let worst = 0, largest = 0;
  const a = numbers(kind, got), b = numbers(kind, want);
  for (let i = 0; i < b.length; i++) {
    if (Number.isFinite(b[i])) largest = Math.max(largest, Math.abs(b[i]));
    if (a[i] === b[i] || (Number.isNaN(a[i]) && Number.isNaN(b[i]))) continue;
    const apart = Math.abs(a[i] - b[i]);
    if (!(apart <= worst)) worst = apart;
  }
  return worst === 0 ? 0 : worst / largest;
}

let arrays = 0, different = 0, worst = 0;
const calls = Number(word());
for (let c = 0; c < calls; c++) {
  const name = file.subarray(place, place + 128).toString("latin1").replace(/\0+$/, "");
  place += 128;
  const count = Number(word());
  let top = (__heap_base.value + 63) & ~63;
  const take = (length) => {
    const start = top;
    top = (top + length + 63) & ~63;
    const lacking = top + 64 - memory.buffer.byteLength;
    if (lacking > 0) memory.grow(Math.ceil(lacking / 65536));
    return start;
  };
  const record = take(8 * count);
  const fields = [];
  for (let f = 0; f < count; f++) {
    const kind = Number(word());
    let value = word();
    if (kind !== 0) {
      const length = Number(value), whole = Math.ceil(length / 8) * 8, start = take(length);
      new Uint8Array(memory.buffer).set(file.subarray(place, place + length), start);
      const want = file.subarray(place + whole, place + whole + length);
      fields.push({ f, kind, start, length, want });
      place += 2 * whole;
      value = BigInt(start);
    }
    new DataView(memory.buffer).setBigInt64(record + 8 * f, value, true);
  }
  exports[name](record);
  for (const { f, kind, start, length, want } of fields) {
    const got = new Uint8Array(memory.buffer, start, length);
    arrays++;
    if (Buffer.compare(got, want) !== 0) {
      const apart = difference(kind, got, want);
      if (!(apart <= worst)) worst = apart;
      if (different++ < 9) console.error(`call ${c} ${name} field ${f}: ${apart}`);
    }
  }
}
console.log(calls, arrays, different, worst);
