// What the page shows before its worker is there: the same problem and the same first frame, computed
// in the page's own thread. The worker's script also runs in the page, for this alone.

import { frame, problemFacts } from "./frames.js";
import { Session } from "./session.js";
import { USUAL, readSetup } from "./setup.js";

const MOST_WORK = 1e5; // rows times parameters: more takes longer than the worker needs to start

/** The setup with which the page begins. */
export const startSetup = (start) => readSetup(start.setup || USUAL);

/** {setup, problem, frame} of a setup at its start; null if the worker has to compute it. */
export function firstPicture(start, wanted) {
  if (start.given || ["iris", "digits", "table", "given"].includes(wanted.data.kind)) return null;
  try {
    const setup = readSetup(wanted);
    const descent = new Session(null, start, () => {}).fresh(setup);
    if (descent.n * descent.network.nParameters > MOST_WORK) return null;
    const problem = { ...problemFacts(descent), columns: [] };
    return { setup, problem, frame: frame(descent, { parameter: null, row: 0, playing: false }) };
  } catch {
    return null; // the worker reports what is wrong with the setup
  }
}
