"""The compiled engine: the training loop of fallline.training, by Numba.

Three layers: :class:`Loop` (Python, holds the arrays), ``driver.steps`` (compiled, the loop over
epochs and batches), and the inner loops of ``passes``, ``tiles``, ``functions``, ``outputs`` and
``updates``, which are written with the vectors of ``vectors``.
"""

from fallline.engine.config import compiled_before
from fallline.engine.helpers import threads_allowed
from fallline.engine.loop import Loop, serves
from fallline.engine.many import Course, train_many
from fallline.engine.predictor import Predictor

__all__ = [
    "Course",
    "Loop",
    "Predictor",
    "compiled_before",
    "serves",
    "threads_allowed",
    "train_many",
]
