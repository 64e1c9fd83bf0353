"""The model file: one ``.safetensors`` file with the network, its table's encoding and history.

The tensors are ``layers.1.W``, ``layers.1.b``, ...; the header's metadata hold one entry,
``fallline``, a JSON text with the architecture, the encoding, the training settings and a SHA-256
of the whole file (computed with zeros in its own place), so that no byte can change unnoticed. A
checkpoint is the same file with the state of a run beside the layers. Nothing is ever unpickled.
docs/model-file.md has the layout; the container is specified at
https://huggingface.co/docs/safetensors.
"""

import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.atomic import write_bytes
from fallline.core import activations, initializers, losses
from fallline.core.network import Network
from fallline.errors import FalllineError, ModelFileError, ParameterError
from fallline.limits import check_integer, is_count, is_number
from fallline.saving.blocks import packed, unpacked
from fallline.training.history import LISTS, VALIDATION, History
from fallline.training.position import Position

__all__ = ["FORMAT", "Checkpoint", "Model", "load", "read_model", "save"]

FORMAT = 4
FORMAT_OF_PLACES, FORMAT_OF_BLOCKS, FORMAT_OF_LARGE, FORMAT_OF_SMALL = 4, 3, 2, 1
"""The least that a reader must know: an encoding with places, weights in blocks, a large encoding
in a tensor, or none of these."""
MAX_HEADER = 1 << 20
LARGE = MAX_HEADER // 4  # an encoding or settings of more bytes are a tensor
MARK = b"sha256:"
ZEROS = b"0" * 64
Path_ = str | os.PathLike[str]
# Settings that checkpoints of earlier versions lack, with the defaults they ran with.
ADDED_SETTINGS: dict[str, Any] = {"dropout": 0.0}
ADDED_TEXTS = (", epsilon_hat=False",)


@dataclass(frozen=True)
class Model:
    """What a model file holds.

    ``encoding`` is the table's encoding and ``training`` the settings, both plain data or None;
    ``tensors`` and ``checkpoint`` are what a checkpoint stores in addition to the layers.
    """

    network: Network
    encoding: dict[str, Any] | None
    training: dict[str, Any] | None
    history: History | None
    version: str
    tensors: dict[str, Array]
    checkpoint: dict[str, Any] | None


def save(
    network: Network,
    path: Path_,
    *,
    history: History | None = None,
    encoding: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    tensors: Mapping[str, Array] | None = None,
) -> None:
    """Write the network to a model file, atomically; ``tensors`` are added to its own.

    Raises FileWriteError if the file cannot be written, ParameterError for a history whose lists
    differ in length.

    >>> import fallline as fl
    >>> from fallline.lesson import TRAIN_X, TRAIN_Y
    >>> net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0)
    >>> fl.save(net, "net.safetensors")
    >>> fl.load("net.safetensors")
    <Network 3-2-1, sigmoid, sigmoid, binary_cross_entropy, 11 parameters, float64>
    """
    write_model(path, network, history, encoding=encoding, training=training, tensors=tensors)


def load(path: Path_) -> Network:
    """The network of a model file. Raises ModelFileError, with the reason, if there is none.

    >>> import fallline as fl
    >>> from fallline.lesson import TRAIN_X, TRAIN_Y
    >>> net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0)
    >>> fl.save(net, "net.safetensors")
    >>> twin = fl.load("net.safetensors")
    >>> bool((twin.parameters == net.parameters).all())
    True
    """
    return read_model(path).network


