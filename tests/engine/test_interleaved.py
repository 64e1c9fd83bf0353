"""Interleaved networks, one in each SIMD lane: the bits of training each one alone."""

import time

import numpy as np
import pytest

import fallline as fl
from fallline.core.network import Network
from fallline.core.penalties import Penalty
from fallline.engine import Course, library, many
from fallline.engine.codes import ACTIVATIONS, LOSSES
from tests.conftest import targets_for

CASES = [  # sizes, rows, batch size
    ([3, 2, 1], 5, 5),
    ([8, 16, 1], 100, 32),
    ([5, 7, 9, 3], 120, 50),
    ([20, 3, 2], 300, 500),
    ([4, 1], 300, 130),
    ([17, 10, 4], 75, 1),
]
OPTIMIZERS = [
    fl.GradientDescent,
    lambda rate: fl.GradientDescent(rate, momentum=0.9),
    lambda rate: fl.GradientDescent(rate, momentum=0.5, nesterov=True),
    fl.RMSProp,
    fl.Adam,
    lambda rate: fl.AdamW(rate, weight_decay=0.1),
]


def trained(sizes, rows, optimizers, course: Course, **settings) -> tuple[list[Network], list]:
    nets = [Network(sizes, seed=seed, **settings) for seed in range(len(optimizers))]
    samples = nets[0].samples(*rows)
    losses = many.train_many(nets, samples, optimizers, range(len(nets)), course, threads=1)
    return nets, losses


def assert_same(sizes, n: int, course: Course, make, monkeypatch, **settings) -> None:
    rng = np.random.default_rng(1)
    net = Network(sizes, **settings)
    rows = rng.normal(size=(n, sizes[0])), targets_for(net, n, rng)
    optimizers = [make(0.01 * (1 + i % 3)) for i in range(19)]  # two vectors, one not full
    assert many.goes_interleaved([net] * 19, net.samples(*rows), course)
    interleaved, losses = trained(sizes, rows, optimizers, course, **settings)
    monkeypatch.setattr(many, "MAX_INTERLEAVED", 0)
    alone, expected = trained(sizes, rows, optimizers, course, **settings)
    monkeypatch.undo()
    for one, other in zip(interleaved, alone, strict=True):
        assert one.parameters.tobytes() == other.parameters.tobytes()
    assert losses == expected


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("sizes", "n", "batch"), CASES)
@pytest.mark.parametrize("number", range(len(OPTIMIZERS)))
def test_shapes_and_optimisers(sizes, n, batch, number, dtype, monkeypatch) -> None:
    course = Course(batch, 4, Penalty(0.01, 0.002) if number % 2 else Penalty())
    settings = {"hidden": "tanh", "loss": "squared_error", "dtype": dtype}
    assert_same(sizes, n, course, OPTIMIZERS[number], monkeypatch, **settings)


@pytest.mark.parametrize("loss", [*LOSSES, "quantile(0.9)"])
def test_every_loss_and_activation(loss: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for hidden in ACTIVATIONS:
        sizes = [4, 6, 3 if loss == "cross_entropy" else 2]
        settings = {"hidden": hidden, "loss": loss}
        assert_same(sizes, 45, Course(20, 3), OPTIMIZERS[0], monkeypatch, **settings)


def test_long_runs_are_cut_into_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = many.MAX_DRAWN
    settings = {"hidden": "sigmoid", "loss": "binary_cross_entropy"}
    for batch in (10, 40):
        rng = np.random.default_rng(0)
        rows = rng.normal(size=(40, 3)), rng.integers(0, 2, 40)
        ends = []
        for maximum in (whole, 8 * 40 * 3):
            monkeypatch.setattr(many, "MAX_DRAWN", maximum)
            nets, losses = trained(
                [3, 2, 1], rows, [OPTIMIZERS[4](0.1)] * 8, Course(batch, 20), **settings
            )
            ends.append((losses, [net.parameters.tobytes() for net in nets]))
        assert ends[0] == ends[1]


def test_a_lane_that_runs_away_is_told_and_harms_no_other() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(40, 3)), rng.normal(size=40)
    optimizers = [fl.GradientDescent(1e6 if i == 3 else 0.01) for i in range(8)]
    settings = {"hidden": "identity", "loss": "squared_error"}
    for batch in (10, 40):
        nets, losses = trained([3, 4, 1], rows, optimizers, Course(batch, 60), **settings)
        assert np.isfinite(losses).tolist() == [i != 3 for i in range(8)]
        assert all(np.isfinite(net.parameters).all() for net in nets[4:])


@pytest.mark.parametrize("batch", [16, 300])
def test_each_ends_where_train_ends(batch: int) -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(100, 6)), rng.integers(0, 3, 100)
    settings = {"hidden": "relu", "loss": "cross_entropy"}
    nets, losses = trained([6, 9, 3], rows, [fl.Adam(0.01)] * 8, Course(batch, 5), **settings)
    for seed, (net, loss) in enumerate(zip(nets, losses, strict=True)):
        alone = Network([6, 9, 3], seed=seed, **settings)
        history = fl.train(
            alone, *rows, optimizer=fl.Adam(0.01), epochs=5, batch_size=batch, seed=seed,
            engine="compiled",
        )  # fmt: skip
        assert net.parameters.tobytes() == alone.parameters.tobytes()
        assert loss == history.loss[-1]


def test_one_network_is_interleaved_where_that_spares_loading_the_loop(monkeypatch) -> None:
    monkeypatch.setattr(library, "shared", lambda: None)
    rng = np.random.default_rng(0)
    rows, course = (rng.normal(size=(40, 3)), rng.normal(size=40)), Course(10, 5)
    settings = {"hidden": "tanh", "loss": "squared_error"}
    (several, *_), _ = trained([3, 4, 1], rows, [fl.Adam(0.01)] * 8, course, **settings)
    known = {key: run for key, run in library.made.items() if key[0] == "interleave"}
    monkeypatch.setattr(library, "made", known)
    (one,), _ = trained([3, 4, 1], rows, [fl.Adam(0.01)], course, **settings)
    assert not library.loaded("train")
    assert one.parameters.tobytes() == several.parameters.tobytes()
    samples = one.samples(*rows)
    assert not many.goes_interleaved([one], samples, Course(10, 100_000_000))


def test_threads_share_the_jobs_and_give_the_same_bits(monkeypatch) -> None:
    rng = np.random.default_rng(0)
    net = Network([3, 4, 1], loss="squared_error")
    samples = net.samples(rng.normal(size=(40, 3)), rng.normal(size=40))
    monkeypatch.setattr("fallline.engine.threads.threads_allowed", lambda: 3)

    def ends(threads: int) -> tuple[list[float], list[bytes]]:
        nets = [Network([3, 4, 1], loss="squared_error", seed=seed) for seed in range(45)]
        losses = many.train_many(
            nets, samples, [fl.Adam(0.01)] * 45, range(45), Course(10, 5), threads
        )
        return losses, [each.parameters.tobytes() for each in nets]

    assert ends(3) == ends(1)


def test_an_error_in_a_job_ends_the_others(monkeypatch) -> None:
    monkeypatch.setattr("fallline.engine.threads.threads_allowed", lambda: 2)
    done = []

    def work(job: slice) -> list[float]:
        if job.start == 1:
            raise ZeroDivisionError
        done.append(job)
        time.sleep(0.01)
        return [0.0]

    with pytest.raises(ZeroDivisionError):
        many.shared_out(work, [slice(i, i + 1) for i in range(100)], 2)
    assert len(done) < 50
