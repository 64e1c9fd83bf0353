// The strip of a hundred seeds: how many starts find the answer.

import * as actions from "./actions.js";
import { button, h, short } from "./dom.js";
import { listen } from "./server.js";
import { on, state } from "./state.js";
import { T } from "./text.js";

export function seedsView() {
  const strip = h("div", { class: "strip", id: "strip" });
  const count = h("p", { id: "found", role: "status" });
  let current = 0;
  const start = button(T.seeds.start, () => {
    strip.replaceChildren();
    count.textContent = T.seeds.working;
    let [found, all] = [0, 0];
    current = listen({ type: "seeds", setup: state.setup }, (answer) => {
      if (answer.id !== current) return;
      for (const result of answer.results) {
        all += 1;
        found += result.found ? 1 : 0;
        strip.append(square(result));
      }
      count.textContent = T.seeds.found(found, all);
      if (answer.done) strip.dataset.done = "yes";
    });
    delete strip.dataset.done;
  }, { class: "main", id: "run-seeds" });
  on("error", () => { if (state.error && count.textContent === T.seeds.working) count.textContent = ""; });
  return [h("p", {}, T.seeds.intro), h("div", { class: "head" }, start, count), strip,
    h("p", { class: "quiet" }, T.seeds.click)];
}

function square({ seed, loss, score, found }) {
  const test = score[1] ?? score[0];
  const label = T.seeds.one(seed, short(loss[0]), short(test, 3));
  return button(found ? "✓" : "·", () => actions.change({ network: { seed } }, { run: true }), {
    class: found ? "found" : "missed", title: label, "aria-label": label });
}
