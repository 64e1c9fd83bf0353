// A table from text: CSV or TSV by Papa Parse, JSON lines by JSON.parse. Cells are texts, or null
// if one is missing. Ambiguous tables are refused with the line.

import { PageError, shown } from "./errors.js";
import { MAX_TABLE_BYTES } from "./limits.js";

const MISSING = ["", "?", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "#N/A"];
const MOST_COLUMNS = 2000;

/** {source, columns, cells, lines}: cells[k][i] is row i of column k, lines[i] its line. */
export function readTable(source, text) {
  if (text.length > MAX_TABLE_BYTES)
    throw new PageError(
      `${source}: the table is larger than ${MAX_TABLE_BYTES >> 20} MB; use \`fallline train\` for it`,
    );
  if (text.includes("\0"))
    throw new PageError(`${source}: drop a text file: CSV, TSV or JSON lines, not packed`);
  const { columns, rows, lines } = /^\s*[{[]/.test(text) ? fromJson(source, text) : fromCsv(source, text);
  checkNames(source, columns);
  if (!rows.length) throw new PageError(`${source}: there are no rows below the names of the columns`);
  const cells = columns.map((_, k) => rows.map((row) => cellOf(row[k])));
  return { source, columns, cells, lines };
}

function cellOf(value) {
  const text = value === undefined || value === null ? "" : String(value).trim();
  return MISSING.includes(text) ? null : text;
}

function fromCsv(source, text) {
  const { data, errors } = globalThis.Papa.parse(text.replace(/^\ufeff/, ""), { skipEmptyLines: "greedy" });
  const broken = errors.find((error) => error.type === "Quotes");
  if (broken)
    throw new PageError(
      `${source}, line ${(broken.row ?? 0) + 1}: a quote is not closed, or has text behind it`,
    );
  const [head, ...rows] = data;
  if (!head) throw new PageError(`${source}: the file is empty`);
  const columns = head.map((name) => name.trim());
  rows.forEach((row, i) => {
    if (row.length !== columns.length) {
      throw new PageError(
        `${source}, line ${i + 2}: ${row.length} values, but the first line names ${columns.length} columns; ` +
          "correct the line (a value with a comma in it needs quotes)",
      );
    }
  });
  return { columns, rows, lines: rows.map((_, i) => i + 2) };
}

/** One object a line, or one list of objects. */
function fromJson(source, text) {
  const objects = text.trim().startsWith("[")
    ? parsed(source, text, 1)
    : text.split("\n").flatMap((line, i) => (line.trim() ? [parsed(source, line, i + 1)] : []));
  objects.forEach((one, i) => {
    if (!one || typeof one !== "object" || Array.isArray(one))
      throw new PageError(
        `${source}, line ${i + 1}: ${shown(one)} is no object with a value for each column`,
      );
  });
  const columns = [...new Set(objects.flatMap((one) => Object.keys(one)))];
  const rows = objects.map((one) => columns.map((name) => one[name]));
  if (rows.some((row) => row.some((value) => value && typeof value === "object")))
    throw new PageError(`${source}: some values are lists or objects; give each its own column`);
  return { columns, rows, lines: objects.map((_, i) => i + 1) };
}

function parsed(source, text, line) {
  try {
    return JSON.parse(text);
  } catch {
    throw new PageError(`${source}, line ${line}: this is no JSON`);
  }
}

function checkNames(source, columns) {
  const twice = columns.find((name, k) => columns.indexOf(name) !== k);
  if (columns.some((name) => !name))
    throw new PageError(`${source}: the first line has to name every column`);
  if (twice !== undefined)
    throw new PageError(`${source}: two columns are called ${shown(twice)}; rename one`);
  if (columns.length > MOST_COLUMNS)
    throw new PageError(`${source}: ${columns.length} columns are more than the page takes`);
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/** The cells as numbers; NaN if one is missing or not a number. */
export const numbersOf = (cells) =>
  Float64Array.from(cells, (cell) => (cell !== null && NUMBER.test(cell) ? Number(cell) : NaN));

/** The different texts of a column with how often each occurs, the commonest first. */
export function countsOf(cells) {
  const counts = new Map();
  for (const cell of cells) if (cell !== null) counts.set(cell, (counts.get(cell) || 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
}
