"""Predicting one row: of a 20-64-64-1 ReLU network, and of a table by an ensemble, in float32."""

import sys
from collections.abc import Callable

import numpy as np
import polars as pl
from timing import alternate
from work import pin

import fallline as fl
from fallline.tabular.baselines import new_network
from fallline.tabular.ensemble import merged

CALLS = 1000


def many(call: Callable[[], object]) -> Callable[[], None]:
    """So many calls in a row, for the clock's sake."""

    def run() -> None:
        for _ in range(CALLS):
            call()

    return run


def by_torch(net: fl.Network, x: np.ndarray) -> Callable[[], object]:
    """The same network, without gradients."""
    import torch

    torch.set_num_threads(1)
    layers: list[torch.nn.Module] = []
    for layer in net.layers:
        linear = torch.nn.Linear(*layer.W.shape)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(layer.W.T.copy()))
            linear.bias.copy_(torch.from_numpy(layer.b.copy()))
        layers += [linear, torch.nn.ReLU()]
    model, row = torch.nn.Sequential(*layers[:-1], torch.nn.Sigmoid()), torch.from_numpy(x[None])
    with torch.inference_mode():
        np.testing.assert_allclose(model(row).numpy()[0], net.predict_proba(x[None])[0], rtol=1e-4)

    def call() -> object:
        with torch.inference_mode():
            return model(row)

    return call


def by_sklearn(net: fl.Network, x: np.ndarray) -> Callable[[], object]:
    """scikit-learn's network with these weights."""
    from fallline.estimators.convert import to_sklearn

    model = to_sklearn(fl.MLPClassifier.from_network(net, classes=[0, 1]))
    return lambda: model.predict_proba(x[None])


def main() -> None:
    """Time all."""
    pin(1)
    net = fl.Network([20, 64, 64, 1], loss="binary_cross_entropy", dtype="float32", seed=0)
    x = np.random.default_rng(0).normal(size=20).astype(np.float32)
    predictor, rows, out = fl.Predictor(net), x[None], np.empty((1, 1), np.float32)
    found = {
        "Fallline, the kernel alone": lambda: predictor.run(rows, out),
        "Fallline, Predictor.predict_proba": lambda: predictor.predict_proba(x),
        "Fallline, Network.predict_proba": lambda: net.predict_proba(rows),
    }
    for name, make in (("PyTorch", by_torch), ("scikit-learn", by_sklearn)):
        try:
            found[name] = make(net, x)
        except (ImportError, AttributeError) as error:
            print(f"({name} is left out: {error})\n", file=sys.stderr)
    tell("One row, 20-64-64-1, float32, 1 thread", found)
    tell("One row of ten columns in bins, eight networks of 128-128, 1 thread", of_a_table())


def of_a_table() -> dict[str, Callable[[], object]]:
    """The ways to predict a row of a table of ten numbers."""
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {f"x{i}": rng.normal(size=20_000) for i in range(10)} | {"y": [0, 1] * 10_000}
    )
    model = fl.train_table(frame, "y", preset="quick", epochs=1, baseline=False)
    members = [new_network(model.encoding, (128, 128), "silu", s, "float32") for s in range(8)]
    model.network = merged(members, [1 / 8] * 8)
    head = frame.head(1)
    cells, features = (
        head.to_dicts()[0],
        model.encoding.transform(fl.read_table(head), "float32")[0],
    )
    predictor, answer = fl.Predictor(model.network), model.predictor()
    answer.encode(cells)
    return {
        "Fallline, the kernel of RowPredictor": answer.run,
        "Fallline, RowPredictor.predict_proba of the cells": lambda: answer.predict_proba(cells),
        "Fallline, Predictor.predict_proba of the features": lambda: predictor.predict_proba(
            features
        ),
    }


def tell(title: str, found: dict[str, Callable[[], object]]) -> None:
    """Time all and print the result as Markdown."""
    medians = alternate({name: many(call) for name, call in found.items()}, 15)
    print(f"### {title}\n")
    print("| candidate | median us |\n|---|---|")
    for name, seconds in medians.items():
        print(f"| {name} | {1e6 * seconds / CALLS:.1f} |")
    print()


if __name__ == "__main__":
    main()
