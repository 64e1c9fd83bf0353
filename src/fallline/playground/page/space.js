// The hidden layer's space: rows and grid of two features as two neurons of a hidden layer see them.

import { classColor, color } from "./colors.js";
import { field, fitted, h, select, short } from "./dom.js";
import { forward, knows, lifted } from "./forward.js";
import { font } from "./letters.js";
import { on, state } from "./state.js";
import { T } from "./text.js";

const S = T.space;
const LINES = 13, ALONG = 49, SIDE = 400, MARGIN = 46;

export function spaceView() {
  const canvas = h("canvas", { role: "img", "aria-label": S.aria, id: "space" });
  const none = h("p", { class: "quiet" }, S.none);
  const picks = h("div", { class: "pair space-picks" });
  const chosen = { layer: 1, x: 0, y: 1 };
  const draw = () => {
    const { frame, problem } = state;
    if (state.tab !== "space" || !frame || !problem || picks.hidden) return;
    picture(canvas, problem, frame, chosen);
  };
  const offer = () => {
    const { problem } = state;
    if (!problem) return;
    const layers = problem.sizes.slice(1, -1).flatMap((n, k) => (n >= 2 ? [k + 1] : []));
    const possible = layers.length > 0 && knows(problem.activations);
    none.hidden = possible;
    picks.hidden = canvas.parentElement.hidden = !possible;
    if (!possible) return;
    if (!layers.includes(chosen.layer)) chosen.layer = layers[layers.length - 1];
    const n = problem.sizes[chosen.layer];
    for (const which of ["x", "y"]) if (chosen[which] >= n) chosen[which] = which === "x" ? 0 : 1;
    const neurons = Object.fromEntries(Array.from({ length: n }, (_, j) => [j, S.neuron(j)]));
    const pick = (name, options, id) => select(options, chosen[name], (value) => { chosen[name] = Number(value); offer(); draw(); }, { id });
    picks.replaceChildren(field(S.layer, pick("layer", Object.fromEntries(layers.map((l) => [l, T.network.hidden(l)])), "space-layer")),
      field(S.across, pick("x", neurons, "space-x")), field(S.up, pick("y", neurons, "space-y")));
  };
  on("problem", () => { chosen.layer = 99; offer(); });
  for (const topic of ["frame", "tab", "theme"]) on(topic, draw);
  return [h("p", {}, S.intro), none, picks, h("div", { class: "space" }, canvas)];
}

/** The features at a place of the picture: the other features stay at their mean over the rows. */
function placeOf(problem) {
  const plane = problem.axes.length === 2 && problem.axes.every((name) => name === "x1" || name === "x2");
  if (plane) return (point) => lifted(problem.features, point);
  const rows = problem.rows.train;
  const few = problem.n_train === rows.length && rows[0].length === problem.features.length + 1;
  const mean = problem.features.map((_, k) => (few ? rows.reduce((sum, row) => sum + row[k], 0) / rows.length : 0));
  return (point) => {
    const x = [...mean];
    problem.view.forEach((feature, k) => { x[feature] = point[k]; });
    return x;
  };
}

/** The rows as inputs of the network, with their targets. */
function rowsOf(problem) {
  const plane = problem.axes.length === 2;
  if (plane) {
    const features = placeOf(problem);
    return ["train", "test"].flatMap((part) => problem.points[part].map(([a, b, target]) => ({ x: features([a, b]), target, part })));
  }
  return ["train", "test"].flatMap((part) => problem.rows[part].filter((row) => row.length === problem.features.length + 1)
    .map((row) => ({ x: row.slice(0, -1), target: row[row.length - 1], part })));
}

