// A small picture of the network beside the stage, so that highlighted parts are visible there too.

import { color } from "./colors.js";
import { h } from "./dom.js";
import { on, state } from "./state.js";
import { T } from "./text.js";

const WIDTH = 210, HEIGHT = 84, RADIUS = 5, MARGIN = 12;
const MOST = 9;  // neurons of a layer that are drawn

export function miniView() {
  const canvas = h("canvas", { class: "mini", id: "mini", role: "img", "aria-label": T.microscope.mini, width: 2 * WIDTH, height: 2 * HEIGHT });
  const redraw = () => { if (state.problem && state.tab === "microscope") draw(canvas.getContext("2d"), state.problem.sizes, state.lit); };
  for (const topic of ["problem", "lit", "theme", "tab"]) on(topic, redraw);
  return canvas;
}

function draw(context, sizes, lit) {
  context.setTransform(2, 0, 0, 2, 0, 0);
  context.clearRect(0, 0, WIDTH, HEIGHT);
  const shown = sizes.map((n) => Math.min(n, MOST));
  const tallest = Math.max(...shown);
  const step = (HEIGHT - 2 * MARGIN) / Math.max(1, tallest - 1);
  const radius = Math.min(RADIUS, Math.max(2.5, step / 2.2));
  const place = (l, j) => [MARGIN + ((WIDTH - 2 * MARGIN) * l) / (sizes.length - 1), HEIGHT / 2 + (j - (shown[l] - 1) / 2) * step];
  const line = (l, i, j, bright) => {
    context.strokeStyle = color(bright ? "lit" : "line");
    context.lineWidth = bright ? 2.5 : 1;
    context.beginPath();
    context.moveTo(...place(l - 1, i));
    context.lineTo(...place(l, j));
    context.stroke();
  };
  for (const bright of [false, true]) {
    for (let l = 1; l < sizes.length; l++) {
      for (let i = 0; i < shown[l - 1]; i++) {
        for (let j = 0; j < shown[l]; j++) if (Boolean(lit && lit.weights(l, i, j)) === bright) line(l, i, j, bright);
      }
    }
  }
  sizes.forEach((_, l) => {
    for (let j = 0; j < shown[l]; j++) {
      const bright = Boolean(lit && lit.neurons(l, j));
      context.beginPath();
      context.arc(...place(l, j), bright ? radius + 1.5 : radius, 0, 7);
      context.fillStyle = color(bright ? "lit" : "held");
      context.fill();
    }
  });
}
