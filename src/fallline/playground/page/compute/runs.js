// Whole runs, such as those of a dragged slider.

const N_RECORDS = 36;

/** The epochs to record: close together at first, where most happens; and the last. */
export function recordsOf(epochs) {
  const marks = Array.from({ length: N_RECORDS }, (_, i) =>
    Math.round(epochs * ((i + 1) / N_RECORDS) ** 2),
  );
  return [...new Set(marks)].filter(Boolean).sort((a, b) => a - b);
}

/** Train to the run's length, for at most ``seconds``; returns whether it is reached. */
export function retrain(descent, seconds) {
  const deadline = performance.now() + 1000 * seconds;
  const { epochs } = descent.setup.training;
  descent.track.every = epochs + 1; // only the marks are noted
  for (const mark of recordsOf(epochs)) {
    while (descent.epoch < mark && !descent.message) {
      const left = (deadline - performance.now()) / 1000;
      if (left <= 0) return false;
      descent.advance(mark - descent.epoch, left);
    }
    descent.track.provisional = false;
  }
  descent.track.every = Math.ceil(epochs / N_RECORDS);
  return true;
}
