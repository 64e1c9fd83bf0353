// What a person can do: each action changes the state and tells the server.

import { ask, askRun, send, upload } from "./server.js";
import { on, remember, show, state, tell, travel } from "./state.js";

export const clone = (value) => JSON.parse(JSON.stringify(value));

export function complain(text) { state.error = text; tell("error"); }

/** Change parts of the setup: {data: {...}, network: {...}, training: {...}}. */
export function change(parts, { keep = true, run = false } = {}) {
  const setup = clone(state.setup);
  for (const [name, values] of Object.entries(parts)) Object.assign(setup[name], values);
  return take(setup, { keep, run });
}

/** Take a whole setup; the old one stays where the server refuses the new. */
export async function take(setup, { keep = true, run = false } = {}) {
  const before = state.setup;
  if (keep) remember();
  state.setup = setup;
  tell("setup");
  if (run) { retrain(); return; }
  try {
    await ask({ type: "setup", setup });
    state.error = "";
    tell("error");
  } catch (error) {
    if (error.message !== "closed" && state.setup === setup) {
      state.setup = before;
      tell("setup");
    }
  }
}

// ---- whole runs: at most one is asked for at a time, and the newest setup wins

let running = false, wanted = false;
const finished = [];

export async function retrain() {
  wanted = true;
  if (running) return;
  running = true;
  while (wanted) {
    wanted = false;
    try {
      await askRun({ type: "retrain", setup: state.setup });
      if (state.error) { state.error = ""; tell("error"); }
    } catch {
      await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
  }
  running = false;
}

on("run-done", () => {
  const now = performance.now();
  finished.push(now);
  while (finished[0] < now - 1000) finished.shift();
  state.retrainings += 1;
  state.rate = finished.length;
  tell("retrained");
});

// ---- the descent

export const playing = () => Boolean(state.frame && state.frame.playing);

export function play() {
  if (playing()) { send({ type: "pause" }); return; }
  send({ type: "play", epochs: state.speed || 1e9 });
}

export function setSpeed(speed) {
  show({ speed });
  if (playing()) send({ type: "play", epochs: speed || 1e9 });
}

export const step = (kind = state.stepKind) => send({ type: "step", kind });
export const back = () => send({ type: "back" });
export const reset = () => { send({ type: "reset" }); };
export const setParameter = (parameter, value) => send({ type: "set", parameter, value });

export function look(parameter, row = state.row) {
  state.parameter = parameter;
  state.row = row;
  send({ type: "look", parameter, row });
  tell("look");
}

export function time(undo) {
  const setup = travel(undo);
  if (setup) take(setup, { keep: false });
}

// ---- tables

export async function takeTable(name, body) {
  try {
    await upload(name, body);
  } catch (error) {
    complain(error.message);
    return;
  }
  const small = state.setup.network;
  const hidden = state.setup.data.kind === "truth_table" ? [8] : small.hidden;
  const activations = state.setup.data.kind === "truth_table" ? ["tanh"] : small.activations;
  await change({
    data: { kind: "table", target: "", view: [0, 1] },
    network: { hidden, activations, init: "" },
    training: { loss: "auto", optimizer: "adam", learning_rate: 0.01, batch_size: 32, epochs: 50, slips: false },
  });
}
