// The state of the page's computing: the chosen setup, its rows, its descent, the view;
// and the answers to the page's messages.
//
// A message is {type, id, ...}; an answer has the same id. Messages are answered in their order;
// long work is done in short pieces in between, so that the next one is noticed. The page says when it has drawn a frame: while two are on their way no
// further one is made, but the training goes on.

import { checkGradients } from "./check.js";
import { madeProblem } from "./data.js";
import { Descent, lossName } from "./descent.js";
import { tableProblem } from "./encoding.js";
import { PageError, shown } from "./errors.js";
import { exported } from "./exports.js";
import { clean, frame, problemFacts } from "./frames.js";
import { landscape } from "./landscape.js";
import { MAX_PARAMETERS } from "./limits.js";
import { nextUpdate } from "./microscope.js";
import { retrain } from "./runs.js";
import { seedResults } from "./seeds.js";
import { USUAL, integer, number, readSetup, several } from "./setup.js";
import { readTable } from "./table.js";

const PIECE = 0.01; // seconds of training for a frame
const RETRAIN_PIECE = 0.03;
const RETRAIN_SECONDS = 60;
const SEEDS_SECONDS = 20;
const FRAMES_UNDER_WAY = 2;
const KEPT_TABLES = { iris: ["iris.csv", "species"], digits: ["digits.csv", "digit"] };

const now = () => performance.now() / 1000;

/** Let messages that have come meanwhile be handled. */
const pause = () =>
  new Promise((resolve) => {
    setTimeout(resolve, 0);
  });

export class Session {
  /**
   * ``start`` is {setup, problem, theta, table, version}: the content of the page's file; ``table(name)`` gives the
   * text of iris or digits, or a promise of it. ``post(message, transfer)`` sends to the page.
   */
  constructor(engine, start, post) {
    Object.assign(this, {
      engine,
      post,
      startSetup: readSetup(start.setup || USUAL),
      given: start.problem || null,
      givenTheta: start.theta || null,
    });
    Object.assign(this, {
      textOf: start.table,
      version: start.version || "",
      table: null,
      tableUsed: null,
      descent: null,
    });
    Object.assign(this, { parameter: null, row: 0, going: null, seeding: null, underWay: 0, known: "" });
    Object.assign(this, { readTables: {}, answered: Promise.resolve(), working: new Set() });
  }

  /** Answer nothing before these parts of the session are there. */
  wait(parts) {
    this.answered = parts.then((found) => Object.assign(this, found));
    return this.answered;
  }

  /** Handle a message after the earlier ones have been answered. */
  answer(message) {
    const id = Number.isInteger(message?.id) ? message.id : null;
    this.answered = this.answered.then(() =>
      this.told(id, async () => {
        const handler = message && Object.hasOwn(ANSWERS, message.type) ? ANSWERS[message.type] : null;
        if (!handler) throw new PageError(`there is no message of type ${shown(message?.type)}`);
        await handler(this, message, id);
      }),
    );
    return this.answered;
  }

  /** Work that goes on while other messages are answered. */
  work(id, task) {
    const working = this.told(id, task).then(() => this.working.delete(working));
    this.working.add(working);
  }

  /** Report an error, which has changed nothing. */
  async told(id, task) {
    try {
      await task();
    } catch (error) {
      if (!(error instanceof PageError)) console.error(error);
      const told =
        error instanceof PageError ? error.message : `a fault of the page itself: ${error.message}`;
      this.post({ type: "error", id, message: told });
    }
  }

  /** Wait until everything is answered and done. */
  async idle() {
    await this.answered;
    await Promise.all(this.working);
  }

  /** The descent. Throws PageError before the first setup. */
  there() {
    if (!this.descent) throw new PageError("send a setup first: there is no network yet");
    return this.descent;
  }

  /** Load the table of a setup, if it is one of the page's own. */
  async fetch({ data: { kind } }) {
    if (!(kind in KEPT_TABLES) || kind in this.readTables) return;
    const text = await this.textOf(kind);
    this.readTables[kind] = readTable(KEPT_TABLES[kind][0], text);
  }

  // ---- setups

