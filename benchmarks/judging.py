"""What it takes to judge predictions that are there: scores, intervals, curves, matrix, picture.

python benchmarks/judging.py --quick
"""

from __future__ import annotations

import argparse
import time

import psutil
from paired import machine, spread, table

from nbtune.evaluation.classification import judge
from nbtune.panels.evaluation import evaluation_html
from nbtune.plots.evaluation import evaluation_png
from nbtune.testing import guesses

BASELINES = ("majority", "TF-IDF + logistic regression")


def judged(rows: int, labels: int) -> tuple[float, float, float]:
    """Return the seconds to score rows beside two baselines, and to draw them; peak bytes added."""
    targets, probabilities = guesses(rows, labels)
    _, others = guesses(rows, labels, seed=1)
    texts = [f"row {row}" for row in range(rows)]
    before = psutil.Process().memory_info().rss
    began = time.perf_counter()
    record = judge(
        "run", "test", [f"label {i}" for i in range(labels)], targets, probabilities,
        baselines=dict.fromkeys(BASELINES, others), texts=texts,
    )  # fmt: skip
    scored = time.perf_counter()
    evaluation_png(record)
    evaluation_html(record)
    drawn = time.perf_counter()
    return scored - began, drawn - scored, (psutil.Process().memory_info().rss - before) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one round of 10,000 rows")
    options = parser.parse_args()
    sizes = [(10_000, 2), (10_000, 50), (100_000, 2), (100_000, 50), (100_000, 200)]
    if options.quick:
        sizes, options.rounds = sizes[:2], 1
    judged(1_000, 3)  # imports
    found = {size: [judged(*size) for _ in range(options.rounds)] for size in sizes}
    print(machine("numpy", "scikit-learn", "matplotlib"), "", sep="\n")
    print(
        table(
            ["rows, labels", "seconds to score", "seconds to draw", "MB kept"],
            [
                [f"{rows:,}, {labels}", *(spread(column) for column in zip(*laps, strict=True))]
                for (rows, labels), laps in found.items()
            ],
        )
    )


if __name__ == "__main__":
    main()
