// The bar at the top: play, step, back, reset, and where the descent stands.

import * as actions from "./actions.js";
import { button, field, h, select, short, svg, whole } from "./dom.js";
import { canTravel, on, show, state, tell } from "./state.js";
import { T } from "./text.js";

const SPEEDS = [1, 5, 30, 200, 1000, 5000];

export function barView() {
  const play = button(T.bar.play, actions.play, { class: "main", id: "play" });
  const back = button(T.bar.back, () => actions.back(), { id: "back" });
  const undo = button("↶", () => actions.time(true), { "aria-label": T.bar.undo, title: T.bar.undo, id: "undo" });
  const redo = button("↷", () => actions.time(false), { "aria-label": T.bar.redo, title: T.bar.redo, id: "redo" });
  const corners = svg("svg", { width: 15, height: 15, viewBox: "0 0 15 15", fill: "none", stroke: "currentColor",
    "stroke-width": 1.8, "aria-hidden": "true" }, svg("path", { d: "M1 5V1h4M10 1h4v4M14 10v4h-4M5 14H1v-4" }));
  const pictures = button(corners, () => show({ pictures: !state.pictures }), {
    "aria-label": T.bar.pictures, title: T.bar.pictures, "aria-pressed": "false", id: "pictures" });
  const speeds = Object.fromEntries([...SPEEDS.map((n) => [n, whole(n)]), [0, T.bar.fast]]);
  const speed = select(speeds, state.speed, (value) => actions.setSpeed(Number(value)), { id: "speed" });
  const kind = select(T.bar.kinds, state.stepKind, (value) => show({ stepKind: value }), { id: "step-kind" });
  const figures = ["epoch", "train", "test", "score", "test-score"].map((name) => [name,
    h("output", { id: `figure-${name}` })]);
  const heads = { epoch: T.bar.epoch, train: T.bar.loss, test: T.bar.test, score: "", "test-score": T.bar.test };
  const head = h("span", {}, T.bar.accuracy);
  const boxes = figures.map(([name, output]) => h("div", { class: `figure ${name}` },
    name === "score" ? head : h("span", {}, heads[name]), output));

  on("view", () => {
    speed.value = state.speed;
    pictures.setAttribute("aria-pressed", String(state.pictures));
    document.body.classList.toggle("pictures", state.pictures);
    window.dispatchEvent(new Event("resize"));
    kind.value = state.stepKind;
  });
  on("frame", ({ frame, problem }) => {
    play.textContent = frame.playing ? T.bar.pause : T.bar.play;
    play.setAttribute("aria-pressed", String(frame.playing));
    back.disabled = !frame.can_go_back;
    const part = frame.at ? ` + ${frame.at}` : "";
    const shown = {
      epoch: whole(frame.epoch) + part, train: short(frame.loss[0]), test: short(frame.loss[1]),
      score: score(frame.score[0], problem), "test-score": score(frame.score[1], problem),
    };
    for (const [name, output] of figures) output.textContent = shown[name];
    head.textContent = problem && problem.task === "numbers" ? T.bar.r2 : T.bar.accuracy;
    const [can, again] = canTravel();
    undo.disabled = !can;
    redo.disabled = !again;
    if (frame.message && frame.message !== state.error) { state.error = frame.message; tell("error"); }
  });

  return [
    h("h1", {}, h("img", { src: "page/icon.svg", alt: "", width: 26, height: 26 }), T.title),
    h("div", { class: "transport" },
      play,
      button(T.bar.step, () => actions.step(), { id: "step" }),
      field(T.bar.kind, kind, null, true),
      back,
      button(T.bar.reset, actions.reset, { id: "reset" }),
      button(T.bar.whole, actions.retrain, { id: "whole" }),
      field(T.bar.speed, speed)),
    h("div", { class: "figures" }, boxes),
    h("div", { class: "corner" }, undo, redo, pictures,
      button("◐", () => tell("switch-theme"), { "aria-label": T.bar.theme, title: T.bar.theme, id: "theme" })),
  ];
}

function score(value, problem) {
  if (value === null) return "–";
  return problem && problem.task === "numbers" ? short(value, 3) : `${(100 * value).toFixed(value === 1 || value === 0 ? 0 : 1)} %`;
}
