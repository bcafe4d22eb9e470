"""Memory at the peak of a step with rows of very unequal length, one process each.

python benchmarks/memory.py --quick
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from paired import alternate, machine, spread, table

OURS, DYNAMIC = "nbtune", "Trainer, dynamic padding"
CONTENDERS = [
    OURS,
    "nbtune, top two layers, others kept",
    "nbtune, head only, all layers kept",
    "nbtune, LoRA on all layers",
    "the same, adapters run by PEFT",
    DYNAMIC,
    "plain PyTorch loop",
]
PACKAGES = {
    "Lightning": "lightning",
    "fastai": "fastai",
    "SimpleTransformers": "simpletransformers",
}
CONTENDERS += [name for name, package in PACKAGES.items() if importlib.util.find_spec(package)]


def trainer_of(name: str) -> tuple[Any, Callable[[Any, Any], object]]:
    """Return a model to train, and what trains it on some rows."""
    import peers
    import steps
    from rows import make_model

    model = make_model("minilm", 0.0 if name.startswith("nbtune") else 0.1)
    if "layers kept" in name or "others kept" in name:
        model = steps.partly_frozen(model, 2 if "top two" in name else 0)
        return model, lambda model, rows: steps.with_nbtune(model, rows, epochs=3, frozen=True)
    if "LoRA" in name:
        return steps.with_lora(model), steps.with_nbtune
    if "PEFT" in name:
        return steps.with_lora(model), lambda model, rows: steps.as_peft(model, rows, "fp32")
    if name == DYNAMIC:
        return model, lambda model, rows: peers.with_trainer(model, rows, peers.Collator())
    return model, {
        OURS: steps.with_nbtune,
        "plain PyTorch loop": peers.with_plain_loop,
        "Lightning": peers.with_lightning,
        "fastai": peers.with_fastai,
        "SimpleTransformers": peers.with_simple_transformers,
    }[name]


def measure(name: str) -> None:
    """Train two steps in this process, and print what they added to the loaded model."""
    import numpy as np
    import torch
    from rows import lognormal_lengths, make_rows

    from nbtune.engine.memory import begin_peak, peak_bytes

    torch.set_num_threads(1)
    device = torch.device("cpu")
    lengths = np.concatenate([[512, 250], lognormal_lengths(14, np.random.default_rng(0))])
    rows, few = make_rows([*lengths, *lengths]), make_rows([8] * 16)
    model, run = trainer_of(name)
    run(model, few)  # imports, and the optimiser's first state
    begin_peak(device)
    before = peak_bytes(device)
    run(model, rows)
    print(json.dumps([peak_bytes(device) - before, int(sum(lengths))]))


def child(name: str) -> list[int]:
    """Measure in a process of its own."""
    command = [sys.executable, __file__, "--measure", name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr}")
    return json.loads(next(line for line in done.stdout.splitlines() if line.startswith("[")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=[], help="parts of names of contenders")
    parser.add_argument("--quick", action="store_true", help="one round")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        return measure(options.measure)
    names = [
        name
        for name in CONTENDERS
        if name in (OURS, DYNAMIC) or not options.only or any(o in name for o in options.only)
    ]
    runs = {name: lambda _, name=name: child(name) for name in names}
    rounds = alternate(runs, 1 if options.quick else options.rounds)
    tokens = rounds[0][OURS][1]
    print(f"MiniLM's size, 16 rows of {tokens} tokens, the longest 512: {16 * 512} when padded")
    print(machine("torch", "transformers"))
    print()
    print(
        table(
            ["median (range)", "MB above the step before", "share"],
            [
                [
                    name,
                    spread([found[name][0] / 1e6 for found in rounds]),
                    spread([found[name][0] / found[DYNAMIC][0] for found in rounds]),
                ]
                for name in names
            ],
        )
    )


if __name__ == "__main__":
    main()