function picture(canvas, problem, frame, { layer, x, y }) {
  const width = Math.min(SIDE, canvas.parentElement.clientWidth - MARGIN);
  const [context, full] = fitted(canvas, width + MARGIN);
  context.clearRect(0, 0, full, width + MARGIN);
  const seen = (features) => {
    const A = forward(problem, frame.theta, features)[layer - 1];
    return [A[x], A[y]];
  };
  const [[x0, x1], [y0, y1]] = problem.view_ranges;
  const features = placeOf(problem);
  const part = (k, n, low, high) => low + ((high - low) * k) / (n - 1);
  const lines = [];
  for (let k = 0; k < LINES; k++) {
    lines.push(Array.from({ length: ALONG }, (_, i) => seen(features([part(k, LINES, x0, x1), part(i, ALONG, y0, y1)]))));
    lines.push(Array.from({ length: ALONG }, (_, i) => seen(features([part(i, ALONG, x0, x1), part(k, LINES, y0, y1)]))));
  }
  const rows = rowsOf(problem).map(({ x: row, ...rest }) => ({ at: seen(row), ...rest }));
  const all = [...lines.flat(), ...rows.map(({ at }) => at)];
  const range = (k) => {
    const values = all.map((at) => at[k]);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const margin = 0.06 * (high - low) || 0.5;
    return [low - margin, high + margin];
  };
  const [[u0, u1], [v0, v1]] = [range(0), range(1)];
  const place = ([u, v]) => [MARGIN + (width * (u - u0)) / (u1 - u0), width - (width * (v - v0)) / (v1 - v0)];
  context.strokeStyle = color("line");
  context.strokeRect(MARGIN, 0.5, width - 1, width - 1);
  context.lineWidth = 1;
  context.strokeStyle = color("quiet");
  context.globalAlpha = 0.45;
  for (const line of lines) {
    context.beginPath();
    line.forEach((at, i) => { if (i) context.lineTo(...place(at)); else context.moveTo(...place(at)); });
    context.stroke();
  }
  context.globalAlpha = 1;
  boundary(context, problem, frame, { layer, x, y }, [u0, u1], place, width);
  for (const { at, target, part: from } of rows) {
    const [px, py] = place(at);
    context.beginPath();
    if (from === "test") context.rect(px - 4, py - 4, 8, 8); else context.arc(px, py, 4.6, 0, 7);
    context.fillStyle = problem.task === "numbers" ? color("accent") : classColor(target);
    context.fill();
    context.lineWidth = 1.6;
    context.strokeStyle = color("ring");
    context.stroke();
  }
  context.fillStyle = color("quiet");
  context.font = font(12);
  context.textAlign = "center";
  context.fillText(`A${layer}[${x}]`, MARGIN + width / 2, width + 16);
  context.textAlign = "left";
  context.fillText(short(u0, 2), MARGIN, width + 16);
  context.textAlign = "right";
  context.fillText(short(u1, 2), MARGIN + width, width + 16);
  context.fillText(short(v1, 2), MARGIN - 4, 12);
  context.fillText(short(v0, 2), MARGIN - 4, width - 2);
  context.fillText(`A${layer}[${y}]`, MARGIN - 4, width / 2);
}

/** The straight line on which the output is one half, where the layer is the last of two neurons. */
function boundary(context, problem, frame, { layer, x, y }, [u0, u1], place, width) {
  const { sizes } = problem;
  if (problem.task !== "binary" || layer !== sizes.length - 2 || sizes[layer] !== 2 || sizes[sizes.length - 1] !== 1) return;
  const tail = frame.theta.slice(-3);  // w0, w1, b
  const [a, b] = [tail[x], tail[y]];
  if (x === y || Math.abs(b) < 1e-9) return;
  const at = (u) => [u, -(tail[2] + a * u) / b];
  context.save();
  context.beginPath();
  context.rect(MARGIN, 0, width, width);
  context.clip();
  context.strokeStyle = color("path");
  context.lineWidth = 2.5;
  context.beginPath();
  context.moveTo(...place(at(u0)));
  context.lineTo(...place(at(u1)));
  context.stroke();
  context.restore();
}
