"""What ``%load_ext nbtune`` adds to the start of IPython.

    python benchmarks/load_ext.py --quick

Starts shells in turns, with and without the extension, and says what the extension imported of
that which takes long.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time

from paired import alternate, machine, spread, table

HEAVY = (
    "torch",
    "transformers",
    "datasets",
    "tokenizers",
    "peft",
    "pandas",
    "numpy",
    "scipy",
    "sklearn",
    "matplotlib",
    "ipywidgets",
    "pyarrow",
    "pydantic",
    "jinja2",
)
SHELL = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
{code}
heavy = [name for name in {heavy} if name in sys.modules]
print(json.dumps([heavy, len(sys.modules)]))
"""
EXTENSION = """
shell.run_line_magic("load_ext", "nbtune")
assert "finetune" in shell.magics_manager.magics["cell"]
"""


def start(code: str) -> tuple[float, list[str], int]:
    """Start a shell; returns seconds until it ended, heavy modules, and how many modules in all."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", SHELL.format(code=code, heavy=HEAVY)],
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(done.stderr)
    heavy, modules = json.loads(done.stdout.splitlines()[-1])
    return seconds, heavy, modules


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--quick", action="store_true", help="five rounds")
    options = parser.parse_args()
    shells = {
        "IPython": lambda _: start(""),
        "IPython, %load_ext nbtune": lambda _: start(EXTENSION),
    }
    alternate(shells, 1)  # fills the disk cache, and writes byte code
    rounds = alternate(shells, 5 if options.quick else options.rounds)
    bare = [measured["IPython"] for measured in rounds]
    print(machine("ipython", "nbtune"))
    print()
    print(
        table(
            ["median (range)", "seconds", "times bare IPython", "modules", "heavy modules"],
            [
                [
                    name,
                    spread([measured[name][0] for measured in rounds]),
                    spread([m[name][0] / b[0] for m, b in zip(rounds, bare, strict=True)]),
                    rounds[0][name][2],
                    ", ".join(rounds[0][name][1]) or "none",
                ]
                for name in shells
            ],
        )
    )


if __name__ == "__main__":
    main()
