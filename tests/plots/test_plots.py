"""Figures: each is drawn, shows the numbers it is about, and refuses what it cannot draw."""

import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("agg")
from matplotlib import pyplot as plt
from PIL import Image

import fallline as fl
from fallline import lesson, plots
from fallline.errors import FalllineError, FileWriteError, ParameterError, ShapeError
from fallline.plots.animation import find_ffmpeg

X, Y = lesson.TRAIN_X, lesson.TRAIN_Y


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def walked(epochs: int = 20) -> tuple[fl.Network, fl.History, plots.PathRecorder]:
    net = lesson.truth_table_network(seed=0)
    path = plots.PathRecorder(net)
    history = fl.train(
        net, X, Y, optimizer=fl.GradientDescent(1.6), epochs=epochs, callbacks=[path]
    )
    return net, history, path


def texts(ax: plt.Axes) -> list[str]:
    return [text.get_text() for text in ax.texts]


def test_each_draws_into_the_axes_given() -> None:
    net, history, path = walked()
    for draw in (
        lambda ax: plots.network_diagram(net, ax=ax),
        lambda ax: plots.loss_curves(history, ax=ax),
        lambda ax: plots.decision_surface(net, X, Y, ax=ax, resolution=20),
        lambda ax: plots.loss_landscape(net, X, Y, path=path, ax=ax, resolution=10),
        lambda ax: plots.gradient_flow(net, X, Y, ax=ax),
        lambda ax: plots.gradient_heat_map(net, X, Y, ax=ax),
        lambda ax: plots.activation_shapes("tanh", ax=ax),
    ):
        figure, ax = plt.subplots()
        assert draw(ax) is ax
        figure.canvas.draw()


def test_diagram_shows_weights_and_biases() -> None:
    net = lesson.truth_table_network(seed=0)
    net.layers[1].b[:] = -1.25
    ax = plots.network_diagram(net, inputs=["a", "b", "c"], outputs=["y"])
    shown = texts(ax)
    assert "-1.25" in shown
    for layer in net.layers:
        for w in layer.W.ravel():
            assert f"{w:.2f}" in shown
    assert {"a", "b", "c", "y", "layer 2: sigmoid"} <= set(shown)
    weights = np.concatenate([layer.W.ravel() for layer in net.layers])
    dashed = [line for line in ax.get_lines() if line.get_linestyle() == "--"]
    assert len(dashed) == (weights < 0).sum()
    with pytest.raises(ParameterError, match="inputs has 1 names, but the network has 3 inputs"):
        plots.network_diagram(net, inputs=["a"])


def test_diagram_leaves_out_the_middle_of_wide_layers() -> None:
    ax = plots.network_diagram(fl.Network([2, 300, 1], loss="squared_error"))
    assert len(ax.patches) == 2 + 10 + 1
    assert "⋮ 300 ⋮" in texts(ax)


def test_loss_curves_show_validation_and_the_epoch_kept() -> None:
    net = lesson.truth_table_network(seed=0)
    validation = (lesson.TEST_X, lesson.TEST_Y)
    history = fl.train(net, X, Y, epochs=5, validation=validation)
    ax = plots.loss_curves({"one": history})
    np.testing.assert_array_equal(ax.get_lines()[0].get_ydata(), history.loss)
    np.testing.assert_array_equal(ax.get_lines()[1].get_ydata(), history.validation_loss)
    assert texts(ax) == [f"epoch {history.best_epoch} kept"]
    assert len(plots.loss_curves([history, history]).get_legend().get_texts()) == 4
    with pytest.raises(ParameterError, match="train first"):
        plots.loss_curves(fl.History())


@pytest.mark.parametrize("loss", ["binary_cross_entropy", "cross_entropy", "squared_error"])
def test_decision_surface_of_each_kind(loss: str) -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(30, 3))
    outputs = 4 if loss == "cross_entropy" else 1
    y = np.arange(30) % (4 if loss == "cross_entropy" else 2)
    net = fl.Network([3, 5, outputs], hidden="tanh", loss=loss, seed=0)
    ax = plots.decision_surface(net, rows, y, features=(2, 0), resolution=15)
    assert ax.get_xlabel() == "input 2"
    if loss == "squared_error":
        middle = rows.mean(axis=0)
        mesh = ax.collections[0].get_array()
        across = np.linspace(*plots_spread(rows[:, 2]), 15)
        up = np.linspace(*plots_spread(rows[:, 0]), 15)
        at = [[up[3], middle[1], across[7]]]
        assert np.asarray(mesh).reshape(15, 15)[3, 7] == pytest.approx(net.predict(at)[0])
    for bad in ((0, 0), (0, 3)):
        with pytest.raises(ParameterError, match="two different columns from 0 to 2"):
            plots.decision_surface(net, rows, y, features=bad)


def plots_spread(values: np.ndarray) -> tuple[float, float]:
    edge = 0.12 * np.ptp(values)
    return values.min() - edge, values.max() + edge


