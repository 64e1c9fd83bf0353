"""`make bench`: every benchmark, into benchmarks/RESULTS.md."""

import datetime
from pathlib import Path

import estimators
import middle
import startup
import truth_table
from timing import machine

HEAD = """# Benchmark results

Written by `make bench`. Each figure is a median; candidates of one table ran in turn, round after
round, in one process (start-up: in fresh ones). Machines are noisy: read the ratios.
"""


def main() -> None:
    """Run and write."""
    parts = [HEAD, f"{datetime.date.today()}\n\n{machine()}\n"]
    parts += [f"{benchmark.run()}\n" for benchmark in (truth_table, middle, estimators, startup)]
    text = "\n".join(parts)
    (Path(__file__).parent / "RESULTS.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
