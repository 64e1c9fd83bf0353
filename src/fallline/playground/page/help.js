// The "?" beside a label: one sentence on what it is, and the lesson that explains it.

import { button, h } from "./dom.js";

const LESSONS = [null, "01-truth-table", "02-sigmoid", "03-loss", "04-weights", "05-learning-rate", "06-chain-rule",
  "07-training-loop", "08-gradient-check", "09-from-here", "10-landscape"];
const TITLES = [null, "The truth table", "The sigmoid", "The loss", "The weights", "The learning rate", "The chain rule",
  "The training loop", "Checking gradients", "From here", "The landscape"];

// for each label: what it is, and the number of its lesson
const HELP = {
  data: ["The rows that the network learns from, and the test rows that it never trains on.", 1],
  n: ["How many points are made, training and test together.", 9],
  noise: ["How far points are moved at random; with much noise no network can get all of them right.", 9],
  test: ["The share of the rows set aside: the network does not train on them, so they show what it has learned and not memorised.", 9],
  dataSeed: ["Each seed draws other points; the same seed draws the same ones again.", 4],
  inputs: ["What the network is given of a point: its coordinates, or functions of them.", 9],
  rows: ["The rows with their target and what the network predicts; click a row to see its numbers in the network.", 1],
  row: ["The numbers below the neurons are their outputs for this training row.", 1],
  init: ["How the weights are drawn before training; all zeros makes every hidden neuron the same.", 4],
  network: ["A box is a neuron, a line a weight. A neuron adds its weighted inputs and its bias and applies its activation.", 1],
  activation: ["The function that a neuron applies to its weighted sum.", 2],
  output: ["What the network says at each place of the plane of two features; the points are the rows.", 1],
  sharp: ["Shows only which class wins, not how sure the network is.", 1],
  testPoints: ["Shows the test rows too, as squares.", 9],
  curves: ["The loss after each epoch, on the training rows and on the test rows.", 7],
  log: ["Draws the loss by its logarithm, so that small losses can be told apart.", 7],
  hold: ["Keeps the curve of this run, so that the next one can be compared with it.", 7],
  speed: ["How long Play takes for a whole run; it is slow at the start, where most happens.", 7],
  stepKind: ["How many rows one press of Step uses: one, a batch, or all of an epoch.", 7],
  onChange: ["A changed setting trains the whole run again, starts again at epoch 0, or goes on from where the run stands.", 5],
  rate: ["How far each step goes along the negative gradient: too small is slow, too large diverges.", 5],
  epochs: ["An epoch is one pass over the training rows; a whole run is this many.", 7],
  seed: ["Each seed draws other initial weights; the same seed draws the same ones again.", 4],
  l2: ["Adds the squares of the weights to the loss, so that they stay small.", 9],
  l1: ["Adds the absolute values of the weights to the loss, so that many become nearly zero.", 9],
  dropout: ["In each step this share of the hidden neurons is switched off at random, so that none relies on another.", 9],
  momentum: ["The share of the last step that is added to the next.", 9],
  optimizer: ["The rule that turns the gradient into a step; choosing one also sets its usual learning rate.", 9],
  schedule: ["How the learning rate changes along the run.", 9],
  batch: ["How many rows the gradient of one step is the mean of; fewer rows make more and noisier steps in an epoch.", 9],
  loss: ["What training makes small: how far the outputs are from the targets.", 3],
  gradient: ["The gradient that training follows: the right one, or a wrong one to be found with the gradient check.", 8],
  epoch: ["How many times the network has seen all training rows.", 7],
  figureLoss: ["The mean loss of the training rows, with the penalty if there is one.", 3],
  accuracy: ["The share of the rows whose class is predicted right; for numbers, R².", 9],
  microscope: ["One update in stages: forward, loss, backward, gradients of each row, update.", 6],
  microscopeKind: ["Whether the next update is shown for one sample or for a whole batch.", 7],
  check: ["Compares every gradient with a numeric derivative that needs no backpropagation.", 8],
  method: ["The complex step gives a derivative to nearly all its digits; finite differences lose some of them to rounding.", 8],
  tasks: ["Ten tasks that set the page up and mark themselves.", 1],
  compare: ["Two runs side by side: the one that you hold and the present one.", 8],
  space: ["The hidden layer bends the plane until a straight line can separate the classes.", 1],
  seeds: ["Some starts get stuck; a hundred of them show how often.", 4],
  landscape: ["The loss over two directions of the weights, and the way that the run has taken.", 10],
  away: ["The run as a script, a notebook, a model file or an image, and the address that opens it again.", 9],
};

// On the documentation site the page lies beside the lessons; elsewhere there is nothing to link to.
const beside = () => location.pathname.endsWith("/play.html");

/** A lesson's number and title, as a link where the lesson can be reached. */
export function lessonLink(lesson) {
  const title = `Lesson ${lesson}: ${TITLES[lesson]}`;
  return beside() ? h("a", { href: `lesson/${LESSONS[lesson]}.html`, target: "_blank", rel: "noopener" }, title) : title;
}

let box = null, owner = null;

function popover() {
  if (box) return box;
  box = h("div", { class: "popover", id: "help", popover: "auto" });
  document.body.append(box);
  return box;
}

function fill(key) {
  const [text, lesson] = HELP[key];
  popover().replaceChildren(h("p", {}, text), h("p", { class: "quiet" }, lessonLink(lesson)));
}

/** Beside the element, within the window. */
export function placeBeside(panel, element) {
  const at = element.getBoundingClientRect(), size = panel.getBoundingClientRect();
  const below = at.bottom + 6 + size.height < window.innerHeight;
  panel.style.left = `${Math.max(8, Math.min(at.left, window.innerWidth - size.width - 8))}px`;
  panel.style.top = `${Math.max(8, below ? at.bottom + 6 : at.top - size.height - 6)}px`;
}

/** The button that opens the explanation of a label. */
export function question(key, label) {
  const made = button("?", (event) => {
    const open = popover().matches(":popover-open");
    if (open && owner === made) { popover().hidePopover(); return; }
    owner = made;
    fill(key);
    if (!open) popover().showPopover({ source: made });
    placeBeside(popover(), made);
    event.stopPropagation();
  }, { class: "question", "aria-label": `What is “${label}”?`, "data-help": key });
  return made;
}
