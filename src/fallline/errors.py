"""The exceptions that Fallline raises. Messages say what was wrong, what is allowed, what to do."""

import sys
import warnings

NOT_THE_USER = {"fallline", "sklearn", "scipy", "contextlib"}  # packages that warn() skips


class FalllineError(Exception):
    """Base of every error that Fallline raises on purpose.

    >>> import fallline as fl
    >>> try:
    ...     fl.Adam(beta_1=2)
    ... except fl.FalllineError as error:
    ...     print(error)
    beta_1 must be a number at least 0 and below 1, not 2
    """


class ParameterError(FalllineError, ValueError):
    """A parameter has a value, or a type, that is not allowed.

    >>> import fallline as fl
    >>> try:
    ...     fl.Adam(learning_rate=-1)
    ... except fl.ParameterError as error:
    ...     print(error)
    learning_rate must be a number above 0, not -1
    """


class ShapeError(FalllineError, ValueError):
    """Two shapes that have to match do not.

    >>> import fallline as fl
    >>> try:
    ...     fl.Network([3, 1], loss="huber").parameters = [1.0, 2.0]
    ... except fl.ShapeError as error:
    ...     print(error)
    this network has 4 parameters in one vector, but the new values have shape (2,)
    """


class DataError(FalllineError, ValueError):
    """The given numbers cannot be used: NaN, infinity, too few rows, a target out of range.

    >>> import fallline as fl
    >>> try:
    ...     fl.Network([2, 1], loss="poisson").samples([[0, 1]], [-1])
    ... except fl.DataError as error:
    ...     print(error)
    poisson needs targets of at least 0; row 0 of y (counting from 0) has -1
    """


class TableError(FalllineError, ValueError):
    """A table cannot be read or used; the message names the file and the row or column.

    >>> import fallline as fl
    >>> try:
    ...     fl.read_table("nothing.csv")
    ... except fl.TableError as error:
    ...     print(error)
    nothing.csv: there is no such file
    """


class ModelFileError(FalllineError, ValueError):
    """A model file is missing, truncated, damaged, or of another kind.

    >>> import fallline as fl
    >>> try:
    ...     fl.load("nothing.safetensors")
    ... except fl.ModelFileError as error:
    ...     print(error)
    nothing.safetensors: there is no such file
    """


class DivergenceWarning(UserWarning):
    """Training was stopped because the loss diverged.

    >>> import warnings
    >>> import fallline as fl
    >>> net = fl.Network([1, 1], loss="squared_error")
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     history = fl.train(net, [[1.0], [9.0]], [0, 1], optimizer=fl.GradientDescent(10.0))
    >>> history.stopped, caught[0].category.__name__
    ('diverged', 'DivergenceWarning')
    """


class InterruptedWarning(UserWarning):
    """Training was interrupted; the parameters of the last step are kept.

    >>> import warnings
    >>> import fallline as fl
    >>> def press_ctrl_c(progress):
    ...     raise KeyboardInterrupt
    >>> net = fl.Network([1, 1], loss="squared_error")
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     history = fl.train(net, [[1.0], [2.0]], [0, 1], callbacks=[press_ctrl_c])
    >>> history.stopped, caught[0].category.__name__
    ('interrupted', 'InterruptedWarning')
    """


class FileWriteError(FalllineError, OSError):
    """A file cannot be written; an existing file is intact.

    >>> import fallline as fl
    >>> net = fl.Network([2, 1], loss="huber")
    >>> try:
    ...     fl.save(net, "no_such_folder/net.safetensors")
    ... except fl.FileWriteError as error:
    ...     print(error)
    no_such_folder/net.safetensors: cannot be written (No such file or directory)
    """


class ExportError(FalllineError):
    """The export does not predict what the model predicts, so no file was written.

    >>> import fallline as fl
    >>> issubclass(fl.ExportError, fl.FalllineError)
    True
    """


class ClusterError(FalllineError):
    """A cluster that cannot be reached, or cannot do the work.

    >>> import fallline as fl
    >>> issubclass(fl.ClusterError, fl.FalllineError)
    True
    """


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line of the user's own code that called Fallline, however deep the call is."""
    level, frame = 1, sys._getframe()
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in NOT_THE_USER:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
