"""The command line: `fallline demo | train | predict | evaluate | export | ...`.

Every command is thin: it reads its options, calls the package, and renders. Heavy imports are
inside the commands, so that `fallline --help` stays quick.
"""

from fallline.cli.app import main

__all__ = ["main"]