def write_model(
    path: Path_,
    network: Network,
    history: History | None,
    *,
    encoding: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    tensors: Mapping[str, Array] | None = None,
    checkpoint: Mapping[str, Any] | None = None,
) -> None:
    from safetensors.numpy import save as serialise

    from fallline import __version__

    layers, blocks = layer_tensors(network)
    arrays = layers | dict(tensors or {})
    if history is not None:
        uneven = history.uneven()
        if uneven is not None:
            raise ParameterError(f"{path}: a history is kept whole, but {uneven}")
        arrays |= history_tensors(history)
    content = {
        "checksum": (MARK + ZEROS).decode(),
        "format": FORMAT_OF_SMALL,
        "version": __version__,
        "network": {
            "sizes": list(network.sizes),
            "hidden": list(network.hidden),
            "loss": network.loss.name,
            "init": network.init,
            "seed": network.seed,
            "dtype": str(network.dtype),
            **({"blocks": blocks} if blocks else {}),
        },
        "encoding": encoding,
        "training": training,
        "history": None if history is None else history_facts(history),
        "checkpoint": checkpoint,
    }
    for name in ("encoding", "training"):
        packed = json.dumps(content[name], allow_nan=False)
        if len(packed) > LARGE:
            arrays[f"json.{name}"] = np.frombuffer(packed.encode(), dtype=np.uint8)
            content |= {name: None, "format": FORMAT_OF_LARGE}
    if blocks:
        content["format"] = FORMAT_OF_BLOCKS
    if any(column["kind"] == "place" for column in (encoding or {}).get("columns", ())):
        content["format"] = FORMAT_OF_PLACES
    text = json.dumps(content, allow_nan=False)
    raw = serialise({k: np.ascontiguousarray(v) for k, v in arrays.items()}, {"fallline": text})
    write_bytes(path, with_checksum(raw))


def layer_tensors(network: Network) -> tuple[dict[str, Array], dict[str, Any]]:
    """The layers' weights and biases, and for weights that are blocks, by layer, their sizes."""
    tensors: dict[str, Array] = {}
    blocks: dict[str, Any] = {}
    for layer in network.layers:
        found = packed(layer.W)
        if found is not None:
            blocks[str(layer.number)] = found[1]
        tensors[f"layers.{layer.number}.W"] = layer.W if found is None else found[0]
        tensors[f"layers.{layer.number}.b"] = layer.b
    return tensors, blocks


def history_tensors(history: History) -> dict[str, Array]:
    return {
        f"history.{name}": np.asarray(getattr(history, name), dtype=np.float64) for name in LISTS
    }


def history_facts(history: History) -> dict[str, Any]:
    """The history without its lists, which are tensors."""
    return {k: v for k, v in history.as_dict().items() if k not in LISTS}


# ---- the checksum


def header_length(raw: bytes) -> int:
    return int.from_bytes(raw[:8], "little")


def sum_position(raw: bytes) -> int:
    """Where the 64 digits of the checksum begin. Raises ModelFileError if there are none."""
    at = raw.find(MARK, 8, 8 + header_length(raw))
    if at < 0:
        raise ModelFileError("it is a safetensors file, but not one of Fallline's: no checksum")
    return at + len(MARK)


def checksum(raw: bytes, at: int) -> bytes:
    digest = hashlib.sha256()
    view = memoryview(raw)
    for part in (view[:at], ZEROS, view[at + 64 :]):
        digest.update(part)
    return digest.hexdigest().encode()


def with_checksum(raw: bytes) -> bytes:
    at = sum_position(raw)
    return raw[:at] + checksum(raw, at) + raw[at + 64 :]


# ---- reading


def read_model(path: Path_) -> Model:
    """The content of a model file.

    Raises ModelFileError for a file that is missing, empty, truncated, damaged in any byte, or of
    another kind or a newer format; the message names the file and the reason.
    """
    try:
        content, tensors = opened(read_bytes(Path(path)))
        return model_of(content, tensors)  # the file's bytes have been freed by now
    except ModelFileError as reason:
        raise ModelFileError(f"{path}: {reason}") from None


