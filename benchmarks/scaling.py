"""How the cost of data grows with the rows: tokenised once, memory-mapped, fetched by batches.

python benchmarks/scaling.py --quick
"""

from __future__ import annotations

import argparse
import math
import os
import tempfile
import time
from pathlib import Path
from statistics import median

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import psutil
from paired import machine, table
from rows import BATCH, VOCABULARY, lognormal_lengths

from nbtune.data.batches import make_batch, step_rows
from nbtune.data.encoding import Examples, open_examples

FETCHES = 500


def write_rows(folder: Path, rows: int) -> None:
    """Write random ids as `nbtune.data.encoding.write_examples` writes those of texts."""
    rng = np.random.default_rng(0)
    lengths = lognormal_lengths(rows, rng)
    folder.mkdir()
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    ids = np.lib.format.open_memmap(
        folder / "ids.npy", mode="w+", dtype=np.uint16, shape=(int(offsets[-1]),)
    )
    for start in range(0, len(ids), 1 << 22):
        part = ids[start : start + (1 << 22)]
        part[:] = rng.integers(4, VOCABULARY, size=len(part))
    ids.flush()
    np.save(folder / "offsets.npy", offsets)
    np.save(folder / "targets.npy", rng.integers(8, size=rows))
    np.save(folder / "cut.npy", np.zeros(rows, dtype=bool))


def private_bytes() -> int:
    """Return the memory of this process that is not the mapped file's."""
    info = psutil.Process().memory_info()
    return int(info.rss - info.shared)


def fetch(examples: Examples, rows: int) -> float:
    """Return the median milliseconds that a random batch takes."""
    found, order = [], step_rows(0, rows, BATCH, 0)
    for _ in range(FETCHES):
        indices = next(order)
        began = time.perf_counter()
        make_batch(examples, indices, 0)
        found.append(1e3 * (time.perf_counter() - began))
    return median(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="to 100,000 rows")
    options = parser.parse_args()
    sizes = [10_000, 100_000] if options.quick else [10_000, 100_000, 1_000_000]
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        for rows in sizes:
            write_rows(Path(folder, str(rows)), rows)
        before = private_bytes()
        for rows in sizes:
            examples = open_examples(Path(folder, str(rows)))
            ms = fetch(examples, rows)
            disk = sum(file.stat().st_size for file in Path(folder, str(rows)).iterdir())
            figures.append((rows, ms, private_bytes() - before, disk))
            del examples

    def exponent(column: int) -> float:
        first, last = figures[0], figures[-1]
        return math.log(last[column] / first[column]) / math.log(last[0] / first[0])

    print(machine("numpy"))
    print()
    print(
        table(
            ["rows", "ms to fetch a batch of 16", "MB of memory above none", "MB on disk"],
            [[f"{r:,}", ms, memory / 1e6, disk / 1e6] for r, ms, memory, disk in figures],
        )
    )
    print(f"\nFetch time grows with the power {exponent(1):.2f} of the rows.")


if __name__ == "__main__":
    main()
