"""Every method on the same rows: what it trains, what it costs, and where it ends.

    python benchmarks/methods.py --quick

MiniLM learns 1,500 definitions of `topics` for two epochs with each method's usual rate; each run
is a process of its own. Time is that of the processor for the steps, and for what is done once
before them; memory is the peak of the process above what it held when the model was there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from typing import Any
from unittest.mock import patch

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from paired import alternate, machine, spread, table

FULL = "full"
METHODS: dict[str, dict[str, Any]] = {
    FULL: {},
    "full, head_learning_rate, layerwise_lr_decay": {
        "head_learning_rate": 5e-4,
        "layerwise_lr_decay": 0.9,
    },
    "freeze: 4": {"freeze": 4},
    "gradual_unfreezing: 0.25": {"gradual_unfreezing": 0.25},
    "head": {"method": "head"},
    "bitfit": {"method": "bitfit"},
    "lora": {"method": "lora"},
    "lora, rsLoRA": {"method": "lora", "lora": {"use_rslora": True}},
    "lora, DoRA": {"method": "lora", "lora": {"use_dora": True}},
    "lora, LoRA+": {"method": "lora", "lora": {"loraplus_lr_ratio": 16}},
    "qlora, 4 bits": {"method": "qlora"},
    "qlora, 8 bits": {"method": "qlora", "bits": 8},
    "ia3": {"method": "ia3"},
    "prompt-tuning": {"method": "prompt-tuning"},
    "prefix-tuning": {"method": "prefix-tuning"},
    "p-tuning": {"method": "p-tuning"},
}


def measure(name: str, rows: int, seed: int) -> None:
    """Train with one method in this process, and print what came of it."""
    import torch

    import nbtune
    from nbtune.engine.device import find_device
    from nbtune.engine.loop import Training
    from nbtune.engine.memory import begin_peak, memory_bytes, peak_bytes

    torch.set_num_threads(1)
    train, found, device = Training.run, dict[str, float](), find_device()

    def measured(training: Training, *how: Any) -> Any:
        begin_peak(device)
        before, began = memory_bytes(device), time.process_time()
        outcome = train(training, *how)
        found["seconds"] = time.process_time() - began
        found["memory"] = peak_bytes(device) - before
        found["trained"] = training.job.start.trainable_parameters
        return outcome

    with tempfile.TemporaryDirectory() as folder, patch.object(Training, "run", measured):
        run = nbtune.finetune(
            nbtune.datasets.load("topics"),
            recipe=nbtune.Recipe(
                model="minilm",
                num_train_epochs=2,
                max_train_samples=rows,
                eval_strategy="no",
                baseline=False,
                zero_shot=False,
                seed=seed,
                **METHODS[name],
            ),
            runs_dir=folder,
            display="none",
        )
        found["accuracy"] = nbtune.evaluate(run, display="none").metrics["accuracy"]
    print(json.dumps(found))


def child(name: str, rows: int, seed: int) -> dict[str, float]:
    """Measure in a process of its own."""
    command = [
        sys.executable,
        __file__,
        "--measure",
        name,
        "--rows",
        str(rows),
        "--seed",
        str(seed),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="each with a seed of its own")
    parser.add_argument("--rows", type=int, default=1500)
    parser.add_argument("--only", nargs="*", default=[], help="parts of names of methods")
    parser.add_argument("--quick", action="store_true", help="one round of 300 rows")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        return measure(options.measure, options.rows, options.seed)
    if options.quick:
        options.rounds, options.rows = 1, 300
    names = [
        n for n in METHODS if n == FULL or not options.only or any(o in n for o in options.only)
    ]
    runs = {name: lambda seed, name=name: child(name, options.rows, seed) for name in names}
    rounds = alternate(runs, options.rounds)

    def of_full(name: str, what: str) -> str:
        return str(spread([found[name][what] / found[FULL][what] for found in rounds]))

    print(f"MiniLM, {options.rows:,} rows of topics, 2 epochs, {len(rounds)} seeds, one thread")
    print(machine("torch", "transformers", "peft"))
    print()
    print(
        table(
            ["median (range)", "weights trained", "time, of full", "memory, of full", "accuracy"],
            [
                [
                    name,
                    f"{rounds[0][name]['trained']:,}",
                    of_full(name, "seconds"),
                    of_full(name, "memory"),
                    spread([found[name]["accuracy"] for found in rounds]),
                ]
                for name in names
            ],
        )
    )


if __name__ == "__main__":
    main()
