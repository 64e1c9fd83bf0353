// A slider with a number beside it, on a linear or a logarithmic axis.

import { h, field } from "./dom.js";

/** onmove while dragging (first tells whether a drag begins), onset for a typed number. */
export function slider(label, { low, high, log = false, integer = false, id, beside = null, onmove, onset }) {
  const toPlace = (x) => (log ? Math.log(Math.max(x, low) / low) / Math.log(high / low) : (x - low) / (high - low));
  const fromPlace = (p) => {
    const x = log ? low * (high / low) ** p : low + p * (high - low);
    return integer ? Math.round(x) : Number(x.toPrecision(3));
  };
  const range = h("input", { type: "range", min: 0, max: 1, step: 0.001, id });
  const number = h("input", { type: "number", class: "number", "aria-label": `${label}, as a number`, step: "any", id: `${id}-number` });
  let dragging = false;
  range.addEventListener("input", () => {
    const value = fromPlace(Number(range.value));
    number.value = value;
    onmove(value, !dragging);
    dragging = true;
  });
  range.addEventListener("change", () => { dragging = false; });
  // a step of the slider is less than 1, so for whole numbers the arrow keys are handled here
  range.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (!integer || !by) return;
    event.preventDefault();
    const value = Number(number.value);
    const next = Math.max(low, Math.min(high, value + by * (log ? Math.max(1, Math.round(value / 20)) : 1)));
    range.value = toPlace(next);
    number.value = next;
    onmove(next, true);
  });
  number.addEventListener("change", () => { if (number.value !== "") (onset || onmove)(Number(number.value), true); });
  const box = field(label, range, { extra: number, beside });
  box.classList.add("slider");
  return {
    box, number,
    show(value) {
      if (document.activeElement !== range) range.value = toPlace(value);
      if (document.activeElement !== number) number.value = value;
    },
  };
}