  /** Take a setup; whether it needed a new network. Other training settings do not. */
  take(setup) {
    if (this.descent && this.fits(setup)) {
      this.descent.arrange(setup);
      return false;
    }
    this.adopt(this.fresh(setup));
    return true;
  }

  /** Whether the current descent can continue with this setup. */
  fits(setup) {
    const { descent } = this;
    const same = JSON.stringify(descent.setup.network) === JSON.stringify(setup.network);
    return this.sameRows(setup) && same && lossName(setup, descent.problem) === descent.network.loss.name;
  }

  /** A descent at its start; the rows are made again only if they have changed. */
  fresh(setup) {
    const problem = this.problem(setup);
    const start = problem === this.given && this.asGiven(setup) ? this.givenTheta : null;
    const descent = new Descent(this.engine, setup, problem, start);
    descent.startGiven = start;
    return descent;
  }

  /** Whether the setup describes the network that was given, so that its parameters can be used. */
  asGiven(setup) {
    const given = this.startSetup;
    const one = JSON.stringify(setup.network) === JSON.stringify(given.network);
    return this.givenTheta !== null && one && ["auto", given.training.loss].includes(setup.training.loss);
  }

  problem(setup) {
    if (this.descent && this.sameRows(setup)) return this.descent.problem;
    const { kind } = setup.data;
    if (kind === "given") {
      if (!this.given) throw new PageError("no rows were given to this page; choose another data set");
      return this.given;
    }
    if (kind === "table") {
      if (!this.table)
        throw new PageError("no table is here yet: drop a CSV file on the page, or paste one");
      return tableProblem(this.table, setup.data);
    }
    return kind in KEPT_TABLES ? this.keptTable(kind, setup.data) : madeProblem(setup.data);
  }

  /** Irises or digits, from the page's own texts; notes on how they were read are of no use. */
  keptTable(kind, data) {
    const [, target] = KEPT_TABLES[kind];
    return { ...tableProblem(this.readTables[kind], data, target, "classes"), notes: [] };
  }

  /** Whether the setup has the rows of the current descent. */
  sameRows(setup) {
    const rowsOf = ({ data }) => JSON.stringify({ ...data, view: null });
    return (
      rowsOf(this.descent.setup) === rowsOf(setup) &&
      (setup.data.kind !== "table" || this.table === this.tableUsed)
    );
  }

  /** Continue with this descent, and select only parts that its network has. */
  adopt(descent) {
    Object.assign(this, { descent, tableUsed: this.table });
    if (this.parameter !== null && this.parameter >= descent.network.nParameters) this.parameter = null;
    this.row = Math.min(this.row, descent.n - 1);
  }

  // ---- messages to the page

  sendFrame(playing) {
    this.underWay += 1;
    const made = frame(this.there(), { parameter: this.parameter, row: this.row, playing });
    this.post(made, [
      made.theta.buffer,
      made.maps.buffer,
      ...(made.gradient ? [made.gradient.buffer] : []),
    ]);
  }

  /** The problem, if the page does not know it already; else only its setup. */
  sendProblem(id) {
    const facts = { ...problemFacts(this.there()), columns: this.table ? this.table.columns : [] };
    const text = JSON.stringify(facts);
    const same = text === this.known;
    this.known = text;
    this.post({ ...(same ? { type: "same" } : facts), setup: this.descent.setup, id });
  }

  get playing() {
    return this.going !== null;
  }

  stop() {
    if (this.going) this.going.over = true;
    this.going = null;
  }

  stopSeeds() {
    if (this.seeding) this.seeding.over = true;
    this.seeding = null;
  }

  /** One change of the descent, then a frame; Play ends. */
  change(what) {
    const descent = this.there();
    what(descent);
    this.stop();
    this.sendFrame(false);
  }

  /** The rest of a whole run that did not fit into a frame. */
  async goOn(task, id) {
    const end = now() + RETRAIN_SECONDS;
    let done = false;
    while (!done && !task.over && now() < end) {
      done = retrain(this.descent, RETRAIN_PIECE);
      if (done) this.stop();
      if (done || this.underWay < FRAMES_UNDER_WAY) this.sendFrame(!done);
      await pause();
    }
    if (task.over && !done) return;
    if (!done) this.stop();
    this.post({ type: "retrained", id, done });
  }

