// Learning rates as functions of the step, over a whole run of a given number of steps.

const halfCosine = (start, end, done) => end + (start - end) * 0.5 * (1 + Math.cos(Math.PI * done));

/** By name: from a learning rate and the number of steps of a run, the rate of step t. */
export const SCHEDULES = {
  constant: (rate) => () => rate,
  step: (rate, steps) => {
    const every = Math.ceil(steps / 4);
    return (t) => rate * 0.5 ** Math.floor(t / every);
  },
  exponential: (rate, steps) => {
    const every = Math.ceil(steps / 8);
    return (t) => rate * 0.5 ** (t / every);
  },
  cosine: (rate, steps) => (t) => rate * 0.5 * (1 + Math.cos(Math.PI * Math.min(t / steps, 1))),
  inverse_scaling: (rate) => (t) => rate / (t + 1) ** 0.5,
  warm_up: (rate, steps) => {
    const climb = Math.ceil(steps / 20);
    return (t) => (t < climb ? (rate * (t + 1)) / climb : rate);
  },
  one_cycle: (rate, steps) => (t) => {
    // Smith and Topin 2018 (arXiv:1708.07120, section 2)
    const done = Math.min(t / steps, 1);
    const share = 0.3;
    if (done < share) return halfCosine(rate / 25, rate, done / share);
    return halfCosine(rate, rate / 1e4, (done - share) / (1 - share));
  },
};
