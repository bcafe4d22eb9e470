"""How wrong estimates are: recipes of a grid are estimated, then trained, each in a process.

    python benchmarks/estimates.py [--rows 1500] [--processor] [--out FILE]

The same process estimates and then trains, as a notebook does. Where others use the machine as
well, ``--processor`` takes the processor time of the process for the clock, in both.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

GRID = {
    "scratch, full": {"model": "scratch-transformer"},
    "scratch, full, batch 64": {"model": "scratch-transformer", "batch_size": 64},
    "minilm, full": {"model": "minilm"},
    "minilm, full, batch 4": {"model": "minilm", "batch_size": 4},
    "minilm, full, padded": {"model": "minilm", "batching": "padded"},
    "minilm, full, long": {"model": "minilm", "long": True},
    "minilm, full, accumulated": {"model": "minilm", "gradient_accumulation_steps": 4},
    "minilm, sgd": {"model": "minilm", "optim": "sgd"},
    "minilm, lora": {"model": "minilm", "method": "lora"},
    "minilm, lora, long": {"model": "minilm", "method": "lora", "long": True},
    "minilm, bitfit": {"model": "minilm", "method": "bitfit"},
    "minilm, freeze 4": {"model": "minilm", "freeze": 4},
    "minilm, head": {"model": "minilm", "method": "head"},
    "minilm, head, baselines": {"model": "minilm", "method": "head", "baseline": True},
    "minilm, full, baselines": {"model": "minilm", "baseline": True},
}


def work(name: str, rows: int) -> None:
    """Estimate and train one recipe; prints both as JSON."""
    import nbtune
    from nbtune import datasets
    from nbtune.events import CheckpointSaved, Evaluated, RunStopped, StepsDone

    recipe = dict(GRID[name])
    data = datasets.load("topics").sample(rows, random_state=0)
    if recipe.pop("long", False):  # lognormal, median 60 words, as in the other benchmarks
        import numpy as np

        words = " ".join(data["text"]).split()
        lengths = np.random.default_rng(0).lognormal(np.log(50), 0.86, len(data)).clip(4, 350)
        starts = np.random.default_rng(1).integers(0, len(words) - 400, len(data))
        data["text"] = [
            " ".join(words[s : s + int(n)]) for s, n in zip(starts, lengths, strict=True)
        ]
    recipe = {"num_train_epochs": 2, "max_length": 512, "baseline": False} | recipe
    found = nbtune.estimate(data, display="none", **recipe).record
    run = nbtune.finetune(data, "run", display="none", **recipe)
    events = [event for _, event in run.events]
    stop = next(e for e in events if isinstance(e, RunStopped))

    def spent(kind: type) -> float:
        return sum(e.seconds for e in events if isinstance(e, kind))

    result = {
        "estimated": found.seconds | {"all": found.whole_seconds},
        "real": {
            "steps": spent(StepsDone),
            "evaluations": spent(Evaluated),
            "checkpoints": spent(CheckpointSaved),
            "all": stop.seconds,
        },
        "memory": [found.peak_bytes, stop.memory_bytes],
        "parts": found.memory_bytes,
        "disk": [
            found.whole_disk_bytes,
            sum(f.stat().st_size for f in run.folder.path.rglob("*") if f.is_file()),
        ],
    }
    print(json.dumps(result))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1500)
    parser.add_argument("--only", default="", help="recipes whose name holds this")
    parser.add_argument("--processor", action="store_true", help="count processor time")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path)
    found = parser.parse_args()
    if found.processor:
        time.perf_counter = time.monotonic = time.process_time
    if found.work:
        work(found.work, found.rows)
        return
    results = {}
    print(f"{'recipe':<28}{'estimate':>9}{'real':>9}{'off':>7}{'memory':>9}{'real':>8}{'off':>7}")
    for name in (name for name in GRID if found.only in name):
        with tempfile.TemporaryDirectory() as place:
            child = [sys.executable, str(Path(__file__).resolve()), "--work", name]
            out = subprocess.run(
                [*child, "--rows", str(found.rows), *(["--processor"] * found.processor)],
                cwd=place,
                capture_output=True,
                text=True,
                check=False,
                env=os.environ | {"NBTUNE_RUNS": place},
            )
        if out.returncode:
            print(f"{name:<28} failed: {out.stderr.strip().splitlines()[-1]}")
            continue
        result = json.loads(out.stdout.splitlines()[-1])
        results[name] = result
        reckoned, real = result["estimated"]["all"], result["real"]["all"]
        memory, peak = (amount / (1 << 20) for amount in result["memory"])
        result["off"] = [reckoned / real - 1, memory / peak - 1]
        print(
            f"{name:<28}{reckoned:>7.1f} s{real:>7.1f} s{100 * result['off'][0]:>+6.0f}%"
            f"{memory:>9.0f}{peak:>8.0f}{100 * result['off'][1]:>+6.0f}%",
            flush=True,
        )
    for i, what in enumerate(("time", "memory")):
        errors = [abs(result["off"][i]) for result in results.values()]
        print(f"{what}: median {100 * median(errors):.0f} %, worst {100 * max(errors):.0f} %")
    if found.out:
        found.out.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
