"""Predictions of nbtune and of ``Trainer.predict``: the same rows, the same weights, in turns.

python benchmarks/inference.py --quick
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch
from paired import alternate, machine, spread, table
from peers import Collator, as_dicts, trainer_for
from rows import LONGEST, make_model, spread_rows
from stopwatch import Lap, Stopwatch

from nbtune.data.batches import InMemory
from nbtune.engine.device import find_device
from nbtune.engine.inference import predict_logits
from nbtune.engine.precision import choose_precision
from nbtune.engine.stepping import Forward
from nbtune.models.packing import packing
from nbtune.models.probing import find_packer

OURS = "nbtune"


def ours(model: Any, rows: InMemory) -> tuple[Lap, np.ndarray[Any, Any]]:
    """Predict with nbtune."""
    watch, device = Stopwatch(), find_device()
    packer = find_packer(model)
    forward = Forward(model, device, choose_precision("auto", device), packer)
    with packing(model, packer):
        watch.start()
        logits = predict_logits(forward, rows, 0)
        watch.stop()
    return watch.lap(rows), logits


def theirs(model: Any, rows: InMemory, width: int | None) -> tuple[Lap, np.ndarray[Any, Any]]:
    """Predict with ``Trainer``, in batches of 16 as they come."""
    watch = Stopwatch()
    with trainer_for(model, rows, Collator(width), watch) as trainer:
        watch.start()
        logits = trainer.predict(as_dicts(rows)).predictions
        watch.stop()
    return watch.lap(rows), logits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=["minilm", "bert-base"], default="minilm")
    parser.add_argument("--lengths", choices=["lognormal", "drawn", "uniform"], default="drawn")
    parser.add_argument("--batches", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="two rounds of two batches")
    options = parser.parse_args()
    if options.quick:
        options.batches, options.rounds = 2, 2
    torch.set_num_threads(options.threads)
    rows, _ = spread_rows(options.lengths, options.batches)
    model = make_model(options.size).to(find_device()).eval()
    runs: dict[str, Callable[[int], tuple[Lap, np.ndarray[Any, Any]]]] = {
        OURS: lambda _: ours(model, rows),
        "Trainer.predict, dynamic padding": lambda _: theirs(model, rows, None),
        "Trainer.predict, padded to the maximum": lambda _: theirs(model, rows, LONGEST),
    }
    alternate(runs, 1)
    rounds = alternate(runs, options.rounds)
    print(
        f"{options.size}, {len(rows.ids)} rows, lengths {options.lengths}, "
        f"{find_device().type}, {options.threads} threads"
    )
    print(machine("torch", "transformers"))
    print()
    expected = rounds[0][OURS][1].argmax(axis=1)
    print(
        table(
            ["median (range)", "ms a real token", f"times {OURS}", "same predictions"],
            [
                [
                    name,
                    spread([found[name][0].cost for found in rounds]),
                    spread([found[name][0].cost / found[OURS][0].cost for found in rounds]),
                    f"{(rounds[0][name][1].argmax(axis=1) == expected).mean():.1%}",
                ]
                for name in runs
            ],
        )
    )


if __name__ == "__main__":
    main()
