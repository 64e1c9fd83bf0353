// The "?" beside a label: one sentence about it, and the lesson that explains it.

import { button, h } from "./dom.js";

const LESSONS = [null, "01-truth-table", "02-sigmoid", "03-loss", "04-weights", "05-learning-rate", "06-chain-rule",
  "07-training-loop", "08-gradient-check", "09-from-here", "10-landscape"];
const TITLES = [null, "The truth table", "The sigmoid", "The loss", "The weights", "The learning rate", "The chain rule",
  "The training loop", "Checking gradients", "From here", "The landscape"];

// for each label: what it is, and the number of its lesson
const HELP = {
  data: ["The rows that the network learns from, and the test rows that it never trains on.", 1],
  n: ["The number of points, training and test together.", 9],
  noise: ["How far the points are moved at random. With much noise, no network can get all of them right.", 9],
  test: ["The share of the rows that is set aside. The network does not train on them, so they show what it has learned rather than memorised.", 9],
  dataSeed: ["Each seed draws different points; the same seed draws the same points again.", 4],
  inputs: ["What the network receives for each point: its coordinates, or functions of them.", 9],
  rows: ["The rows with their targets and the network's predictions. Click a row to see its numbers in the network. The rows of a truth table can be edited.", 1],
  row: ["The numbers below the neurons are their outputs for this training row.", 1],
  init: ["How the weights are drawn before training. If all of them are zero, all hidden neurons stay the same.", 4],
  network: ["A box is a neuron, a line is a weight. A neuron adds its weighted inputs and its bias, then applies its activation.", 1],
  activation: ["The function that a neuron applies to its weighted sum.", 2],
  output: ["The network's output at each place in the plane of two features. The points are the rows.", 1],
  sharp: ["Shows only which class wins, not how sure the network is.", 1],
  testPoints: ["Also shows the test rows, as squares.", 9],
  curves: ["The loss over the epochs, on the training rows and on the test rows.", 7],
  log: ["Draws the loss on a logarithmic axis, so that small losses can be told apart.", 7],
  hold: ["Keeps the curve of this run, so that you can compare the next run with it.", 7],
  speed: ["How long Play takes for a whole run. It is slow at the start, where most happens.", 7],
  stepKind: ["How many rows one press of Step uses: one row, a batch, or all rows of an epoch.", 7],
  onChange: ["A changed setting trains the whole run again, starts again at epoch 0, or continues the current run.", 5],
  rate: ["How far each step goes against the gradient. A small rate is slow; a rate that is too large diverges.", 5],
  epochs: ["An epoch is one pass over the training rows. A whole run has this many epochs.", 7],
  seed: ["Each seed draws different initial weights; the same seed draws the same weights again.", 4],
  l2: ["Adds the squares of the weights to the loss, which keeps the weights small.", 9],
  l1: ["Adds the absolute values of the weights to the loss, which brings many weights close to zero.", 9],
  dropout: ["In each step, this share of the hidden neurons is switched off at random, so that no neuron relies on another.", 9],
  momentum: ["The share of the last step that is added to the next.", 9],
  optimizer: ["The rule that turns the gradient into a step. Choosing one also sets its default learning rate for the data set.", 9],
  schedule: ["How the learning rate changes during the run.", 9],
  batch: ["The number of rows whose mean gradient makes one step. Smaller batches make more and noisier steps per epoch.", 9],
  loss: ["What training minimises: how far the outputs are from the targets.", 3],
  gradient: ["The gradient that training follows: the correct one, or a wrong one for the gradient check to find.", 8],
  epoch: ["How many times the network has seen all training rows.", 7],
  figureLoss: ["The mean loss over the training rows, including the penalty if there is one.", 3],
  accuracy: ["The share of the rows whose class is predicted correctly; for numbers, R².", 9],
  microscope: ["One update in stages: forward, loss, backward, gradients of each row, update.", 6],
  microscopeKind: ["Whether the microscope shows the next update for one sample or for a whole batch.", 7],
  check: ["Compares every gradient with a numeric derivative that needs no backpropagation.", 8],
  method: ["The complex step gives a derivative that is right to nearly all digits; finite differences lose some digits to rounding.", 8],
  tasks: ["Ten tasks that set up the page and check your answer.", 1],
  compare: ["Two runs side by side: the run that you hold and the current one.", 8],
  space: ["The hidden layer bends the plane until a straight line can separate the classes.", 1],
  seeds: ["Some starts get stuck; a hundred of them show how often.", 4],
  landscape: ["The loss over two directions of the weights, and the path of the run.", 10],
  away: ["Save the run as a script, a notebook, a model file or an image, or copy the address that opens it again.", 9],
};

// On the documentation site the page lies beside the lessons; elsewhere there are no links.
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
