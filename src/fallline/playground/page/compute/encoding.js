// A table's columns as features, and its target as classes or numbers: numbers are standardised,
// texts are one feature for each common text (one-hot). What goes beyond that (dates, other ways to
// write numbers, many rare texts) is reported, with the command that handles it fully.
//
// The rules are those of Fallline's data/encoding.py, fitted on the rows to train on, so that a plain
// table is encoded exactly as by `fallline train`.

import { holdout } from "./data.js";
import { PageError, shown } from "./errors.js";
import { MAX_OUTPUTS, MAX_TABLE_NUMBERS } from "./limits.js";
import { Matrix } from "./matrix.js";
import { Generator } from "./random.js";
import { countsOf, numbersOf } from "./table.js";

const MAX_CATEGORIES = 100;
const MAX_NUMBERED_CLASSES = 10;
const NUMBER_SHARE = 0.9;
const MIN_TO_JUDGE = 10;
const MIN_TO_NUMBER = 20;
const YEARS = [1500, 2200];
const ROW_NAMES = [
  /^(unnamed: ?\d+|index|level_0|id|#|nr\.?|rownames?|row[ _]?(id|nr|num|number|no)?|.+[ _.]id)$/i,
  /^[A-Za-z]+(Id|ID)$/,
];
const DATE = /^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T]\d{1,2}:\d{2}.*)?$/;
const OTHER_NUMBER = /^[^\d-]{0,2}-?\d{1,3}([,.' ]\d{3})*([,.]\d+)?[^\d]{0,3}$/;

/** The problem of a table: its encoded rows; the target is the last column unless named. */
export function tableProblem(table, data, target = data.target || table.columns.at(-1), asked = null) {
  const at = table.columns.indexOf(target);
  if (at < 0)
    throw new PageError(
      `${table.source}: there is no column ${shown(target)}; there are ${table.columns.join(", ")}`,
    );
  const usable = table.cells[at].flatMap((cell, i) => (cell === null ? [] : [i]));
  if (usable.length < 2)
    throw new PageError(`${table.source}: fewer than 2 rows have a value in ${shown(target)}`);
  const cells = table.cells.map((column) => usable.map((i) => column[i]));
  const n = usable.length;
  const goal = goalOf(table.source, target, cells[at], asked);
  const everything = Array.from({ length: n }, (_, i) => i);
  const [kept, held] =
    data.test > 0
      ? holdout(
          n,
          data.test,
          new Generator(data.seed),
          goal.task === "numbers" ? null : Array.from(goal.codes),
        )
      : [everything, []];
  const columns = table.columns.flatMap((name, k) =>
    k === at ? [] : [fitColumn(table.source, name, cells[k], kept)],
  );
  const features = columns.flatMap((column) => column.features);
  if (!features.length) {
    throw new PageError(
      `${table.source}: no column is left to learn from; ` +
        columns.map((column) => `${shown(column.name)} ${column.note}`).join("; "),
    );
  }
  if (n * features.length > MAX_TABLE_NUMBERS) {
    throw new PageError(
      `${table.source}: ${n.toLocaleString("en")} rows of ${features.length} features are more than the page holds; ` +
        `use \`fallline train ${table.source} --target ${target}\``,
    );
  }
  const X = new Matrix(n, features.length);
  let start = 0;
  for (const column of columns) {
    column.fill((i, k, value) => {
      X.values[i * features.length + start + k] = value;
    });
    start += column.features.length;
  }
  const { y, encoded } = encodedTarget(table.source, target, goal, kept);
  const notes = columns.flatMap((column) =>
    column.note ? [`column ${shown(column.name)} ${column.note}`] : [],
  );
  return {
    task: goal.task,
    X: X.take(kept),
    y: kept.map((i) => y[i]),
    X_test: X.take(held),
    y_test: held.map((i) => y[i]),
    features,
    classes: goal.classes,
    target,
    notes: withCommand(notes, table.source, target),
    encoding: {
      target,
      task: goal.counts ? "counts" : goal.task,
      columns: columns.map((column) => column.plain),
      classes: goal.classes,
      target_mean: encoded.mean,
      target_scale: encoded.scale,
      notes,
      spellings: {},
    },
  };
}

/** The notes, and if something is ambiguous the command that handles it fully. */
const withCommand = (notes, source, target) =>
  notes.length
    ? [
        ...notes,
        `fallline train ${quoted(source)} --target ${quoted(target)} reads such columns in full, and \`fallline page\` with the ` +
          "same options makes this page with them",
      ]
    : [];

const quoted = (text) => (/^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

// ---- sums as NumPy adds them, so that a script standardises to the same last digit

/** Pairwise: eight partial sums in blocks of up to 128, halves above. */
export function pairwiseSum(values, start = 0, n = values.length) {
  if (n < 8) {
    let total = 0;
    for (let i = 0; i < n; i++) total += values[start + i];
    return total;
  }
  if (n <= 128) {
    const r = Array.from({ length: 8 }, (_, k) => values[start + k]);
    let i = 8;
    for (; i < n - (n % 8); i += 8) for (let k = 0; k < 8; k++) r[k] += values[start + i + k];
    let total = r[0] + r[1] + (r[2] + r[3]) + (r[4] + r[5] + (r[6] + r[7]));
    for (; i < n; i++) total += values[start + i];
    return total;
  }
  const half = Math.floor(n / 2);
  const first = half - (half % 8);
  return pairwiseSum(values, start, first) + pairwiseSum(values, start + first, n - first);
}

/** Mean and standard deviation; 0 if all values are the same. */
function momentsOf(source, name, values) {
  const mean = pairwiseSum(values) / values.length;
  const scale = Math.sqrt(pairwiseSum(values.map((x) => (x - mean) * (x - mean))) / values.length);
  if (!Number.isFinite(mean) || !Number.isFinite(scale))
    throw new PageError(
      `${source}, column ${shown(name)}: its numbers are too large to standardise; divide them by a common factor`,
    );
  return { mean, scale: values.every((value) => value === values[0]) ? 0 : scale };
}

// ---- the target

/** The target's task, classes and, for classes, the code of each row. */
function goalOf(source, target, cells, asked) {
  const counts = countsOf(cells);
  const numbers = numbersOf(cells);
  const n = cells.length;
  const known = numbers.filter((value) => !Number.isNaN(value)).length;
  if (counts.length < 2) {
    throw new PageError(
      `${source}: the target column ${shown(target)} has only one value (${shown(counts[0][0])}); ` +
        "there is nothing to learn",
    );
  }
  if (known < n && n >= MIN_TO_JUDGE && known >= NUMBER_SHARE * n) {
    const stray = cells[numbers.findIndex(Number.isNaN)];
    throw new PageError(
      `${source}: ${shown(stray)} in the target column ${shown(target)} is not a number, while ${known} others are; correct it`,
    );
  }
  if (known === n && asked !== "classes") {
    const distinct = [...new Set(numbers)];
    const whole = distinct.every(Number.isInteger);
    const few =
      distinct.length === 2 || (whole && distinct.length <= Math.min(MAX_NUMBERED_CLASSES, n / 10));
    if (!few) return { task: "numbers", classes: [], numbers, counts: areCounts(numbers) };
  } else if (known < n && counts.length > MAX_NUMBERED_CLASSES && n < 3 * counts.length) {
    throw new PageError(
      `${source}: the target column ${shown(target)} has ${counts.length} different texts in ${n} rows, so there are ` +
        "no classes to learn; choose another target",
    );
  }
  return classesOf(source, target, cells, known === n);
}

/** Whole numbers of at least 0, some of them 0, are counts: they are divided by their mean. */
const areCounts = (numbers) =>
  numbers.length >= 100 &&
  numbers.every((value) => Number.isInteger(value) && value >= 0 && value <= 1000) &&
  numbers.filter((value) => value === 0).length >= 0.01 * numbers.length;

/** Sorted as numbers if all are numbers, else as texts. */
function classesOf(source, target, cells, numeric) {
  const key = numeric ? Number : (text) => text;
  const names = new Map();
  for (const [text] of countsOf(cells)) if (!names.has(key(text))) names.set(key(text), text);
  const keys = [...names.keys()].sort(numeric ? (a, b) => a - b : (a, b) => (a < b ? -1 : 1));
  if (keys.length > MAX_OUTPUTS) {
    throw new PageError(
      `${source}: ${shown(target)} has ${keys.length} classes; the page takes up to ${MAX_OUTPUTS}. Choose another target`,
    );
  }
  const code = new Map(keys.map((k, i) => [k, i]));
  return {
    task: keys.length === 2 ? "binary" : "classes",
    classes: keys.map((k) => names.get(k)),
    codes: Float64Array.from(cells, (cell) => code.get(key(cell))),
  };
}

function encodedTarget(source, target, goal, kept) {
  if (goal.task !== "numbers") return { y: goal.codes, encoded: { mean: 0, scale: 1 } };
  const { mean, scale } = momentsOf(
    source,
    target,
    Float64Array.from(kept, (i) => goal.numbers[i]),
  );
  if (scale === 0)
    throw new PageError(
      `${source}: the target column ${shown(target)} is the same in every training row; there is nothing to learn`,
    );
  const encoded = goal.counts ? { mean: 0, scale: mean } : { mean, scale };
  return { y: goal.numbers.map((value) => (value - encoded.mean) / encoded.scale), encoded };
}

// ---- a column: {name, features, fill, plain, note}; ``plain`` is its form in a model file

function fitColumn(source, name, cells, kept) {
  const part = kept.map((i) => cells[i]);
  const known = part.filter((cell) => cell !== null);
  if (!known.length) return setAside(name, "it is empty in every training row");
  const numbers = numbersOf(cells);
  const ofPart = Float64Array.from(kept, (i) => numbers[i]).filter((value) => !Number.isNaN(value));
  if (ofPart.length === known.length)
    return numbersRows(name, cells, numbers)
      ? setAside(name, "it looks like a row number")
      : fitNumber(source, name, cells, numbers, ofPart, known.length < part.length);
  if (known.length >= MIN_TO_JUDGE && ofPart.length >= NUMBER_SHARE * known.length) {
    const stray = known.find((cell) => Number.isNaN(numbersOf([cell])[0]));
    throw new PageError(
      `${source}, column ${shown(name)}: ${shown(stray)} is not a number, while ${ofPart.length} others are; correct it, or leave the cell empty`,
    );
  }
  return fitText(name, cells, part, known);
}

const setAside = (name, reason) => ({
  name,
  features: [],
  fill() {},
  plain: { kind: "skip", name, reason },
  note: `is set aside: ${reason}`,
});

/** Whether a column counts the rows: different whole numbers without a gap that are not years. */
function numbersRows(name, cells, numbers) {
  const n = cells.length;
  if (n < MIN_TO_NUMBER || !numbers.every(Number.isInteger) || new Set(numbers).size < n) return false;
  if (ROW_NAMES.some((pattern) => pattern.test(name))) return true;
  const low = numbers.reduce((a, b) => Math.min(a, b));
  const high = numbers.reduce((a, b) => Math.max(a, b));
  return high - low === n - 1 && !(low >= YEARS[0] && high <= YEARS[1]);
}

function fitNumber(source, name, cells, numbers, known, hasMissing) {
  const { mean, scale } = momentsOf(source, name, known);
  if (scale === 0 && hasMissing)
    return fitText(
      name,
      cells,
      cells,
      cells.filter((cell) => cell !== null),
    );
  if (scale === 0) return setAside(name, `it is ${known[0]} in every training row`);
  const low = known.reduce((a, b) => Math.min(a, b));
  const high = known.reduce((a, b) => Math.max(a, b));
  return {
    name,
    features: [name, ...(hasMissing ? [`${name} is missing`] : [])],
    note: null,
    plain: { kind: "number", name, mean, scale, has_missing: hasMissing, low, high },
    fill: (put) =>
      numbers.forEach((value, i) => {
        put(i, 0, Number.isNaN(value) ? 0 : (value - mean) / scale);
        if (hasMissing && Number.isNaN(value)) put(i, 1, 1);
      }),
  };
}

const fewestRows = (n) => Math.max(2, Math.min(10, Math.floor(n / 100)), Math.floor(n / 1000));

function fitText(name, cells, part, known) {
  const counts = countsOf(part);
  const hasMissing = known.length < part.length;
  const doubt = doubtOf(known);
  if (counts.length === 1 && !hasMissing)
    return setAside(name, `it is ${shown(counts[0][0])} in every training row`);
  const common = counts
    .filter(([, count]) => count >= fewestRows(part.length))
    .slice(0, MAX_CATEGORIES)
    .map(([text]) => text)
    .sort();
  if (counts.length === known.length || !common.length)
    return setAside(
      name,
      doubt ||
        (counts.length === known.length
          ? "its texts all differ"
          : `none of its ${counts.length} texts is common`),
    );
  const hasOther = common.length < counts.length;
  const place = new Map(common.map((text, k) => [text, k]));
  const named = [...common, ...(hasOther ? ["(other)"] : []), ...(hasMissing ? ["(missing)"] : [])];
  return {
    name,
    features: named.map((text) => `${name}=${text}`),
    note: doubt && `is taken as text, though ${doubt}`,
    plain: {
      kind: "text",
      name,
      categories: common,
      has_other: hasOther,
      has_missing: hasMissing,
      by_letter: false,
    },
    fill: (put) =>
      cells.forEach((cell, i) => {
        const k =
          cell === null && hasMissing
            ? named.length - 1
            : (place.get(cell) ?? (hasOther ? common.length : -1));
        if (k >= 0) put(i, k, 1);
      }),
  };
}

/** What a column of texts looks like, if not like texts; else null. */
function doubtOf(known) {
  const share = (pattern) => known.filter((cell) => pattern.test(cell)).length / known.length;
  if (share(DATE) > NUMBER_SHARE) return "it looks like dates";
  if (share(OTHER_NUMBER) > NUMBER_SHARE) return "it looks like numbers written in another way";
  return null;
}
