"""Which engine is used on this machine: ``python -m fallline.engine``.

``--flags`` prints the options that a C compiler needs for the header and the library.
"""

import sys

from fallline.engine import library
from fallline.engine.library import usable
from fallline.engine.processor import levels


def main() -> None:
    """Print the library in use, or what is used instead."""
    shared = library.shared()
    if sys.argv[1:] == ["--flags"]:
        if shared is None:
            sys.exit("there is no library for this processor: python -m fallline.engine.build")
        print(f"-I{library.FOLDER} {shared._name} -Wl,-rpath,{library.FOLDER}")
        return
    instead = "Numba, which compiles at the first use" if usable() else "the NumPy reference"
    print(f"processor levels  {', '.join(levels()) or 'none that is known'}")
    print(f"engine            {shared._name if shared is not None else instead}")


if __name__ == "__main__":
    main()
