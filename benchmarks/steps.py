"""The cost of training steps, for each token of the texts: nbtune's engine and its peers.

    python benchmarks/steps.py --quick

All contenders train the same rows in turns, from the same random weights, and keep their model
from round to round. A Llama is trained with adapters on all linear layers; its "same recipe" runs
them as PEFT does. Grouped contenders get them sorted into batches of like length, the others
shuffled. Padding is not counted as work: what counts is the time that real tokens take.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from paired import alternate, machine, spread, table
from peers import peers
from rows import BATCH, CONFIGS, DECODERS, LONGEST, flops, make_model, spread_rows
from stopwatch import Lap, Stopwatch

from nbtune.data.batches import InMemory
from nbtune.engine.control import Control
from nbtune.engine.device import find_device
from nbtune.engine.job import Job
from nbtune.engine.loop import Training
from nbtune.engine.precision import choose_precision
from nbtune.engine.stepping import Forward
from nbtune.events import Event, RunStarted, StepsDone
from nbtune.methods import find_method
from nbtune.models.layers import layers_of
from nbtune.models.probing import find_frozen, find_packer
from nbtune.recipe import Recipe
from nbtune.runs import CheckpointStore
from nbtune.tasks import find_task

OURS, SAME = "nbtune, our recipe", "nbtune, same recipe"
TOP_TWO, HEAD = "nbtune, top two layers, others kept", "nbtune, head only, all layers kept"

LORA, PEFT = "nbtune, LoRA on all layers", "the same, adapters run by PEFT"
OTHER_WORK = (TOP_TWO, HEAD, LORA, PEFT)
"""Not the work of full fine-tuning, so that its operations do not tell their MFU."""


def with_nbtune(
    model: Any,
    rows: InMemory,
    epochs: int = 1,
    frozen: bool = False,
    precision: str = "fp32",
    batch: int = BATCH,
    hear: Callable[[Event], None] = lambda event: None,
    watched: bool = True,
) -> Lap:
    """Train with nbtune's engine; of several passes over the rows all are measured.

    Without ``watched`` it is not kept by how much each row is told right.
    """
    device, watch = find_device(), Stopwatch()
    packer = find_packer(model)
    if frozen and packer is not None:
        packer.frozen = find_frozen(model, packer)
    recipe = Recipe(
        learning_rate=2e-5,
        per_device_train_batch_size=batch,
        num_train_epochs=epochs,
        eval_strategy="no",
        save_interval_seconds=1e9,
    )
    steps = epochs * -(-len(rows.targets) // batch)

    def listen(event: Event) -> None:
        hear(event)
        if isinstance(event, RunStarted):
            watch.start()
        elif isinstance(event, StepsDone) and event.step == steps:
            watch.stop()

    loss = find_task("text-classification").loss(recipe, rows.targets, model.config.num_labels)
    with tempfile.TemporaryDirectory() as folder:
        job = Job(
            forward=Forward(model, device, precision, packer),
            train=rows,
            validation=None,
            recipe=recipe,
            learning_rate=2e-5,
            loss=loss if watched else replace(loss, margin=None),
            score=lambda logits: {},
            metric="loss",
            pad_id=0,
            start=RunStarted(0, 0, 0, "", "", "full", 0, 0, "", precision, "packed", "loss"),
            states=Path(folder) / "states",
        )
        stores = (CheckpointStore(Path(folder, kind)) for kind in ("last", "best"))
        outcome = Training(job, listen, Control(), *stores).run()
    if outcome.failure is not None:
        raise outcome.failure
    lap = watch.lap(rows)
    return replace(lap, rows=epochs * lap.rows, tokens=epochs * lap.tokens)


def partly_frozen(model: Any, layers: int) -> Any:
    """Train the head and so many of the highest layers."""
    model = find_method("head").apply(model, Recipe())
    every = getattr(*(layers_of(model.base_model) or ()))
    for layer in list(every)[len(every) - layers :]:
        layer.requires_grad_(True)
    return model


def with_lora(model: Any) -> Any:
    """Put adapters on all linear layers."""
    return find_method("lora").apply(model, Recipe(method="lora"))


def as_peft(model: Any, rows: InMemory, precision: str) -> Lap:
    """Train with nbtune's engine, but run the adapters as PEFT does."""
    with patch("nbtune.engine.stepping.lean_lora", lambda _: nullcontext()):
        return with_nbtune(model, rows, precision=precision)


def contenders(options: argparse.Namespace) -> dict[str, Callable[[int], Lap]]:
    """Return who races: ours by recipe and frozen part, and the peers."""
    shuffled, grouped = spread_rows(options.lengths, options.batches)
    device, bf16 = find_device(), options.precision == "bf16"

    def model(attention_dropout: float = 0.1) -> Any:
        return make_model(options.size, attention_dropout).to(device)

    def ours(make: Callable[[], Any], **how: Any) -> Callable[[int], Lap]:
        own = cache(make)  # made when it first races: who is left out takes no memory
        return lambda _: with_nbtune(own(), shuffled, precision=options.precision, **how)

    def theirs(make: Callable[[], Any]) -> Callable[[int], Lap]:
        own = cache(make)
        return lambda _: as_peft(own(), shuffled, options.precision)

    if options.size in DECODERS:
        return {
            OURS: ours(lambda: with_lora(model())),
            SAME: theirs(lambda: with_lora(model())),
            **peers(lambda: with_lora(model()), shuffled, grouped, longest=False, bf16=bf16),
        }
    return {
        OURS: ours(lambda: model(0.0)),
        SAME: ours(lambda: model(0.1)),
        TOP_TWO: ours(lambda: partly_frozen(model(0.0), 2), epochs=3, frozen=True),
        HEAD: ours(lambda: partly_frozen(model(0.0), 0), epochs=20, frozen=True),
        LORA: ours(lambda: with_lora(model(0.0))),
        PEFT: theirs(lambda: with_lora(model(0.0))),
        **peers(model, shuffled, grouped, longest=not options.no_maximum, bf16=bf16),
    }