def read_bytes(path: Path) -> bytes:
    """The file's bytes; a file that cannot be a model file is read only at its beginning."""
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise ModelFileError("this is a device or a pipe, not a model file")
        with path.open("rb") as file:
            head = file.read(9)
            check_container(head, os.fstat(file.fileno()).st_size)
            return head + file.read()
    except FileNotFoundError:
        raise ModelFileError("there is no such file") from None
    except IsADirectoryError:
        raise ModelFileError("this is a folder, not a model file") from None
    except OSError as reason:
        raise ModelFileError(f"it cannot be read ({reason.strerror})") from None


def opened(raw: bytes) -> tuple[dict[str, Any], dict[str, Array]]:
    """The JSON content and the tensors of a complete file."""
    check_container(raw, len(raw))
    at = sum_position(raw)
    if checksum(raw, at) != raw[at : at + 64]:
        raise ModelFileError("it is damaged: the checksum does not fit; use a copy or train again")
    return unpack(raw)


def model_of(content: dict[str, Any], tensors: dict[str, Array]) -> Model:
    """The model made from them; its layers' tensors are removed from ``tensors``."""
    try:
        if content["format"] > FORMAT:
            raise ModelFileError(
                f"it was written by Fallline {content['version']} in format {content['format']}; "
                f"this version reads up to {FORMAT}: install a newer one"
            )
        for name in ("encoding", "training"):
            packed = tensors.pop(f"json.{name}", None)
            if packed is not None:
                content[name] = json.loads(packed.tobytes())
        for name in ("training", "encoding", "history", "checkpoint"):
            if not isinstance(content[name], dict | None):
                raise ModelFileError(f"its {name} is {content[name]!r:.40}, no group of facts")
        network = build_network(content["network"], tensors)
        history = build_history(content["history"], tensors)
        return Model(
            network=network,
            encoding=content["encoding"],
            training=content["training"],
            history=history,
            version=str(content["version"]),
            tensors=tensors,
            checkpoint=content["checkpoint"],
        )
    except ModelFileError:
        raise
    except (
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        ArithmeticError,
        FalllineError,
    ) as reason:
        raise ModelFileError(f"its contents do not make a network ({reason})") from None


def is_container(path: Path) -> bool:
    """Whether a file has the outer form of a model file."""
    with path.open("rb") as file:
        try:
            check_container(file.read(9), os.fstat(file.fileno()).st_size)
        except ModelFileError:
            return False
    return True


def check_container(head: bytes, size: int) -> None:
    """Raise ModelFileError if the first 9 of ``size`` bytes cannot begin a model file."""
    if not head:
        raise ModelFileError("the file is empty")
    if len(head) < 8 or header_length(head) > size - 8:
        raise ModelFileError("it is truncated, or not a safetensors file")
    if header_length(head) > MAX_HEADER:
        raise ModelFileError(f"its header is longer than {MAX_HEADER:,} bytes")
    if head[8:9] != b"{":
        raise ModelFileError("it is not a safetensors file")


def unpack(raw: bytes) -> tuple[dict[str, Any], dict[str, Array]]:
    """The JSON content and the tensors."""
    from safetensors import SafetensorError
    from safetensors.numpy import load as deserialise

    try:
        header = json.loads(raw[8 : 8 + header_length(raw)])
        content = json.loads(header["__metadata__"]["fallline"])
        json.dumps(content, ensure_ascii=False).encode()  # no unpaired surrogates in a text
        tensors = deserialise(raw)
    except (SafetensorError, KeyError, TypeError, ValueError, RecursionError) as reason:
        raise ModelFileError(f"its header cannot be read ({reason})") from None
    if not isinstance(content, dict):
        raise ModelFileError("its header cannot be read (no JSON object)")
    return content, tensors


