"""Start-up: `import fallline` over `import numpy`, and `fallline --help`, in fresh processes."""

import subprocess
import sys

from timing import alternate

COMMANDS = {
    "python, nothing imported": ["-c", "pass"],
    "import numpy": ["-c", "import numpy"],
    "import numpy, fallline": ["-c", "import numpy, fallline"],
    "import fallline": ["-c", "import fallline"],
    "fallline --help": ["-m", "fallline", "--help"],
}


def run(rounds: int = 15) -> str:
    """Time each; the result as Markdown."""

    def call(arguments: list[str]) -> object:
        return subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)

    medians = alternate({name: lambda c=c: call(c) for name, c in COMMANDS.items()}, rounds)
    rows = [f"| {name} | {1000 * seconds:.0f} |" for name, seconds in medians.items()]
    return "\n".join(["### Start-up", "", "| command | median ms |", "|---|---|", *rows])


if __name__ == "__main__":
    print(run())
