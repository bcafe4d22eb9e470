"""What a run survives, by the hundred: kills, interrupts, disks, memory, bad numbers, steering.

    python benchmarks/faults.py --quick
    python benchmarks/faults.py --only kill

Each fault is brought about at many moments, and each time the run is taken up again: it must come
to the predictions of the run that nothing happened to, bit for bit. The last lines are the table.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from fault_bench import Bench, Tally
from fault_course import any_stop, bad_number, memory, second, steer
from fault_ends import interrupt, kill, rerun, terminate
from fault_files import damage, disk, operation, other_recipe, read_only
from paired import machine, table

FAULTS: dict[str, tuple[Callable[[Bench, int], Tally], int, int]] = {
    "kill": (kill, 200, 4),
    "interrupt": (interrupt, 200, 6),
    "terminate": (terminate, 30, 1),
    "operation": (operation, 100, 2),
    "damage": (damage, 4, 1),
    "other-recipe": (other_recipe, 6, 2),
    "disk": (disk, 25, 2),
    "read-only": (read_only, 11, 1),
    "second": (second, 20, 1),
    "memory": (memory, 12, 1),
    "bad-number": (bad_number, 12, 1),
    "any-stop": (any_stop, 60, 2),
    "steer": (steer, 40, 1),
    "rerun": (rerun, 30, 4),
}
"""What to do, how often, and how often with ``--quick``."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=list(FAULTS), action="append", help="one of the faults")
    parser.add_argument("--times", type=int, help="so often, instead of the usual number")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--quick", action="store_true", help="a few times each, to see it work")
    options = parser.parse_args()
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
    rows, failed = [], False
    for name in options.only or FAULTS:
        act, many, few = FAULTS[name]
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            tally = act(
                Bench(Path(folder), options.seed), options.times or (few if options.quick else many)
            )
        what = act.__doc__.strip().partition("\n")[0].rstrip(".")
        rows.append([what, f"{tally.good}/{tally.tried}", f"{time.monotonic() - began:.0f} s"])
        failed = failed or tally.good < tally.tried or not tally.tried
        print(f"{name}: {rows[-1][1]} in {rows[-1][2]}", *tally.wrong[:10], sep="\n  ", flush=True)
    print(f"\n{machine('torch', 'transformers')}\n")
    print(table(["fault", "went well", "took"], rows))
    sys.exit(failed)


if __name__ == "__main__":
    main()
