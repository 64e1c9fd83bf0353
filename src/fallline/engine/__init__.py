"""The compiled engine: the mathematics of ``fallline.core`` in machine code.

``kernels`` is what is compiled. ``library`` finds a compiled function by its name, ``records`` says
what each of them takes, ``codes`` and ``functions`` which number stands for which function.
``loop.Loop`` holds the arrays of a run and calls the training loop; ``gradient`` takes gradients
from it, ``many`` trains many networks, ``tiny`` those that fit into registers; ``predictor``
predicts rows, ``forward`` those of tables, which ``lookups`` describes; ``orders`` draws their
orders; ``minimizer`` is L-BFGS. ``layout`` divides a workspace, ``threads`` counts the free cores,
``watch`` has losses recorded, ``own`` compiles functions of the user's own. Read records, then
loop, then ``kernels.driver``.
"""

from typing import TYPE_CHECKING, Any

from fallline.engine.library import compiled_before
from fallline.engine.loop import Loop, computes, obstacles, ready, serves
from fallline.engine.orders import permutations
from fallline.engine.threads import free_cores, run_together, threads_allowed
from fallline.engine.tiny import Tiny, unrolls
from fallline.engine.watch import Watch

if TYPE_CHECKING:
    from fallline.engine.forward import Forward, logits, predict_proba
    from fallline.engine.gradient import Gradient
    from fallline.engine.many import Course, train_many
    from fallline.engine.predictor import Predictor

__all__ = [
    "Course",
    "Forward",
    "Gradient",
    "Loop",
    "Predictor",
    "Tiny",
    "Watch",
    "compiled_before",
    "computes",
    "free_cores",
    "logits",
    "obstacles",
    "permutations",
    "predict_proba",
    "ready",
    "run_together",
    "serves",
    "threads_allowed",
    "train_many",
    "unrolls",
]


def __getattr__(name: str) -> Any:
    """What a run of one network does without is loaded when it is first used."""
    match name:
        case "Forward" | "logits" | "predict_proba":
            from fallline.engine import forward

            return getattr(forward, name)
        case "Gradient":
            from fallline.engine import gradient

            return getattr(gradient, name)
        case "Course" | "train_many":
            from fallline.engine import many

            return getattr(many, name)
        case "Predictor":
            from fallline.engine import predictor

            return getattr(predictor, name)
    raise AttributeError(f"module 'fallline.engine' has no attribute {name!r}")
