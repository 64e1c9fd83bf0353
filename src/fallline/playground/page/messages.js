// The only module that talks to what computes: a Web Worker with the engine in WebAssembly. Its code,
// the engine and the data are parts of this file (playground/single_file.py).

import { tellHost } from "./home.js";
import { state, tell } from "./state.js";
import { T } from "./text.js";

let counter = 0, onHello = null, hello = null;
const waiting = new Map();
const part = (name) => document.getElementById(`part-${name}`)?.textContent ?? null;

// Begun before the views are built, which takes as long as the engine's start.
const worker = new Worker(URL.createObjectURL(new Blob([part("worker")], { type: "text/javascript" })));
worker.onmessage = (event) => receive(event.data);
worker.onerror = (event) => stopped(event.message || "the worker could not be started");
worker.postMessage({
  type: "begin", engine: part("engine"), start: JSON.parse(part("start")), rows: part("rows"),
  tables: { iris: part("iris"), digits: part("digits") },
});

export function connect(each) {
  onHello = each;
  if (hello) onHello(hello);
}

/** What computes is gone: all who wait are told. */
function stopped(reason) {
  for (const { reject } of waiting.values()) reject(new Error("closed"));
  waiting.clear();
  state.error = T.lost(reason);
  tell("lost");
  tell("error");
}

export function send(message) { worker.postMessage(message); }

/** Send a message, and wait for the answer that bears its number. */
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
  if (message.type === "hello") {
    hello = message;
    return onHello ? onHello(hello) : undefined;
  }
  if (message.type === "error") {
    waiting.delete(message.id);
    state.error = message.message;
    tell("error");
    if (waiter) waiter.reject(new Error(message.message));
    return undefined;
  }
  if (message.type === "retrained" && message.done) tell("run-done");
  const problem = message.type === "problem" || message.type === "same";
  if (message.type === "problem") {
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

/** Ask for a whole run; its problem and frame come first, then the word that it is done. */
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

let scheduled = false, arrived = 0, drawn = false;

/** Draw the newest frame at the next refresh: the page's first one at once, with the network around it. */
function schedule() {
  arrived += 1;
  if (scheduled) return;
  scheduled = true;
  if (!drawn) { draw(); return; }
  requestAnimationFrame(draw);
  if (document.hidden) setTimeout(draw, 200);  // a hidden tab gets no refreshes
}

/** Draw the newest frame, then say that all that came are shown. */
function draw() {
  if (!scheduled) return;
  scheduled = false;
  drawn = true;
  if (state.frame) tell("frame");
  while (arrived > 0) { send({ type: "shown" }); arrived -= 1; }
}

/** Hand a table's text over: it stays in this page. */
export async function upload(name, body) {
  const text = await new Blob([body]).text();
  return (await ask({ type: "table", name, text })).facts;
}
