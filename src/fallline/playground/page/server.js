// The only module that talks to Fallline: over a WebSocket, or in a notebook through its cell.

import { host } from "./home.js";
import { state, tell } from "./state.js";

let socket = null, session = "", counter = 0, onHello = null, tries = 0;
const waiting = new Map();

export function connect(hello) {
  onHello = hello;
  open();
}

function open() {
  socket = host ? host.open() : new WebSocket(`ws://${location.host}/socket`);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => { tries = 0; };
  socket.onmessage = (event) => receive(event.data);
  socket.onclose = () => {
    for (const { reject } of waiting.values()) reject(new Error("closed"));
    waiting.clear();
    tell("lost");
    setTimeout(open, Math.min(500 * 2 ** tries++, 5000));
  };
}

export function send(message) {
  if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

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

function receive(data) {
  if (typeof data !== "string") return receiveFrame(data);
  const message = JSON.parse(data);
  const waiter = waiting.get(message.id);
  if (message.type === "hello") {
    session = message.session;
    return onHello(message);
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

function receiveFrame(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const frame = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  let at = 4 + length + ((8 - ((4 + length) % 8)) % 8);
  frame.theta = new Float64Array(buffer, at, frame.n_parameters);
  at += 8 * frame.n_parameters;
  frame.gradient = frame.has_gradient ? new Float64Array(buffer, at, frame.n_parameters) : null;
  at += frame.has_gradient ? 8 * frame.n_parameters : 0;
  frame.maps = new Uint8Array(buffer, at);
  state.frame = frame;
  schedule();
}

let scheduled = false, arrived = 0;

/** Draw the newest frame at the next refresh, then say that all that came are shown. */
function schedule() {
  arrived += 1;
  if (scheduled) return;
  scheduled = true;
  const draw = () => {
    if (!scheduled) return;
    scheduled = false;
    if (state.frame) tell("frame");
    while (arrived > 0) { send({ type: "shown" }); arrived -= 1; }
  };
  requestAnimationFrame(draw);
  if (document.hidden) setTimeout(draw, 200);  // a hidden tab gets no refreshes
}

export async function upload(name, body) {
  if (host) return host.upload(name, await new Blob([body]).arrayBuffer());
  const answer = await fetch(`upload/${session}?name=${encodeURIComponent(name)}`, { method: "POST", body });
  const facts = await answer.json();
  if (!answer.ok) throw new Error(facts.error);
  return facts;
}
