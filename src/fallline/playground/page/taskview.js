// The tasks: the list in its tab, and the current task above the network.

import * as actions from "./actions.js";
import { button, h } from "./dom.js";
import { lessonLink } from "./help.js";
import { usualData, usualNetwork, usualTraining } from "./hints.js";
import { on, show, state, tell } from "./state.js";
import { TASKS, taskOf } from "./tasks.js";
import { T } from "./text.js";

const K = T.tasks;
const SOLVED = "fallline-solved";

function solved() {
  try { return JSON.parse(localStorage.getItem(SOLVED)) || []; } catch { return []; }
}

function noteSolved(id) {
  try { localStorage.setItem(SOLVED, JSON.stringify([...new Set([...solved(), id])])); } catch { /* a page without storage forgets */ }
  tell("solved");
}

let seen = {};  // what has happened since the task began

/** Set the page up for a task. */
export async function startTask(id) {
  const task = taskOf(id);
  if (!task) return;
  const setup = actions.clone(state.setup);
  const { kind } = task.setup.data;
  Object.assign(setup.data, usualData(kind, setup.data), task.setup.data);
  Object.assign(setup.network, usualNetwork(kind), task.setup.network);
  Object.assign(setup.training, usualTraining(kind), task.setup.training);
  if (task.secret) setup.training.gradient = task.secret[Math.floor(Math.random() * task.secret.length)];
  state.secret = Boolean(task.secret);
  state.held = null;
  tell("held");
  show({ task: id, pictures: false, ...(task.tab ? { tab: task.tab } : {}) });
  await actions.take(setup);
  seen = {};
  document.getElementById("task").scrollIntoView({ block: "start" });
  document.getElementById("task-title").focus({ preventScroll: true });  // the keyboard goes on from there
}

on("frame", ({ frame }) => { if (frame.message) seen.diverged = true; });

/** The list of all tasks, for its tab. */
export function taskList() {
  const items = TASKS.map((task, i) => {
    const done = h("span", { class: "good" });
    return { task, done, item: h("li", {}, button(`${i + 1} ${task.title}`, () => startTask(task.id), { id: `task-${task.id}` }), done) };
  });
  const mark = () => { for (const { task, done } of items) done.textContent = solved().includes(task.id) ? `✓ ${K.done}` : ""; };
  on("solved", mark);
  on("tab", ({ tab }) => { if (tab === "tasks") mark(); });
  return [h("p", {}, K.intro), h("ol", { class: "task-list" }, items.map(({ item }) => item))];
}

/** The current task: question, answer, check, hints. */
export function taskView() {
  const box = h("section", { class: "card task", id: "task", "aria-labelledby": "task-title", hidden: true });
  let shown = null;
  const render = () => {
    if (state.task === shown) return;
    shown = state.task;
    const task = taskOf(shown);
    box.hidden = !task;
    document.body.classList.toggle("has-task", Boolean(task));
    state.secret = Boolean(task && task.secret);
    if (state.setup) tell("setup");
    box.replaceChildren(...(task ? parts(task) : []));
    window.dispatchEvent(new Event("resize"));
  };
  on("view", render);
  return box;
}

function parts(task) {
  const number = TASKS.indexOf(task);
  const verdict = h("p", { role: "status", id: "task-verdict" });
  const hints = h("ol", { class: "hints", id: "task-hints" });
  const given = answerOf(task);
  let told = 0;
  const hint = button("", () => {
    if (told < task.hints.length) hints.append(h("li", {}, task.hints[told]));
    else if (told === task.hints.length) hints.append(h("li", { class: "solution" }, task.solution));
    told += 1;
    name();
  }, { id: "task-hint" });
  const name = () => {
    hint.textContent = told < task.hints.length ? K.hint(told + 1, task.hints.length) : K.solution;
    hint.hidden = told > task.hints.length;
  };
  name();
  const next = button(K.next, () => startTask(TASKS[(number + 1) % TASKS.length].id), { id: "task-next", hidden: true });
  const check = button(K.check, () => {
    const { setup, frame, problem } = state;
    if (!frame || !problem) return;
    const missing = task.check({ setup, frame, problem, seen }, given.value());
    verdict.className = missing ? "warning" : "good";
    verdict.textContent = missing ? `${K.failed} ${missing}` : K.passed;
    next.hidden = Boolean(missing);
    if (!missing) noteSolved(task.id);
  }, { id: "task-check", class: "main" });
  const leave = button(K.leave, () => {
    const secret = state.secret;
    show({ task: null });
    if (secret) actions.change({ training: { gradient: "right" } });
  }, { id: "task-leave" });
  return [h("div", { class: "head" }, h("h2", { id: "task-title", tabindex: -1 }, `${K.number(number + 1)}: ${task.title}`),
    button(K.again, () => startTask(task.id), { id: "task-again" }), leave),
  h("p", {}, task.question, " ", h("span", { class: "quiet" }, lessonLink(task.lesson))), ...(given.box ? [given.box] : []),
  h("div", { class: "head" }, check, hint, next), verdict, hints];
}

/** The form of the answer: a number, a choice, marked lines of code, or only the page itself. */
function answerOf(task) {
  const kind = task.answer ? task.answer.kind : "page";
  if (kind === "number") {
    const input = h("input", { type: "number", class: "number", id: "task-number", "aria-label": K.answer });
    return { box: h("div", { class: "head" }, h("label", { for: "task-number" }, K.answer), input), value: () => (input.value === "" ? null : Number(input.value)) };
  }
  if (kind === "choice") {
    const options = Object.entries(task.answer.options).map(([value, text]) => {
      const input = h("input", { type: "radio", name: "task-choice", value, id: `choice-${value}` });
      return h("div", { class: "check" }, input, h("label", { for: input.id }, text));
    });
    const box = h("div", { role: "radiogroup", "aria-label": K.answer, class: "choices" }, options);
    return { box, value: () => (box.querySelector(":checked") || {}).value };
  }
  if (kind === "lines") {
    const lines = task.answer.code.map((text, i) => {
      const line = button(text || " ", () => line.setAttribute("aria-pressed", String(line.getAttribute("aria-pressed") !== "true")),
        { class: "line", "aria-pressed": "false", "data-line": i + 1, ...(text ? {} : { "aria-label": K.line(i + 1) }) });
      return h("li", {}, line);
    });
    const box = h("div", {}, h("p", { class: "quiet" }, K.lines), h("ol", { class: "code", id: "task-code" }, lines));
    return { box, value: () => [...box.querySelectorAll("[aria-pressed=true]")].map((line) => Number(line.dataset.line)) };
  }
  return { box: null, value: () => null };
}
