// The one place of the page's state: the setup (the chosen settings), the problem (its rows and
// sizes), the frame (the state of the descent). Views subscribe and render; actions in actions.js change it.

import { readHash, writeHash } from "./home.js";

export const state = {
  setup: null,       // chosen: {data, network, training}
  problem: null,     // told by the worker once per setup
  frame: null,       // the newest frame
  parameter: null,   // the weight or bias looked at
  peek: null,        // the neuron pointed at, {l, j}
  row: 0,            // the training row looked at
  speed: 10,         // seconds that a whole run takes; 0 is as fast as it goes
  playing: false,
  marks: [],         // epochs at which a setting was changed on the way
  held: null,        // a run that is kept to compare with
  lit: null,         // what the microscope lights up in the picture of the network
  editing: false,    // whether the inspector opens to type a value
  secret: false,     // whether a task keeps secret which gradient is in use
  hidden: [],        // parts that whoever opens the address does not see
  task: null,        // the name of the task that is worked on
  stepKind: "epoch",
  onChange: "run",   // a changed setting trains the whole run anew, resets, or goes on from here
  sharp: false,      // decisions only
  testPoints: true,  // whether the picture shows them
  pictures: false,   // whether the controls make room for the pictures
  log: true,         // the axis of the loss curve
  rate: 0,           // retrainings in the last second
  retrainings: 0,    // in all
  drawClass: 0,
  tab: "microscope",
};

const listeners = {};

export function on(topic, listener) { (listeners[topic] ||= []).push(listener); }

export function tell(topic) { for (const listener of listeners[topic] || []) listener(state); }

// ---- undo and redo, of setups

const past = [], future = [];

export function remember() {
  if (!state.setup) return;
  const text = JSON.stringify(state.setup);
  if (past[past.length - 1] !== text) past.push(text);
  if (past.length > 200) past.shift();
  future.length = 0;
}

export function travel(back) {
  const [from, to] = back ? [past, future] : [future, past];
  const now = JSON.stringify(state.setup);
  while (from.length && from[from.length - 1] === now) from.pop();
  if (!from.length) return null;
  to.push(now);
  return JSON.parse(from.pop());
}

export const canTravel = () => [past.length > 0, future.length > 0];

// ---- the address

const toText = (bytes) => btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const fromText = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const MOST_IN_ADDRESS = 400;

// The parts of the view with a check for each, so that a damaged address does no harm.
const VIEW = {
  tab: (v) => ["microscope", "tasks", "compare", "space", "seeds", "landscape", "away"].includes(v),
  speed: (v) => Number.isInteger(v) && v >= 0,
  stepKind: (v) => ["sample", "batch", "epoch"].includes(v),
  parameter: (v) => v === null || (Number.isInteger(v) && v >= 0),
  hidden: (v) => Array.isArray(v) && v.every((name) => typeof name === "string" && /^[a-z-]{1,20}$/.test(name)),
  task: (v) => v === null || (typeof v === "string" && v.length < 40),
  row: (v) => Number.isInteger(v) && v >= 0,
  onChange: (v) => ["run", "reset", "on"].includes(v), sharp: (v) => typeof v === "boolean",
  testPoints: (v) => typeof v === "boolean", log: (v) => typeof v === "boolean", pictures: (v) => typeof v === "boolean",
};

/** Change the view; the page and the address follow. */
export function show(values) {
  for (const [name, value] of Object.entries(values)) if (VIEW[name] && VIEW[name](value)) state[name] = value;
  tell("view");
}

/** Write the setup, the view, and the parameters of a small network into the address. */
export function writeAddress() {
  if (!state.setup) return;
  const coded = (value) => toText(new TextEncoder().encode(JSON.stringify(value)));
  const view = Object.fromEntries(Object.keys(VIEW).map((name) => [name, state[name]]));
  const parts = [`s=${coded(state.setup)}`, `v=${coded(view)}`];
  const frame = state.frame;
  if (frame && !frame.playing && frame.epoch > 0 && frame.theta.length <= MOST_IN_ADDRESS) {
    parts.push(`e=${frame.epoch}`, `u=${frame.step}`,
      `t=${toText(new Uint8Array(frame.theta.slice().buffer))}`);
  }
  writeHash(parts.join("&"));
}

/** The setup in the address, the view, and the parameters to restore, or a task; null where there is none. */
export function readAddress() {
  const parts = new URLSearchParams(readHash());
  try {
    if (parts.has("task") && !parts.has("s")) return { task: parts.get("task") };
    if (!parts.has("s")) return null;
    const decoded = (name) => JSON.parse(new TextDecoder().decode(fromText(parts.get(name))));
    const setup = decoded("s");
    const view = parts.has("v") ? decoded("v") : {};
    let restore = null;
    if (parts.has("t")) {
      restore = {
        parameters: Array.from(new Float64Array(fromText(parts.get("t")).buffer)),
        epoch: Number(parts.get("e")), step: Number(parts.get("u")),
      };
    }
    return { setup, view, restore };
  } catch {
    return null;
  }
}
