// What the first picture needs of a run, by the readable steps: the page shows its network before the
// engine is there. `Loop` (loop.js) is the compiled twin, which trains.

import { Matrix } from "./matrix.js";
import { forward, gradientOf, lossesOf, mean } from "./steps.js";

export class ReadableLoop {
  /** As Loop, without an engine. */
  constructor(network, rows, optimizer, settings) {
    const n = rows.X.rows;
    const batchSize = Math.min(settings.batchSize, n);
    Object.assign(this, { network, rows, optimizer, settings, n, batchSize });
  }

  /** The loss at theta of the training rows, or the test rows, without the penalty; and their logits. */
  measure(theta, part = "train") {
    const [X, Y] =
      part === "test" ? [this.rows.X_test, this.rows.Y_test] : [this.rows.X, this.rows.Y];
    const { Z } = forward(this.network, X, theta).at(-1);
    return { loss: mean(lossesOf(this.network, Z, Y)), logits: Z.values };
  }

  /** The gradient of the loss of all training rows, penalty and all. */
  gradient() {
    return gradientOf(this.network, this.rows.X, this.rows.Y, this.settings).gradient;
  }
}
