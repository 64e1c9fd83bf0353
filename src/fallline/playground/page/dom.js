// Making elements, and numbers as text.

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined)
      element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Whether cards stand side by side; on a phone the settings start closed. Read once, because it needs a layout. */
export const roomy = window.innerWidth > 760;

let labels = 0;

/** A control below its label, which also names it for screen readers; ``beside`` is put next to the label. */
export function field(label, control, { extra = null, hidden = false, beside = null } = {}) {
  control.id ||= `control-${++labels}`;
  return h("div", { class: "field" },
    h("span", { class: "label" }, h("label", { for: control.id, class: hidden ? "unseen" : "" }, label), beside), control, extra);
}

/** A box to tick, with its label after it. */
export function checkbox(label, box, beside = null) {
  return h("div", { class: "check" }, box, h("label", { for: box.id }, label), beside);
}

export function select(options, value, onchange, attributes = {}) {
  const element = h("select", { ...attributes, onchange: () => onchange(element.value) },
    Object.entries(options).map(([key, text]) => h("option", { value: key }, text)));
  element.value = value;
  return element;
}

export function button(text, onclick, attributes = {}) {
  return h("button", { type: "button", ...attributes, onclick }, text);
}

/** A number in few characters: 0.1234, 12.3, 1.2e-5. */
export function short(x, digits = 4) {
  if (x === null || x === undefined || Number.isNaN(x)) return "–";
  if (Number.isInteger(x) && Math.abs(x) < 1e5) return String(x).replace("-", "−");
  const size = Math.abs(x);
  if (size >= 1e5 || size < 1e-3) return x.toExponential(Math.max(digits - 3, 1)).replace("e-", "e−").replace(/^-/, "−").replace("e+", "e");
  return x.toPrecision(digits).replace(/^-/, "−");
}

/** All the digits that matter, for formulas and titles. */
export function exact(x) {
  if (x === null || x === undefined) return "–";
  const rounded = Number(x.toPrecision(8));
  const text = x !== 0 && Math.abs(x) < 1e-3 ? rounded.toExponential() : String(rounded);
  return text.replace(/-/g, "−").replace("e+", "e");
}

/** A whole number with a comma after each thousand (toLocaleString loads its tables for 30 ms first). */
export const whole = (n) => String(Math.floor(n)).replace(/\B(?=(\d{3})+$)/g, ",");

/** An input's name as mathematics writes it: a product has a dot. */
export const written = (name) => (name === "x1 x2" ? "x1·x2" : name);

/** A canvas as large as its place on the page, in device pixels; returns its 2D context and size. */
export function fitted(canvas, height) {
  const scale = Math.min(window.devicePixelRatio || 1, 3);
  const width = Math.max(1, canvas.parentElement.clientWidth);
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  return [context, width, height];
}
