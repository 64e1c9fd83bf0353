"""Fallline: small neural networks by gradient descent, fast, with every step visible and checked.

>>> import fallline as fl
>>> net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0)
>>> history = fl.train(net, X, y, optimizer=fl.GradientDescent(learning_rate=1.6), epochs=20_000)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Names are imported at first use, so that `import fallline` and `fallline --help` stay quick.
_WHERE = {
    "Adam": "optimizers",
    "AdamW": "optimizers",
    "Checkpoint": "modelfile",
    "Constant": "schedules",
    "Cosine": "schedules",
    "DataError": "errors",
    "DivergenceWarning": "errors",
    "Exponential": "schedules",
    "FalllineError": "errors",
    "FileWriteError": "errors",
    "GradientCheck": "gradcheck",
    "GradientDescent": "optimizers",
    "History": "history",
    "InterruptedWarning": "errors",
    "InverseScaling": "schedules",
    "LBFGS": "optimizers",
    "MLPClassifier": "estimators",
    "MLPRegressor": "estimators",
    "ModelFileError": "errors",
    "Network": "network",
    "Predictor": "engine",
    "OneCycle": "schedules",
    "ParameterError": "errors",
    "Patience": "stopping",
    "RMSProp": "optimizers",
    "ShapeError": "errors",
    "StepDecay": "schedules",
    "TableError": "errors",
    "TableModel": "table_model",
    "TargetLoss": "stopping",
    "TimeLimit": "stopping",
    "Trace": "tracing",
    "RowTrace": "row_tracing",
    "trace_row": "row_tracing",
    "WarmUp": "schedules",
    "by_layer": "gradients",
    "check_gradients": "gradcheck",
    "export": "exporting",
    "from_sklearn": "estimators",
    "load": "modelfile",
    "loss_and_gradient": "gradients",
    "per_sample_gradients": "gradients",
    "play": "playground",
    "read_table": "reading",
    "register_activation": "custom",
    "register_initializer": "custom",
    "register_loss": "custom",
    "save": "modelfile",
    "to_sklearn": "estimators",
    "widget": "playground.notebook",
    "trace": "tracing",
    "sweep": "sweeps",
    "train": "training",
    "train_table": "table_model",
}

# Rooms of their own: fl.plots.loss_curves(...), fl.distributed.train(...)
_ROOMS = ("distributed", "plots")

# `import *` takes what needs no optional dependency
_CORE = [name for name, module in _WHERE.items() if module != "estimators"]
__all__ = ["__version__", *_CORE]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f"fallline.{name}")
    if name not in _WHERE:
        raise AttributeError(f"module 'fallline' has no attribute {name!r}")
    value = getattr(import_module(f"fallline.{_WHERE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return ["__version__", *_ROOMS, *_WHERE]


if TYPE_CHECKING:
    from fallline import distributed as distributed
    from fallline import plots as plots
    from fallline.custom import register_activation as register_activation
    from fallline.custom import register_initializer as register_initializer
    from fallline.custom import register_loss as register_loss
    from fallline.engine import Predictor as Predictor
    from fallline.errors import DataError as DataError
    from fallline.errors import DivergenceWarning as DivergenceWarning
    from fallline.errors import FalllineError as FalllineError
    from fallline.errors import FileWriteError as FileWriteError
    from fallline.errors import InterruptedWarning as InterruptedWarning
    from fallline.errors import ModelFileError as ModelFileError
    from fallline.errors import ParameterError as ParameterError
    from fallline.errors import ShapeError as ShapeError
    from fallline.errors import TableError as TableError
    from fallline.estimators import MLPClassifier as MLPClassifier
    from fallline.estimators import MLPRegressor as MLPRegressor
    from fallline.estimators import from_sklearn as from_sklearn
    from fallline.estimators import to_sklearn as to_sklearn
    from fallline.exporting import export as export
    from fallline.gradcheck import GradientCheck as GradientCheck
    from fallline.gradcheck import check_gradients as check_gradients
    from fallline.gradients import by_layer as by_layer
    from fallline.gradients import loss_and_gradient as loss_and_gradient
    from fallline.gradients import per_sample_gradients as per_sample_gradients
    from fallline.history import History as History
    from fallline.modelfile import Checkpoint as Checkpoint
    from fallline.modelfile import load as load
    from fallline.modelfile import save as save
    from fallline.network import Network as Network
    from fallline.optimizers import LBFGS as LBFGS
    from fallline.optimizers import Adam as Adam
    from fallline.optimizers import AdamW as AdamW
    from fallline.optimizers import GradientDescent as GradientDescent
    from fallline.optimizers import RMSProp as RMSProp
    from fallline.playground import play as play
    from fallline.playground.notebook import widget as widget
    from fallline.reading import read_table as read_table
    from fallline.row_tracing import RowTrace as RowTrace
    from fallline.row_tracing import trace_row as trace_row
    from fallline.schedules import Constant as Constant
    from fallline.schedules import Cosine as Cosine
    from fallline.schedules import Exponential as Exponential
    from fallline.schedules import InverseScaling as InverseScaling
    from fallline.schedules import OneCycle as OneCycle
    from fallline.schedules import StepDecay as StepDecay
    from fallline.schedules import WarmUp as WarmUp
    from fallline.stopping import Patience as Patience
    from fallline.stopping import TargetLoss as TargetLoss
    from fallline.stopping import TimeLimit as TimeLimit
    from fallline.sweeps import sweep as sweep
    from fallline.table_model import TableModel as TableModel
    from fallline.table_model import train_table as train_table
    from fallline.tracing import Trace as Trace
    from fallline.tracing import trace as trace
    from fallline.training import train as train
