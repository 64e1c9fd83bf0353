// Parts that a teacher can hide, so that a link shows only what a task needs. They are in the address.

import { on, show, state } from "./state.js";

export const HIDEABLE = ["data", "rows", "training", "network", "curves", "output",
  "tab-microscope", "tab-tasks", "tab-compare", "tab-space", "tab-seeds", "tab-landscape"];

/** Hide or show a part for people who open the address. */
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
