// A trained network, in one file that needs nothing else. Written by Fallline; regenerate to change.
//
//     predict(rows)        a label or a number for each row
//     probabilities(rows)  a probability for each label, in the order of `labels`, for each row
//     intervals(rows)      [lower, upper] for each row, where the model has intervals
//     sets(rows)           an array of labels for each row, where the model has sets of classes
//
// A row of a table is an object of its columns: numbers, texts, truth values, dates (a Date, which
// is taken in UTC, or a text). null, undefined, NaN and the usual texts such as "NA" are missing.
// Columns that the model does not use are ignored. Where the network was not trained on a table, a
// row is an array of numbers. A row that cannot be used throws an Error, which names the row
// (from 1) and the column. Numbers in texts have a decimal point and nothing else.

const MODEL = {};
const WEIGHTS = ""; // base64 of the parameters, little-endian: blocks of W, and b, layer by layer

export const labels = MODEL.labels;

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const YEAR_FIRST =
  /^(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?:[ T](\d{1,2}):(\d{1,2})(?::(\d{1,2})(\.\d+)?)?([+-]\d{2}:?\d{2}|Z)?)?$/;
const FIELDS = {
  "%Y": "(?<year>\\d{4})",
  "%y": "(?<short>\\d{2})",
  "%m": "(?<month>\\d{1,2})",
  "%d": "(?<day>\\d{1,2})",
  "%b": "(?<name>[A-Za-z]+)",
  "%B": "(?<name>[A-Za-z]+)",
  "%H": "(?<hour>\\d{1,2})",
  "%I": "(?<hour>\\d{1,2})",
  "%p": "(?<half>[AaPp][Mm])",
  "%M": "(?<minute>\\d{1,2})",
  "%S": "(?<second>\\d{1,2})",
  "%.f": "(?<fraction>\\.\\d+)?",
  "%z": "(?<zone>[+-]\\d{2}:?\\d{2}|Z)",
};
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WORDS = new Map([["true", 1], ["false", 0]]);

// ---- the network

const sigmoid = (z) => 1 / (1 + Math.exp(-Math.max(z, -700)));

// z times the share of a standard normal variable below z, by Hart's rational function (1968)
function gelu(z) {
  const x = Math.abs(z);
  let below = 0;
  if (x < 7.07106781186547) {
    const over = [
      3.52624965998911e-2, 0.700383064443688, 6.37396220353165, 33.912866078383,
      112.079291497871, 221.213596169931, 220.206867912376,
    ].reduce((sum, c) => sum * x + c);
    const under = [
      8.83883476483184e-2, 1.75566716318264, 16.064177579207, 86.7807322029461,
      296.564248779674, 637.333633378831, 793.826512519948, 440.413735824752,
    ].reduce((sum, c) => sum * x + c);
    below = (Math.exp((-x * x) / 2) * over) / under;
  } else if (x < 38) {
    const rest = x + 1 / (x + 2 / (x + 3 / (x + 4 / (x + 0.65))));
    below = Math.exp((-x * x) / 2) / rest / 2.506628274631;
  }
  return z * (z > 0 ? 1 - below : below);
}

function softmax(Z) {
  const largest = Z.reduce((a, b) => Math.max(a, b));
  const E = Z.map((z) => Math.exp(z - largest));
  const sum = E.reduce((a, b) => a + b);
  return E.map((e) => e / sum);
}

const each = (f) => (Z) => Z.map(f);
const FUNCTIONS = {
  sigmoid: each(sigmoid),
  tanh: each(Math.tanh),
  relu: each((z) => Math.max(z, 0)),
  leaky_relu: each((z) => (z > 0 ? z : 0.01 * z)),
  elu: each((z) => (z > 0 ? z : Math.expm1(z))),
  gelu: each(gelu),
  silu: each((z) => z * sigmoid(z)),
  softplus: each((z) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)))),
  identity: each((z) => z),
  softmax,
  exp: each((z) => Math.exp(Math.min(z, 709.7817123930504))),
};

function unpacked() {
  const text = atob(WEIGHTS);
  const view = new DataView(Uint8Array.from(text, (c) => c.charCodeAt(0)).buffer);
  const float = MODEL.dtype === "<f4";
  let at = 0;
  const next = () => {
    const value = float ? view.getFloat32(at, true) : view.getFloat64(at, true);
    at += float ? 4 : 8;
    return value;
  };
  const numbers = (length) => Float64Array.from({ length }, next);
  return MODEL.activations.map((name, l) => {
    const blocks = MODEL.blocks[l].map(([row, rows, column, columns]) => {
      return { row, rows, column, columns, W: numbers(rows * columns) };
    });
    return { blocks, b: numbers(MODEL.sizes[l + 1]), f: FUNCTIONS[name] };
  });
}

