"""The compiled engine: the training loop of fallline.training.run, by Numba.

Three layers: :class:`Loop` (Python, holds the arrays), ``driver.steps`` (compiled, the loop over
epochs and batches), and the inner loops of ``passes``, ``tiles``, ``functions``, ``outputs`` and
``updates``, which are written with the vectors of ``vectors``.
"""

from fallline.engine.config import compiled_before
from fallline.engine.functions import obstacles
from fallline.engine.gradient import Gradient
from fallline.engine.loop import Loop, computes, serves
from fallline.engine.many import Course, train_many
from fallline.engine.orders import permutations
from fallline.engine.predictor import Predictor
from fallline.engine.threads import threads_allowed

__all__ = [
    "Course",
    "Gradient",
    "Loop",
    "Predictor",
    "compiled_before",
    "computes",
    "obstacles",
    "permutations",
    "serves",
    "threads_allowed",
    "train_many",
]