def matrix_rate(size: str, precision: str) -> float:
    """Return the best rate of matrix products at the model's shapes, in operations a second."""
    sizes = (CONFIGS | DECODERS)[size]
    width, wide = sizes.get("hidden_size", 768), sizes.get("intermediate_size", 3072)
    left, right = torch.randn(1376, width), torch.randn(width, wide)
    left, right = left.to(find_device()), right.to(find_device())
    if precision == "bf16":
        left, right = left.bfloat16(), right.bfloat16()
    best = 0.0
    for _ in range(20):
        watch = Stopwatch()
        watch.start()
        for _ in range(5):
            left @ right
        watch.stop()
        seconds = watch.ended[0] - watch.began[0]
        if not torch.cuda.is_available():
            seconds = watch.ended[1] - watch.began[1]
        best = max(best, 5 * 2 * 1376 * width * wide / seconds)
    return best


def report(options: argparse.Namespace, rounds: list[dict[str, Lap]], rates: list[float]) -> str:
    """Return the figures as Markdown: medians and ranges of what was measured in a round."""
    shuffled, grouped = spread_rows(options.lengths, options.batches)
    model = make_model(options.size)
    model = with_lora(model) if options.size in DECODERS else model
    work = flops(model, shuffled.lengths) / shuffled.lengths.sum()
    names = list(rounds[0])

    def ratio(name: str, by: str) -> str:
        return str(spread([laps[name].cost / laps[by].cost for laps in rounds]))

    def mfu(name: str) -> str:
        shares = [
            100 * work / (laps[name].cost / 1e3) / rate
            for laps, rate in zip(rounds, rates, strict=True)
        ]
        return "" if name in OTHER_WORK else str(spread(shares))

    def on_gpu(cells: list[Any]) -> list[Any]:
        return cells if torch.cuda.is_available() else []

    padded = {name: padded_tokens(name, shuffled, grouped) for name in names}
    lines = [
        f"{options.size}, lengths {options.lengths}, {options.batches} batches of {BATCH}, "
        f"{len(rounds)} rounds, {find_device().type}, {options.precision}, "
        f"{options.threads} threads",
        machine("torch", "transformers", "accelerate"),
        "",
        table(
            [
                "median (range)",
                "ms a real token",
                "real tokens/s",
                "rows/s",
                "padding, %",
                f"times {OURS}",
                f"times {SAME}",
                "MFU, %",
                *on_gpu(["MB above those before"]),
            ],
            [
                [
                    name,
                    spread([laps[name].cost for laps in rounds]),
                    spread([1e3 / laps[name].cost for laps in rounds]),
                    spread([laps[name].rows / laps[name].seconds for laps in rounds]),
                    f"{100 * (1 - 1 / padded[name]):.0f}",
                    ratio(name, OURS),
                    ratio(name, SAME),
                    mfu(name),
                    *on_gpu([spread([laps[name].gpu_bytes / 1e6 for laps in rounds])]),
                ]
                for name in names
            ],
        ),
        "",
        f"Matrix products: {median(rates) / 1e9:.0f} GFLOP/s; {work / 1e6:.1f} MFLOP a token.",
    ]
    if LORA in names and PEFT in names:
        lines.append(f"LoRA on all layers, of the same step with PEFT's: {ratio(LORA, PEFT)}.")
    return "\n".join(lines)


def padded_tokens(name: str, shuffled: InMemory, grouped: InMemory) -> float:
    """Return the tokens that a contender computes for each that texts have."""
    if name.startswith("nbtune") or name == PEFT:
        return 1.0
    if "maximum" in name:
        return float(LONGEST * len(shuffled.ids) / shuffled.lengths.sum())
    rows = grouped if "grouped" in name else shuffled
    batches = [rows.lengths[i : i + BATCH] for i in range(0, len(rows.ids), BATCH)]
    return float(sum(batch.max() * len(batch) for batch in batches) / rows.lengths.sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=[*CONFIGS, *DECODERS], default="minilm")
    parser.add_argument("--lengths", choices=["lognormal", "drawn", "uniform"], default="lognormal")
    parser.add_argument("--batches", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--precision",
        choices=["fp32", "bf16"],
        default=choose_precision("auto", find_device()),
        help="by default fp32 on a CPU",
    )
    parser.add_argument("--no-maximum", action="store_true", help="leave the slowest out")
    parser.add_argument("--only", nargs="*", default=[], help="parts of names of contenders")
    parser.add_argument("--quick", action="store_true", help="two rounds of two batches")
    options = parser.parse_args()
    if options.quick:
        options.batches, options.rounds, options.no_maximum = 2, 2, True
    torch.set_num_threads(options.threads)
    all_of_them = contenders(options)
    chosen = {
        name: run
        for name, run in all_of_them.items()
        if name in (OURS, SAME) or not options.only or any(part in name for part in options.only)
    }
    rates: list[float] = []
    chosen = {
        "": partial(lambda _: rates.append(matrix_rate(options.size, options.precision))),
        **chosen,
    }
    alternate(chosen, 1)  # imports and first calls
    rates.clear()
    rounds = alternate(chosen, options.rounds)
    for laps in rounds:
        del laps[""]
    print(report(options, rounds, rates))


if __name__ == "__main__":
    main()
