"""All that a GPU is to show, in one command of under ten minutes; nothing is downloaded.

    python benchmarks/gpu.py --quick

BERT-base in 16 bits and a decoder of a billion weights with adapters, against the peers, by
`steps.py`; and what prediction gains, by `inference.py`. Each part is a process of its own with a
share of the time, so that one that breaks off or takes too long costs no other. ``--quick`` tries
the script out on a CPU.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
PARTS: dict[str, tuple[int, list[str]]] = {
    "BERT-base, lognormal lengths": (150, ["steps.py", "--size", "bert-base", "--batches", "40"]),
    "BERT-base, rows drawn at random": (
        120,
        ["steps.py", "--size", "bert-base", "--batches", "40", "--lengths", "drawn"],
    ),
    "A Llama of a billion weights, LoRA": (
        200,
        ["steps.py", "--size", "llama-1b", "--batches", "20", "--no-maximum"],
    ),
    "Prediction": (60, ["inference.py", "--size", "bert-base", "--batches", "40"]),
    "A step beside the work": (60, ["overhead.py"]),
}
"""Seconds that each may take, and its command."""
TINY = {"bert-base": "minilm", "llama-1b": "llama-tiny"}


def device() -> str:
    """Say on what the parts run, without holding memory there."""
    ask = (
        "import torch; print(torch.cuda.get_device_name() if torch.cuda.is_available() else 'CPU')"
    )
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def run(command: list[str], seconds: int) -> str:
    """Run a part; returns what it printed last, or why there is nothing."""
    whole = [sys.executable, str(HERE / command[0]), *command[1:]]
    try:
        done = subprocess.run(whole, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return f"took over {seconds} s"
    if done.returncode:
        return "broke off:\n\n" + "\n".join(done.stderr.strip().splitlines()[-12:])
    return done.stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", default=[], help="parts of names of parts")
    parser.add_argument("--quick", action="store_true", help="tiny models, two rounds")
    options = parser.parse_args()
    began = time.monotonic()
    print(f"# On {device()}\n", flush=True)
    for name, (seconds, command) in PARTS.items():
        if options.only and not any(part in name for part in options.only):
            continue
        if options.quick:
            command = [TINY.get(word, word) for word in command] + ["--quick"]
        found = run(command, seconds)
        print(f"## {name}\n\n`{' '.join(command)}`\n\n{found}\n", flush=True)
    print(f"{time.monotonic() - began:.0f} s in all")


if __name__ == "__main__":
    main()
