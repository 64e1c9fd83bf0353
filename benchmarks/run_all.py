"""`make bench`: every benchmark, each in a process of its own, into benchmarks/RESULTS.md.

The file is written after each of them. One that fails is named there, and makes the exit code 1.
"""

import datetime
import subprocess
import sys
from pathlib import Path

from timing import machine

HERE = Path(__file__).parent
BENCHMARKS = (
    "truth_table.py",
    "middle.py",
    "mnist_size.py",
    "many_models.py",
    "one_row.py",
    "estimators.py",
    "predicting.py",
    "first_layer.py",
    "startup.py",
    "size.py",
    "page.py",
)
HEAD = """# Benchmark results

Written by `make bench`. Each figure is a median; candidates of one table ran in turn, round after
round, in a process of its own each, held to the cores that the title names (start-up: in fresh
ones). Machines are noisy: read the ratios.
"""


def main() -> None:
    """Run and write."""
    parts, failed = [HEAD, f"{datetime.date.today()}\n\n{machine()}\n"], []
    for name in BENCHMARKS:
        print(f"{name} ...", file=sys.stderr)
        command = [sys.executable, name]
        result = subprocess.run(command, cwd=HERE, stdout=subprocess.PIPE, text=True, check=False)
        if result.returncode:
            failed.append(name)
        parts.append((result.stdout.strip() or f"{name} failed") + "\n")
        (HERE / "RESULTS.md").write_text("\n".join(parts))
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