const LAYERS = unpacked();

function forward(x) {
  let A = Float64Array.from(x);
  for (const { blocks, b, f } of LAYERS) {
    const Z = Float64Array.from(b);
    for (const { row, rows, column, columns, W } of blocks) {
      for (let i = 0; i < rows; i++) {
        const [a, at] = [A[row + i], i * columns];
        if (a !== 0) for (let j = 0; j < columns; j++) Z[column + j] += a * W[at + j];
      }
    }
    A = f(Z);
  }
  return A;
}

// ---- the rows

function encoded(row, number) {
  const columns = MODEL.columns;
  const n = MODEL.plain ? MODEL.sizes[0] : columns.length;
  const wanted = `row ${number}: each row must be ${n} finite numbers`;
  if (MODEL.positional) {
    if (row?.length !== n) throw new Error(wanted);
    if (MODEL.plain) {
      if (!Array.prototype.every.call(row, Number.isFinite)) throw new Error(wanted);
      return row;
    }
  }
  const features = [];
  const numbers = [];
  columns.forEach((column, i) => {
    const place = `row ${number}, column ${JSON.stringify(column.name)}`;
    if (!MODEL.positional && !Object.hasOwn(row, column.name)) {
      throw new Error(`${place}: the row has no such column`);
    }
    const given = MODEL.positional ? row[i] : row[column.name];
    const x = READERS[column.kind](column, cell(column, given), place);
    if (x === null && column.needed) throw new Error(`${place}: the number is missing`);
    const add = (x, listed) => {
      for (const [name, ...terms] of listed) {
        const feature = FEATURES[name](x, ...terms);
        if (!Number.isFinite(feature)) throw new Error(`${place}: ${given} is too large`);
        features.push(feature);
      }
    };
    add(x, column.features);
    numbers.push(x);
    for (const { weights, features } of column.directions) add(along(weights, numbers), features);
  });
  return features;
}

// the position along a direction, from the last two numbers; null where one is missing
function along(weights, numbers) {
  const pair = numbers.slice(-2);
  if (pair.includes(null)) return null;
  const [x, y] = pair.map((number, i) => {
    const [, shift, scale] = MODEL.columns[numbers.length - 2 + i].features[0];
    return within((number - shift) / scale, -1e150, 1e150);
  });
  return weights[0] * x + weights[1] * y;
}

// null for what is missing, texts without spaces around them
function cell(column, value) {
  if (value === undefined || value === null || Number.isNaN(value)) return null;
  if (value instanceof Date) return value;
  if (typeof value === "number") return value;
  const text = String(value).trim();
  return MODEL.missing[column.kind].includes(text) ? null : text;
}

function asNumber(column, value, place) {
  if (value === null) return null;
  let number = value;
  if (typeof value === "string") {
    number = WORDS.get(value.toLowerCase());
    if (number === undefined && NUMBER.test(value)) number = Number(value);
  }
  if (typeof number !== "number") {
    throw new Error(`${place}: ${JSON.stringify(value)} is not a number`);
  }
  if (!Number.isFinite(number)) throw new Error(`${place}: ${value} is too large`);
  return column.missing_numbers.includes(number) ? null : number;
}

// which category a value is: as it is written, else as a truth value or a number
function asCode(column, value) {
  const names = column.categories;
  if (value === null) return names.length + 1;
  const text = column.by_letter ? ([...String(value)][0] ?? "") : String(value);
  const same = names.indexOf(text);
  if (same >= 0) return same;
  const pairs = WORDS.has(text.toLowerCase()) ? column.words : column.numbers;
  const meant = pairs === column.words ? text.toLowerCase() : NUMBER.test(text) ? Number(text) : NaN;
  return (pairs.find(([known]) => known === meant) ?? [null, names.length])[1];
}

// seconds since 1970 of a date in the form of the training rows, or with the year first
function asSeconds(column, value, place) {
  if (value === null) return null;
  const wrong = () =>
    new Error(`${place}: ${JSON.stringify(value)} is not a date of the form ${column.form}`);
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw wrong();
    return value.getTime() * 1e-3;
  }
  const text = String(value);
  const part = dateParts(column.form, text.replace(/\.0$/, "")) ?? yearFirst(text);
  if (part === null) throw wrong();
  const at = (name) => Number(part[name] ?? 0);
  let month = at("month");
  if (part.name) month = 1 + MONTHS.indexOf(part.name.slice(0, 3).toLowerCase());
  let hour = at("hour");
  if (part.half) hour = (hour % 12) + (/p/i.test(part.half) ? 12 : 0);
  const year = part.short ? at("short") + (at("short") < 70 ? 2000 : 1900) : at("year");
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, at("day"));
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== at("day")) throw wrong();
  if (hour > 23 || at("minute") > 59 || at("second") > 59) throw wrong();
  const seconds = date.getTime() / 1e3 + hour * 3600 + at("minute") * 60 + at("second");
  const milliseconds = Number(((part.fraction ?? ".0").slice(1) + "000").slice(0, 3));
  const zone = (part.zone ?? "Z").replace(":", "");
  const ahead = zone === "Z" ? 0 : 3600 * Number(zone.slice(1, 3)) + 60 * Number(zone.slice(3));
  return ((seconds - (zone[0] === "-" ? -ahead : ahead)) * 1e3 + milliseconds) * 1e-3;
}

