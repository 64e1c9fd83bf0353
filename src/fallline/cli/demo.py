"""`fallline demo`: the truth table, before and after."""

import json as json_
import warnings

from fallline.cli.options import layer_sizes
from fallline.cli.plots import loss_curve
from fallline.errors import DivergenceWarning, FalllineError
from fallline.lesson import Demo, run_demo
from fallline.text import table

WHY_HIGHER = """\
This update ends 78 times higher than the right gradient (median of 100 seeds).
Its weight gradient of the output layer is multiplied by a (1 - a) instead of a,
and both weight gradients are divided by 6 instead of 5."""
NEXT = """next: fallline check --as-published   finds the two slips in the notebook
      fallline trace                  prints one update with every number
      fallline play                   shows this network in the browser"""


def run(
    *,
    epochs: int,
    learning_rate: float,
    hidden: str,
    seed: int,
    as_published: bool,
    quiet: bool,
    json: bool,
) -> None:
    """Train and print."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DivergenceWarning)
        result = run_demo(
            epochs=epochs,
            learning_rate=learning_rate,
            hidden=layer_sizes(hidden),
            seed=seed,
            as_published=as_published,
        )
    if json:
        print(json_.dumps(result.as_dict()))
    else:
        print(predictions(result, result.after) if quiet else as_text(result, learning_rate))
    if result.history.stopped == "diverged":
        raise FalllineError(result.history.message)


def as_text(result: Demo, learning_rate: float) -> str:
    """The whole run, top to bottom."""
    history = result.history
    shape = "-".join(str(size) for size in result.network.sizes)
    update = "the published update" if result.published else "gradient descent"
    parts = [
        'The truth table "first AND last": 5 rows to learn from, 3 never seen.',
        f"A {shape} network, sigmoid in every layer, seed {result.network.seed}.",
        f"Full batch, {update}, learning rate {learning_rate:g}.",
        f"\nBefore training\n{predictions(result, result.before)}",
    ]
    if history.loss:
        losses = [
            (epoch, f"{loss:.6f}") for epoch, loss in zip(history.epoch, history.loss, strict=True)
        ]
        parts.append(f"\n{table(('epoch', 'loss'), losses)}")
    curve = loss_curve(history)
    parts += [f"\n{curve}"] if curve else []
    parts.append(f"\nAfter {history.epochs_done:,} epochs, {history.seconds:.3f} s")
    parts.append(predictions(result, result.after))
    parts.append(f"\n{WHY_HIGHER if result.published else NEXT}")
    return "\n".join(parts)


def predictions(result: Demo, predicted: object) -> str:
    """Row, target, predicted."""
    rows = [
        (" ".join(str(x) for x in row["row"]), row["target"], f"{row['predicted']:.5f}")
        for row in result.rows(predicted)  # type: ignore[arg-type]
    ]
    return table(("row", "target", "predicted"), rows)
