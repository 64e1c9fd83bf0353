"""The exceptions that Fallline raises; messages say what was wrong, what is allowed, what next."""

import sys
import warnings

NOT_THE_USER = {"fallline", "sklearn", "scipy", "contextlib"}  # packages that warn() looks past


class FalllineError(Exception):
    """Base of every error that Fallline raises on purpose."""


class ParameterError(FalllineError, ValueError):
    """A parameter has a value, or a type, that is not allowed."""


class ShapeError(FalllineError, ValueError):
    """Two shapes that have to match do not."""


class DataError(FalllineError, ValueError):
    """The numbers given cannot be used: NaN, infinity, too few rows, a target out of range."""


class TableError(FalllineError, ValueError):
    """A table cannot be read or used; the message names the file and the row or column."""


class ModelFileError(FalllineError, ValueError):
    """A model file is missing, truncated, damaged, or of another kind."""


class DivergenceWarning(UserWarning):
    """Training was stopped because the loss ran away."""


class InterruptedWarning(UserWarning):
    """Training was interrupted; the parameters of the last step are kept."""


class FileWriteError(FalllineError, OSError):
    """A file cannot be written; what was there before is intact."""


class ClusterError(FalllineError):
    """A cluster that cannot be reached, or cannot do the work."""


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line of the user's own code that called into Fallline, however deep it is."""
    level, frame = 1, sys._getframe()
    while frame.f_back and frame.f_globals["__name__"].partition(".")[0] in NOT_THE_USER:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
