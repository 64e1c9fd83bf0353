"""The compiled engine against the readable reference, over random networks and settings."""

import os
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

import fallline as fl
from fallline.core.activations import ACTIVATIONS
from fallline.core.backprop import loss_and_gradient
from fallline.core.losses import LOSSES
from fallline.core.network import Network
from fallline.core.penalties import Penalty
from fallline.core.schedules import Cosine
from fallline.engine import Gradient, compiled_before, disk_cache, serves
from fallline.engine.records import TRAIN, Record
from fallline.errors import DivergenceWarning
from tests.conftest import shaken, targets_for

TOLERANCE = {"float64": {"rtol": 1e-9, "atol": 1e-12}, "float32": {"rtol": 2e-3, "atol": 2e-5}}


def both(make, X, y, **settings) -> tuple[Network, Network, fl.History, fl.History]:
    nets = {engine: make() for engine in ("numpy", "compiled")}
    histories = {
        engine: fl.train(net, X, y, engine=engine, **settings) for engine, net in nets.items()
    }
    return nets["numpy"], nets["compiled"], histories["numpy"], histories["compiled"]


def assert_same(make, X, y, **settings) -> None:
    slow, fast, slow_history, fast_history = both(make, X, y, **settings)
    tolerance = TOLERANCE[str(slow.dtype)]
    np.testing.assert_allclose(fast.parameters, slow.parameters, **tolerance)
    np.testing.assert_allclose(fast_history.loss, slow_history.loss, **tolerance)
    assert fast_history.steps == slow_history.steps
    assert fast_history.learning_rate == slow_history.learning_rate


@pytest.mark.parametrize("loss", [*LOSSES, "quantile(0.9)"])
@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_every_activation_and_loss(hidden: str, loss: str, rng: np.random.Generator) -> None:
    for sizes in ([3, 2], [4, 5, 2], [2, 3, 4, 3]):
        for dtype in ("float64", "float32"):

            def make(sizes=sizes, dtype=dtype) -> Network:
                net = Network(sizes, hidden=hidden, loss=loss, seed=2, dtype=dtype)
                return shaken(net, np.random.default_rng(5))

            X, Y = rng.normal(size=(11, sizes[0])), targets_for(make(), 11, rng)
            weight = rng.random(11)
            common = {
                "optimizer": fl.GradientDescent(0.05),
                "sample_weight": weight,
                "l2": 0.01,
                "l1": 0.02,
            }
            assert_same(make, X, Y, epochs=4, batch_size=4, **common)
            assert_same(make, X, Y, epochs=5, record_every=3, **common)


