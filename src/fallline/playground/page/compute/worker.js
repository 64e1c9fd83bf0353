// The entry of the page's Web Worker: takes the parts of the page's file, then answers messages.

import { Engine } from "./engine.js";
import { givenProblem } from "./given.js";
import { unpacked, unpackedText } from "./packed.js";
import { Session } from "./session.js";

let session = null;

/** The engine and what the page begins with; iris and digits are unpacked when they are chosen. */
async function begin({ engine, start, rows, tables }) {
  const [module, bytes] = await Promise.all([
    unpacked(engine).then(WebAssembly.compile),
    rows && unpacked(rows),
  ]);
  const post = (answer, transfer = []) => self.postMessage(answer, transfer);
  const table = (name) => tables[name] && unpackedText(tables[name]);
  session = new Session(new Engine(module), { ...start, ...givenProblem(start, bytes), table }, post);
  session.hello();
  session.warm();
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

self.onmessage = ({ data: message }) => {
  if (message.type === "begin") begin(message).catch(cannotBegin);
  else session?.answer(message);
};
