"""Memory at the peak of a step with rows of very unequal length, one process each.

python benchmarks/memory.py --quick
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from paired import alternate, machine, spread, table

CONTENDERS = ("nbtune", "Trainer, dynamic padding")


def peak_bytes() -> int:
    """Return the largest resident size of this process so far."""
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


def measure(name: str) -> None:
    """Train two steps in this process, and print what they added to the loaded model."""
    import numpy as np
    import torch
    from peers import Collator, with_trainer
    from rows import lognormal_lengths, make_model, make_rows
    from steps import with_nbtune

    torch.set_num_threads(1)
    lengths = np.concatenate([[512, 250], lognormal_lengths(14, np.random.default_rng(0))])
    rows, few = make_rows([*lengths, *lengths]), make_rows([8] * 16)
    run = with_nbtune if name == "nbtune" else lambda m, r: with_trainer(m, r, Collator())
    model = make_model("minilm")
    run(model, few)  # imports, and the optimiser's first state
    before = peak_bytes()
    run(model, rows)
    print(json.dumps([peak_bytes() - before, int(sum(lengths))]))


def child(name: str) -> list[int]:
    """Measure in a process of its own."""
    command = [sys.executable, __file__, "--measure", name]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one round")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        return measure(options.measure)
    runs = {name: lambda _, name=name: child(name) for name in CONTENDERS}
    rounds = alternate(runs, 1 if options.quick else options.rounds)
    tokens = rounds[0]["nbtune"][1]
    print(f"MiniLM's size, 16 rows of {tokens} tokens, the longest 512: {16 * 512} when padded")
    print(machine("torch", "transformers"))
    print()
    theirs = CONTENDERS[1]
    print(
        table(
            ["median (range)", "MB above the step before", "share"],
            [
                [
                    name,
                    spread([found[name][0] / 1e6 for found in rounds]),
                    spread([found[name][0] / found[theirs][0] for found in rounds]),
                ]
                for name in CONTENDERS
            ],
        )
    )


if __name__ == "__main__":
    main()
