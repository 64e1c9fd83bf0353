"""Drop-in estimators for scikit-learn: ``from fallline import MLPClassifier, MLPRegressor``.

They take scikit-learn's parameters, draw from its generator in its order, and give its numbers to
rounding; docs/from-scikit-learn.md lists what differs and what is new. This package is the only
one that imports scikit-learn, an optional dependency.
"""

from importlib import metadata
from typing import TYPE_CHECKING, Any

NEEDED = (1, 9)


def check_installed() -> None:
    """Raise ImportError, saying what to install, where scikit-learn is missing or too old."""
    try:
        version = metadata.version("scikit-learn")
    except metadata.PackageNotFoundError:
        found = "it is not installed"
    else:
        if tuple(int(part) for part in version.split(".")[:2]) >= NEEDED:
            return
        found = f"version {version} is installed"
    raise ImportError(
        "fallline's MLPClassifier and MLPRegressor need scikit-learn "
        f"{NEEDED[0]}.{NEEDED[1]} or newer, but {found}; "
        "pip install 'fallline[sklearn]' brings it"
    )


check_installed()

from fallline.estimators.classifier import MLPClassifier  # noqa: E402
from fallline.estimators.convert import from_sklearn, to_sklearn  # noqa: E402
from fallline.estimators.regressor import MLPRegressor  # noqa: E402

if TYPE_CHECKING:
    from fallline.estimators.encoders import PiecewiseLinear, TableEncoder

__all__ = [
    "MLPClassifier",
    "MLPRegressor",
    "PiecewiseLinear",
    "TableEncoder",
    "from_sklearn",
    "to_sklearn",
]


def __getattr__(name: str) -> Any:
    """The encoders, which load Polars: 0.2 s that nobody else waits for."""
    if name not in ("PiecewiseLinear", "TableEncoder"):
        raise AttributeError(f"module 'fallline.estimators' has no attribute {name!r}")
    from fallline.estimators import encoders

    return getattr(encoders, name)
