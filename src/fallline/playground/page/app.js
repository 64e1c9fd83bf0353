// The entry: builds the views, starts the worker, and handles keys and theme.

import * as actions from "./actions.js";
import { barView } from "./bar.js";
import { forget } from "./colors.js";
import { curvesView } from "./curves.js";
import { dataView } from "./data.js";
import { larger } from "./letters.js";
import { introView } from "./intro.js";
import { host, writeHash } from "./home.js";
import { networkView } from "./network.js";
import { outputView } from "./output.js";
import { ask, connect, send, showFirst, start } from "./messages.js";
import { on, readAddress, show, state, tell, writeAddress } from "./state.js";
import { tabsView } from "./tabs.js";
import { startTask, taskView } from "./taskview.js";
import { T } from "./text.js";
import { trainingView } from "./training.js";

const place = (id) => document.getElementById(id);

function build() {
  place("skip").textContent = T.skip;
  place("bar").append(...barView());
  place("intro").setAttribute("aria-label", T.intro.label);
  place("intro").append(...introView());
  place("tasks").append(taskView());
  place("left").append(dataView(), trainingView());
  place("middle").append(networkView(), curvesView());
  place("right").append(outputView());
  place("below").append(...tabsView());
  document.body.classList.replace("opening", "waiting");
}

/** The page is laid out invisibly, and shown when it has something to show. */
const reveal = () => document.body.classList.remove("opening", "waiting");

const notice = place("notice");
/** An error for people: settings have the names that the page shows. */
function readable(error) {
  const named = error.replace(/\b(?:data|network|training)\.(\w+)/g, (whole, name) => T.compare.names[name] || whole);
  return named === error ? error : named.charAt(0).toUpperCase() + named.slice(1);
}
on("error", () => {
  notice.textContent = readable(state.error || "");
  notice.hidden = !state.error;
});

// ---- the address, with the setup

let writing = 0;
function soon() {
  clearTimeout(writing);
  writing = setTimeout(() => { if (!actions.moving()) writeAddress(); }, 250);
}
on("setup", soon);
on("frame", soon);
on("view", soon);
on("look", soon);

let written = "";
window.addEventListener("hashchange", () => {
  clearTimeout(writing);
  if (location.hash !== written) begin(readAddress());
});

const { firstPicture, startSetup } = window.fallline;  // of the worker's script, which has run here too
const usual = startSetup(start);

/** The setup in an address, with defaults for what is missing; the worker checks it, and reads older names. */
function filled(setup) {
  const parts = Object.keys(usual);
  if (!setup || !parts.every((part) => setup[part] && typeof setup[part] === "object")) return null;
  return Object.fromEntries(parts.map((part) => [part, { ...usual[part], ...setup[part] }]));
}

async function begin(found, otherwise = null) {
  if (found && found.task) {  // a link to a task
    await begin(null, otherwise || state.setup);
    startTask(found.task);
    return;
  }
  const setup = found ? filled(found.setup) : otherwise;
  if (found && !setup) { await begin(null, otherwise); return; }
  if (!setup) return;
  state.setup = setup;
  try {
    const known = (await ask({ type: "setup", setup })).setup;  // as this version names it
    if (state.setup === setup) state.setup = known;
    if (found && found.restore) send({ type: "restore", ...found.restore });
    if (found && found.view) {
      show(found.view);
      if (state.parameter !== null || state.row > 0) send({ type: "look", parameter: state.parameter, row: state.row });
    }
    state.error = "";
    tell("error");
  } catch {
    if (otherwise && found) { await begin(null, otherwise); return; }
  }
  tell("setup");
  written = location.hash;
}

/** What can be shown before the worker is there: a network at its start, on generated rows. */
function pictureOf(found) {
  if (found && (found.task || found.restore)) return null;
  const setup = found ? filled(found.setup) : usual;
  return setup && firstPicture(start, setup);
}

/** Draw the first picture, if there is one; start the worker after it has been painted. */
function open() {
  const found = readAddress(), first = pictureOf(found);
  build();
  begin(found, usual);  // waits for the worker
  if (!first) {
    on("problem", reveal);
    on("error", reveal);
    setTimeout(reveal, 1000);  // a large table takes its time
    onceParsed(connect);
    return;
  }
  state.setup = first.setup;
  if (found) show(found.view);
  tell("setup");
  reveal();
  showFirst(first);
  oncePainted(() => onceParsed(connect));
}

/** Do something when the rest of the file, with engine and data, is there. */
function onceParsed(what) {
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => what());
  else what();
}

/** Do something when the page has been painted; in a hidden tab, which is not painted, soon. */
function oncePainted(what) {
  let done = false;
  const once = () => { if (!done) { done = true; what(); } };
  new PerformanceObserver((list) => {
    if (list.getEntriesByName("first-contentful-paint").length) once();
  }).observe({ type: "paint", buffered: true });
  setTimeout(once, 300);
}

// ---- the theme

const THEME = "fallline-theme";
let chosen = null;  // for pages without storage, such as some frames
function chosenTheme() {
  try { return sessionStorage.getItem(THEME); } catch { return chosen; }
}
function chooseTheme(choice) {
  chosen = choice;
  try { sessionStorage.setItem(THEME, choice); } catch { /* a page without storage forgets */ }
}
const media = window.matchMedia("(prefers-color-scheme: dark)");
function applyTheme(choice) {
  document.documentElement.dataset.theme = choice || (host && host.theme) || (media.matches ? "dark" : "light");
  forget();
  if (state.frame) tell("frame");
  tell("theme");
}
media.addEventListener("change", () => applyTheme(chosenTheme()));
on("switch-theme", () => {
  const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  chooseTheme(next);
  applyTheme(next);
});
applyTheme(chosenTheme());

// ---- keys, and tables dropped or pasted anywhere

const KEYS = {
  " ": actions.play, s: () => actions.step(), b: actions.back, r: actions.reset, w: actions.retrain,
};

document.addEventListener("keydown", (event) => {
  const key = event.key.toLowerCase();
  const writing_ = event.target.closest("input, select, textarea");
  if ((event.ctrlKey || event.metaKey) && ["z", "y"].includes(key) && !(writing_ && writing_.type === "text")) {
    event.preventDefault();
    actions.time(key === "z" && !event.shiftKey);
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || writing_) return;
  if (key === " " && event.target.closest("button, summary, [data-cell]")) return;
  if (/^[0-5]$/.test(key) && state.setup && state.setup.data.kind === "drawn") {
    state.drawClass = Number(key);
    tell("draw-class");
    return;
  }
  if (KEYS[key]) { event.preventDefault(); KEYS[key](); }
});

document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dropping");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  const file = event.dataTransfer.files[0];
  if (file) actions.takeTable(file.name, file);
});
document.addEventListener("paste", (event) => {
  if (event.target.closest("input, textarea")) return;
  const text = event.clipboardData.getData("text").trim();
  const link = /#((?:s|task)=\S+)$/.exec(text);
  if (link) {  // an address of this page, copied elsewhere
    clearTimeout(writing);  // what waits to be written is of the run before
    writeHash(link[1]);
    begin(readAddress());
    return;
  }
  if (text.includes("\n")) actions.takeTable("pasted", text);
});


let resizing = 0;
window.addEventListener("resize", () => {
  cancelAnimationFrame(resizing);
  resizing = requestAnimationFrame(() => {
    document.documentElement.style.fontSize = state.pictures ? `${Math.round(12.4 * larger())}px` : "";
    document.body.style.setProperty("--bar", `${place("bar").offsetHeight}px`);
    if (state.problem) tell("problem");
    if (state.frame) tell("frame");
  });
});

open();
