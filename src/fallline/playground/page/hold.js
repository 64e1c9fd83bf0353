// Holding a run, so that the next one can be compared with it, and the tab with both side by side.

import * as actions from "./actions.js";
import { score } from "./bar.js";
import { pixelsOf } from "./digits.js";
import { button, h, short, whole } from "./dom.js";
import { usualData, usualNetwork, usualTraining } from "./hints.js";
import { plot } from "./plotting.js";
import { on, show, state, tell } from "./state.js";
import { T } from "./text.js";

const C = T.compare;

/** Hold the current run, or release the one that is held. */
export function hold() {
  state.held = state.held || !state.frame ? null : snapshot();
  tell("held");
}

function snapshot() {
  const { setup, frame, problem } = state;
  const surface = document.getElementById("surface");
  const picture = document.createElement("canvas");
  [picture.width, picture.height] = [surface.width, surface.height];
  picture.getContext("2d").drawImage(surface, 0, 0);
  return { setup: actions.clone(setup), curve: frame.curve, epoch: frame.epoch, loss: frame.loss, score: frame.score, problem, picture };
}

/** The settings in which a setup differs from another, as [name, value] in words. */
export function differences(setup, other) {
  return ["data", "network", "training"].flatMap((part) => Object.keys(setup[part])
    .filter((name) => name !== "view" && JSON.stringify(setup[part][name]) !== JSON.stringify(other[part][name]))
    .map((name) => [C.names[name] || name, inWords(name, setup[part][name])]));
}

function inWords(name, value) {
  const words = { gradient: T.training.gradients, optimizer: T.training.optimizers, schedule: T.training.schedules,
    loss: T.training.losses, kind: T.data.kinds, init: { "": T.network.usual, ...T.network.inits } }[name];
  if (name === "gradient" && state.secret && value !== "right") return T.training.secret;
  if (words && words[value]) return words[value];
  if (name === "batch_size") return value ? String(value) : T.training.full;
  if (name === "points") return String(value.length);
  return Array.isArray(value) ? value.join(", ") || "–" : String(value);
}

const twoFrames = () => new Promise((resolve) => { requestAnimationFrame(() => requestAnimationFrame(resolve)); });

/** Both gradients of the lesson, one run after the other; the first is held. */
async function compareSlips() {
  show({ tab: "compare" });
  state.held = null;
  const setup = actions.clone(state.setup);
  Object.assign(setup.data, usualData("truth_table", setup.data));
  Object.assign(setup.network, usualNetwork("truth_table"), { seed: 0 });
  Object.assign(setup.training, usualTraining("truth_table"), { gradient: "published" });
  await actions.take(setup);
  await actions.wholeRun();
  await twoFrames();
  hold();
  await actions.change({ training: { gradient: "right" } });
  await actions.wholeRun();
}

export function compareView() {
  const none = h("p", { class: "quiet" }, C.none);
  const loss = h("canvas", { role: "img", "aria-label": T.curves.aria, id: "compare-curve" });
  const pair = h("div", { class: "compare-pair", id: "compare-pair" }, side("held"), side("now"));
  const slips = button(C.slips, compareSlips, { id: "compare-slips" });
  const render = () => {
    const { held, frame, problem, setup, tab } = state;
    if (tab !== "compare") return;
    none.hidden = Boolean(held);
    pair.hidden = loss.parentElement.hidden = !held || !frame || !problem;
    if (pair.hidden) return;
    const now = { setup, curve: frame.curve, epoch: frame.epoch, loss: frame.loss, score: frame.score, problem, picture: document.getElementById("surface") };
    fill(pair.children[0], C.held, held, setup);
    fill(pair.children[1], C.now, now, held.setup);
    plot(loss, 190, [{ epochs: held.curve.epoch, values: held.curve.train, tone: "held" },
      { epochs: now.curve.epoch, values: now.curve.train, tone: "high" }], { log: state.log, name: T.curves.loss });
  };
  for (const topic of ["frame", "held", "tab", "view"]) on(topic, render);
  return [h("p", {}, C.intro), h("div", { class: "head" }, slips), none, pair, h("div", {}, loss)];
}

const side = (name) => h("div", { class: "of-row", id: `compare-${name}` }, h("h3", {}), h("p", { class: "quiet" }), h("dl", { class: "figures-list" }), h("canvas", { "aria-hidden": "true" }));

function fill(place, name, run, other) {
  const [title, settings, list, canvas] = place.children;
  title.textContent = name;
  const found = differences(run.setup, other);
  settings.textContent = found.length ? found.map(([what, value]) => `${what}: ${value}`).join(", ") : C.same;
  const { problem } = run;
  canvas.hidden = Boolean(pixelsOf(problem));  // digits have no surface
  const numbers = problem.task === "numbers";
  const facts = [[T.bar.epoch, whole(run.epoch)], [T.bar.loss, short(run.loss[0])], [T.bar.test, short(run.loss[1])],
    [numbers ? T.bar.r2 : T.bar.accuracy, score(run.score[0], problem)], [numbers ? T.bar.testR2 : T.bar.testAccuracy, score(run.score[1], problem)]];
  list.replaceChildren(...facts.flatMap(([what, value]) => [h("dt", {}, what), h("dd", {}, value)]));
  if (canvas.width !== run.picture.width || canvas.height !== run.picture.height) [canvas.width, canvas.height] = [run.picture.width, run.picture.height];
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  if (run.picture.width) context.drawImage(run.picture, 0, 0);
}