def build_network(facts: dict[str, Any], tensors: dict[str, Array]) -> Network:
    """The network, after a check that its size agrees with the tensors in the file."""
    sizes, name = facts["sizes"], facts["dtype"]
    if name not in ("float64", "float32"):  # NumPy would evaluate part of the text
        raise ModelFileError(f"its dtype {name!r:.40} is neither float64 nor float32")
    dtype = np.dtype(name)
    shapes = pairwise(sizes)
    for layer, of_blocks in dict(facts.get("blocks", {})).items():
        weights = f"layers.{layer}.W"
        n_in, n_out = sizes[int(layer) - 1], sizes[int(layer)]
        tensors[weights] = unpacked(tensors[weights], of_blocks, (n_in, n_out))
    for number, (n_in, n_out) in enumerate(shapes, start=1):
        for kind, shape in (("W", (n_in, n_out)), ("b", (n_out,))):
            tensor = tensors[f"layers.{number}.{kind}"]
            if tensor.shape != shape or tensor.dtype != dtype:
                raise ModelFileError(
                    f"layers.{number}.{kind} is {tensor.dtype} of shape {tensor.shape}, "
                    f"but the architecture says {dtype} of {shape}"
                )
            if not np.isfinite(tensor).all():
                raise ModelFileError(f"layers.{number}.{kind} holds numbers that are not finite")
    check_known(facts)
    network = Network(
        sizes,
        hidden=facts["hidden"],
        loss=facts["loss"],
        init=facts["init"],
        seed=facts["seed"],
        dtype=dtype,
    )
    for layer in network.layers:
        layer.W[:] = tensors.pop(f"layers.{layer.number}.W")
        layer.b[:] = tensors.pop(f"layers.{layer.number}.b")
    return network


def check_known(facts: dict[str, Any]) -> None:
    """Raise ModelFileError for an unknown name of a part, before it is used."""
    hidden = facts["hidden"]
    asked: list[tuple[str, Any, Any]] = [
        *(("activation", name, activations.ACTIVATIONS) for name in hidden),
        ("loss", facts["loss"], losses.LOSSES),
        ("initializer", facts["init"], initializers.INITIALIZERS),
    ]
    for kind, name, table in asked:
        if isinstance(name, str) and name.isidentifier() and name not in table:
            raise ModelFileError(
                f"its {kind} {name!r} is not one of this version's; if it is one of your own, "
                f"call fallline.register_{kind}({name!r}, ...) before loading"
            )


def build_history(facts: dict[str, Any] | None, tensors: dict[str, Array]) -> History | None:
    if facts is None:
        return None
    lists = {name: tensors.pop(f"history.{name}").tolist() for name in LISTS}
    lists["epoch"] = [int(epoch) for epoch in lists["epoch"]]
    history = History.from_dict(facts | lists)
    make_even(history)
    check_history(history)
    return history


def make_even(history: History) -> None:
    """Give the lists one length if an earlier version left them uneven.

    An interrupted run left an epoch without its validation, and so did one that diverged.
    """
    if history.stopped == "interrupted":
        history.cut()
    elif history.stopped == "diverged":
        for values in (getattr(history, name) for name in VALIDATION):
            if values and len(values) == len(history.epoch) - 1:
                values.append(math.nan)


def check_history(history: History) -> None:
    """Raise ModelFileError for a value that no run can have left, naming it."""
    counts = {"epochs_done": history.epochs_done, "steps": history.steps}
    if history.best_epoch is not None:
        counts["best_epoch"] = history.best_epoch
    for name, value in counts.items():
        if not is_count(value):
            raise ModelFileError(f"its {name} is {value!r:.40}, no count")
    if not is_number(history.seconds):
        raise ModelFileError(f"its seconds is {history.seconds!r:.40}, no number")
    for name in ("stopped", "message"):
        if not isinstance(getattr(history, name), str):
            raise ModelFileError(f"its {name} is {getattr(history, name)!r:.40}, no text")
    uneven = history.uneven()
    if uneven is not None:
        raise ModelFileError(uneven)


# ---- checkpoints


