"""Integrated gradients, rows a second: `fl.explain` beside Captum's on the same network.

Captum takes 50 steps by default, and as many as it needs for a relative gap of 1e-6, looked for by
doubling; where 400 do not suffice, those are timed. Both are in float64, on one thread. Without
Captum, ours alone.
"""

import os
from functools import partial

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
from timing import alternate

import fallline as fl

ROWS, ROUNDS, MOST_STEPS, TOLERANCE = 64, 3, 400, 1e-6
SHAPES = {
    "one hidden layer": [100, 128, 1],
    "two": [100, 128, 128, 1],
    "many inputs": [600, 128, 128, 1],
}
NETWORKS = [(name, sizes, hidden) for name, sizes in SHAPES.items() for hidden in ("silu", "relu")]


def problem(sizes: list[int], hidden: str) -> tuple[fl.Network, np.ndarray]:
    """A network as training leaves it: weights above those that it starts with, biases off 0."""
    net = fl.Network(sizes, hidden=hidden, loss="squared_error", seed=0)
    generator = np.random.default_rng(0)
    net.parameters = 1.5 * net.parameters + 0.1 * generator.normal(size=net.n_parameters)
    return net, generator.normal(size=(ROWS, sizes[0]))


def as_torch(net: fl.Network) -> object:
    """The same network as PyTorch's."""
    import torch

    torch.set_num_threads(1)
    layers: list[torch.nn.Module] = []
    for layer in net.layers:
        linear = torch.nn.Linear(*layer.W.shape, dtype=torch.float64)
        linear.weight.data[:] = torch.from_numpy(layer.W.T.copy())
        linear.bias.data[:] = torch.from_numpy(layer.b.copy())
        layers.append(linear)
        if layer.activation != "identity":
            layers.append(torch.nn.SiLU() if layer.activation == "silu" else torch.nn.ReLU())
    return torch.nn.Sequential(*layers)


def by_captum(net: fl.Network, X: np.ndarray, baseline: np.ndarray, steps: int) -> np.ndarray:
    """(n, n_features), at most 4,096 points at once."""
    import torch
    from captum.attr import IntegratedGradients

    model, inputs = as_torch(net), torch.from_numpy(X)
    found = IntegratedGradients(model).attribute(
        inputs,
        torch.from_numpy(baseline)[None, :],
        target=0,
        n_steps=steps,
        internal_batch_size=4_096,
    )
    return found.detach().numpy()


def gap_of(net: fl.Network, X: np.ndarray, baseline: np.ndarray, found: np.ndarray) -> float:
    """The largest relative gap of the rows."""
    difference = (net.logits(X) - net.logits(baseline[None, :]))[:, 0]
    return float((abs(found.sum(axis=1) - difference) / abs(found).sum(axis=1)).max())


def main() -> None:
    """A table in Markdown."""
    try:
        import captum

        peer = f"Captum {captum.__version__}"
    except ImportError:
        peer = ""
        print("Captum is not installed here (pip install captum): ours alone\n")
    print("| network | candidate | rows a second | largest relative gap | against ours |")
    print("|---|---|---|---|---|")
    for name, sizes, hidden in NETWORKS:
        net, X = problem(sizes, hidden)
        baseline = X.mean(axis=0)
        ours = fl.explain(net, X)
        gaps = {"Fallline": gap_of(net, X, baseline, ours.attributions)}
        runs = {"Fallline": partial(fl.explain, net, X)}
        if peer:
            enough = 50
            while enough < MOST_STEPS:
                if gap_of(net, X, baseline, by_captum(net, X, baseline, enough)) <= TOLERANCE:
                    break
                enough = min(2 * enough, MOST_STEPS)
            for steps in dict.fromkeys((50, enough)):
                label = f"{peer}, {steps} steps"
                runs[label] = partial(by_captum, net, X, baseline, steps)
                found = runs[label]()
                gaps[label] = gap_of(net, X, baseline, found)
                apart = abs(found - ours.attributions).max()
                print(f"<!-- {label}: largest difference of an attribution {apart:.1e} -->")
        seconds = alternate(runs, ROUNDS)
        for label, taken in seconds.items():
            shape = f"{'-'.join(map(str, sizes))}, {hidden} ({name})" if label == "Fallline" else ""
            ratio = taken / seconds["Fallline"]
            print(f"| {shape} | {label} | {ROWS / taken:,.0f} | {gaps[label]:.0e} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