function dateParts(form, text) {
  const parts = form.split(/(%Y|%y|%m|%d|%b|%B|%H|%I|%p|%M|%S|%\.f|%z)/);
  const pattern = parts.map((p) => FIELDS[p] ?? p.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&")).join("");
  return new RegExp(`^${pattern}$`).exec(text)?.groups ?? null;
}

function yearFirst(text) {
  const found = YEAR_FIRST.exec(text);
  if (found === null) return null;
  const [, year, , month, day, hour, minute, second, fraction, zone] = found;
  return { year, month, day, hour, minute, second, fraction, zone };
}

const READERS = { number: asNumber, text: asCode, date: asSeconds };

// ---- the features of a number, null where it is missing, and of a text's code

const within = (x, low, high) => Math.min(Math.max(x, low), high);
const FEATURES = {
  scaled: (x, shift, scale) => (x === null ? 0 : (x - shift) / scale),
  clipped: (x, shift, scale) => {
    const z = x === null ? 0 : within((x - shift) / scale, -1e150, 1e150);
    return z / Math.sqrt(1 + (z / 3) ** 2);
  },
  equal: (x, value) => Number(x === value),
  ramp: (x, low, high, center) => (x === null ? 0 : within((x - low) / (high - low), 0, 1) - center),
  wave: (x, name, turn) => (x === null ? 0 : Math[name](x * turn)),
  absent: (x) => Number(x === null),
  oneof: (code, codes) => Number(codes.includes(code)),
  sign: (code) => Number(code === 1) - Number(code === 0),
};

// ---- what it is for

function shares(row, number) {
  const output = Array.from(forward(encoded(row, number)));
  return MODEL.task === "binary" ? [1 - output[0], output[0]] : output;
}

function inUnits(output) {
  const [low, high] = MODEL.ends ?? [-Infinity, Infinity];
  return output.map((a) => within(a * MODEL.scale + MODEL.mean, low, high));
}

const yes = (p) => (MODEL.half_is_yes ? p >= 0.5 : p > 0.5);
const likeliest = (P) =>
  MODEL.task === "binary" ? Number(yes(P[1])) : P.indexOf(Math.max(...P));

export function predict(rows) {
  const { task } = MODEL;
  return Array.from(rows, (row, i) => {
    const output = shares(row, i + 1);
    if (task === "numbers") {
      const numbers = inUnits(output);
      return numbers.length === 1 ? numbers[0] : numbers;
    }
    if (task === "labels") return output.map((p) => Number(yes(p)));
    return labels[likeliest(output)];
  });
}

export function probabilities(rows) {
  if (MODEL.task === "numbers") {
    throw new Error("this network predicts numbers, so there are no probabilities");
  }
  return Array.from(rows, (row, i) => shares(row, i + 1));
}

// the ends of each row's interval, which hold the true value as often as asked for
export function intervals(rows) {
  const kept = MODEL.interval;
  if (kept === null) throw new Error("this model has no intervals; train it with --interval");
  const [least, most] = kept.ends ?? [-Infinity, Infinity];
  return Array.from(rows, (row, i) => {
    const x = encoded(row, i + 1);
    const f = within(forward(x)[0], least, most);
    const bent = [f, ...kept.knots.map((knot) => Math.max(f - knot, 0))];
    let log = bent.reduce((sum, h, k) => sum + h * kept.hinges[k], kept.bias);
    log = kept.weights.reduce((sum, w, k) => sum + w * x[k], log);
    const half = kept.quantile * Math.exp(within(log, kept.low, kept.high));
    const [lower, upper] = [f - half, f + half].map((end) => end * MODEL.scale + MODEL.mean);
    return [Math.max(lower, kept.lowest ?? -Infinity), upper];
  });
}

// the labels that each row may have: the sets hold the true one as often as asked for
export function sets(rows) {
  const kept = MODEL.sets;
  if (kept === null) throw new Error("this model has no sets of classes; train it with --interval");
  return Array.from(rows, (row, i) => {
    const P = shares(row, i + 1);
    const first = likeliest(P);
    return labels.filter((_, k) => k === first || 1 - P[k] <= kept.quantiles[k]);
  });
}
