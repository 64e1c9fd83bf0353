"""A descent as an animation: the point on the loss landscape, and the loss beside it."""

import io
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fallline.arrays import Array, ArrayLike
from fallline.atomic import replacing, write_bytes
from fallline.core.backprop import loss_at
from fallline.core.network import Network
from fallline.errors import FalllineError, FileWriteError, ParameterError
from fallline.limits import check_integer
from fallline.plots.landscape import PathRecorder, as_points, loss_landscape
from fallline.plots.style import BLUE, ORANGE, check_installed, open_frame

__all__ = ["animate_descent"]

DOTS_PER_INCH = 80
LAST_FRAME = 2.0  # seconds for which the last frame is shown


def animate_descent(
    network: Network,
    X: ArrayLike,
    y: ArrayLike,
    path: PathRecorder | ArrayLike,
    file: str | os.PathLike[str],
    *,
    frames: int = 40,
    frames_per_second: int = 10,
    **settings: Any,
) -> Path:
    """Write an animation of the path over the loss landscape, with the loss so far.

    The ending of the file name decides between GIF and MP4. The MP4 is written by the system's
    ffmpeg, or by the one that ``fallline[video]`` installs. ``path`` is that of
    :func:`loss_landscape`, which also takes the ``settings``. At most ``frames`` points are shown,
    evenly over the path. The file is written atomically and its path returned. Raises
    ParameterError for another ending, FalllineError if there is no ffmpeg, FileWriteError if the
    file cannot be written, and what :func:`loss_landscape` raises.

    >>> import fallline as fl
    >>> from fallline.lesson import TRAIN_X, TRAIN_Y
    >>> net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0)
    >>> path = fl.plots.PathRecorder(net)
    >>> history = fl.train(net, TRAIN_X, TRAIN_Y, epochs=5, callbacks=[path])
    >>> fl.plots.animate_descent(net, TRAIN_X, TRAIN_Y, path, "way.gif", resolution=10).name
    'way.gif'
    """
    target = Path(file)
    write = WRITERS.get(target.suffix.lower())
    if write is None:
        raise ParameterError(
            f"the file of an animation must end in .gif or .mp4, not {target.name!r}"
        )
    check_integer("frames", frames, limit="rows")
    check_integer("frames_per_second", frames_per_second, limit="rows")
    points = as_points(network, path)
    if points is None or len(points) < 2:
        raise ParameterError("path must have at least two points")
    check_installed()
    samples = network.samples(X, y)
    losses = np.array([loss_at(network, samples.X, samples.Y, theta=theta) for theta in points])
    film = Film(network, X, y, points, losses, settings)
    shown = np.unique(np.linspace(0, len(points) - 1, frames).round().astype(int))
    write(target, (film.frame(int(i)) for i in shown), frames_per_second)
    return target


class Film:
    """The two pictures: fixed artists are drawn once, moving ones in every frame."""

    def __init__(
        self,
        network: Network,
        X: ArrayLike,
        y: ArrayLike,
        points: Array,
        losses: Array,
        settings: dict[str, Any],
    ) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(8.4, 3.6), dpi=DOTS_PER_INCH, layout="constrained")
        self.canvas: Any = FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2)
        loss_landscape(network, X, y, path=points, ax=left, **settings)
        left.get_legend().remove()
        self.way, start, self.end = left.get_lines()
        start.remove()
        self.walked, self.losses = np.column_stack(self.way.get_data()), losses
        right.plot(losses, color=BLUE, linewidth=1, alpha=0.35)
        (self.so_far,) = right.plot([], [], color=BLUE, linewidth=2)
        (self.dot,) = right.plot([], [], "o", color=ORANGE)
        right.set(yscale="log", xlabel="point of the path", ylabel="loss")
        open_frame(right)
        self.label = right.text(
            0.97, 0.95, "", transform=right.transAxes, ha="right", va="top", fontsize="medium"
        )
        self.moving = [self.way, self.end, self.so_far, self.dot, self.label]
        for artist in self.moving:
            artist.set_animated(True)
        self.canvas.draw()
        self.still = self.canvas.copy_from_bbox(figure.bbox)

    def frame(self, i: int) -> Any:
        """The picture (a Pillow image) with the path as far as point i."""
        from PIL import Image

        self.way.set_data(*self.walked[: i + 1].T)
        self.end.set_data(*self.walked[i : i + 1].T)
        self.so_far.set_data(range(i + 1), self.losses[: i + 1])
        self.dot.set_data([i], self.losses[i : i + 1])
        self.label.set_text(f"point {i}\nloss {self.losses[i]:.4g}")
        self.canvas.restore_region(self.still)
        for artist in self.moving:
            artist.axes.draw_artist(artist)
        return Image.fromarray(np.array(self.canvas.buffer_rgba())).convert("RGB")


def write_gif(target: Path, frames: Iterator[Any], frames_per_second: int) -> None:
    """``frames`` are Pillow images."""
    pictures, file = [frame.quantize(256) for frame in frames], io.BytesIO()
    each = round(1000 / frames_per_second)
    pictures[0].save(
        file,
        format="GIF",
        save_all=True,
        append_images=pictures[1:],
        duration=[*[each] * (len(pictures) - 1), round(1000 * LAST_FRAME)],
        loop=0,
    )
    write_bytes(target, file.getvalue())


# ---- MP4

HOW = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-movflags", "+faststart", "-f", "mp4")


def write_mp4(target: Path, frames: Iterator[Any], frames_per_second: int) -> None:
    """``frames`` are Pillow images of one size, both sides even."""
    ffmpeg = find_ffmpeg()
    pictures = list(frames)
    pictures += pictures[-1:] * round(LAST_FRAME * frames_per_second)
    width, height = pictures[0].size
    source = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}")
    rate = ("-r", str(frames_per_second))
    with replacing(target) as temporary:
        result = subprocess.run(  # noqa: S603
            [ffmpeg, "-loglevel", "error", "-y", *source, *rate, "-i", "-", *HOW, str(temporary)],
            input=b"".join(picture.tobytes() for picture in pictures),
            capture_output=True,
            check=False,
        )
        if result.returncode != 0:
            reason = result.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise FileWriteError(f"{target}: ffmpeg could not write it ({''.join(reason)})")


def find_ffmpeg() -> str:
    """The system's ffmpeg, or imageio-ffmpeg's. Raises FalllineError if there is neither."""
    own = shutil.which("ffmpeg")
    if own is not None:
        return own
    try:
        from imageio_ffmpeg import get_ffmpeg_exe

        return str(get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        raise FalllineError(
            "an .mp4 needs ffmpeg, which is not here; pip install 'fallline[video]' brings it, "
            "or write a .gif"
        ) from None


WRITERS: dict[str, Callable[[Path, Iterator[Any], int], None]] = {
    ".gif": write_gif,
    ".mp4": write_mp4,
}
