// What this page is, in a sentence, and what its colours and shapes mean.

import { button, h } from "./dom.js";
import { show } from "./state.js";
import { T } from "./text.js";

const I = T.intro;

export function introView() {
  const items = I.items.map(([sign, text]) => h("li", {}, h("span", { class: `key ${sign}`, "aria-hidden": "true" }), text));
  const to = (tab) => () => {
    show({ tab });
    document.getElementById(`tab-${tab}`).scrollIntoView({ block: "start" });
    document.getElementById(`tab-${tab}`).focus({ preventScroll: true });
  };
  return [
    h("p", {}, h("strong", {}, I.what), " ", I.first),
    h("div", { class: "head" }, button(I.microscope, to("microscope"), { id: "to-microscope" }), button(I.tasks, to("tasks"), { id: "to-tasks" })),
    h("details", { id: "legend" }, h("summary", {}, I.legend), h("ul", { class: "keys-list" }, items), h("p", { class: "quiet" }, I.counting),
      h("dl", { class: "keys" }, T.intro.keys.map(([key, what]) => h("div", {}, h("dt", {}, h("kbd", {}, key)), h("dd", {}, what))))),
  ];
}
