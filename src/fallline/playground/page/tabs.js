// The lower part: microscope, tasks, compare, hidden space, seeds, landscape, take away.

import { awayView } from "./away.js";
import { button, h } from "./dom.js";
import { question } from "./help.js";
import { compareView } from "./hold.js";
import { landscapeView } from "./landscape.js";
import { microscopeView } from "./microscope.js";
import { seedsView } from "./seeds.js";
import { spaceView } from "./space.js";
import { on, show, state, tell } from "./state.js";
import { taskList } from "./taskview.js";
import { T } from "./text.js";

export function tabsView() {
  const asked = (key, parts) => [h("div", { class: "head asked" }, parts[0], question(key, T.tabs[key])), ...parts.slice(1)];
  const views = {
    microscope: microscopeView(), tasks: asked("tasks", taskList()), compare: asked("compare", compareView()), space: asked("space", spaceView()),
    seeds: asked("seeds", seedsView()), landscape: asked("landscape", landscapeView()), away: asked("away", awayView()),
  };
  const names = Object.keys(views);
  const heads = names.map((name) => button(T.tabs[name], () => show({ tab: name }), {
    role: "tab", id: `tab-${name}`, "aria-controls": `panel-${name}` }));
  const panels = names.map((name) => h("div", { role: "tabpanel", id: `panel-${name}`,
    "aria-labelledby": `tab-${name}`, class: "card" }, views[name]));
  let shown = "";
  function open() {
    if (shown === state.tab) return;
    shown = state.tab;
    names.forEach((other, k) => {
      heads[k].setAttribute("aria-selected", String(other === shown));
      heads[k].tabIndex = other === shown ? 0 : -1;
      panels[k].hidden = other !== shown;
    });
    tell("tab");
  }
  const list = h("div", { role: "tablist", class: "tabs" }, heads);
  list.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.stopPropagation();
    const next = (names.indexOf(state.tab) + by + names.length) % names.length;
    show({ tab: names[next] });
    heads[next].focus();
  });
  on("view", open);
  open();
  return [list, ...panels];
}
