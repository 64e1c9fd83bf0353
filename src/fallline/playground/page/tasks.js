// Ten tasks that the page checks. Each has a preset, a question, a check, hints and a solution.
//
// ``setup`` has the differences from the default setup of its data set. ``check`` gets what the page
// shows, {setup, frame, problem, seen}, and the answer typed or chosen; it returns null if all is
// right, else what is still missing.

import { forward } from "./forward.js";
import { weightAt, offsets } from "./layout.js";
import { isRight } from "./rows.js";

const percent = (x) => `${Math.round(100 * x)} %`;
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const finished = ({ setup, frame }) => frame.epoch >= setup.training.epochs;

// ---- what the checks compute

/** The largest rate at which plain descent on a linear model does not diverge: 2 / λmax. */
export function largestRate(points) {
  const rows = points.map(([a, b]) => [a, b, 1]);
  let v = [1, 0.7, 0.4], top = 1;
  for (let k = 0; k < 500; k++) {  // power iteration on the mean of x xᵀ
    const next = [0, 0, 0];
    for (const row of rows) {
      const along = row.reduce((sum, x, i) => sum + x * v[i], 0);
      row.forEach((x, i) => { next[i] += (x * along) / rows.length; });
    }
    top = Math.hypot(...next);
    v = next.map((x) => x / top);
  }
  return 2 / top;
}

/** How many neurons of the first hidden layer are 0 for every training row. */
export function deadNeurons(problem, theta) {
  const outputs = problem.points.train.map(([a, b]) => forward(problem, theta, [a, b])[0]);
  return outputs[0].filter((_, j) => outputs.every((A) => A[j] === 0)).length;
}

/** The largest difference between the first two neurons' incoming weights in layer 1. */
function difference({ problem, frame }) {
  const starts = offsets(problem.sizes);
  return Math.max(...problem.features.map((_, i) => Math.abs(
    frame.theta[weightAt(problem.sizes, starts, 1, i, 0)] - frame.theta[weightAt(problem.sizes, starts, 1, i, 1)])));
}

// ---- the published update, rewritten

export const PUBLISHED = `def sigmoid(z):
    return 1 / (1 + np.exp(-z))

def slope(a):
    return a * (1 - a)

def update(X, Y, W1, b1, W2, b2, rate):
    A1 = sigmoid(X @ W1 + b1)
    A2 = sigmoid(A1 @ W2 + b2)
    delta2 = A2 - Y
    delta1 = (delta2 @ W2.T) * slope(A1)
    stack1 = np.zeros((1, *W1.shape))
    stack2 = np.zeros((1, *W2.shape))
    for x, a1, d1, d2 in zip(X, A1, delta1, delta2):
        row1 = np.outer(x, d1)
        row2 = np.outer(slope(a1), d2)
        stack1 = np.concatenate([stack1, row1[None]])
        stack2 = np.concatenate([stack2, row2[None]])
    W1 = W1 - rate * stack1.mean(axis=0)
    W2 = W2 - rate * stack2.mean(axis=0)
    b1 = b1 - rate * delta1.mean(axis=0)
    b2 = b2 - rate * delta2.mean(axis=0)
    return W1, b1, W2, b2`.split("\n");

const lineOf = (text) => PUBLISHED.findIndex((line) => line.includes(text)) + 1;
const SLICE = ["stack1 = np.zeros", "stack2 = np.zeros", "stack1.mean", "stack2.mean"].map(lineOf);
const FACTOR = lineOf("slope(a1)");

// ---- the tasks

const truth_table = { kind: "truth_table" };
const unseen = { n: 200, noise: 0.1, test: 0.3, seed: 0 };

