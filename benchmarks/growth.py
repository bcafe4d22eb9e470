"""How the cost of a token grows with the length of rows, the batch, the classes and the run.

    python benchmarks/growth.py --quick

One of them changes at a time, from 16 rows of 64 tokens and 8 classes in a model of MiniLM's size.
For the length of a run steps of a nearly free model are timed at its begin and at its end.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from itertools import pairwise

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch
from paired import Spread, alternate, machine, spread, table
from rows import BATCH, LABELS, Free, make_model, make_rows
from steps import with_nbtune
from stopwatch import Lap

from nbtune.events import Event, StepsDone

TOKENS = 64


def race(tokens: int = TOKENS, batch: int = BATCH, labels: int = LABELS) -> Callable[[int], Lap]:
    """Return two steps at these sizes, as a contender."""
    model, rows = make_model("minilm", 0.0, labels), make_rows(np.full(2 * batch, tokens))
    return lambda _: with_nbtune(model, rows, batch=batch)


def along(title: str, races: dict[int, Callable[[int], Lap]], rounds: int) -> str:
    """Measure these sizes in turns; return a table of what a token costs."""
    names = {str(size): contender for size, contender in races.items()}
    alternate(names, 1)
    found = alternate(names, rounds)
    first = next(iter(names))
    rows = [
        [
            f"{int(name):,}",
            spread([laps[name].cost for laps in found]),
            spread([laps[name].cost / laps[first].cost for laps in found]),
        ]
        for name in names
    ]
    return table([title, "ms a token", "of the first"], rows)


def in_time(steps: int) -> tuple[Spread, Spread, float]:
    """Return ms a step in the first and in the last tenth of a run, and events a second.

    The clock is read at reports, which come by time and not by steps.
    """
    seen: list[tuple[int, float, float]] = []
    events = 0

    def hear(event: Event) -> None:
        nonlocal events
        events += 1
        if isinstance(event, StepsDone):
            seen.append((event.step, time.process_time(), time.perf_counter()))

    with_nbtune(Free(), make_rows(np.full(BATCH * 50, 8), 64), epochs=steps // 50, hear=hear)
    costs = [
        1e3 * (cpu - before) / (step - last)
        for (last, before, _), (step, cpu, _) in pairwise(seen)
        if step > last
    ]
    tenth = max(1, len(costs) // 10)
    seconds = seen[-1][2] - seen[0][2]
    return spread(costs[1 : tenth + 1]), spread(costs[-tenth:]), events / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=50_000, help="of the long run")
    parser.add_argument("--quick", action="store_true", help="two rounds, a run of 2,000 steps")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.steps = 2, 2_000
    torch.set_num_threads(1)
    print(machine("torch", "transformers"), "", sep="\n")
    lengths = {tokens: race(tokens=tokens) for tokens in (16, 32, 64, 128, 256, 512)}
    print(along("tokens a row", lengths, options.rounds), "", sep="\n")
    batches = {batch: race(batch=batch) for batch in (4, 16, 64)}
    print(along("rows a batch", batches, options.rounds), "", sep="\n")
    classes = {labels: race(labels=labels) for labels in (LABELS, 100, 1_000)}
    print(along("classes", classes, options.rounds), "", sep="\n")
    first, last, events = in_time(options.steps)
    print(
        f"A run of {options.steps:,} nearly free steps: {first} ms a step in its first tenth, "
        f"{last} in its last, {events:.1f} events a second."
    )


if __name__ == "__main__":
    main()
