// The entry of the page's Web Worker: takes the parts of the page's file, then answers messages. In
// the page itself, where the same script runs first, it gives what the first picture needs.

import { Engine } from "./engine.js";
import { firstPicture, startSetup } from "./first.js";
import { givenProblem } from "./given.js";
import { unpacked, unpackedText } from "./packed.js";
import { Session } from "./session.js";

let session = null;

/** What the page asks is answered when engine and rows are there. */
async function begin({ engine, start, rows, tables }) {
  const post = (answer, transfer = []) => self.postMessage(answer, transfer);
  const table = (name) => tables[name] && unpackedText(tables[name]); // when it is chosen
  session = new Session(null, { ...start, table }, post);
  await session.wait(parts(engine, start, rows));
}

async function parts(engine, start, rows) {
  const [module, bytes] = await Promise.all([
    unpacked(engine).then(WebAssembly.compile),
    rows && unpacked(rows),
  ]);
  const { problem, theta } = givenProblem(start, bytes);
  return { engine: new Engine(module), given: problem, givenTheta: theta };
}

/** Most often a browser from before 2023. */
const cannotBegin = (error) =>
  self.postMessage({
    type: "error",
    id: null,
    message:
      `This browser cannot run the page (${error.message}). ` +
      "Chromium and Edge 97, Firefox 113 and Safari 16.4 can, and later ones.",
  });

function answer({ data: message }) {
  if (message.type === "begin") begin(message).catch(cannotBegin);
  else session?.answer(message);
}

if (typeof document === "undefined") self.onmessage = answer;
else self.fallline = { firstPicture, startSetup };
