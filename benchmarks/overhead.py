"""What a step costs beside the model: steps of a model that is nearly free.

python benchmarks/overhead.py --quick
"""

from __future__ import annotations

import argparse
import os
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch
from paired import alternate, machine, spread, table
from peers import Collator, as_dicts, with_lightning, with_plain_loop, with_trainer
from rows import BATCH, Free, make_rows
from steps import with_nbtune
from stopwatch import Lap, Stopwatch

from nbtune.data.batches import InMemory

OURS, BARE = "nbtune", "the work alone"


def bare(model: Any, rows: InMemory) -> Lap:
    """Make the steps' forward, backward, clipping and update, on one batch that is ready."""
    watch = Stopwatch()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5, fused=True)
    batch = Collator()(as_dicts(rows)[:BATCH])
    watch.start()
    for _ in range(len(rows.ids) // BATCH):
        model(**batch).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    watch.stop()
    return watch.lap(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="two rounds of 50 steps")
    options = parser.parse_args()
    if options.quick:
        options.steps, options.rounds = 50, 2
    torch.set_num_threads(1)
    rows = make_rows(np.full(options.steps * BATCH, 8), 64)
    runs = {
        BARE: lambda _: bare(Free(), rows),
        OURS: lambda _: with_nbtune(Free(), rows),
        "Trainer": lambda _: with_trainer(Free(), rows, Collator()),
        "plain PyTorch loop": lambda _: with_plain_loop(Free(), rows),
    }
    try:
        import lightning  # noqa: F401
    except ImportError:
        pass
    else:
        runs["Lightning"] = lambda _: with_lightning(Free(), rows)
    alternate(runs, 1)
    rounds = alternate(runs, options.rounds)
    print(f"{options.steps} steps of {BATCH} rows of 8 tokens, one thread")
    print(machine("torch", "transformers"))
    print()
    ms = [
        {name: 1e3 * lap.cpu_seconds / options.steps for name, lap in laps.items()}
        for laps in rounds
    ]
    print(
        table(
            ["median (range)", "ms a step", "beside the work", "share of Trainer"],
            [
                [
                    name,
                    spread([own[name] for own in ms]),
                    spread([own[name] - own[BARE] for own in ms]),
                    spread([(own[name] - own[BARE]) / (own["Trainer"] - own[BARE]) for own in ms]),
                ]
                for name in runs
            ],
        )
    )


if __name__ == "__main__":
    main()
