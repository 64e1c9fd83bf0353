// The training card. While "dragging retrains" is on, a moved slider redoes the whole run.

import * as actions from "./actions.js";
import { field, h, select } from "./dom.js";
import { slider } from "./sliders.js";
import { on, show, state } from "./state.js";
import { T } from "./text.js";

export function trainingView() {
  const drag = (part, name) => (value, first) =>
    actions.change({ [part]: { [name]: value } }, { keep: first, run: state.dragging });
  const rate = slider(T.training.rate, { low: 1e-4, high: 20, log: true, id: "rate", onmove: drag("training", "learning_rate") });
  const momentum = slider(T.training.momentum, { low: 0, high: 0.99, id: "momentum", onmove: drag("training", "momentum") });
  const l2 = slider(T.training.l2, { low: 0, high: 0.1, id: "l2", onmove: drag("training", "l2") });
  const l1 = slider(T.training.l1, { low: 0, high: 0.1, id: "l1", onmove: drag("training", "l1") });
  const epochs = slider(T.training.epochs, { low: 10, high: 100000, log: true, integer: true, id: "epochs", onmove: drag("training", "epochs") });
  const seed = slider(T.training.seed, { low: 0, high: 99, integer: true, id: "seed", onmove: drag("network", "seed") });
  const pick = (name, options, id) => select(options, "", (value) => actions.change({ training: { [name]: value } }), { id });
  const optimizer = pick("optimizer", T.training.optimizers, "optimizer");
  const schedule = pick("schedule", T.training.schedules, "schedule");
  const loss = pick("loss", T.training.losses, "loss");
  const sizes = { 0: T.training.full, 1: "1", 4: "4", 8: "8", 16: "16", 32: "32", 64: "64", 128: "128" };
  const batch = select(sizes, 0, (value) => actions.change({ training: { batch_size: Number(value) } }), { id: "batch" });
  const dragging = h("input", { type: "checkbox", id: "dragging", onchange: () => show({ dragging: dragging.checked }) });
  on("view", () => { dragging.checked = state.dragging; });
  dragging.checked = state.dragging;
  const slips = h("input", { type: "checkbox", id: "slips",
    onchange: () => actions.change({ training: { slips: slips.checked } }) });
  const speed = h("p", { class: "quiet", id: "per-second", "aria-live": "off" });
  const slipsBox = h("div", { class: "check", title: T.training.slipsWhy }, slips, h("label", { for: "slips" }, T.training.slips));

  on("setup", ({ setup }) => {
    const { training } = setup;
    rate.show(training.learning_rate);
    momentum.show(training.momentum);
    l2.show(training.l2);
    l1.show(training.l1);
    epochs.show(training.epochs);
    seed.show(setup.network.seed);
    momentum.box.hidden = !["momentum", "nesterov"].includes(training.optimizer);
    optimizer.value = training.optimizer;
    schedule.value = training.schedule;
    if (![...loss.options].some((option) => option.value === training.loss))
      loss.append(h("option", { value: training.loss }, training.loss.replaceAll("_", " ")));
    loss.value = training.loss;
    if (![...batch.options].some((option) => Number(option.value) === training.batch_size))
      batch.append(h("option", { value: training.batch_size }, String(training.batch_size)));
    batch.value = training.batch_size;
    slips.checked = training.slips;
  });
  on("problem", ({ problem }) => {
    slipsBox.hidden = problem.activations.some((name) => name !== "sigmoid");
  });
  on("retrained", () => {
    speed.textContent = state.rate > 1 ? T.training.perSecond(state.rate) : "";
    document.body.dataset.retrainings = state.retrainings;
    document.body.dataset.rate = Math.max(state.rate, Number(document.body.dataset.rate || 0));
  });

  return h("section", { class: "card", "aria-labelledby": "training-title" },
    h("h2", { id: "training-title" }, T.training.title),
    h("div", { class: "check" }, dragging, h("label", { for: "dragging" }, T.training.dragging)), speed,
    rate.box, epochs.box, seed.box, l2.box, l1.box, momentum.box,
    h("div", { class: "rows" }, field(T.training.optimizer, optimizer), field(T.training.schedule, schedule),
      field(T.training.batch, batch), field(T.training.loss, loss)),
    slipsBox);
}
