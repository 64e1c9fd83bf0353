// Drives the modules of the page that compute, without a browser: one job a line on standard input,
// one answer a line on standard output. node compute.mjs COMPUTE_FOLDER DATA_FOLDER PAPA_PARSE
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { gunzipSync } from "node:zlib";

const [compute, data, papa] = process.argv.slice(2);
const module = (name) => import(pathToFileURL(`${compute}/${name}.js`));
globalThis.Papa = createRequire(import.meta.url)(papa);
const [{ Engine }, { Session }, { Generator }, { readSetup }, { retrain }, { givenProblem }, { readTable }, { tableProblem }] =
  await Promise.all(["engine", "session", "random", "setup", "runs", "given", "table", "encoding"].map(module));
const { firstPicture } = await module("first");
const { usualData, usualNetwork, usualRate, usualTraining } = await module("../hints");
const engine = new Engine(new WebAssembly.Module(gunzipSync(readFileSync(`${compute}/engine.wasm.gz`))));
const tables = {
  iris: readFileSync(`${data}/iris.csv`, "utf8"), digits: gunzipSync(readFileSync(`${data}/digits.csv.gz`)).toString(),
};

const plain = (key, value) => {
  if (ArrayBuffer.isView(value)) return Array.from(value, (x) => (typeof x === "bigint" ? Number(x) : x));
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  return value;
};
const problemOf = ({ X, y, X_test, y_test, ...facts }) => ({
  ...facts, X: X.lists(), y, X_test: X_test.lists(), y_test, plane: undefined,
});

function open(start = {}) {
  const said = [];
  const rows = start.rows ? new Uint8Array(Buffer.from(start.rows, "base64")) : null;
  const session = new Session(engine, { version: "0.1.0", table: (name) => tables[name], ...start, ...givenProblem(start, rows) }, (answer) => said.push(answer));
  return { session, said };
}

async function fresh(session, given) {
  const setup = readSetup(given);
  await session.fetch(setup);
  return session.fresh(setup);
}

const JOBS = {
  random: ({ seed, draws }) => {
    const generator = new Generator(seed);
    return draws.map(([name, ...given]) => generator[name](...given));
  },
  /** A setup's problem, its start and where its whole run ends. */
  async run({ setup, start, seconds = 60 }) {
    const descent = await fresh(open(start).session, setup), first = descent.network.theta.slice();
    const done = retrain(descent, seconds);
    return { problem: problemOf(descent.problem), sizes: descent.network.sizes, first, theta: descent.network.theta, done,
      epoch: descent.epoch, message: descent.message, batchSize: descent.batchSize, track: descent.track };
  },
  /** The scores of whole runs with the usual settings of a data set and the usual rate of an optimiser. */
  async usual({ kind, optimizer, seeds }) {
    const scores = [];
    for (const seed of seeds) {
      const descent = await fresh(open().session, { data: usualData(kind, { kind: "truth_table", points: [] }),
        network: { ...usualNetwork(kind), seed }, training: { ...usualTraining(kind), optimizer, learning_rate: usualRate(kind, optimizer) } });
      retrain(descent, 60);
      const [train, test] = [descent.track.train_score.at(-1), descent.track.test_score.at(-1)];
      scores.push(descent.message ? 0 : Number.isFinite(test) ? test : train);
    }
    return scores;
  },
  /** Steps by hand, and what is asked then. */
  async steps({ setup, steps }) {
    const descent = await fresh(open().session, setup), thetas = [descent.network.theta.slice()];
    for (const step of steps) {
      if (typeof step === "number") descent.advance(step, 60);
      else if (step === "back") descent.back();
      else descent.step(step);
      thetas.push(descent.network.theta.slice());
    }
    return { thetas, epoch: descent.epoch, part: descent.partOfEpoch, rows: descent.nextRows("batch") };
  },
  /** Messages as the page sends them; all answers. */
  async talk({ messages, start }) {
    const { session, said } = open(start);
    for (const message of messages) {
      session.answer(message);
      await session.idle();
    }
    return said;
  },
  /** What the page shows by itself, and what a session tells of the same setup. */
  async first({ setup }) {
    const { session, said } = open();
    await session.answer({ type: "setup", setup });
    const picture = firstPicture({}, setup);
    return { picture, said, same: picture && JSON.stringify(picture.problem) === JSON.stringify({ ...said[0], setup: undefined, id: undefined }) };
  },
  table: ({ name, text, data: chosen }) => problemOf(tableProblem(readTable(name, text), readSetup({ data: chosen }).data)),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { job, ...given } = JSON.parse(line);
  let answer;
  try { answer = { answer: await JOBS[job](given) }; } catch (error) { answer = { error: error.message, stack: error.stack }; }
  console.log(JSON.stringify(answer, plain));
}
