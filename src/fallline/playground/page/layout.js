// The position of a weight in the flat vector: layer after layer, W (n_in, n_out) before b (n_out).

export function offsets(sizes) {
  const starts = [];
  let at = 0;
  for (let l = 1; l < sizes.length; l++) {
    starts.push(at);
    at += (sizes[l - 1] + 1) * sizes[l];
  }
  return starts;
}

export const weightAt = (sizes, starts, l, i, j) => starts[l - 1] + i * sizes[l] + j;
export const biasAt = (sizes, starts, l, j) => starts[l - 1] + sizes[l - 1] * sizes[l] + j;

/** Layer, input and neuron of a parameter; the input is -1 for a bias. */
export function whereIs(sizes, parameter) {
  const starts = offsets(sizes);
  let l = starts.length;
  while (starts[l - 1] > parameter) l -= 1;
  const inside = parameter - starts[l - 1];
  const i = Math.floor(inside / sizes[l]);
  return { l, i: i === sizes[l - 1] ? -1 : i, j: inside % sizes[l] };
}
