// Curves over the epochs.

import { color } from "./colors.js";
import { fitted, short, whole } from "./dom.js";
import { font, larger } from "./letters.js";
import { T } from "./text.js";

/** Curves over the epochs, on one pair of axes. */
export function plot(canvas, tall, series, { log = false, low, high, name, marks = [] }) {
  const [context, width, height] = fitted(canvas, tall);
  const letters = larger();
  const [left, right, top, bottom] = [50 * letters, 10, 8, 20 * letters];
  context.clearRect(0, 0, width, height);
  const all = series.flatMap(({ values }) => values).filter((v) => v !== null && (!log || v > 0));
  if (!all.length) return;
  let [a, b] = [low ?? Math.min(...all), high ?? Math.max(...all)];
  if (low === undefined && !log) a = Math.min(a, 0);
  const t = log ? Math.log10 : (v) => v;
  [a, b] = [t(a), t(b)];
  if (b - a < (log ? 0.05 : 1e-9)) { a -= 0.25; b += 0.25; }
  const end = Math.max(...series.map(({ epochs }) => epochs[epochs.length - 1] || 0)) || 1;
  const x = (e) => left + ((width - left - right) * e) / end;
  const y = (v) => top + (height - top - bottom) * (1 - (t(v) - a) / (b - a));
  context.font = font(11);
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
    context.fillText(log ? short(mark, digitsOf(mark)).replace(/\.0e/, "e") : short(mark, 2), left - 5, at + 4 * letters);
  }
  for (const epoch of marks) {
    context.strokeStyle = color("quiet");
    context.lineWidth = 1;
    context.setLineDash([2, 3]);
    context.beginPath();
    context.moveTo(x(epoch), top);
    context.lineTo(x(epoch), height - bottom);
    context.stroke();
  }
  const at = (epoch, v) => [x(epoch), y(Math.min(Math.max(v, low ?? v), high ?? v))];
  for (const one of series) drawSeries(context, one, at, log);
  context.setLineDash([]);
  context.fillStyle = color("quiet");
  context.save();
  context.translate(11 * letters, (height - bottom) / 2 + top / 2);
  context.rotate(-Math.PI / 2);
  context.textAlign = "center";
  context.fillText(name, 0, 0);
  context.restore();
  context.textAlign = "left";
  context.fillText("0", left, height - 5);
  context.textAlign = "right";
  context.fillText(`${T.bar.epoch.toLowerCase()} ${whole(end)}`, width - right, height - 5);
}

/** One curve; a single value, which makes no line yet, is a dot. */
function drawSeries(context, { epochs, values, tone, dashed, thin }, at, log) {
  const letters = larger();
  const known = (v) => v !== null && (!log || v > 0);
  context.strokeStyle = color(tone);
  context.lineWidth = (thin ? 1.6 : 2) * letters;
  context.setLineDash(dashed ? [5 * letters, 4 * letters] : []);
  context.beginPath();
  let pen = false;
  values.forEach((v, i) => {
    if (!known(v)) { pen = false; return; }
    if (pen) context.lineTo(...at(epochs[i], v)); else context.moveTo(...at(epochs[i], v));
    pen = true;
  });
  context.stroke();
  const places = values.flatMap((v, i) => (known(v) ? [at(epochs[i], v)] : []));
  if (places.length === 1) {
    context.fillStyle = color(tone);
    context.beginPath();
    context.arc(...places[0], 3, 0, 7);
    context.fill();
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
