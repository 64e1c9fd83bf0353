// The setup: everything that people choose, as checked plain data. The address contains it.
//
// Every value is checked, field by field: an address can come from anyone. Unknown fields, wrong
// types and numbers out of range are refused, and nothing changes. A field that is left out has its
// default, so that the addresses of earlier versions stay valid.

import { ACTIVATIONS } from "./activations.js";
import { PageError, shown } from "./errors.js";
import { rowsWithTargets } from "./data.js";
import { MAX_EPOCHS, MAX_HIDDEN_LAYERS, MAX_NEURONS, MAX_POINTS, MAX_ROWS } from "./limits.js";
import { LOSSES, lossOf } from "./losses.js";
import { GRADIENTS } from "./mistakes.js";
import { INITIALIZERS } from "./network.js";
import { SCHEDULES } from "./schedules.js";

export const DATA_KINDS = [
  "truth_table",
  "and",
  "or",
  "xor",
  "circles",
  "moons",
  "spirals",
  "gaussians",
  "iris",
  "digits",
  "plane",
  "bump",
  "drawn",
  "table",
  "given",
];
export const INPUTS = ["x1", "x2", "x1²", "x2²", "x1 x2", "sin πx1", "sin πx2"];
export const OPTIMIZERS = ["gradient_descent", "momentum", "nesterov", "rmsprop", "adam", "adamw"];

export const USUAL = {
  data: {
    kind: "truth_table",
    n: 200,
    noise: 0.1,
    test: 0.3,
    seed: 0,
    points: [],
    target: "",
    inputs: ["x1", "x2"],
    view: [0, 2],
    rows: [],
  },
  network: { hidden: [2], activations: ["sigmoid"], init: "uniform", seed: 0 },
  training: {
    loss: "auto",
    optimizer: "gradient_descent",
    learning_rate: 1.6,
    momentum: 0.9,
    schedule: "constant",
    batch_size: 0,
    l2: 0,
    l1: 0,
    epochs: 20_000,
    dropout: 0,
    gradient: "right",
  },
};

// ---- checks of one value

export const integer = (low, high) => (name, value) => {
  if (!Number.isInteger(value) || value < low || value > high) {
    const [a, b] = [low, high].map((n) => n.toLocaleString("en"));
    throw new PageError(`${name} must be a whole number from ${a} to ${b}, not ${shown(value)}`);
  }
  return value;
};

export const number = (low, high) => (name, value) => {
  if (typeof value !== "number" || !Number.isFinite(value) || value < low || value > high)
    throw new PageError(`${name} must be a number from ${low} to ${high}, not ${shown(value)}`);
  return value;
};

const choice = (options) => (name, value) => {
  if (!options.includes(value))
    throw new PageError(`${name} must be one of ${options.join(", ")}, not ${shown(value)}`);
  return value;
};

export const several = (check, low, high) => (name, value) => {
  if (!Array.isArray(value) || value.length < low || value.length > high) {
    const count = low === high ? String(low) : `${low} to ${high.toLocaleString("en")}`;
    throw new PageError(`${name} must be a list of ${count} entries`);
  }
  return value.map((item, i) => check(`${name}[${i}]`, item));
};

const distinct = (check) => (name, value) => {
  const items = check(name, value);
  if (new Set(items).size < items.length) throw new PageError(`${name} must not name anything twice`);
  return items;
};

const text = (most) => (name, value) => {
  if (typeof value !== "string" || value.length > most)
    throw new PageError(`${name} must be a text of at most ${most} characters`);
  return value;
};

function loss(name, value) {
  if (value === "auto" || (typeof value === "string" && lossOf(value))) return value;
  throw new PageError(
    `${name} must be auto or one of ${Object.keys(LOSSES).join(", ")}, not ${shown(value)}`,
  );
}

const SEED = integer(0, 2 ** 31 - 1);
const CHECKS = {
  data: {
    kind: choice(DATA_KINDS),
    n: integer(10, MAX_POINTS),
    noise: number(0, 1),
    test: number(0, 0.9),
    seed: SEED,
    points: several(several(number(-1e6, 1e6), 3, 3), 0, MAX_POINTS),
    target: text(200),
    inputs: distinct(several(choice(INPUTS), 1, INPUTS.length)),
    view: several(integer(0, 100_000), 2, 2),
    rows: several(several(number(-100, 100), 3, 6), 0, MAX_ROWS),
  },
  network: {
    hidden: several(integer(1, MAX_NEURONS), 0, MAX_HIDDEN_LAYERS),
    activations: several(choice(Object.keys(ACTIVATIONS)), 0, MAX_HIDDEN_LAYERS),
    init: choice(["", ...Object.keys(INITIALIZERS)]),
    seed: SEED,
  },
  training: {
    loss,
    optimizer: choice(OPTIMIZERS),
    learning_rate: number(1e-9, 1e6),
    momentum: number(0, 0.9999),
    schedule: choice(Object.keys(SCHEDULES)),
    batch_size: integer(0, 1_000_000),
    l2: number(0, 1e6),
    l1: number(0, 1e6),
    epochs: integer(1, MAX_EPOCHS),
    dropout: number(0, 0.9),
    gradient: choice(GRADIENTS),
  },
};

/** A complete, valid setup from the data received. Throws PageError for anything else. */
export function readSetup(given) {
  const parts = renewed(mapping("setup", given, Object.keys(CHECKS)));
  const setup = {};
  for (const [part, checks] of Object.entries(CHECKS)) {
    const values = mapping(part, parts[part] ?? {}, Object.keys(checks));
    setup[part] = Object.fromEntries(
      Object.entries(checks).map(([name, check]) => [
        name,
        check(`${part}.${name}`, values[name] ?? USUAL[part][name]),
      ]),
    );
  }
  const { hidden, activations } = setup.network;
  if (hidden.length !== activations.length) {
    throw new PageError(
      `network.activations must name one activation for each of the ${hidden.length} hidden layers, ` +
        `not ${activations.length}`,
    );
  }
  return setup;
}

/**
 * The setup of an address of an earlier version: its "slips" are the published gradient, its "targets"
 * those of a truth table's rows.
 */
function renewed(parts) {
  const { slips, ...training } = parts.training ?? {};
  const { targets, ...data } = parts.data ?? {};
  const made = { ...parts };
  if (slips !== undefined)
    made.training = { gradient: slips === true ? "published" : "right", ...training };
  if (targets !== undefined) {
    const read = several(integer(0, 1), 0, 8)("data.targets", targets);
    made.data = read.length ? { ...data, rows: rowsWithTargets({ ...USUAL.data, ...data }, read) } : data;
  }
  return made;
}

function mapping(name, given, fields) {
  const known =
    given &&
    typeof given === "object" &&
    !Array.isArray(given) &&
    Object.keys(given).every((key) => fields.includes(key));
  if (!known) throw new PageError(`${name} must be an object with the fields ${fields.join(", ")}`);
  return given;
}
