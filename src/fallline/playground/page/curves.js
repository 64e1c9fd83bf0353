// The curves card: loss of training and test rows, and the score below.

import { button, checkbox, h } from "./dom.js";
import { question } from "./help.js";
import { hold } from "./hold.js";
import { plot } from "./plotting.js";
import { on, show, state } from "./state.js";
import { T } from "./text.js";

export function curvesView() {
  const loss = h("canvas", { role: "img", "aria-label": T.curves.aria, id: "loss-curve" });
  const score = h("canvas", { role: "img", "aria-label": T.bar.accuracy, id: "score-curve" });
  const log = h("input", { type: "checkbox", id: "log", onchange: () => show({ log: log.checked }) });
  log.checked = true;
  const draw = () => {
    const { frame, problem } = state;
    if (!frame || !problem) return;
    const { epoch, train, test, train_score: a, test_score: b } = frame.curve;
    const { held, marks } = state;
    const before = (name) => (held ? [{ epochs: held.curve.epoch, values: held.curve[name], tone: "held", thin: true }] : []);
    const series = (training, testing, names) => [...names.flatMap(before),
      { epochs: epoch, values: training, tone: "high" }, { epochs: epoch, values: testing, tone: "low", dashed: true }];
    const tall = state.pictures ? Math.max(90, loss.parentElement.clientHeight) : HEIGHT;
    plot(loss, tall, series(train, test, ["train"]), { log: log.checked, name: T.curves.loss, marks });
    const name = problem.task === "numbers" ? T.bar.r2 : T.bar.accuracy.toLowerCase();
    if (!state.pictures) plot(score, tall, series(a, b, ["train_score"]), { low: 0, high: 1, name, marks });
    heldKey.hidden = !held;
    changedKey.hidden = !marks.length;
  };
  on("held", () => { holding.textContent = state.held ? T.curves.drop : T.curves.hold; draw(); });
  on("frame", ({ frame }) => { if (frame.epoch === 0) state.marks = []; });
  on("frame", draw);
  on("view", () => {
    log.checked = state.log;
    draw();
  });
  const holding = button(T.curves.hold, hold, { id: "hold" });
  const heldKey = h("span", { hidden: true }, h("span", { class: "dash held" }), T.curves.held);
  const changedKey = h("span", { hidden: true }, h("span", { class: "dash mark" }), T.curves.changed);
  return h("section", { class: "card curves-card", "aria-labelledby": "curves-title" },
    h("div", { class: "head" }, h("h2", { id: "curves-title" }, T.curves.title), question("curves", T.curves.title),
      h("span", { class: "legend" }, h("span", {}, h("span", { class: "dash class-1" }), T.output.train),
        h("span", {}, h("span", { class: "dash class-0" }), T.output.test), heldKey, changedKey),
      checkbox(T.curves.log, log, question("log", T.curves.log)), holding),
    h("div", { class: "curves" }, h("div", {}, loss), h("div", {}, score)));
}

const HEIGHT = 112;