OPTIMIZERS = [
    fl.GradientDescent(0.1),
    fl.GradientDescent(0.1, momentum=0.9),
    fl.GradientDescent(0.1, momentum=0.9, nesterov=True),
    fl.RMSProp(0.01),
    fl.Adam(0.01),
    fl.AdamW(0.01, weight_decay=0.1),
    fl.Adam(0.01, epsilon=1e-3, epsilon_hat=True),
    fl.Adam(Cosine(0.05, steps=30)),
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_every_optimiser(optimizer, dtype, rng: np.random.Generator) -> None:
    X = rng.normal(size=(50, 4))
    y = np.sin(X[:, 0]) + X[:, 1]

    def make() -> Network:
        return Network([4, 8, 1], hidden="tanh", loss="squared_error", seed=1, dtype=dtype)

    assert_same(make, X, y, optimizer=optimizer, epochs=8, batch_size=7)
    assert_same(make, X, y, optimizer=optimizer, epochs=40, record_every=15)


def test_large_products(rng: np.random.Generator) -> None:
    X, y = rng.normal(size=(500, 40)), rng.integers(0, 5, 500)

    def make() -> Network:
        return Network([40, 60, 30, 5], hidden="relu", loss="cross_entropy", seed=1)

    assert_same(make, X, y, optimizer=fl.Adam(0.01), epochs=3, batch_size=128)


def test_batches_without_weight_change_nothing(rng: np.random.Generator) -> None:
    X, y = rng.normal(size=(60, 4)), rng.normal(size=60)
    weight = np.zeros(60)
    weight[7] = 1.0

    def make() -> Network:
        return Network([4, 3, 1], hidden="tanh", loss="squared_error", seed=1)

    assert_same(
        make,
        X,
        y,
        sample_weight=weight,
        optimizer=fl.GradientDescent(0.1),
        epochs=4,
        batch_size=1,
    )


def test_two_runs_have_the_same_bits(rng: np.random.Generator) -> None:
    X, y = rng.normal(size=(300, 30)), rng.normal(size=300)
    runs = []
    for _ in range(2):
        net = Network([30, 50, 1], loss="huber", seed=3, dtype="float32")
        fl.train(net, X, y, epochs=3, engine="compiled")
        runs.append(net.parameters.tobytes())
    assert runs[0] == runs[1]


def test_a_checkpoint_resumes_to_the_same_bits(rng: np.random.Generator, tmp_path) -> None:
    X, y = rng.normal(size=(60, 4)), rng.normal(size=60)

    def make() -> Network:
        return Network([4, 6, 1], hidden="tanh", loss="squared_error", seed=3)

    settings = {"batch_size": 16, "engine": "compiled"}
    whole, parts = make(), make()
    fl.train(whole, X, y, epochs=9, **settings)
    checkpoint = fl.Checkpoint(tmp_path / "run.safetensors", every=2)
    fl.train(make(), X, y, epochs=5, checkpoint=checkpoint, **settings)
    fl.train(parts, X, y, epochs=9, checkpoint=checkpoint, **settings)
    assert parts.parameters.tobytes() == whole.parameters.tobytes()


@pytest.mark.parametrize("batch_size", [None, 10])
def test_divergence_is_noticed(batch_size, rng: np.random.Generator) -> None:
    X, y = rng.normal(size=(60, 4)), rng.normal(size=60)
    net = Network([4, 6, 1], hidden="identity", loss="squared_error", seed=0)
    with pytest.warns(DivergenceWarning, match="learning_rate 50 is too large"):
        history = fl.train(
            net,
            X,
            y,
            optimizer=fl.GradientDescent(50.0),
            epochs=1000,
            batch_size=batch_size,
            engine="compiled",
        )
    assert history.stopped == "diverged"
    assert np.isfinite(net.parameters).all()


@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_a_nan_comes_through(hidden: str) -> None:
    net = Network([2, 3, 1], hidden=hidden, loss="squared_error")
    net.parameters[0] = np.nan
    with pytest.warns(DivergenceWarning, match="no longer finite"):
        history = fl.train(net, [[1.0, 2.0]], [1.0], epochs=5, engine="compiled")
    assert history.epochs_done == 1


def test_lbfgs_goes_by_the_engines_gradient(rng: np.random.Generator) -> None:
    X, y, weight = rng.normal(size=(300, 4)), rng.normal(size=300), rng.random(300)

    def make() -> Network:
        return Network([4, 6, 1], hidden="tanh", loss="squared_error", seed=1)

    slow, fast, slow_history, fast_history = both(
        make, X, y, optimizer=fl.LBFGS(), epochs=8, l2=0.01, sample_weight=weight
    )
    np.testing.assert_allclose(fast_history.loss, slow_history.loss, rtol=1e-6)
    np.testing.assert_allclose(fast.parameters, slow.parameters, rtol=1e-4, atol=1e-5)


class Signs:
    """A custom optimiser: it steps by the sign of the gradient, smaller and smaller."""

    learning_rate = 0.01

    def init(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        return {}

    def update(self, theta, gradient, state, step, is_weight) -> None:
        gradient[:] = -self.learning_rate * np.tanh(20 * gradient) / (1 + step)
        theta += gradient


def test_an_optimiser_of_ones_own_steps_on_the_engines_gradients(rng: np.random.Generator) -> None:
    X, y = rng.normal(size=(150, 4)), rng.integers(0, 3, 150)

    def make() -> Network:
        return Network([4, 6, 3], loss="cross_entropy", seed=1)

    common = {"optimizer": Signs(), "l2": 0.01, "l1": 0.01, "dropout": 0.2}
    assert_same(make, X, y, epochs=4, batch_size=40, **common)
    assert_same(make, X, y, epochs=7, batch_size=150, record_every=3, **common)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_gradient_equals_the_reference(dtype: str, rng: np.random.Generator) -> None:
    net = Network([5, 7, 3], hidden="elu", loss="cross_entropy", seed=2, dtype=dtype)
    rows = net.samples(rng.normal(size=(400, 5)), rng.integers(0, 3, 400), rng.random(400))
    gradient = Gradient(net, rows)
    batch = rng.permutation(400)[:130]
    for order, part in ((None, slice(None)), (batch, batch), (batch[:7], batch[:7])):
        loss, found = gradient(order)
        expected_loss, expected = loss_and_gradient(
            net, rows.X[part], rows.Y[part], rows.weight[part]
        )
        np.testing.assert_allclose(loss, expected_loss, **TOLERANCE[dtype])
        np.testing.assert_allclose(found, expected, **TOLERANCE[dtype])
    loss, found = gradient(batch[:0])
    assert loss == 0.0
    assert not found.any()


def test_whose_steps_the_engine_takes() -> None:
    net = Network([2, 1], loss="huber")
    assert serves(net, fl.Adam())
    assert not serves(net, fl.LBFGS())


def test_short_runs_do_without_numba() -> None:
    code = (
        "import sys, fallline as fl\n"
        "net = fl.Network([2, 2, 1], loss='huber')\n"
        "fl.train(net, [[0, 1], [1, 0]], [0, 1])\n"
        "assert 'numba' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_penalty_per_mass_is_divided_by_each_batch(rng: np.random.Generator) -> None:
    from fallline.training.position import Position
    from fallline.training.steps import CompiledSteps, ReferenceSteps, StepSetup

    ends = []
    for kind in (ReferenceSteps, CompiledSteps):
        net = Network([4, 6, 1], hidden="tanh", loss="squared_error", seed=3)
        generator = np.random.default_rng(0)
        X, y, weight = (
            generator.normal(size=(50, 4)),
            generator.normal(size=50),
            generator.random(50),
        )
        optimizer = fl.GradientDescent(0.1)
        rows = net.samples(X, y, weight)
        position = Position(seed=1)
        setup = StepSetup(
            net, rows, optimizer, position, 12, Penalty(3.0, 2.0), penalty_per_mass=True
        )
        losses = [kind(setup).epoch(want_loss=True) for _ in range(3)]
        ends.append(np.append(net.parameters, losses))
    np.testing.assert_allclose(ends[1], ends[0], rtol=1e-9)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("hidden", ["relu", "sigmoid", "gelu", "silu"])
def test_dropout_draws_the_same_masks(hidden: str, dtype: str, rng: np.random.Generator) -> None:
    X, y = rng.normal(size=(90, 4)), rng.normal(size=90)

    def make() -> Network:
        return Network([4, 9, 5, 1], hidden=hidden, loss="squared_error", seed=1, dtype=dtype)

    common = {"optimizer": fl.GradientDescent(0.05), "dropout": 0.3, "seed": 5}
    assert_same(make, X, y, epochs=4, batch_size=20, **common)
    assert_same(make, X, y, epochs=7, batch_size=90, record_every=3, **common)


@pytest.fixture
def crowded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every call be shared out, whatever its size and the number of cores."""
    from fallline.engine import loop, threads

    monkeypatch.setattr(loop, "MIN_SECONDS_OF_STEP", 0.0)
    monkeypatch.setattr(loop, "MIN_SECONDS_OF_CALL", -1.0)
    monkeypatch.setattr(threads, "threads_allowed", lambda: 8)


@pytest.mark.usefixtures("crowded")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("batch_size", [200, 700, 2600])  # the last: parts of several blocks
@pytest.mark.parametrize("optimizer", OPTIMIZERS[:-1], ids=repr)
def test_any_number_of_threads_gives_the_same_bits(
    optimizer, batch_size: int, dtype: str, rng: np.random.Generator
) -> None:
    n = max(batch_size, 700)
    X, y = rng.normal(size=(n, 11)), rng.integers(0, 3, n)
    weight = rng.random(n)
    results = []
    for threads in (1, 2, 3):
        net = Network([11, 60, 20, 3], hidden="tanh", loss="cross_entropy", seed=3, dtype=dtype)
        history = fl.train(
            net,
            X,
            y,
            optimizer=optimizer,
            epochs=3,
            batch_size=batch_size,
            sample_weight=weight,
            l2=0.01,
            l1=0.001,
            dropout=0.1,
            validation=(X, y),
            keep="last",
            engine="compiled",
            threads=threads,
        )
        results.append((net.parameters.tobytes(), history.loss, history.validation_loss))
    assert results[1] == results[0]
    assert results[2] == results[0]


def test_validation_is_measured_as_by_the_reference(rng: np.random.Generator) -> None:
    X, y = rng.normal(size=(500, 5)), rng.normal(size=500)

    def make() -> Network:
        return Network([5, 7, 1], hidden="tanh", loss="huber", seed=3)

    _, _, slow, fast = both(make, X, y, epochs=3, validation=(X[:300], y[:300]))
    np.testing.assert_allclose(fast.validation_loss, slow.validation_loss, rtol=1e-9)
    np.testing.assert_allclose(fast.validation_score, slow.validation_score, rtol=1e-9)


def in_a_fresh_process(code: str, **environment: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | environment,
    )
    return result.stdout + result.stderr


ALLOCATIONS = """
import numpy as np, fallline as fl
from numba.core.runtime import _nrt_python, rtsys
from fallline.engine import Loop
from fallline.core.penalties import Penalty

rtsys.initialize(__import__("numba").core.registry.cpu_target.target_context)
_nrt_python.memsys_enable_stats()

net = fl.Network([5, 9, 3], hidden="tanh", loss="cross_entropy", seed=1)
rng = np.random.default_rng(0)
rows = net.samples(rng.normal(size=(300, 5)), rng.integers(0, 3, 300))
adam = fl.Adam()
loop = Loop(net, rows, adam, adam.init(net.parameters), 30, Penalty(0.01), dropout=0.1)
counts = []
for epochs in (1, 1, 50):
    before = rtsys.get_allocation_stats().alloc
    loop.call(loop.everything, 0, epochs, True)
    counts.append(rtsys.get_allocation_stats().alloc - before)
print(counts[1] == counts[2], counts)
"""


def test_a_step_allocates_nothing() -> None:
    assert in_a_fresh_process(ALLOCATIONS).startswith("True")


def test_training_does_not_copy_the_rows(rng: np.random.Generator) -> None:
    X = rng.random(size=(20_000, 200), dtype=np.float32)
    y = rng.random(size=20_000, dtype=np.float32)
    net = Network([200, 8, 1], loss="squared_error", dtype="float32")
    fl.train(net, X[:100], y[:100], epochs=1, engine="compiled")  # loads what is loaded once
    tracemalloc.start()
    fl.train(net, X, y, epochs=2, batch_size=128, engine="compiled")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < X.nbytes / 2  # the check for NaN holds one byte a number


NO_FOLDER = """
import warnings
from numba import types
from numba.core import caching
caching.CacheImpl._locator_classes = []
from fallline.engine import config
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    double = config.compiled(lambda x: 2 * x, types.int64)
print(double.ctypes(21), [str(w.message) for w in seen])
"""


def test_without_a_folder_to_keep_code_in_it_compiles_in_memory() -> None:
    answer = in_a_fresh_process(NO_FOLDER)
    assert answer.startswith("42")
    assert answer.count("set NUMBA_CACHE_DIR to a folder that can be written") == 1


@pytest.mark.parametrize("engine", ["compiled", "numpy"])
@pytest.mark.parametrize("epochs", [4000, 1500])
def test_nan_is_noticed_at_the_next_record_or_the_end(
    rng: np.random.Generator, engine: str, epochs: int
) -> None:
    X, y = rng.normal(size=(30, 2)), rng.normal(size=30)
    net = Network([2, 3, 1], hidden="identity", loss="squared_error", seed=0)
    with pytest.warns(DivergenceWarning):
        history = fl.train(
            net,
            X,
            y,
            optimizer=fl.GradientDescent(1e3),
            epochs=epochs,
            record_every=2000,
            engine=engine,
        )
    assert history.epochs_done == min(epochs, 2001)
    assert history.epoch == [0, min(epochs, 2001) - 1]
    assert np.isfinite(net.parameters).all()


def test_what_the_disk_cache_holds_is_found_and_dropped_when_stale(tmp_path, monkeypatch) -> None:
    from fallline.engine.kernels.entries import ENTRIES

    entries = [f"{each.__module__.rpartition('.')[2]}.{name}" for name, each in ENTRIES.items()]
    assert sorted(entries) == sorted(disk_cache.ENTRIES)
    folder = tmp_path / "engine_0123"
    folder.mkdir()
    files = [folder / f"{name}-12.py311.{end}" for name in entries for end in ("nbi", "1.nbc")]
    for file in files:
        file.touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(disk_cache, "ENGINE", tmp_path / "sources")
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "driver.py").touch()
    os.utime(tmp_path / "sources" / "driver.py", (1, 1))  # older than the files
    assert set(disk_cache.cached_files()) == set(files)
    disk_cache.drop_stale.__wrapped__()
    assert set(disk_cache.cached_files()) == set(files)
    os.utime(files[0], (0, 0))
    disk_cache.drop_stale.__wrapped__()
    assert set(disk_cache.cached_files()) == set(files[1:])


def test_compiled_before_tells_dtypes_apart(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("fallline.engine.library.shared", lambda: None)
    index = tmp_path / "driver.train-1.py311.nbi"
    index.write_bytes(b"...Call(train, float32)...Call(predict, float64)...")
    monkeypatch.setattr("fallline.engine.disk_cache.cached_files", lambda: [index])
    assert compiled_before()
    assert compiled_before(np.dtype("float32"))
    assert not compiled_before(np.dtype("float64"))
    monkeypatch.setattr("fallline.engine.disk_cache.cached_files", list)
    assert not compiled_before()


def test_row_numbers_may_be_of_any_type(rng: np.random.Generator) -> None:
    net = Network([3, 4, 1], loss="squared_error", seed=0)
    gradient = Gradient(net, net.samples(rng.normal(size=(20, 3)), rng.normal(size=20)))
    batch = np.array([3, 1, 17])
    expected = gradient(batch)
    loss, g = gradient(batch.astype(np.int32))
    assert (loss, g.tobytes()) == (expected[0], expected[1].tobytes())


def test_a_record_refuses_arrays_of_another_kind() -> None:
    record = Record(TRAIN, "float32", X=np.zeros((3, 2), np.float32))
    for name, array in {
        "X": np.zeros((3, 2)),
        "Y": np.zeros((4, 6), np.float32)[:, ::2],
        "orders": np.zeros(3, np.int32),
    }.items():
        with pytest.raises(TypeError, match=f"{name} has to be"):
            record.set(**{name: array})


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_arrays_may_lie_in_any_order(dtype: str, rng: np.random.Generator) -> None:
    """Columns of a table, every second row, and what must not be written to: the same bits."""
    X, Y, weight = rng.normal(size=(60, 4)), rng.normal(size=(60, 2)), rng.random(60)
    spaced = np.repeat(weight, 2)[::2]
    for array in (X, Y):
        array.flags.writeable = False
    results = []
    for given in ((X, Y, weight), (np.asfortranarray(X), np.asfortranarray(Y), spaced)):
        for optimizer in (fl.Adam(0.01), fl.LBFGS()):
            net = fl.Network([4, 5, 2], loss="squared_error", seed=0, dtype=dtype)
            fl.train(net, *given[:2], sample_weight=given[2].astype(dtype, copy=False),
                     optimizer=optimizer, epochs=3, engine="compiled")  # fmt: skip
            results.append(net.parameters)
    np.testing.assert_array_equal(results[:2], results[2:])