  /** A hundred runs, reported as they end. */
  async manySeeds(setup, problem, task, id) {
    const end = now() + SEEDS_SECONDS;
    for (const results of seedResults(this.engine, setup, problem)) {
      if (task.over) return;
      this.post({ type: "seeds", id, results });
      await pause();
      if (now() > end) break;
    }
    if (!task.over) this.post({ type: "seeds", id, results: [], done: true });
  }
}

/** A result computed from the current descent. */
const told = (compute) => (session, message, id) =>
  session.post({ type: message.type, id, facts: clean(compute(session.there(), message, session)) });

const wholeNumber = (most) => integer(0, most);

const ANSWERS = {
  async setup(session, message, id) {
    const setup = readSetup(message.setup);
    await session.fetch(setup);
    if (session.take(setup)) {
      session.stop();
      session.stopSeeds();
    }
    session.sendProblem(id);
    session.sendFrame(session.playing);
  },
  reset(session, message, id) {
    const descent = session.fresh(session.there().setup);
    session.stop();
    session.adopt(descent);
    session.sendProblem(id);
    session.sendFrame(false);
  },
  /** ``epochs`` epochs, or as many as fit into a piece; the page sets the pace by its requests. */
  advance(session, message) {
    const epochs = integer(1, 1e9)("epochs", message.epochs);
    session.change((descent) => {
      if (message.first === true) descent.keep();
      descent.advance(epochs, PIECE);
    });
  },
  pause(session) {
    session.there();
    session.stop();
    session.sendFrame(false);
  },
  step: (session, message) => session.change((descent) => descent.step(message.kind)),
  back: (session) => session.change((descent) => descent.back()),
  set(session, message) {
    const j = wholeNumber(1e9)("parameter", message.parameter);
    const value = number(-1e6, 1e6)("value", message.value);
    session.change((descent) => descent.setParameter(j, value));
  },
  restore(session, message) {
    const values = several(number(-1e9, 1e9), 1, MAX_PARAMETERS)("parameters", message.parameters);
    const epoch = wholeNumber(1e12)("epoch", message.epoch);
    const step = wholeNumber(1e12)("step", message.step);
    session.change((descent) => descent.restore(values, epoch, step));
  },
  look(session, message) {
    const descent = session.there();
    const { parameter = null } = message;
    if (parameter !== null && !(wholeNumber(1e9)("parameter", parameter) < descent.network.nParameters))
      throw new PageError(`there is no parameter ${parameter}`);
    if (!(wholeNumber(1e9)("row", message.row) < descent.n))
      throw new PageError(`there is no training row ${message.row}`);
    Object.assign(session, { parameter, row: message.row });
    session.sendFrame(session.playing);
  },
  shown(session) {
    session.underWay = Math.max(0, session.underWay - 1);
  },
  async retrain(session, message, id) {
    const setup = readSetup(message.setup);
    await session.fetch(setup);
    const descent = session.fresh(setup);
    const done = retrain(descent, RETRAIN_PIECE);
    session.stop();
    session.adopt(descent);
    session.sendProblem(id);
    session.sendFrame(!done);
    session.post({ type: "retrained", id, done });
    if (done) return;
    const task = (session.going = { over: false });
    session.work(id, () => session.goOn(task, id));
  },
  async seeds(session, message, id) {
    const setup = readSetup(message.setup);
    await session.fetch(setup);
    const problem = session.problem(setup);
    session.stopSeeds();
    const task = (session.seeding = { over: false });
    session.work(id, () => session.manySeeds(setup, problem, task, id));
  },
  microscope: told((descent, message) => nextUpdate(descent, message.kind)),
  check: told((descent, message) => checkGradients(descent, message.method)),
  landscape: told(landscape),
  export: told((descent, message, session) => exported(descent, message.kind, session.version)),
  /** A table for the next setup; returns facts about it. */
  table(session, message, id) {
    if (typeof message.text !== "string") throw new PageError("a table is sent as text");
    session.table = readTable(String(message.name || "table").slice(0, 80), message.text);
    const { source, columns, cells } = session.table;
    session.post({ type: "table", id, facts: { source, columns, rows: cells[0].length, notes: [] } });
  },
};
