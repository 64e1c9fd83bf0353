"""Fallline: small neural networks by gradient descent, fast, with every step visible and checked.

>>> import fallline as fl
>>> net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0)
>>> history = fl.train(net, X, y, optimizer=fl.GradientDescent(learning_rate=1.6), epochs=20_000)
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# What is public, by the module that defines it; __init__.pyi says the same to type checkers. A
# module is loaded at the first use of a name: `import fallline` and `fallline --help` stay quick.
_NAMES = {
    "errors": (
        "ClusterError",
        "DataError",
        "DivergenceWarning",
        "ExportError",
        "FalllineError",
        "FileWriteError",
        "InterruptedWarning",
        "ModelFileError",
        "ParameterError",
        "ShapeError",
        "TableError",
    ),
    "core.custom": ("register_activation", "register_initializer", "register_loss"),
    "core.network": ("Network",),
    "core.optimizers": ("Adam", "AdamW", "GradientDescent", "LBFGS", "RMSProp"),
    "core.schedules": (
        "Constant",
        "Cosine",
        "Exponential",
        "InverseScaling",
        "OneCycle",
        "Plateau",
        "StepDecay",
        "WarmUp",
    ),
    "training.gradients": ("by_layer", "loss_and_gradient", "per_sample_gradients"),
    "training.history": ("History",),
    "training.run": ("train",),
    "training.settings": ("Progress",),
    "training.stopping": ("Patience", "TargetLoss", "TimeLimit"),
    "explaining.explanation": ("Explanation", "explain"),
    "explaining.gradcheck": ("check_gradients", "GradientCheck"),
    "explaining.row_tracing": ("RowTrace", "trace_row"),
    "explaining.tracing": ("Trace", "trace"),
    "saving.modelfile": ("Checkpoint", "load", "save"),
    "data.reading": ("read_table",),
    "tabular.card": ("model_card",),
    "tabular.model": ("TableModel",),
    "tabular.train": ("train_table",),
    "tabular.verification": ("Verification", "verify"),
    "exporting.export": ("export",),
    "exporting.from_onnx": ("from_onnx",),
    "sweeps.search": ("sweep",),
    "engine": ("Predictor",),
    "estimators": (
        "from_sklearn",
        "MLPClassifier",
        "MLPRegressor",
        "to_sklearn",
    ),
    "estimators.encoders": ("PiecewiseLinear", "TableEncoder"),
    "playground": ("play",),
    "playground.notebook": ("widget",),
}
# Modules that are public as a whole: fl.plots.loss_curves(...), fl.optimizers.Adam(...)
_MODULES = {
    "activations": "core.activations",
    "distributed": "distributed",
    "errors": "errors",
    "initializers": "core.initializers",
    "lesson": "lesson",
    "losses": "core.losses",
    "optimizers": "core.optimizers",
    "plots": "plots",
    "schedules": "core.schedules",
}

_WHERE = {name: module for module, names in _NAMES.items() for name in names}

# `import *` takes what needs no optional dependency
_CORE = [name for name, module in _WHERE.items() if not module.startswith("estimators")]
__all__ = ["__version__", *_CORE]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        value = import_module(f"fallline.{_MODULES[name]}")
    elif name in _WHERE:
        value = getattr(import_module(f"fallline.{_WHERE[name]}"), name)
    else:
        raise AttributeError(f"module 'fallline' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return ["__version__", *_MODULES, *_WHERE]
