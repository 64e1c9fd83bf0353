// What can be taken away: a Python script, a notebook, or a model file for `fl.load`.

import { PageError, shown } from "./errors.js";
import { sha256 } from "./sha256.js";

const MOST_NUMBERS = 20_000; // that a script spells out

/** A file's name, its type, and its bytes in base64. */
export function exported(descent, kind, version) {
  const encode = (text) => new TextEncoder().encode(text);
  const made = {
    script: () => [encode(cells(descent).join("\n\n") + "\n"), "descent.py", "text/x-python"],
    notebook: () => [encode(notebook(descent)), "descent.ipynb", "application/json"],
    model: () => [modelFile(descent, version), "model.safetensors", "application/octet-stream"],
  };
  if (!Object.hasOwn(made, kind))
    throw new PageError(`export script, notebook or model, not ${shown(kind)}`);
  const [bytes, name, media] = made[kind]();
  return { name, media, content: base64(bytes) };
}

function base64(bytes) {
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}

// ---- the script, in cells

/** A value in Python. */
function python(value) {
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return `[${Array.from(value, python).join(", ")}]`;
  if (typeof value === "string") return JSON.stringify(value);
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

const whole = (values) => `[${values.join(", ")}]`;

function cells(descent) {
  const { problem, network, setup } = descent;
  const { training } = setup;
  const { seed, init } = setup.network;
  const every = Math.max(1, Math.floor(training.epochs / 20));
  const zeros = init === "zeros";
  const parts = [
    "import numpy as np\n\nimport fallline as fl",
    rowsWritten(descent),
    `net = fl.Network(\n    ${whole(network.sizes)},\n    hidden=${python(network.hidden)},\n    loss=${python(network.loss.name)},\n` +
      `    init=${zeros ? "None" : python(init || null)},\n    seed=${seed},\n)${startWritten(descent, zeros)}`,
  ];
  if (!["right", "published"].includes(training.gradient))
    throw new PageError("a script trains with the right gradient: set the gradient to right, then export");
  if (training.gradient === "published") {
    parts.push(
      "# the published update, both slips kept\nfrom fallline.lesson import train_as_published\n\n" +
        `history = train_as_published(\n    net, X, y, learning_rate=${python(training.learning_rate)}, epochs=${training.epochs}, ` +
        `record_every=${every}\n)`,
    );
  } else {
    parts.push(
      `optimizer = ${optimizerWritten(descent)}\nhistory = fl.train(\n    net,\n    X,\n    y,\n    optimizer=optimizer,\n` +
        `    epochs=${training.epochs},\n    batch_size=${descent.batchSize},\n    l2=${python(training.l2)},\n    l1=${python(training.l1)},\n` +
        `    dropout=${python(training.dropout)},\n    seed=${seed},\n    record_every=${every},\n)`,
    );
  }
  const shownLoss = 'print(f"loss {history.loss[0]:.6f} to {history.loss[-1]:.6f}")';
  return [
    ...parts,
    shownLoss + (problem.X_test.rows ? "\nprint(np.round(net.predict_proba(X_test), 5))" : ""),
  ];
}

/** Code for a network that did not start with drawn weights. */
function startWritten(descent, zeros) {
  if (zeros) return "\nnet.parameters = np.zeros(net.n_parameters)";
  return descent.startGiven ? `\nnet.parameters = np.array(${python(descent.startGiven)})` : "";
}

function optimizerWritten(descent) {
  const { training } = descent.setup;
  const { optimizer: name } = training;
  const steps = training.epochs * descent.loop.stepsPerEpoch;
  const eta = python(training.learning_rate);
  const part = (k) => Math.ceil(steps / k);
  const rate = {
    constant: eta,
    step: `fl.StepDecay(${eta}, every=${part(4)})`,
    exponential: `fl.Exponential(${eta}, every=${part(8)})`,
    cosine: `fl.Cosine(${eta}, steps=${steps})`,
    inverse_scaling: `fl.InverseScaling(${eta})`,
    warm_up: `fl.WarmUp(${eta}, warm_up_steps=${part(20)})`,
    one_cycle: `fl.OneCycle(${eta}, steps=${steps})`,
  }[training.schedule];
  const momentum = `, momentum=${python(training.momentum)}${name === "nesterov" ? ", nesterov=True" : ""}`;
  return {
    gradient_descent: `fl.GradientDescent(${rate})`,
    momentum: `fl.GradientDescent(${rate}${momentum})`,
    nesterov: `fl.GradientDescent(${rate}${momentum})`,
    rmsprop: `fl.RMSProp(${rate})`,
    adam: `fl.Adam(${rate})`,
    adamw: `fl.AdamW(${rate})`,
  }[name];
}

/** The data as code. */
function rowsWritten(descent) {
  const { problem, network } = descent;
  const { X, X_test } = problem;
  if (X.values.length + X_test.values.length > MOST_NUMBERS)
    return `# the rows are too many to write out: put X, y, X_test and y_test here, X with ${X.columns} columns`;
  const oneHot = network.sizes.at(-1) > 1 && network.loss.task !== "classes";
  const [y, yTest] = oneHot
    ? [descent.rows.Y.lists(), descent.rows.Y_test.lists()]
    : [problem.y, problem.y_test];
  const empty = X_test.rows ? "" : `.reshape(0, ${X.columns})`;
  return [
    `X = np.array(${python(X.lists())})`,
    `y = np.array(${python(y)})`,
    `X_test = np.array(${python(X_test.lists())})${empty}`,
    `y_test = np.array(${python(yTest)})`,
  ].join("\n");
}

function notebook(descent) {
  const made = cells(descent).map((cell, i) => ({
    cell_type: "code",
    id: `cell-${i}`,
    execution_count: null,
    metadata: {},
    outputs: [],
    source: cell.match(/[^\n]*\n|[^\n]+$/g),
  }));
  const kernelspec = { display_name: "Python 3", language: "python", name: "python3" };
  return JSON.stringify({ cells: made, metadata: { kernelspec }, nbformat: 4, nbformat_minor: 5 });
}

// ---- the model file: docs/model-file.md

const MARK = "sha256:";
const ZEROS = "0".repeat(64);
const PADDING = 8;

/** A safetensors file with a tensor for each W and b, and the architecture in its header. */
function modelFile(descent, version) {
  const { network, problem, setup } = descent;
  const header = {};
  const content = {
    checksum: MARK + ZEROS,
    format: 1,
    version,
    network: {
      sizes: network.sizes,
      hidden: network.hidden,
      loss: network.loss.name,
      seed: setup.network.seed,
      dtype: "float64",
      init: network.init === "zeros" ? null : network.init || null,
    },
    encoding: problem.encoding || null,
    training: null,
    history: null,
    checkpoint: null,
  };
  header.__metadata__ = { fallline: JSON.stringify(content) };
  network.layers().forEach(({ W, b }, l) => {
    const { W: start, b: middle } = network.places[l];
    const place = (from, to) => [8 * from, 8 * to];
    header[`layers.${l + 1}.W`] = {
      dtype: "F64",
      shape: [W.rows, W.columns],
      data_offsets: place(start, middle),
    };
    header[`layers.${l + 1}.b`] = {
      dtype: "F64",
      shape: [b.length],
      data_offsets: place(middle, middle + b.length),
    };
  });
  const text = new TextEncoder().encode(JSON.stringify(header));
  const length = Math.ceil(text.length / PADDING) * PADDING;
  const file = new Uint8Array(8 + length + 8 * network.nParameters);
  new DataView(file.buffer).setBigUint64(0, BigInt(length), true);
  file.fill(0x20, 8, 8 + length);
  file.set(text, 8);
  file.set(new Uint8Array(network.theta.slice().buffer), 8 + length);
  const at = 8 + JSON.stringify(header).indexOf(MARK) + MARK.length; // all before it is plain ASCII
  file.set(new TextEncoder().encode(sha256(file)), at);
  return file;
}
