"""Benchmarks are no tests, but they must run: the engine's parts change under them."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "lines"),
    [
        (["overhead.py", "--quick"], ["| nbtune |", "| plain PyTorch loop |"]),
        (["gpu.py", "--quick", "--only", "Llama"], ["| nbtune, our recipe |", "Matrix products"]),
        (
            ["faults.py", "--quick", "--only", "damage", "--only", "other-recipe"],
            ["the one before serves | 6/6 |", "nothing is changed | 3/3 |"],
        ),
    ],
)
def test_a_benchmark_of_the_engine_runs(tmp_path, command, lines):
    name, *options = command
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / name), *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for line in lines:
        assert line in done.stdout
