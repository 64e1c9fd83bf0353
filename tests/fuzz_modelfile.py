"""Made-up model files, guided by coverage: python tests/fuzz_modelfile.py -runs=1000000 (Linux).

Half of the inputs get a checksum that fits, so that what lies behind it is reached too. Anything
but a Model or a ModelFileError ends the run with the input that did it.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["fallline"]):
    from fallline.data.encoding import Encoding
    from fallline.errors import ModelFileError
    from fallline.saving.modelfile import MARK, model_of, opened, with_checksum

FIXTURES = Path(__file__).parent / "fixtures"
SEEDS = [path.read_bytes() for path in sorted(FIXTURES.glob("*.safetensors"))]


def one_input(data: bytes) -> None:
    """Splice the input into a real file, or take it as it is; then read."""
    if len(data) > 4 and data[0] < 200:
        seed = SEEDS[data[0] % len(SEEDS)]
        at = int.from_bytes(data[1:3], "little") % len(seed)
        raw = seed[:at] + data[4:] + seed[at + len(data) - 4 :]
        if data[3] % 2 and MARK in raw:
            raw = fitted(raw)
    else:
        raw = data
    try:
        model = model_of(*opened(raw))
    except ModelFileError:
        return
    if model.encoding is not None:
        try:
            Encoding.from_dict(model.encoding)
        except (ValueError, KeyError, TypeError):
            return


def fitted(raw: bytes) -> bytes:
    """The bytes with a checksum that fits, where they have room for one."""
    try:
        return with_checksum(raw)
    except ModelFileError:
        return raw


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
