// What a teacher may hide, so that a link shows a class just what a task needs. It is in the address.

import { on, show, state } from "./state.js";

export const HIDEABLE = ["data", "rows", "training", "network", "curves", "output",
  "tab-microscope", "tab-tasks", "tab-compare", "tab-space", "tab-seeds", "tab-landscape"];

/** Hide or show a part for whoever opens the address. */
export function setHidden(name, hidden) {
  show({ hidden: HIDEABLE.filter((one) => (one === name ? hidden : state.hidden.includes(one))) });
}

on("view", () => {
  for (const name of HIDEABLE) document.body.classList.toggle(`hide-${name}`, state.hidden.includes(name));
  if (state.hidden.includes(`tab-${state.tab}`)) {
    const left = HIDEABLE.find((name) => name.startsWith("tab-") && !state.hidden.includes(name));
    show({ tab: left ? left.slice("tab-".length) : "away" });
  }
});
