"""Which code computes a run: the reference, or the compiled engine."""

from functools import cache
from importlib.util import find_spec

from fallline.core.network import Network
from fallline.core.samples import AnySamples
from fallline.engine import obstacles, ready
from fallline.errors import warn

__all__ = ["PAYS_ABOVE", "choose_engine", "default_batch_size", "reference_seconds"]

FULL_BATCH_BELOW = 200
DEFAULT_BATCH = 128
# Without code made ahead of time, loading the engine takes 0.5 s (compiling it, once per machine,
# 10 s), so short runs go without it. Rough times of the reference on a core of 2024:
SECONDS_PER_LAYER = 5e-6
PRODUCTS_PER_SECOND = 2e10
PAYS_ABOVE = 0.5  # seconds of the reference


def default_batch_size(n_rows: int) -> int:
    """The default batch size: all rows of a small table, else 128."""
    return n_rows if n_rows < FULL_BATCH_BELOW else DEFAULT_BATCH


def reference_seconds(network: Network, n_rows: int, batch_size: int, epochs: int) -> float:
    """Roughly how long the reference would take for this number of epochs."""
    steps = epochs * -(-n_rows // min(batch_size, n_rows))
    layers = len(network.sizes) - 1
    products = 6.0 * network.n_parameters * n_rows * epochs
    return steps * layers * SECONDS_PER_LAYER + products / PRODUCTS_PER_SECOND


def choose_engine(
    engine: str,
    network: Network,
    rows: AnySamples,
    batch_size: int,
    epochs: int,
    *,
    pays_above: float = PAYS_ABOVE,
) -> bool:
    """Whether to run in the compiled engine.

    ``engine`` is "auto", "numpy" or "compiled". "auto" takes the engine if it has the network's
    functions and either was compiled ahead of time or the reference would take more than
    ``pays_above`` seconds.
    """
    if engine != "auto":
        return engine == "compiled"
    pays = reference_seconds(network, len(rows), batch_size, epochs) > pays_above
    if not (ready(network) or pays):
        return False
    reasons = obstacles(network)
    if reasons and find_spec("numba") is None:
        tell_once("; ".join(reasons))
    return not reasons


@cache
def tell_once(reasons: str) -> None:
    """Say once in this process why a long run uses the reference."""
    warn(f"trained by the slower NumPy reference, since the compiled engine lacks {reasons}")
