// The training card. One choice says what all changed settings do with the run.

import * as actions from "./actions.js";
import { exact, field, h, roomy, select } from "./dom.js";
import { question } from "./help.js";
import { usualRate } from "./hints.js";
import { slider } from "./sliders.js";
import { on, show, state } from "./state.js";
import { T } from "./text.js";

const W = T.training;

export function trainingView() {
  const help = (key, label) => ({ beside: question(key, label) });
  const drag = (part, name) => (value, first) => actions.adjust({ [part]: { [name]: value } }, first);
  const rate = slider(W.rate, { low: 1e-4, high: 20, log: true, id: "rate", ...help("rate", W.rate), onmove: drag("training", "learning_rate") });
  const momentum = slider(W.momentum, { low: 0, high: 0.99, id: "momentum", ...help("momentum", W.momentum), onmove: drag("training", "momentum") });
  const l2 = slider(W.l2, { low: 0, high: 0.1, id: "l2", ...help("l2", W.l2), onmove: drag("training", "l2") });
  const l1 = slider(W.l1, { low: 0, high: 0.1, id: "l1", ...help("l1", W.l1), onmove: drag("training", "l1") });
  const dropout = slider(W.dropout, { low: 0, high: 0.8, id: "dropout", ...help("dropout", W.dropout), onmove: drag("training", "dropout") });
  const epochs = slider(W.epochs, { low: 10, high: 100000, log: true, integer: true, id: "epochs", ...help("epochs", W.epochs), onmove: drag("training", "epochs") });
  const seed = slider(W.seed, { low: 0, high: 99, integer: true, id: "seed", ...help("seed", W.seed), onmove: drag("network", "seed") });
  const pick = (name, options, id) => select(options, "", (value) => actions.adjust({ training: { [name]: value } }), { id });
  const optimizer = select(W.optimizers, "", (value) => actions.adjust({
    training: { optimizer: value, learning_rate: usualRate(state.setup.data.kind, value) },
  }), { id: "optimizer" });
  const schedule = pick("schedule", W.schedules, "schedule");
  const { usual: usualLoss, ...losses } = W.losses;
  const loss = pick("loss", losses, "loss");
  const sizes = { 0: W.full, 1: "1", 4: "4", 8: "8", 16: "16", 32: "32", 64: "64", 128: "128" };
  const batch = select(sizes, 0, (value) => actions.adjust({ training: { batch_size: Number(value) } }), { id: "batch" });
  const onChange = select(W.changes, state.onChange, (value) => show({ onChange: value }), { id: "on-change" });
  on("view", () => { onChange.value = state.onChange; });
  const gradient = select({ ...W.gradients, secret: W.secret }, "right",
    (value) => { if (value !== "secret") actions.adjust({ training: { gradient: value } }); }, { id: "gradient" });
  const speed = h("p", { class: "quiet", id: "per-second", "aria-live": "off" });
  const usual = h("p", { class: "quiet", id: "usual-rate" });

  on("setup", ({ setup }) => {
    const { training } = setup;
    rate.show(training.learning_rate);
    momentum.show(training.momentum);
    l2.show(training.l2);
    l1.show(training.l1);
    dropout.show(training.dropout);
    epochs.show(training.epochs);
    seed.show(setup.network.seed);
    momentum.box.hidden = !["momentum", "nesterov"].includes(training.optimizer);
    optimizer.value = training.optimizer;
    usual.textContent = W.usualRate(exact(usualRate(setup.data.kind, training.optimizer)), W.optimizers[training.optimizer]);
    schedule.value = training.schedule;
    if (![...loss.options].some((option) => option.value === training.loss))
      loss.append(h("option", { value: training.loss }, training.loss.replaceAll("_", " ")));
    loss.value = training.loss;
    if (![...batch.options].some((option) => Number(option.value) === training.batch_size))
      batch.append(h("option", { value: training.batch_size }, String(training.batch_size)));
    batch.value = training.batch_size;
    showGradient();
  });
  // a task may keep the gradient secret
  function showGradient() {
    const secret = Boolean(state.secret) && state.setup.training.gradient !== "right";
    for (const option of gradient.options) if (option.value === "secret") option.hidden = !secret;
    gradient.value = secret ? "secret" : state.setup.training.gradient;
    gradient.disabled = secret;
  }
  on("problem", ({ problem, setup }) => {
    const auto = [...loss.options].find((option) => option.value === "auto");
    auto.textContent = setup.training.loss === "auto" ? usualLoss(problem.loss.replaceAll("_", " ")) : losses.auto;
    const sigmoids = problem.activations.every((name) => name === "sigmoid");
    for (const option of gradient.options) if (option.value === "published") option.disabled = !sigmoids;
  });
  on("retrained", () => {
    speed.textContent = state.rate > 1 ? W.perSecond(state.rate) : "";
    document.body.dataset.retrainings = state.retrainings;
    document.body.dataset.rate = Math.max(state.rate, Number(document.body.dataset.rate || 0));
  });

  return h("details", { class: "card", open: roomy, id: "training-card" },
    h("summary", {}, h("h2", { id: "training-title" }, W.title)),
    field(W.onChange, onChange, help("onChange", W.onChange)), speed,
    rate.box, usual, epochs.box, seed.box,
    h("div", { class: "rows" }, field(W.optimizer, optimizer, help("optimizer", W.optimizer)), momentum.box,
      field(W.schedule, schedule, help("schedule", W.schedule)), field(W.batch, batch, help("batch", W.batch)),
      field(W.loss, loss, help("loss", W.loss)), field(W.gradient, gradient, help("gradient", W.gradient))),
    l2.box, l1.box, dropout.box, h("p", { class: "quiet" }, W.own));
}