@dataclass(frozen=True)
class Checkpoint:
    """Stores a run's last state in a file every few epochs, and continues from it.

    ``path`` : the file, a model file that ``load`` reads too. ``every`` : epochs between writes.
    A run that is killed at any moment and started again with the same data, settings and checkpoint
    ends with the same bits as an undisturbed run. A finished run can be extended by a larger
    ``epochs``. Raises ParameterError if the settings differ from those of the file.

    >>> import fallline as fl
    >>> from fallline.lesson import TRAIN_X, TRAIN_Y
    >>> net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0)
    >>> point = fl.Checkpoint("run.safetensors", every=10)
    >>> history = fl.train(net, TRAIN_X, TRAIN_Y, epochs=20, checkpoint=point)
    >>> history = fl.train(net, TRAIN_X, TRAIN_Y, epochs=30, checkpoint=point)  # 10 more
    >>> history.epochs_done, len(history.loss)
    (30, 30)
    """

    path: Path_
    every: int = 1

    def __post_init__(self) -> None:
        check_integer("every", self.every)

    def save(self, network: Network, position: Position, settings: dict[str, Any]) -> None:
        """Write the state between two epochs, atomically."""
        tensors = {f"optimizer.{name}": array for name, array in position.state.items()}
        if position.best is not None:
            tensors["best"] = position.best
        write_model(
            self.path,
            network,
            position.history,
            training=settings,
            tensors=tensors,
            checkpoint={
                "epoch": position.epoch,
                "step": position.step,
                "generator": position.generator.bit_generator.state,
                "first_loss": finite_or_none(position.first_loss),
                "best_loss": finite_or_none(position.best_loss),
                "best_epoch": position.best_epoch,
                "falls": position.falls,
            },
        )

    def resume(self, network: Network, settings: dict[str, Any]) -> Position | None:
        """The kept position, its parameters put into ``network``; None if there is no file."""
        if not Path(self.path).exists():
            return None
        model = read_model(self.path)
        if model.checkpoint is None or model.history is None:
            raise ModelFileError(
                f"{self.path}: this is a finished model, not a checkpoint; choose another file name"
            )
        self.check_same(model, network, settings)
        network.parameters = model.network.parameters
        facts = model.checkpoint
        try:
            return Position(
                epoch=facts["epoch"],
                step=facts["step"],
                started=generator_from(facts["generator"]),
                state={
                    name.removeprefix("optimizer."): array.copy()
                    for name, array in model.tensors.items()
                    if name.startswith("optimizer.")
                },
                history=model.history,
                first_loss=loss_from(facts["first_loss"]),
                best=model.tensors.get("best"),
                best_loss=loss_from(facts["best_loss"]),
                best_epoch=facts["best_epoch"],
                falls=[(int(step), int(records)) for step, records in facts.get("falls", [])],
            )
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as reason:
            raise ModelFileError(f"{self.path}: its state cannot be read ({reason})") from None

    def check_same(self, model: Model, network: Network, settings: dict[str, Any]) -> None:
        """Refuse to continue with another network or other settings than the run started with."""
        kept = ADDED_SETTINGS | dict(model.training or {}) | {"network": repr(model.network)}
        now = settings | {"network": repr(network)}
        differing = [
            name
            for name in now
            if name != "epochs" and as_at_first(kept.get(name)) != as_at_first(now[name])
        ]
        if differing:
            name = differing[0]
            raise ParameterError(
                f"{self.path}: the run began with {name} {kept.get(name)}, now it is {now[name]}; "
                "give the same settings to go on, or remove the file to start again"
            )


def as_at_first(setting: Any) -> Any:
    """A setting's text without defaults that later versions added to it."""
    if isinstance(setting, str):
        for text in ADDED_TEXTS:
            setting = setting.replace(text, "")
    return setting


def generator_from(state: dict[str, Any]) -> np.random.Generator:
    generator = np.random.default_rng()
    generator.bit_generator.state = state
    return generator


def finite_or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def loss_from(value: Any) -> float:
    """The inverse of ``finite_or_none``; other values are left to the check of the position."""
    if value is None:
        return math.inf
    return float(value) if is_number(value) else value
