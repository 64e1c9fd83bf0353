// A hundred starts of the same run: how many find the answer, and at which loss they end.

import * as actions from "./actions.js";
import { color } from "./colors.js";
import { button, fitted, h, short } from "./dom.js";
import { differences } from "./hold.js";
import { font } from "./letters.js";
import { listen } from "./messages.js";
import { on, state } from "./state.js";
import { T } from "./text.js";

const S = T.seeds;
const BINS = 24;

export function seedsView() {
  const strip = h("div", { class: "strip", id: "strip" });
  const count = h("p", { id: "found", role: "status" });
  const histogram = h("canvas", { role: "img", "aria-label": S.histogram, id: "seeds-histogram" });
  const place = h("div", { hidden: true }, h("p", { class: "quiet" }, S.histogram), h("div", { class: "histogram" }, histogram));
  const earlier = h("ul", { class: "quiet", id: "earlier-seeds" });
  let current = 0, losses = [], last = null;
  const start = button(S.start, () => {
    if (last) remember(earlier, last);
    strip.replaceChildren();
    count.textContent = S.working;
    losses = [];
    const setup = actions.clone(state.setup);
    let [found, all] = [0, 0];
    current = listen({ type: "seeds", setup: state.setup }, (answer) => {
      if (answer.id !== current) return;
      for (const result of answer.results) {
        all += 1;
        found += result.found ? 1 : 0;
        losses.push({ loss: result.loss[0], found: result.found });
        strip.append(square(result));
      }
      count.textContent = S.found(found, all);
      place.hidden = !losses.length;
      drawHistogram(histogram, losses);
      if (answer.done) {
        strip.dataset.done = "yes";
        last = { setup, found, all };
      }
    });
    delete strip.dataset.done;
  }, { class: "main", id: "run-seeds" });
  on("error", () => { if (state.error && count.textContent === S.working) count.textContent = ""; });
  on("tab", () => { if (losses.length) drawHistogram(histogram, losses); });
  on("theme", () => { if (losses.length) drawHistogram(histogram, losses); });
  return [h("p", {}, S.intro), h("div", { class: "head" }, start, count), strip,
    h("p", { class: "quiet" }, S.click), place, earlier];
}

/** The previous hundred runs in a line: their different settings, and how many starts found the answer. */
function remember(list, { setup, found, all }) {
  const other = differences(setup, state.setup).filter(([name]) => name !== T.compare.names.seed);
  const text = other.length ? other.map(([name, value]) => `${name}: ${value}`).join(", ") : T.compare.same;
  list.prepend(h("li", {}, S.earlierOne(`${S.earlier}, ${text}`, found, all)));
  while (list.children.length > 5) list.lastChild.remove();
}

function square({ seed, loss, score, found }) {
  const test = score[1] ?? score[0];
  const label = S.one(seed, short(loss[0]), short(test, 3));
  return button(found ? "✓" : "·", () => actions.change({ network: { seed } }, { then: "run" }), {
    class: found ? "found" : "missed", title: label, "aria-label": `${found ? "✓" : "·"} ${label}` });
}

/** A histogram of the final losses, by their logarithm. */
function drawHistogram(canvas, losses) {
  if (state.tab !== "seeds") return;
  const [context, width, height] = fitted(canvas, 110);
  context.clearRect(0, 0, width, height);
  const logs = losses.filter(({ loss }) => loss > 0).map(({ loss, found }) => ({ log: Math.log10(loss), found }));
  if (!logs.length) return;
  let [low, high] = [Math.min(...logs.map((one) => one.log)), Math.max(...logs.map((one) => one.log))];
  if (high - low < 0.1) { low -= 0.1; high += 0.1; }
  const bins = Array.from({ length: BINS }, () => [0, 0]);
  for (const { log, found } of logs) bins[Math.min(BINS - 1, Math.floor((BINS * (log - low)) / (high - low)))][found ? 0 : 1] += 1;
  const tallest = Math.max(...bins.map(([a, b]) => a + b));
  const [left, bottom, each] = [30, 18, (width - 40) / BINS];
  bins.forEach(([found, missed], k) => {
    const scale = (height - bottom - 14) / tallest;
    const x = left + k * each;
    context.fillStyle = color("good");
    context.fillRect(x, height - bottom - found * scale, each - 2, found * scale);
    context.fillStyle = color("quiet");
    context.fillRect(x, height - bottom - (found + missed) * scale, each - 2, missed * scale);
  });
  context.fillStyle = color("quiet");
  context.font = font(11);
  context.textAlign = "left";
  context.fillText(short(10 ** low, 2), left, height - 4);
  context.textAlign = "right";
  context.fillText(short(10 ** high, 2), left + BINS * each, height - 4);
  context.fillText(String(tallest), left - 4, 20);
}
