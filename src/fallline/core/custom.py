r"""Activations, losses and initialisers of the user's own, under names like the built-in ones.

Each consists of a few plain NumPy functions. Registering calls them once, so a wrong signature or
shape is reported there and not in the middle of a run; :func:`fallline.check_gradients` tells
whether the slope is right. The compiled engine uses the user's activations and losses if Numba
compiles them (see :mod:`fallline.engine.own`); otherwise they run in the NumPy reference.

An optimiser or a schedule needs no name: any object of the right form can be used (see
:mod:`fallline.core.optimizers` and :mod:`fallline.core.schedules`).
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.core.activations import ACTIVATIONS, OUTPUTS, Activation
from fallline.core.initializers import INITIALIZERS
from fallline.core.losses import LOSSES, Loss
from fallline.dataclass import dataclass
from fallline.errors import ParameterError, ShapeError
from fallline.limits import check_choice

__all__ = ["register_activation", "register_initializer", "register_loss"]

BUILT_IN = {
    "activation": frozenset(ACTIVATIONS),
    "loss": frozenset(LOSSES),
    "initializer": frozenset({*INITIALIZERS, "zeros"}),
}
TASKS = {"sigmoid": "binary", "softmax": "classes", "identity": "numbers", "exp": "numbers"}
NUMBERS, SHARES = (-np.inf, np.inf), (0.0, 1.0)
TARGET_RANGES = {"binary": SHARES, "classes": SHARES, "numbers": NUMBERS}
TRIAL = np.array([[-2.3, -0.7, 0.4], [0.9, 1.6, 3.1]])  # not round numbers, where seams often lie
SAME = 1e-6  # how much the complex step and a finite difference may differ
Function = Callable[..., Any]


def register_activation(
    name: str,
    value: Function,
    slope: Function,
    *,
    seams: Sequence[float] = (),
    kinks: Sequence[float] = (),
) -> Activation:
    r"""Register the activation A = f(Z) as ``name``, for ``Network(hidden=name)``.

    Parameters
    ----------
    name : a Python identifier that no built-in activation has. A registered name may be registered
        again (a notebook's cell that is run twice); existing networks keep their function.
    value : ``value(Z)`` gives f(Z), of the shape of Z (n_samples, n_neurons).
    slope : ``slope(Z, A)`` gives f'(Z) of that shape, given A = f(Z).
    seams : the z at which two formulas of f meet; ``kinks`` those at which f has no derivative.
        The gradient check leaves them out.

    Both are plain functions of NumPy arrays that do not change their arguments. Raises
    ParameterError for a name that is taken, and if a trial on six numbers fails.

    >>> import numpy as np
    >>> import fallline as fl
    >>> mish = fl.register_activation(
    ...     "mish",
    ...     lambda Z: Z * np.tanh(np.logaddexp(0, Z)),
    ...     lambda Z, A: np.tanh(np.logaddexp(0, Z))
    ...     + Z / np.cosh(np.logaddexp(0, Z)) ** 2 / (1 + np.exp(-Z)),
    ... )
    """
    check_name("activation", name)
    label = f"activation {name!r}"
    new = Activation(
        name,
        Elementwise(f"{label}: value(Z)", value),
        Elementwise(f"{label}: slope(Z, A)", slope),
        seams=points("seams", seams, kinks),
        kinks=points("kinks", kinks),
    )
    Z = TRIAL.copy()
    A = tried(f"{label}: value(Z)", new.value, Z)
    tried(f"{label}: slope(Z, A)", new.slope, Z, A)
    unchanged(label, Z)
    new = new._replace(analytic=takes_complex_step(new.value, TRIAL))
    ACTIVATIONS[name] = new
    return new


def register_loss(
    name: str,
    value: Function,
    delta: Function,
    *,
    output: str = "identity",
    seams: Sequence[float] = (),
    kinks: Sequence[float] = (),
) -> Loss:
    """Register a loss as ``name``, for ``Network(loss=name)``.

    Parameters
    ----------
    name : as for :func:`register_activation`.
    value : ``value(Z, Y)`` gives the loss of each sample, (n_samples,), from the logits Z and the
        targets Y (n_samples, n_outputs); or one term per output, (n_samples, n_outputs), which are
        added up.
    delta : ``delta(A, Y)`` gives its derivative with respect to the logits, (n_samples,
        n_outputs), where A = output(Z).
    output : the activation of the output layer: "identity" (targets are numbers), "exp" (numbers),
        "sigmoid" (0 or 1), "softmax" (classes).
    seams, kinks : the errors a - y at which two formulas meet, or there is no derivative.

    The loss of a batch is the mean over its samples. Raises ParameterError as
    :func:`register_activation` does.

    >>> import numpy as np
    >>> import fallline as fl
    >>> log_cosh = fl.register_loss(
    ...     "log_cosh",
    ...     lambda Z, Y: np.logaddexp(Z - Y, Y - Z) - np.log(2),
    ...     lambda A, Y: np.tanh(A - Y),
    ... )
    """
    check_name("loss", name)
    check_choice("output", output, list(TASKS))
    label = f"loss {name!r}"
    new = Loss(
        name,
        TASKS[output],
        output,
        PerSample(f"{label}: value(Z, Y)", value),
        Elementwise(f"{label}: delta(A, Y)", delta),
        seams=points("seams", seams, kinks),
        kinks=points("kinks", kinks),
        target_range=TARGET_RANGES[TASKS[output]],
    )
    Z, Y = TRIAL.copy(), np.eye(2, 3)
    tried(f"{label}: value(Z, Y)", new.value, Z, Y)
    tried(f"{label}: delta(A, Y)", new.delta, OUTPUTS[output](Z), Y)
    unchanged(label, Z)
    new = new._replace(analytic=takes_complex_step(lambda Z: new.value(Z, Y), TRIAL))
    LOSSES[name] = new
    return new


def register_initializer(name: str, draw: Function) -> Function:
    """Register an initialiser as ``name``, for ``Network(init=name)``.

    ``draw(generator, n_in, n_out)`` gives the first weights (n_in, n_out) of a layer, drawn from
    the :class:`numpy.random.Generator`; biases start at zero. Raises ParameterError as
    :func:`register_activation` does.

    >>> import fallline as fl
    >>> wide = fl.register_initializer("wide", lambda g, n_in, n_out: g.normal(0, 2, (n_in, n_out)))
    """
    check_name("initializer", name)
    new = Drawn(f"initialiser {name!r}: draw(generator, n_in, n_out)", draw)
    tried(new.label, new, np.random.default_rng(0), 3, 2)
    INITIALIZERS[name] = new
    return new


# ---- plain functions in the form that the core calls


@dataclass(frozen=True)
class Elementwise:
    """A function of arrays, in the form that the core calls: its result is like the first array.

    The core passes ``out`` if it has a buffer for the result.
    """

    label: str
    function: Function

    def __call__(self, first: Array, *others: Array, out: Array | None = None) -> Array:
        result = np.asarray(self.function(first, *others))
        if result.shape != first.shape:
            raise ShapeError(
                f"{self.label} must give an array of the shape of its argument, {first.shape}; "
                f"it gave {result.shape}"
            )
        if out is None:
            return result.astype(first.dtype, copy=False)
        out[...] = result
        return out


@dataclass(frozen=True)
class PerSample:
    """A loss's value: one number per sample, or one per output to be added up."""

    label: str
    function: Function

    def __call__(self, Z: Array, Y: Array) -> Array:
        result = np.asarray(self.function(Z, Y))
        if result.shape == Z.shape:
            result = result.sum(axis=1)
        if result.shape != Z.shape[:1]:
            raise ShapeError(
                f"{self.label} must give one number per sample, {Z.shape[:1]}, or per output, "
                f"{Z.shape}; it gave an array of shape {result.shape}"
            )
        return result.astype(Z.dtype, copy=False)


@dataclass(frozen=True)
class Drawn:
    """An initialiser that checks the shape of its result."""

    label: str
    function: Function

    def __call__(self, generator: np.random.Generator, n_in: int, n_out: int) -> Array:
        W = np.asarray(self.function(generator, n_in, n_out))
        if W.shape != (n_in, n_out):
            raise ShapeError(
                f"{self.label} must give an array of shape ({n_in}, {n_out}); it gave {W.shape}"
            )
        return W


# ---- the trial


def check_name(kind: str, name: Any) -> None:
    """Raise ParameterError for a text that is not an identifier, and for a built-in name."""
    if not isinstance(name, str) or not name.isidentifier():
        raise ParameterError(
            f"the name of an {kind} must be a word of letters, digits and _, such as 'mish', "
            f"not {name!r}".replace("an loss", "a loss")
        )
    if name in BUILT_IN[kind]:
        raise ParameterError(
            f"there is a built-in {kind} named {name!r}; choose a name of your own"
        )


def points(name: str, *several: Sequence[float]) -> tuple[float, ...]:
    """The numbers of all sequences, sorted, without duplicates."""
    try:
        return tuple(sorted({float(x) for numbers in several for x in numbers}))
    except (TypeError, ValueError):
        raise ParameterError(
            f"{name} must be a list of numbers, such as (0.0,), not {several[0]!r}"
        ) from None


def tried(label: str, function: Function, *arguments: Any) -> Array:
    """The function's result. Raises ParameterError if it fails or gives NaN or infinity."""
    try:
        result = function(*arguments)
        finite = bool(np.isfinite(result).all())
    except ShapeError as reason:
        raise ParameterError(str(reason)) from None
    except Exception as reason:  # whatever the user's own code raises
        raise ParameterError(f"{label} fails when it is tried: {reason!r}") from reason
    if not finite:
        raise ParameterError(f"{label} gives numbers that are not finite when it is tried")
    return np.asarray(result)


def unchanged(label: str, Z: Array) -> None:
    if not np.array_equal(Z, TRIAL):
        raise ParameterError(f"{label} writes into its argument; give a new array instead")


def takes_complex_step(function: Function, Z: Array) -> bool:
    """Whether Im f(z + ih) / h is f's derivative: it is not if f uses |z| or refuses complex z."""
    h, width = 1e-30, 1e-5
    try:
        step = np.imag(function(Z + 1j * h)) / h
        difference = (function(Z + width) - function(Z - width)) / (2 * width)
    except Exception:  # no complex numbers there
        return False
    scale = SAME * (1.0 + np.abs(difference))
    # a loss adds its outputs up, so one sum stands for them all
    return bool(np.all(np.abs(step - difference) <= scale))
