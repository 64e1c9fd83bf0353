// The only module that talks to the Web Worker, which computes with the engine in WebAssembly. Its code,
// the engine and the data are parts of this file (playground/single_file.py).

import { tellHost } from "./home.js";
import { state, tell } from "./state.js";
import { T } from "./text.js";

let counter = 0, worker = null, shownFirst = "";
const waiting = new Map();
const queue = [];  // messages for a worker that is not there yet
const part = (name) => document.getElementById(`part-${name}`)?.textContent ?? null;
export const start = JSON.parse(part("start"));

/** Start the worker. Making it takes this thread some time, so the first picture comes before it. */
export function connect() {
  const script = [part("parser"), part("worker")];
  worker = new Worker(URL.createObjectURL(new Blob(script, { type: "text/javascript" })));
  worker.onmessage = (event) => receive(event.data);
  worker.onerror = (event) => stopped(event.message || "the worker could not be started");
  worker.postMessage({
    type: "begin", engine: part("engine"), start, rows: part("rows"), tables: { iris: part("iris"), digits: part("digits") },
  });
  for (const message of queue.splice(0)) worker.postMessage(message);
}

/** Show a first picture; the worker's answer, which is the same, then changes nothing. */
export function showFirst({ problem, frame }) {
  shownFirst = JSON.stringify(problem);
  state.problem = problem;
  tell("problem");
  state.frame = frame;
  tell("frame");
}

/** Whether the worker sends the problem that is already shown. */
function isShown({ setup, id, ...problem }) {
  const same = shownFirst === JSON.stringify(problem);
  shownFirst = "";
  return same;
}

/** The worker is gone: reject everything that waits for it. */
function stopped(reason) {
  for (const { reject } of waiting.values()) reject(new Error("closed"));
  waiting.clear();
  state.error = T.lost(reason);
  tell("lost");
  tell("error");
}

export function send(message) {
  if (worker) worker.postMessage(message);
  else queue.push(message);
}

/** Send a message, and wait for the answer with its number. */
export function ask(message) {
  const id = ++counter;
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject });
    send({ ...message, id });
  });
}

/** Send a message whose answers come one by one. */
export function listen(message, each) {
  const id = ++counter;
  waiting.set(id, { resolve: each, reject: () => {}, stays: true });
  send({ ...message, id });
  return id;
}

function receive(message) {
  if (message.type === "frame") return receiveFrame(message);
  const waiter = waiting.get(message.id);
  if (message.type === "error") {
    waiting.delete(message.id);
    state.error = message.message;
    tell("error");
    if (waiter) waiter.reject(new Error(message.message));
    return undefined;
  }
  if (message.type === "retrained" && message.done) tell("run-done");
  const problem = message.type === "problem" || message.type === "same";
  if (message.type === "problem" && !isShown(message)) {
    state.problem = message;
    state.frame = null;  // one that still waits to be drawn is of another network
    tell("problem");
  }
  if (waiter && !(problem && waiter.later)) {
    if (!waiter.stays) waiting.delete(message.id);
    waiter.resolve(message);
  }
  return undefined;
}

/** Request a whole run; its problem and frame come first, then the message that it is done. */
export function askRun(message) {
  const id = ++counter;
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject, later: true });
    send({ ...message, id });
  });
}

function receiveFrame(frame) {
  state.frame = frame;
  tellHost(state.problem, frame, state.setup);
  schedule();
}

let scheduled = false, arrived = 0;

/** Draw the newest frame at the next refresh. */
function schedule() {
  arrived += 1;
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(draw);
  if (document.hidden) setTimeout(draw, 200);  // a hidden tab gets no refreshes
}

/** Draw the newest frame, then acknowledge all that came. */
function draw() {
  if (!scheduled) return;
  scheduled = false;
  if (state.frame) tell("frame");
  while (arrived > 0) { send({ type: "shown" }); arrived -= 1; }
}

/** Pass a table, a file or its text, to the worker: it stays in this page. */
export async function upload(name, body) {
  const text = typeof body === "string" ? body : await body.text();
  return (await ask({ type: "table", name, text })).facts;
}
