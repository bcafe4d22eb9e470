"""What it costs to watch rows while they are learnt, and what that finds of wrong labels.

python benchmarks/margins.py
python benchmarks/margins.py --planted
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch
from paired import alternate, machine, spread, table
from rows import BATCH, Free, make_model, make_rows
from steps import with_nbtune

import nbtune
from nbtune.evaluation.label_noise import label_margins, suspects
from nbtune.jobs.folders import read_margins, read_rows

SIZES: dict[str, tuple[Callable[[], Any], int, int, int]] = {
    "nearly free": (Free, 64, 8, 300),
    "MiniLM's size": (lambda: make_model("minilm"), 30_522, 24, 24),
}
"""A model, its vocabulary, tokens of a row, and steps."""
AT = (100, 50, 20)


def cost(rounds: int) -> None:
    """Print what a step takes with margins and without, in turns."""
    torch.set_num_threads(1)
    lines = []
    for name, (make, vocabulary, tokens, steps) in SIZES.items():
        rows = make_rows(np.full(steps * BATCH, tokens), vocabulary)

        def run(watched: bool, make: Any = make, rows: Any = rows) -> Callable[[int], Any]:
            return lambda _: with_nbtune(make(), rows, watched=watched)

        turns = {"with": run(True), "without": run(False)}
        alternate(turns, 1)
        laps = alternate(turns, rounds)
        seconds = {key: [lap[key].cpu_seconds for lap in laps] for key in turns}
        lines.append(
            [
                f"{name}, {steps} steps of {BATCH} rows",
                *(spread([1e3 * one / steps for one in own]) for own in seconds.values()),
                spread([a / b for a, b in zip(*seconds.values(), strict=True)]),
            ]
        )
    print(machine("torch", "transformers"), "", sep="\n")
    print(table(["median (range), ms", "with margins", "without", "with of without"], lines))


def noisy_topics(rows: int, count: int, seed: int) -> tuple[Any, set[int]]:
    """Return topics of which some have another label, and which those are."""
    topics = nbtune.datasets.load("topics")
    topics = topics[topics["split"] == "train"].drop(columns="split")
    own = topics.sample(rows, random_state=seed).reset_index(drop=True)
    rng = np.random.default_rng(seed)
    changed = rng.choice(rows, count, replace=False)
    names = np.array(sorted(set(own["label"])))
    places = np.searchsorted(names, own["label"].to_numpy(dtype=str)[changed])
    own.loc[changed, "label"] = names[(places + rng.integers(1, len(names), count)) % len(names)]
    return own, set(map(int, changed))


def planted(rows: int, epochs: int, seed: int, validation: float) -> list[object]:
    """Train on wrong labels; return which share of the first rows of each order has such.

    Then, of the rows that are named by two rules, how many there are and how many are wrong.
    """
    own, changed = noisy_topics(rows, AT[0], seed)
    with tempfile.TemporaryDirectory() as place:
        run = nbtune.finetune(
            own, "noisy", model="minilm", max_length=24, learning_rate=1e-4, seed=seed,
            num_train_epochs=epochs, validation_size=validation, test_size=0, zero_shot=False,
            baseline=False, display="none", runs_dir=place, checks="off",
        )  # fmt: skip
        rows_of_run, watched = read_rows(run.folder, "train"), read_margins(run.folder)
        chances = run.predict_proba(list(rows_of_run["text"]))
        ids = np.searchsorted(run.classes_, rows_of_run["label"].to_numpy(dtype=str))
    assert watched is not None
    wrong = np.isin(rows_of_run["row"], list(changed))
    orders = (label_margins(ids, chances), chances[np.arange(len(ids)), ids], watched)
    cells = [
        " / ".join(f"{wrong[np.argsort(order, kind='stable')[:n]].mean():.2f}" for n in AT)
        for order in orders
    ]
    named = (suspects(ids, chances), watched < 0)
    return [*cells, *(f"{own.sum()}, {wrong[own].sum()} of {wrong.sum()}" for own in named)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="two rounds")
    parser.add_argument("--planted", action="store_true", help="train on wrong labels")
    parser.add_argument("--rows", type=int, default=1200)
    parser.add_argument("--epochs", default="3,10")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--validation", default="0,0.15", help="shares held out to pick weights")
    options = parser.parse_args()
    if not options.planted:
        cost(2 if options.quick else options.rounds)
        return
    print("| epochs, validation, seed | margin of kept weights | their confidence | mean margin | "
          "suspects by kept weights | mean margin below 0 |")  # fmt: skip
    for epochs in map(int, options.epochs.split(",")):
        for validation in map(float, options.validation.split(",")):
            for seed in range(options.seeds):
                cells = planted(options.rows, epochs, seed, validation)
                print("|", " | ".join(map(str, [f"{epochs}, {validation}, {seed}", *cells])), "|",
                      flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
