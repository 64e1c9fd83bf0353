"""The functions that Python, or a program in another language, calls: each takes one record."""

from fallline.engine.kernels.driver import train
from fallline.engine.kernels.interleaved import interleave
from fallline.engine.kernels.lay_out import lay_out
from fallline.engine.kernels.lbfgs import lbfgs
from fallline.engine.kernels.predict import predict
from fallline.engine.kernels.shuffle import shuffle
from fallline.engine.kernels.unrolled import descend

__all__ = ["ENTRIES"]

ENTRIES = {
    each.__name__: each for each in (train, lay_out, interleave, predict, shuffle, lbfgs, descend)
}
