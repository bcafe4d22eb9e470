"""Training speed of nbtune's engine against transformers' ``Trainer``: same rows, same updates.

    python benchmarks/against_trainer.py --quick

Each round trains every contender once from the same weights: nbtune, ``Trainer`` with dynamic
padding, and ``Trainer`` tuned (rows grouped by length). Measured is the time from the first to
the last step, by the clock and by the processor; then all are scored on the same held-out rows.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch
import transformers
from paired import alternate, machine, spread, table
from transformers import DataCollatorWithPadding, Trainer, TrainerCallback, TrainingArguments

import nbtune.datasets
from nbtune.data.batches import InMemory
from nbtune.engine.control import Control
from nbtune.engine.device import find_device
from nbtune.engine.inference import predict_logits
from nbtune.engine.job import Job
from nbtune.engine.loop import Training
from nbtune.engine.optimizing import weight_decay
from nbtune.engine.stepping import Forward
from nbtune.events import Event, RunStarted, StepsDone
from nbtune.models.loading import load_model, load_tokenizer, quiet
from nbtune.models.packing import packing
from nbtune.models.probing import find_packer
from nbtune.models.sources import find_model
from nbtune.recipe import Recipe
from nbtune.runs import CheckpointStore
from nbtune.tasks import find_task

OURS = "nbtune"
MEDIAN_TOKENS, P95_TOKENS, LONGEST = 60, 250, 512


@dataclass(frozen=True)
class Race:
    """What all contenders share."""

    recipe: Recipe
    tokenizer: Any
    labels: list[str]
    train: InMemory
    test: InMemory
    device: torch.device

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole training."""
        batches = -(-len(self.train.targets) // self.recipe.per_device_train_batch_size)
        return batches * int(self.recipe.num_train_epochs)

    def model(self, seed: int, attention_dropout: float | None) -> Any:
        """Load the same weights, and draw the same head, for each contender of a round."""
        loaded = load_model(
            find_model(self.recipe.model),
            self.tokenizer,
            self.labels,
            seed=seed,
            attention_dropout=attention_dropout,
        )
        return loaded.model.to(self.device)

    def accuracy(self, model: Any) -> float:
        """Score the held-out rows, the same way for all."""
        packer = find_packer(model)
        with packing(model, packer):
            logits = predict_logits(
                Forward(model, self.device, "fp32", packer), self.test, self.tokenizer.pad_token_id
            )
        return float((logits.argmax(axis=1) == self.test.targets).mean())


@dataclass
class Watch:
    """Time by the clock and by the processor, from the first step to the last."""

    began: tuple[float, float] = (0.0, 0.0)
    ended: tuple[float, float] = (0.0, 0.0)

    def start(self) -> None:
        self.began = (time.perf_counter(), time.process_time())

    def stop(self) -> None:
        self.ended = (time.perf_counter(), time.process_time())


@dataclass(frozen=True)
class Lap:
    """One training: seconds by the clock and by the processor, rows a second, final accuracy."""

    seconds: float
    cpu_seconds: float
    rows_per_second: float
    accuracy: float


def lap(race: Race, watch: Watch, model: Any) -> Lap:
    seconds, cpu = (after - before for before, after in zip(watch.began, watch.ended, strict=True))
    rows = len(race.train.targets) * race.recipe.num_train_epochs
    return Lap(seconds, cpu, rows / seconds, race.accuracy(model))


def train_ours(race: Race, seed: int, *, attention_dropout: float | None) -> Lap:
    """Train with nbtune's engine."""
    model, watch = race.model(seed, attention_dropout), Watch()
    recipe = race.recipe.model_copy(update={"seed": seed})

    def listen(event: Event) -> None:
        if isinstance(event, RunStarted):
            watch.start()
        elif isinstance(event, StepsDone) and event.step == race.steps:
            watch.stop()

    job = Job(
        forward=Forward(model, race.device, "fp32", find_packer(model)),
        train=race.train,
        validation=None,
        recipe=recipe,
        learning_rate=recipe.learning_rate,
        loss=find_task(recipe.task).loss(recipe, race.train.targets, len(race.labels)),
        score=lambda logits: {},
        metric="loss",
        pad_id=race.tokenizer.pad_token_id,
        start=RunStarted(0, 0, 0, recipe.task, "", "full", 0, 0, "", "fp32", "packed", "loss"),
    )
    with tempfile.TemporaryDirectory() as folder:
        stores = (CheckpointStore(Path(folder, kind)) for kind in ("last", "best"))
        Training(job, listen, Control(), *stores).run()
    return lap(race, watch, model)


class Timed(TrainerCallback):
    """Starts the watch before the first step and stops it after the last."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self.watch.start()

    def on_train_end(self, *_: Any, **__: Any) -> None:
        self.watch.stop()


def train_theirs(race: Race, seed: int, **options: Any) -> Lap:
    """Train with transformers' ``Trainer``, without the parts that only report and save."""
    model, watch, recipe = race.model(seed, None), Watch(), race.recipe
    rows = [
        {"input_ids": ids, "labels": int(target)}
        for ids, target in zip(race.train.ids, race.train.targets, strict=True)
    ]
    with tempfile.TemporaryDirectory() as folder, quiet():
        trainer = Trainer(
            model=model,
            args=TrainingArguments(
                output_dir=folder,
                learning_rate=recipe.learning_rate,
                num_train_epochs=recipe.num_train_epochs,
                per_device_train_batch_size=recipe.per_device_train_batch_size,
                weight_decay=weight_decay(recipe),
                warmup_steps=recipe.warmup_steps,
                max_grad_norm=recipe.max_grad_norm,
                lr_scheduler_type=recipe.lr_scheduler_type,
                optim="adamw_torch_fused",
                seed=seed,
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
                dataloader_pin_memory=race.device.type == "cuda",
                **options,
            ),
            data_collator=DataCollatorWithPadding(race.tokenizer),
            train_dataset=rows,
            callbacks=[Timed(watch)],
        )
        trainer.remove_callback(transformers.PrinterCallback)
        trainer.train()
    return lap(race, watch, model.eval())


def lognormal_rows(rows: InMemory, rng: np.random.Generator) -> InMemory:
    """Join texts of one label until the rows are as long as documents are.

    Lengths are lognormal (Limpert et al. 2001), set by their median and 95th percentile.
    """
    sigma = np.log(P95_TOKENS / MEDIAN_TOKENS) / 1.645
    wanted = np.clip(rng.lognormal(np.log(MEDIAN_TOKENS), sigma, len(rows.ids)), 8, LONGEST)
    first, last = rows.ids[0][0], rows.ids[0][-1]
    same = {label: np.flatnonzero(rows.targets == label) for label in np.unique(rows.targets)}

    def words(row: int) -> Iterator[int]:
        while True:
            yield from rows.ids[row][1:-1]
            row = rng.choice(same[rows.targets[row]])

    ids = [
        [first, *(word for word, _ in zip(words(row), range(int(tokens) - 2), strict=False)), last]
        for row, tokens in enumerate(wanted)
    ]
    return InMemory(ids, rows.targets)


def prepare(options: argparse.Namespace) -> Race:
    """Draw rows, tokenise them once for all contenders, and fix the recipe."""
    frame = nbtune.datasets.load("topics")
    train = frame[frame["split"] == "train"].sample(options.rows, random_state=0)
    test = frame[frame["split"] == "test"].sample(options.test_rows, random_state=0)
    source = find_model(options.model)
    tokenizer = load_tokenizer(source, list(train["text"]))
    labels = sorted(set(train["label"]))

    def encode(texts: Any, names: Any) -> InMemory:
        ids = tokenizer(list(texts), truncation=True, max_length=LONGEST)["input_ids"]
        rows = InMemory([list(row) for row in ids], np.array([labels.index(x) for x in names]))
        rng = np.random.default_rng(0)
        return lognormal_rows(rows, rng) if options.lengths == "lognormal" else rows

    recipe = Recipe(
        model=options.model,
        learning_rate=source.learning_rate,
        num_train_epochs=options.epochs,
        eval_strategy="no",
        save_interval_seconds=1e9,
    )
    return Race(
        recipe,
        tokenizer,
        labels,
        encode(train["text"], train["label"]),
        encode(test["text"], test["label"]),
        find_device(),
    )


def contenders(options: argparse.Namespace, race: Race) -> dict[str, Callable[[int], Lap]]:
    """Return who races; in the ``ours`` mode nbtune alone drops attention dropout."""
    own = race.recipe.attention_dropout if options.recipe == "ours" else None
    return {
        OURS: partial(train_ours, race, attention_dropout=own),
        "Trainer, dynamic padding": partial(train_theirs, race),
        "Trainer, tuned": partial(train_theirs, race, train_sampling_strategy="group_by_length"),
    }


def report(options: argparse.Namespace, race: Race, rounds: list[dict[str, Lap]]) -> str:
    """Return the figures as Markdown: every round, then the medians."""
    lengths = np.percentile(race.train.lengths, [50, 95, 100])
    padded = padding_share(race)
    lines = [
        f"{options.model}, {len(race.train.targets)} rows, {options.epochs} epochs, recipe "
        f"{options.recipe}, lengths {options.lengths} (median {lengths[0]:.0f}, p95 "
        f"{lengths[1]:.0f}, longest {lengths[2]:.0f} tokens; random batches of 16 pad "
        f"{padded:.2f}x), {race.device.type}, {options.threads} threads",
        machine("torch", "transformers", "accelerate"),
        "",
        table(
            ["round", "contender", "seconds", "CPU seconds", "rows/s", "accuracy"],
            [
                [i + 1, name, lap.seconds, lap.cpu_seconds, lap.rows_per_second, lap.accuracy]
                for i, laps in enumerate(rounds)
                for name, lap in laps.items()
            ],
        ),
        "",
        table(
            ["median (range)", "nbtune is faster by, clock", "by CPU", "rows/s", "accuracy"],
            [
                [
                    name,
                    spread([laps[name].seconds / laps[OURS].seconds for laps in rounds]),
                    spread([laps[name].cpu_seconds / laps[OURS].cpu_seconds for laps in rounds]),
                    spread([laps[name].rows_per_second for laps in rounds]),
                    spread([laps[name].accuracy for laps in rounds]),
                ]
                for name in rounds[0]
            ],
        ),
    ]
    return "\n".join(lines)


def padding_share(race: Race) -> float:
    """Return padded over real tokens when rows meet in random batches of 16."""
    lengths = np.random.default_rng(0).permutation(race.train.lengths)
    batches = [lengths[i : i + 16] for i in range(0, len(lengths), 16)]
    return sum(batch.max() * len(batch) for batch in batches) / lengths.sum()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="minilm", help="minilm or scratch-transformer")
    parser.add_argument("--recipe", choices=["same", "ours"], default="same")
    parser.add_argument("--lengths", choices=["topics", "lognormal"], default="topics")
    parser.add_argument("--rows", type=int, default=1500)
    parser.add_argument("--test-rows", type=int, default=600)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="a minute's run that proves little")
    options = parser.parse_args()
    if options.quick:
        options.rows = 160 if options.lengths == "topics" else 48
        options.test_rows, options.epochs, options.rounds = 96, 1, 2
    torch.set_num_threads(options.threads)
    race = prepare(options)
    few = InMemory(race.train.ids[:32], race.train.targets[:32])
    alternate(contenders(options, replace(race, train=few)), 1)  # imports and first calls
    print(report(options, race, alternate(contenders(options, race), options.rounds)))


if __name__ == "__main__":
    main()
