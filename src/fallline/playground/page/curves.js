// The curves card: loss of training and test rows, and the score below.

import { color } from "./colors.js";
import { fitted, h, short, whole } from "./dom.js";
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
    const stacked = loss.parentElement.offsetTop !== score.parentElement.offsetTop;
    plot(loss, stacked ? 150 : 170, epoch, [[train, "high"], [test, "low"]], { log: log.checked, name: T.curves.loss, epochs: true });
    const top = problem.task === "numbers" ? { low: 0, high: 1, name: T.bar.r2 } : { low: 0, high: 1, name: T.bar.accuracy.toLowerCase() };
    plot(score, stacked ? 104 : 170, epoch, [[a, "high"], [b, "low"]], { ...top, epochs: true });
  };
  on("frame", draw);
  on("view", () => {
    settle(state);
    log.checked = state.log;
    draw();
  });
  // beside a table of predictions there is room below the network, else below the output
  const settle = ({ problem, pictures }) => {
    const place = document.getElementById(pictures || (problem && problem.n_train <= 40) ? "middle" : "right");
    if (card.parentElement !== place) place.append(card);
  };
  on("problem", settle);
  const card = h("section", { class: "card", "aria-labelledby": "curves-title" },
    h("div", { class: "head" }, h("h2", { id: "curves-title" }, T.curves.title),
      h("span", { class: "legend" }, h("span", {}, h("span", { class: "dash class-1" }), T.output.train),
        h("span", {}, h("span", { class: "dash class-0" }), T.output.test)),
      h("div", { class: "check" }, log, h("label", { for: "log" }, T.curves.log))),
    h("div", { class: "curves" }, h("div", {}, loss), h("div", {}, score)));
  return card;
}

function plot(canvas, tall, epochs, series, { log = false, low, high, name, epochs: withEpochs }) {
  const [context, width, height] = fitted(canvas, tall);
  const [left, right, top, bottom] = [50, 10, 8, withEpochs ? 20 : 8];
  context.clearRect(0, 0, width, height);
  const all = series.flatMap(([values]) => values).filter((v) => v !== null && (!log || v > 0));
  if (!all.length) return;
  let [a, b] = [low ?? Math.min(...all), high ?? Math.max(...all)];
  if (low === undefined && !log) a = Math.min(a, 0);
  const t = log ? Math.log10 : (v) => v;
  [a, b] = [t(a), t(b)];
  if (b - a < (log ? 0.05 : 1e-9)) { a -= 0.25; b += 0.25; }
  const end = epochs[epochs.length - 1] || 1;
  const x = (e) => left + ((width - left - right) * e) / end;
  const y = (v) => top + (height - top - bottom) * (1 - (t(v) - a) / (b - a));
  context.font = "11px system-ui, sans-serif";
  context.textAlign = "right";
  for (const mark of ticks(a, b, log)) {
    const at = y(mark);
    context.strokeStyle = color("line");
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(left, at);
    context.lineTo(width - right, at);
    context.stroke();
    context.fillStyle = color("quiet");
    context.fillText(log ? short(mark, digitsOf(mark)).replace(/\.0e/, "e") : short(mark, 2), left - 5, at + 4);
  }
  series.forEach(([values, tone], k) => {
    context.strokeStyle = color(tone);
    context.lineWidth = 2;
    context.setLineDash(k ? [5, 4] : []);
    context.beginPath();
    let pen = false;
    values.forEach((v, i) => {
      if (v === null || (log && v <= 0)) { pen = false; return; }
      const place = [x(epochs[i]), y(Math.min(Math.max(v, low ?? v), high ?? v))];
      if (pen) context.lineTo(...place); else context.moveTo(...place);
      pen = true;
    });
    context.stroke();
    const known = values.flatMap((v, i) => (v === null || (log && v <= 0) ? [] : [[x(epochs[i]), y(v)]]));
    if (known.length === 1) {  // no line yet
      context.fillStyle = color(tone);
      context.beginPath();
      context.arc(...known[0], 3, 0, 7);
      context.fill();
    }
  });
  context.setLineDash([]);
  context.fillStyle = color("quiet");
  context.save();
  context.translate(11, (height - bottom) / 2 + top / 2);
  context.rotate(-Math.PI / 2);
  context.textAlign = "center";
  context.fillText(name, 0, 0);
  context.restore();
  if (withEpochs) {
    context.textAlign = "left";
    context.fillText("0", left, height - 5);
    context.textAlign = "right";
    context.fillText(`${T.bar.epoch.toLowerCase()} ${whole(end)}`, width - right, height - 5);
  }
}

function ticks(a, b, log) {
  if (!log) return [a, (a + b) / 2, b];
  const found = [];
  const every = Math.max(1, Math.ceil((b - a) / 5));
  for (let k = Math.ceil(a); k <= Math.floor(b); k += every) found.push(10 ** k);
  if (found.length < 2) return [10 ** a, 10 ** ((a + b) / 2), 10 ** b].map((v) => Number(v.toPrecision(2)));
  return found;
}

/** One digit for a power of ten, two for what lies between. */
const digitsOf = (mark) => (Math.abs(Math.log10(mark) % 1) < 1e-9 ? 1 : 2);
