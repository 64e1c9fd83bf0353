// Take away: the address, a script, a notebook, a model file, an image.

import { color } from "./colors.js";
import { button, h, short, whole } from "./dom.js";
import { host } from "./home.js";
import { ask } from "./messages.js";
import { shareView } from "./share.js";
import { state } from "./state.js";
import { T } from "./text.js";

export function awayView() {
  const kinds = ["script", "notebook", "model"].map((kind) =>
    button(T.away[kind], () => fetchFile(kind), { id: `export-${kind}` }));
  return [h("p", {}, host ? T.away.introNotebook : T.away.intro),
    ...(host ? [] : shareView()), h("div", { class: "head" }, kinds,
      button(T.away.image, saveImage, { id: "export-image" })),
  ];
}

async function fetchFile(kind) {
  try {
    const { facts } = await ask({ type: "export", kind });
    const bytes = Uint8Array.from(atob(facts.content), (c) => c.charCodeAt(0));
    save(new Blob([bytes], { type: facts.media }), facts.name);
  } catch { /* told as an error already */ }
}

function save(blob, name) {
  const link = h("a", { href: URL.createObjectURL(blob), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

const SHEET = { width: 1600, height: 900, left: 40, top: 120, net: 1000, tall: 720, right: 1090, side: 470 };
const MOST_NUMBERS = 60;  // weights; more would lie upon each other

/** Network, output and curve as one picture. */
function saveImage() {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d");
  [canvas.width, canvas.height] = [SHEET.width, SHEET.height];
  context.fillStyle = color("card");
  context.fillRect(0, 0, SHEET.width, SHEET.height);
  const { frame, problem, setup } = state;
  context.fillStyle = color("ink");
  context.font = "600 30px system-ui, sans-serif";
  context.fillText(`${T.title}: ${problem.sizes.join("-")}, ${T.bar.epoch.toLowerCase()} ${whole(frame.epoch)}, ${T.curves.loss} ${short(frame.loss[0])}`, SHEET.left, 58);
  context.font = "20px system-ui, sans-serif";
  context.fillStyle = color("quiet");
  const { training } = setup;
  context.fillText(`${T.data.kinds[setup.data.kind]}; ${T.training.optimizers[training.optimizer]}, ${T.training.rate.toLowerCase()} ${training.learning_rate}, ${T.training.seed.toLowerCase()} ${setup.network.seed}`, SHEET.left, 90);
  drawNetwork(context, frame);
  const place = (id, y, width) => {
    const from = document.getElementById(id);
    if (from.width && !from.closest("[hidden]")) context.drawImage(from, SHEET.right, y, width, (width * from.height) / from.width);
  };
  place(document.getElementById("surface").closest("[hidden]") ? "pad" : "surface", 110, SHEET.side);
  place("loss-curve", 660, SHEET.side);
  canvas.toBlob((blob) => save(blob, "descent.png"));
}

/** The current network, with its names, activations and weights. */
function drawNetwork(context, frame) {
  const net = document.getElementById("net");
  const scale = Math.min(SHEET.net / net.clientWidth, SHEET.tall / net.clientHeight);
  context.save();
  context.translate(SHEET.left, SHEET.top);
  context.scale(scale, scale);
  const lines = [...net.querySelectorAll("path[stroke-opacity]")];
  for (const line of lines) {
    context.globalAlpha = Number(line.getAttribute("stroke-opacity"));
    context.strokeStyle = line.getAttribute("stroke");
    context.lineWidth = Number(line.getAttribute("stroke-width"));
    context.stroke(new Path2D(line.getAttribute("d")));
  }
  context.globalAlpha = 1;
  const text = (words, x, y, size, tone = "ink", align = "center") => {
    context.font = `${size}px system-ui, sans-serif`;
    context.textAlign = align;
    context.lineWidth = 3;
    context.strokeStyle = color("card");
    context.strokeText(words, x, y);
    context.fillStyle = color(tone);
    context.fillText(words, x, y);
  };
  if (lines.length <= MOST_NUMBERS) {
    lines.forEach((line, k) => {
      const at = line.getPointAtLength(line.getTotalLength() * (0.28 + 0.14 * (k % 4)));
      text(short(frame.theta[Number(line.nextSibling.dataset.parameter)], 3), at.x, at.y + 3, 9);
    });
  }
  for (const box of net.querySelectorAll(".neuron")) {
    const [x, y, width, height] = [box.offsetLeft, box.offsetTop, box.offsetWidth, box.offsetHeight];
    const [map, feature, name, number] = ["canvas", ".feature", ".beside", ".number-under"].map((part) => box.querySelector(part));
    context.imageSmoothingEnabled = !box.classList.contains("picture");
    if (map) context.drawImage(map, x, y, width, height);
    context.lineWidth = 1.5;
    context.strokeStyle = color("line");
    context.strokeRect(x, y, width, height);
    if (feature) text(feature.textContent, x + width / 2, y + height / 2 + 4, 11);
    text(number.textContent, x + width / 2, y + height + 12, 10, "quiet");
    if (name) text(name.textContent, x + width + 6, y + height / 2 + 4, 10, "ink", "left");
  }
  context.restore();
}
