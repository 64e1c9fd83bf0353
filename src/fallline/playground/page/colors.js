// The palette (after Okabe and Ito, safe for colour-blind readers), read from the style sheet, which
// has one for light and one for dark.

let cached = {};

export function forget() { cached = {}; }

export function color(name) {
  cached[name] ||= getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  return cached[name];
}

export function rgb(name) {
  const hex = color(name).slice(1);
  return [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16));
}

export const CLASSES = ["low", "high", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"];
export const classColor = (k) => color(CLASSES[k % CLASSES.length]);

const SOFT = 0.8;  // so that a point stands out from a surface of its own colour

const between = (a, b, t) => a.map((v, i) => v + (b[i] - v) * t);

/** From 0 (orange) over the middle (paper) to 1 (blue). */
export function diverging(t) {
  const middle = rgb("middle");
  return t < 0.5 ? between(middle, rgb("low"), SOFT * (1 - t * 2)) : between(middle, rgb("high"), SOFT * (t * 2 - 1));
}

let ramp = null, rampFor = "";

/** A colour as the four bytes of a canvas in one number. */
export const word = ([r, g, b]) => ((255 << 24) | (Math.round(b) << 16) | (Math.round(g) << 8) | Math.round(r)) >>> 0;

/** The diverging scale at 256 places, as words. */
export function scale() {
  const key = color("low") + color("middle") + color("high");
  if (rampFor !== key) {
    ramp = Uint32Array.from({ length: 256 }, (_, i) => word(diverging(i / 255)));
    rampFor = key;
  }
  return ramp;
}

/** Paint a map (size * size bytes) on a canvas of that size. */
export function paint(canvas, bytes, size) {
  if (canvas.width !== size) canvas.width = canvas.height = size;
  const context = canvas.getContext("2d");
  const image = context.createImageData(size, size);
  const table = scale();
  const words = new Uint32Array(image.data.buffer);
  for (let i = 0; i < words.length; i++) words[i] = table[bytes[i]];
  context.putImageData(image, 0, 0);
}