export const TASKS = [
  {
    id: "xor-two", lesson: 4, title: "XOR with two hidden neurons",
    setup: { data: { kind: "xor" }, network: { hidden: [2], activations: ["tanh"], seed: 4 } },
    question: "With two hidden neurons XOR can be learned, but not from every start. Find a start from which all four rows come out right and the loss ends below 0.05.",
    check: ({ setup, frame, problem }) => {
      if (setup.data.kind !== "xor" || setup.data.noise > 0 || setup.data.rows.length) return "Stay with XOR without noise.";
      if (!same(setup.network.hidden, [2]) || !same(problem.features, ["x1", "x2"])) return "Stay with two hidden neurons and the inputs x1 and x2.";
      if (frame.score[0] < 1) return `${percent(frame.score[0])} of the rows are right; all of them should be.`;
      return frame.loss[0] < 0.05 ? null : "All rows are right, but the loss is still above 0.05: train longer.";
    },
    hints: ["The tab “100 seeds” trains from a hundred starts and shows which of them find the answer.",
      "Click a start with a tick there: the page then trains from it."],
    solution: "Run the 100 seeds and click one with a tick. A stuck start has both neurons doing the same work; in the loss landscape it ends in another valley.",
  },
  {
    id: "largest-rate", lesson: 5, title: "The largest rate that does not diverge",
    setup: { data: { kind: "plane", ...unseen }, network: { hidden: [], activations: [] },
      training: { optimizer: "gradient_descent", learning_rate: 0.1, batch_size: 0, epochs: 300 } },
    question: "Find a learning rate at which this run diverges. Then find the largest one at which it does not, to within a tenth.",
    check: ({ setup, frame, problem, seen }) => {
      const { optimizer, batch_size: batch, learning_rate: rate, gradient, schedule, l2, l1 } = setup.training;
      if (setup.data.kind !== "plane" || setup.network.hidden.length) return "Stay with the plane and no hidden layer.";
      if (optimizer !== "gradient_descent" || batch || gradient !== "right" || schedule !== "constant" || l2 || l1) return "Stay with plain gradient descent on all rows.";
      if (!seen.diverged) return "First find a rate that is too large: the page says when a run diverges.";
      if (frame.message) return "This rate diverges. Lower it.";
      if (!finished({ setup, frame })) return "Train a whole run at your rate.";
      const limit = largestRate(problem.points.train);
      if (rate >= limit) return "This run has not diverged yet, but a longer one would. Lower the rate a little.";
      return rate >= 0.9 * limit ? null : "A larger rate would still work.";
    },
    hints: ["Drag the learning rate to the right until the page says that the run diverged.",
      "Halve the interval: take one rate that diverges and one that does not, and try the rate halfway between them."],
    solution: "Just below 2 divided by the largest curvature of the loss, here about 2. In lesson 5 the parabola has the same limit, 2 / c.",
  },
  {
    id: "all-zero", lesson: 4, title: "All weights zero",
    setup: { data: truth_table, network: { init: "zeros", seed: 0 } },
    question: "All weights start at 0. Train the whole run and compare the two hidden neurons: they stay equal forever. Why? Choose the reason. Then make them different by changing only the initial weights, and train again.",
    answer: { kind: "choice", options: { same: "They get the same gradient at every step.", rate: "The learning rate is too small.", data: "The rows are too few.", slope: "The sigmoid has slope 0 at 0." } },
    check: (now, answer) => {
      if (answer !== "same") return "That is not the reason. Look at the gradients of both neurons in the microscope.";
      if (now.setup.network.init === "zeros") return "The reason is right. Now choose other initial weights.";
      if (now.problem.sizes[1] !== 2 || now.setup.data.kind !== "truth_table") return "Stay with the truth table and two hidden neurons.";
      if (now.frame.epoch < 1000) return "Now train the whole run.";
      return difference(now) > 0.1 ? null : "The two neurons are still nearly the same.";
    },
    hints: ["Look at “Gradients of each row, layer 1” in the microscope: compare the two columns.",
      "The setting “Initial weights” is below the network."],
    solution: "Equal weights give equal outputs and therefore equal gradients, so the two neurons stay copies of each other. Random initial weights break this symmetry.",
  },
  {
    id: "dead-relus", lesson: 9, title: "Dead ReLUs",
    setup: { data: { kind: "moons", ...unseen }, network: { hidden: [8], activations: ["relu"], seed: 2 },
      training: { optimizer: "gradient_descent", learning_rate: 6, batch_size: 0, epochs: 300 } },
    question: "At this large learning rate some ReLU neurons die: they output 0 for every training row and never learn again. Train the whole run. How many of the eight are dead?",
    answer: { kind: "number" },
    check: ({ setup, frame, problem }, answer) => {
      if (!same(setup.network.activations, ["relu"]) || problem.axes.length !== 2 || problem.features.length !== 2) return "Stay with one hidden layer of ReLUs and the inputs x1 and x2.";
      if (!finished({ setup, frame })) return "First train the whole run.";
      const dead = deadNeurons(problem, frame.theta);
      if (!dead) return "No neuron is dead in this run. Use the settings of the task.";
      return answer === dead ? null : "That is not the number. The picture of a dead neuron has the same colour at all points.";
    },
    hints: ["Point at a neuron: its output is shown in the large picture. A dead neuron has one flat colour wherever there are points.",
      "All incoming weights of a dead neuron have gradient 0; click the neuron to see them."],
    solution: "Point at each neuron in turn and count those whose output is 0 at all points. A smaller learning rate or a leaky ReLU keeps them alive.",
  },
  {
    id: "overfitting", lesson: 9, title: "Overfitting with 8 neurons",
    setup: { data: { kind: "moons", n: 60, noise: 0.35, test: 0.5, seed: 3 }, network: { hidden: [8], activations: ["tanh"], seed: 0 },
      training: { optimizer: "adam", learning_rate: 0.03, batch_size: 16, epochs: 500 } },
    question: "Train the whole run: the training rows come out right, but the test loss rises. With the same data and eight neurons, bring the test loss below 0.6.",
    check: ({ setup, frame }) => {
      const { kind, n, noise, test, seed } = setup.data;
      if (!same([kind, n, noise, test, seed], ["moons", 60, 0.35, 0.5, 3])) return "Stay with the task's data.";
      if (!same(setup.network.hidden, [8])) return "Stay with one hidden layer of eight neurons.";
      return frame.loss[1] < 0.6 ? null : `The test loss is ${frame.loss[1].toFixed(3)}; it should be below 0.6.`;
    },
    hints: ["Large weights draw winding borders. Which setting keeps the weights small?",
      "Try an L2 penalty of about 0.02, or stop the run early."],
    solution: "An L2 penalty of a few hundredths, or a run of about 30 epochs. Either keeps the network from memorising the noise.",
  },
  {
    id: "batch-size", lesson: 9, title: "The effect of the batch size",
    setup: { data: { kind: "moons", ...unseen }, network: { hidden: [6], activations: ["tanh"], seed: 0 },
      training: { optimizer: "gradient_descent", learning_rate: 0.1, batch_size: 0, epochs: 50 } },
    question: "After 50 epochs with all rows in one batch, the loss is still high. Bring it below 0.2 by changing only the batch size. What makes the difference? Choose the reason.",
    answer: { kind: "choice", options: { noise: "The noise of small batches finds a better minimum.", steps: "With small batches an epoch has more steps.", rate: "Small batches make the learning rate larger.", rows: "Small batches see more rows." } },
    check: ({ setup, frame }, answer) => {
      const { optimizer, learning_rate: rate, epochs, schedule } = setup.training;
      if (!same([optimizer, rate, epochs, schedule], ["gradient_descent", 0.1, 50, "constant"]) || !same(setup.network.hidden, [6]) || setup.data.kind !== "moons")
        return "Change only the batch size.";
      if (!finished({ setup, frame })) return "Train a whole run.";
      if (frame.epoch > epochs) return "The run must end after 50 epochs.";
      if (frame.loss[0] >= 0.2) return `The loss is ${frame.loss[0].toFixed(3)}; it should be below 0.2.`;
      return answer === "steps" ? null : "The loss is low enough, but that is not the reason. How many updates does an epoch have?";
    },
    hints: ["An update uses one batch. How many batches are there in an epoch of 140 rows?", "Try a batch of 4 rows."],
    solution: "All rows in one batch make one step per epoch, 50 in all; batches of 4 make 35 steps per epoch. Each step is noisier, but there are far more of them.",
  },
  {
    id: "two-slips", lesson: 8, title: "Find the two slips", tab: "microscope",
    setup: { data: truth_table, network: { seed: 0 }, training: { gradient: "published" } },
    question: "This update was published in a teaching notebook (the code here is our own). It trains and its loss falls, yet it contains two slips. Let the microscope check its gradient, then mark the two wrong lines.",
    answer: { kind: "lines", code: PUBLISHED },
    check: (now, lines) => {
      if (lines.length !== 2) return "Mark two lines.";
      const right = [lines.some((line) => SLICE.includes(line)), lines.includes(FACTOR)];
      if (right.every(Boolean)) return null;
      return right.some(Boolean) ? "One of these lines is wrong, the other is right." : "Neither of these lines is wrong.";
    },
    hints: ["Tick “Check every gradient”. The biases are right and both weight matrices are wrong, so look at the lines that concern only the weights.",
      "In layer 1 every entry is 0.8333 of the derivative. That is 5/6, and there are five rows. How many slices does the mean count?",
      "Compare with “Gradients of each row, layer 2”: dW2 of a row is made of two vectors. Which ones does the code take?"],
    solution: `Line ${SLICE[0]} (and ${SLICE[1]}): the stack begins with a slice of zeros. The mean counts that slice, so it divides by 6. Line ${FACTOR}: the gradient of the output layer is the activation a1 times delta2; the code uses the slope of a1 instead.`,
  },
  {
    id: "wrong-gradient", lesson: 8, title: "Which gradient is wrong?", tab: "microscope",
    setup: { data: truth_table, network: { seed: 0 } },
    secret: ["sum", "no_slope", "z_for_a", "no_bias", "sign"],
    question: "The page has chosen a wrong gradient and keeps it secret. Let the microscope check it, find out what is wrong, and choose. (Under “Gradient used” you can choose a wrong gradient yourself for a neighbour to find.)",
    answer: { kind: "choice", options: { sum: "It is a sum over the rows instead of a mean.", no_slope: "The activation's slope is missing in delta of the hidden layer.",
      z_for_a: "dW2 uses Z1 instead of A1.", no_bias: "The biases get no gradient.", sign: "Layer 1 has the wrong sign." } },
    check: ({ setup }, answer) => {
      if (setup.training.gradient === "right") return "The gradient is correct now. Start the task again.";
      return answer === setup.training.gradient ? null : "No. Look at which parts the check calls wrong and by which factor.";
    },
    hints: ["Tick “Check every gradient” and read which of the four parts are wrong.",
      "A common factor tells you much: 5 is the number of rows, −1 is a sign, 0 is something left out. If there is no common factor, the formula is wrong."],
    solution: "All parts wrong by the factor 5: a sum. Layer 1 wrong by −1: the sign. Both biases 0: left out. Layer 1 without a common factor: the slope. Only W of layer 2: Z1 instead of A1.",
  },
  {
    id: "by-hand", lesson: 1, title: "Be the optimiser",
    setup: { data: truth_table, network: { hidden: [], activations: [], init: "zeros", seed: 0 } },
    question: "One neuron, all weights 0, no training: set the three weights and the bias by hand so that all eight rows come out right.",
    check: ({ setup, frame, problem }) => {
      if (setup.data.kind !== "truth_table" || setup.network.hidden.length || setup.data.rows.length) return "Stay with the truth table and one neuron.";
      if (frame.step > 0) return "The network has been trained. Reset, and set the weights by hand.";
      const wrong = ["train", "test"].reduce((sum, part) => sum + problem.rows[part].filter((row, i) => !isRight(problem, frame.outputs[part][i], row[row.length - 1])).length, 0);
      return wrong ? `${wrong} of the eight rows ${wrong === 1 ? "is" : "are"} still wrong.` : null;
    },
    hints: ["Click the output neuron; you can then type its weights and bias. An output above 0.5 counts as 1; the sum is then above 0.",
      "The middle column does not matter: leave its weight 0. Both other weights must be positive, and the bias must be so negative that one of them alone is not enough."],
    solution: "For example the weights 10, 0, 10 and the bias −15: only first and last together bring the sum above 0.",
  },
  {
    id: "inputs", lesson: 9, title: "A ring without a hidden layer",
    setup: { data: { kind: "circles", ...unseen }, network: { hidden: [], activations: [], seed: 0 } },
    question: "A disc lies within a ring. Without a hidden layer and with just two inputs, get at least 95 % of the training rows and of the test rows right.",
    check: ({ setup, frame }) => {
      if (setup.data.kind !== "circles" || setup.network.hidden.length) return "Stay with the circles and no hidden layer.";
      if (setup.data.inputs.length > 2) return "Two inputs are enough.";
      const [train, test] = frame.score;
      return train >= 0.95 && test >= 0.95 ? null : `${percent(train)} of the training rows and ${percent(test)} of the test rows are right.`;
    },
    hints: ["Without a hidden layer the border is a straight line in the space of the inputs. What is constant on a circle?",
      "The “Inputs” in the data card include squares."],
    solution: "Use x1² and x2²: their sum is the squared distance from the centre, so a straight line in their space is a circle in the plane.",
  },
];

export const taskOf = (id) => TASKS.find((task) => task.id === id) || null;
