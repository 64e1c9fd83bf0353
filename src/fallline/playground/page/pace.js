// Play: how far the descent goes with each picture. A whole run takes the chosen time, and is slow
// at its start, where most happens; it stops at its end.

import { send } from "./messages.js";
import { on, state, tell } from "./state.js";

const SLOW = 100;      // the first hundredth of a run takes as long as e-fold growth needs
const SLOWEST = 3;     // epochs over which even a short run begins slowly

const start = (run) => Math.max(run / SLOW, Math.min(run / 10, SLOWEST));

/** The epoch ``seconds`` after the start of a run that takes ``length`` seconds in all. */
export function epochAt(seconds, run, length) {
  const s = start(run);
  if (seconds >= length) return run + (run * (seconds - length)) / length;
  return s * ((1 + run / s) ** (seconds / length) - 1);
}

/** The seconds after which a run is at an epoch: the inverse of epochAt. */
export function secondsAt(epoch, run, length) {
  const s = start(run);
  if (epoch >= run) return length * (1 + (epoch - run) / run);
  return (length * Math.log(1 + epoch / s)) / Math.log(1 + run / s);
}

let began = 0, awaiting = false, end = 0;

const runLength = () => state.setup.training.epochs;

/** The end of the current run: the next multiple of its length. */
export const endOfRun = () => (Math.floor(state.frame.epoch / runLength()) + 1) * runLength();

/** Whether a run has reached its end, so that Play continues beyond it. */
export const isOver = () => Boolean(state.frame && state.setup && state.frame.epoch >= runLength());

function settleClock() {
  if (state.speed) began = performance.now() - 1000 * secondsAt(state.frame.epoch, runLength(), state.speed);
}

let wanted = false;  // Play was pressed before the first frame came

export function startPlaying() {
  wanted = !state.frame;
  if (wanted || state.frame.message) return;
  state.playing = true;
  end = endOfRun();
  settleClock();
  ask(true);
  tell("playing");
}

export function stopPlaying() {
  wanted = false;
  if (!state.playing) return;
  state.playing = false;
  awaiting = false;
  tell("playing");
}

/** Another speed while it plays. */
export function changePace() {
  if (state.playing) settleClock();
}

const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
const CALM = 250;  // milliseconds between two pictures for those who want less motion

/** Request the next picture when it is due. */
function later() {
  const again = () => { if (state.playing && !awaiting) ask(false); };
  if (calm.matches) setTimeout(again, CALM); else requestAnimationFrame(again);
}

function ask(first) {
  const here = state.frame.epoch;
  const now = (performance.now() - began) / 1000;
  const goal = state.speed ? Math.floor(epochAt(now, runLength(), state.speed)) : end;
  const epochs = Math.min(Math.max(goal, first ? here + 1 : 0), end) - here;
  if (epochs < 1) { later(); return; }
  awaiting = true;
  send({ type: "advance", epochs, first });
}

on("frame", ({ frame, playing }) => {
  if (wanted) { startPlaying(); return; }
  if (!playing || !awaiting) return;
  awaiting = false;
  if (frame.message || frame.epoch >= end) { stopPlaying(); return; }
  later();
});
on("lost", stopPlaying);
on("error", () => { if (state.error) stopPlaying(); });