def test_landscape_shows_the_loss_of_the_parameters() -> None:
    net, _, path = walked()
    assert path.parameters.shape == (21, 11)
    np.testing.assert_array_equal(path.parameters[-1], net.parameters)
    ax = plots.loss_landscape(net, X, Y, directions=(0, 8), span=1.0, resolution=3)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("W1[0, 0]", "W2[0, 0]")
    other = net.copy()
    other.parameters[[0, 8]] = [1.0, -1.0]
    losses = np.asarray(ax.collections[0].get_array()).reshape(3, 3)
    assert losses[0, 2] == pytest.approx(fl.loss_and_gradient(other, X, Y)[0])
    # the plane of the path's main directions passes through its end
    ax = plots.loss_landscape(net, X, Y, path=path, resolution=5)
    np.testing.assert_allclose(np.column_stack(ax.get_lines()[0].get_data())[-1], 0, atol=1e-12)
    assert "of the path" in ax.get_xlabel()
    assert plots.loss_landscape(net, X, Y, resolution=4).get_xlabel() == "a random direction"
    with pytest.raises(ShapeError, match=r"path must have shape \(n_points, 11\)"):
        plots.loss_landscape(net, X, Y, path=np.zeros((4, 3)))
    with pytest.raises(ParameterError, match="directions must be from 0 to 10"):
        plots.loss_landscape(net, X, Y, directions=(0, 11))


def test_flow_and_heat_map_show_the_gradient() -> None:
    net, _, _ = walked()
    _, gradient = fl.loss_and_gradient(net, X, Y)
    ax = plots.gradient_flow(net, X, Y)
    dots = [line for line in ax.get_lines() if line.get_marker() == "o" and len(line.get_xdata())]
    layers = net.views(gradient)
    assert [dot.get_ydata()[0] for dot in dots] == pytest.approx(
        [np.median(np.abs(layer.W)) for layer in layers]
    )
    rows = np.asarray(plots.gradient_heat_map(net, X, Y).images[0].get_array())
    np.testing.assert_allclose(rows[-1], gradient)
    np.testing.assert_allclose(rows[:-1], fl.per_sample_gradients(net, X, Y))


def test_flow_of_a_dead_network() -> None:
    net = fl.Network([2, 3, 1], hidden="relu", loss="squared_error")
    net.layers[0].b[:] = -100.0
    plots.gradient_flow(net, [[0.0, 1.0]], [1.0]).figure.canvas.draw()


def test_shapes_have_a_gap_at_a_jump() -> None:
    ax = plots.activation_shapes(["relu", "sigmoid"])
    assert np.isnan(ax.get_lines()[1].get_ydata()).sum() == 1
    assert np.isnan(ax.get_lines()[3].get_ydata()).sum() == 0
    with pytest.raises(ParameterError, match="did you mean 'relu'"):
        plots.activation_shapes("rleu")
    with pytest.raises(ParameterError, match="two numbers in order"):
        plots.activation_shapes("relu", limits=(1, 0))


def test_animation(tmp_path) -> None:
    net, _, path = walked()
    file = plots.animate_descent(net, X, Y, path, tmp_path / "a.gif", frames=6, resolution=8)
    with Image.open(file) as film:
        assert film.n_frames == 6
        assert film.info["duration"] == 100
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.gif"]
    with pytest.raises(ParameterError, match=r"must end in .gif or .mp4, not 'a.avi'"):
        plots.animate_descent(net, X, Y, path, tmp_path / "a.avi")
    with pytest.raises(ParameterError, match="at least two points"):
        plots.animate_descent(net, X, Y, path.parameters[:1], tmp_path / "a.gif")


def test_an_animation_as_mp4(tmp_path) -> None:
    net, _, path = walked()
    ffmpeg = find_ffmpeg()
    file = plots.animate_descent(net, X, Y, path, tmp_path / "a.mp4", frames=5, resolution=8)
    assert file.read_bytes()[4:8] == b"ftyp"
    told = subprocess.run([ffmpeg, "-i", file], capture_output=True, text=True, check=False).stderr
    assert "h264" in told
    assert "672x288" in told
    assert "Duration: 00:00:02.50" in told  # 5 frames, and 2 seconds of the last
    frames = subprocess.run(
        [ffmpeg, "-loglevel", "error", "-i", file, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"],
        capture_output=True,
        check=True,
    ).stdout
    pictures = np.frombuffer(frames, np.uint8).reshape(25, 288, 672, 3).astype(float)
    assert np.abs(pictures[0] - pictures[3]).max() > 50  # the point moves
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.mp4"]


def test_an_mp4_without_ffmpeg_says_what_to_install(tmp_path, monkeypatch) -> None:
    net, _, path = walked()
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(FalllineError, match=r"fallline\[video\]"):
        plots.animate_descent(net, X, Y, path, tmp_path / "a.mp4")
    false = tmp_path / "ffmpeg"
    false.write_text("#!/bin/sh\necho no codec >&2\nexit 1\n")
    false.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(FileWriteError, match="could not write it .no codec"):
        plots.animate_descent(net, X, Y, path, tmp_path / "a.mp4", frames=2, resolution=8)
    assert [entry.name for entry in tmp_path.iterdir()] == ["ffmpeg"]


def test_without_matplotlib_it_says_what_to_install() -> None:
    code = (
        "import sys, importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'matplotlib' else find(name, *a)\n"
        "import fallline as fl\n"
        "try: fl.plots.activation_shapes('tanh')\n"
        "except ImportError as error: print(error)\n"
        "print('matplotlib' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert (
        result.stdout == "fallline.plots needs matplotlib: pip install 'fallline[plots]'\nFalse\n"
    )
