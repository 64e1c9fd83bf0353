// The bar at the top: play, step, back, reset, and the state of the descent.

import * as actions from "./actions.js";
import { button, field, h, select, short, svg, whole } from "./dom.js";
import { question } from "./help.js";
import { isOver } from "./pace.js";
import { canTravel, on, show, state, tell } from "./state.js";
import { T } from "./text.js";

const SPEEDS = [60, 30, 10, 3, 1, 0];  // seconds that a whole run takes
const SPOKEN = 2000;  // milliseconds between two sentences for a screen reader while it moves

export function barView() {
  const play = button(T.bar.play, actions.play, { class: "main", id: "play" });
  const back = button(T.bar.back, () => actions.back(), { id: "back", title: T.bar.backTitle });
  const undo = button("↶", () => actions.time(true), { "aria-label": T.bar.undo, title: T.bar.undo, id: "undo" });
  const redo = button("↷", () => actions.time(false), { "aria-label": T.bar.redo, title: T.bar.redo, id: "redo" });
  const corners = svg("svg", { width: 15, height: 15, viewBox: "0 0 15 15", fill: "none", stroke: "currentColor",
    "stroke-width": 1.8, "aria-hidden": "true" }, svg("path", { d: "M1 5V1h4M10 1h4v4M14 10v4h-4M5 14H1v-4" }));
  const pictures = button(corners, () => show({ pictures: !state.pictures }), {
    "aria-label": T.bar.pictures, title: T.bar.pictures, "aria-pressed": "false", id: "pictures" });
  const speed = h("select", { id: "speed", onchange: () => actions.setSpeed(Number(speed.value)) },
    SPEEDS.map((n) => h("option", { value: n }, T.bar.speeds[n])));
  speed.value = state.speed;
  const kind = select(T.bar.kinds, state.stepKind, (value) => show({ stepKind: value }), { id: "step-kind" });
  const figures = figuresView();

  function playLabel() {
    const moving = actions.moving();
    play.textContent = moving ? T.bar.pause : isOver() ? T.bar.goOn : T.bar.play;
    play.title = !moving && isOver() ? T.bar.over : "";
    play.setAttribute("aria-pressed", String(moving));
  }
  on("view", () => {
    if (![...speed.options].some((option) => Number(option.value) === state.speed)) show({ speed: 10 });
    speed.value = state.speed;
    pictures.setAttribute("aria-pressed", String(state.pictures));
    if (document.body.classList.contains("pictures") !== state.pictures) {
      document.body.classList.toggle("pictures", state.pictures);
      window.dispatchEvent(new Event("resize"));
    }
    kind.value = state.stepKind;
  });
  on("playing", playLabel);
  on("setup", playLabel);
  on("frame", ({ frame }) => {
    playLabel();
    back.disabled = !frame.can_go_back;
    const [can, again] = canTravel();
    undo.disabled = !can;
    redo.disabled = !again;
    if (frame.message && frame.message !== state.error) { state.error = frame.message; tell("error"); }
  });

  return [
    h("h1", {}, h("img", { src: "page/icon.svg", alt: "", width: 26, height: 26 }), h("span", {}, T.title)),
    h("div", { class: "transport" },
      play,
      button(T.bar.step, () => actions.step(), { id: "step" }),
      field(T.bar.kind, kind, { hidden: true, beside: question("stepKind", T.bar.kind) }),
      back,
      button(T.bar.reset, actions.reset, { id: "reset" }),
      button(T.bar.whole, actions.retrain, { id: "whole" }),
      field(T.bar.speed, speed, { hidden: true, beside: question("speed", T.bar.speed) })),
    figures,
    h("div", { class: "corner" }, undo, redo, pictures,
      button("◐", () => tell("switch-theme"), { "aria-label": T.bar.theme, title: T.bar.theme, id: "theme" })),
  ];
}

/** Epoch, losses and scores; a screen reader gets them when the descent rests, and from time to time while it moves. */
function figuresView() {
  const names = { epoch: T.bar.epoch, train: T.bar.loss, test: T.bar.test, score: T.bar.accuracy, "test-score": T.bar.testAccuracy };
  const helps = { epoch: "epoch", train: "figureLoss", score: "accuracy" };
  const at = Object.fromEntries(Object.entries(names).map(([name, text]) => {
    const [head, output] = [h("span", { class: "figure-name" }, text), h("output", { id: `figure-${name}`, "aria-live": "off" })];
    const beside = helps[name] ? question(helps[name], text) : null;
    return [name, { head, output, box: h("div", { class: `figure ${name}` }, h("div", { class: "label" }, head, beside), output) }];
  }));
  const spoken = h("p", { class: "unseen", role: "status", id: "spoken" });
  let lastSpoken = 0;
  function speak(shown) {
    const now = performance.now();
    if (actions.moving() && now - lastSpoken < SPOKEN) return;
    lastSpoken = now;
    const text = T.bar.spoken(shown.epoch, shown.train, `${at.score.head.textContent} ${shown.score}`);
    if (spoken.textContent !== text) spoken.textContent = text;
  }
  on("frame", ({ frame, problem, setup }) => {
    const part = frame.at ? ` + ${frame.at}` : "";
    const shown = {
      epoch: whole(frame.epoch) + part, train: short(frame.loss[0]), test: short(frame.loss[1]),
      score: score(frame.score[0], problem), "test-score": score(frame.score[1], problem),
    };
    for (const [name, text] of Object.entries(shown)) at[name].output.textContent = text;
    at.epoch.head.textContent = T.bar.ofRun(whole(setup.training.epochs));
    const numbers = problem && problem.task === "numbers";
    at.score.head.textContent = numbers ? T.bar.r2 : T.bar.accuracy;
    at["test-score"].head.textContent = numbers ? T.bar.testR2 : T.bar.testAccuracy;
    at.test.box.hidden = at["test-score"].box.hidden = !(problem && problem.n_test);
    speak(shown);
  });
  return h("div", { class: "figures" }, Object.values(at).map(({ box }) => box), spoken);
}

/** A score as the bar shows it: a percentage, or R². */
export function score(value, problem) {
  if (value === null) return "–";
  return problem && problem.task === "numbers" ? short(value, 3) : `${(100 * value).toFixed(value === 1 || value === 0 ? 0 : 1)} %`;
}
