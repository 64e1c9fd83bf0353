// What a person can do: each action changes the state and sends a message to the worker.

import { changePace, startPlaying, stopPlaying } from "./pace.js";
import { usualNetwork, usualTraining } from "./hints.js";
import { ask, askRun, send, upload } from "./messages.js";
import { on, remember, show, state, tell, travel } from "./state.js";

export const clone = (value) => JSON.parse(JSON.stringify(value));

export function complain(text) { state.error = text; tell("error"); }

/**
 * Change parts of the setup: {data: {...}, network: {...}, training: {...}}. What ``then`` says is
 * done with the run: "run" trains it again, "reset" goes back to the start, "on" continues from here, so
 * that no number is shown under a setting that it does not come from.
 */
export function change(parts, { keep = true, then = "reset" } = {}) {
  const setup = clone(state.setup);
  for (const [name, values] of Object.entries(parts)) Object.assign(setup[name], values);
  return take(setup, { keep, then });
}

/** Change parts of the setup, and treat the run as the page's choice says. */
export const adjust = (parts, keep = true) => change(parts, { keep, then: state.onChange });

const another = (a, b) => JSON.stringify(a) !== JSON.stringify(b);

/** Whether a setup has other rows or another network, so that there is nothing to continue. */
function startsAnew(before, setup) {
  return another({ ...before.data, view: 0 }, { ...setup.data, view: 0 }) || another(before.network, setup.network);
}

/** Take a whole setup; if the worker refuses it, the old one stays. */
export async function take(setup, { keep = true, then = "reset" } = {}) {
  const before = state.setup;
  if (keep) remember();
  const anew = startsAnew(before, setup), other = another(before.training, setup.training);
  state.setup = setup;
  if (anew || then !== "on") stopPlaying();
  if (!anew && other && then === "on" && state.frame && state.frame.epoch) state.marks.push(state.frame.epoch);
  tell("setup");
  if (then === "run") { retrain(); return; }
  try {
    await ask({ type: "setup", setup });
    if (other && !anew && then === "reset") reset();
    state.error = "";
    tell("error");
  } catch (error) {
    if (error.message !== "closed" && state.setup === setup) {
      state.setup = before;
      tell("setup");
    }
  }
}

// ---- whole runs: at most one is requested at a time, and the newest setup wins

let running = false, wanted = false;
const finished = [];

export async function retrain() {
  stopPlaying();
  wanted = true;
  if (running) return;
  running = true;
  while (wanted) {
    wanted = false;
    try {
      if (state.error) { state.error = ""; tell("error"); }
      await askRun({ type: "retrain", setup: state.setup });
    } catch {
      await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
  }
  running = false;
}

/** A whole run; resolves when it is done. */
export function wholeRun() {
  return new Promise((resolve) => {
    ended.push(resolve);
    retrain();
  });
}

const ended = [];

on("run-done", () => {
  for (const resolve of ended.splice(0)) resolve();
  const now = performance.now();
  finished.push(now);
  while (finished[0] < now - 1000) finished.shift();
  state.retrainings += 1;
  state.rate = finished.length;
  tell("retrained");
});

// ---- the descent

/** Whether the descent moves by itself: Play is on, or a long whole run is in progress. */
export const moving = () => state.playing || Boolean(state.frame && state.frame.playing);

export function play() {
  if (state.playing) stopPlaying();
  else if (moving()) send({ type: "pause" });
  else startPlaying();
}

export function setSpeed(speed) {
  show({ speed });
  changePace();
}

/** A step or change by hand; Play ends. */
function byHand(message) {
  stopPlaying();
  send(message);
}

export const step = (kind = state.stepKind) => byHand({ type: "step", kind });
export const back = () => byHand({ type: "back" });
export const reset = () => byHand({ type: "reset" });
export const setParameter = (parameter, value) => byHand({ type: "set", parameter, value });

export function look(parameter, row = state.row) {
  state.parameter = parameter;
  state.row = row;
  send({ type: "look", parameter, row });
  tell("look");
}

export function time(undo) {
  const setup = travel(undo);
  if (setup) take(setup, { keep: false, then: state.onChange });
}

// ---- tables

export async function takeTable(name, body) {
  try {
    await upload(name, body);
  } catch (error) {
    complain(error.message);
    return;
  }
  await change({
    data: { kind: "table", target: "", view: [0, 1], rows: [] },
    network: usualNetwork("table"), training: usualTraining("table"),
  });
}
