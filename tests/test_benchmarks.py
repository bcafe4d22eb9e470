"""Benchmarks are no tests, but they must run: the engine's parts change under them."""

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["overhead", "steps"])
def test_a_benchmark_of_the_engine_runs(name, tmp_path):
    few = ["--only", "nbtune, our", "plain"] if name == "steps" else []
    command = [sys.executable, str(FOLDER / f"{name}.py"), "--quick", *few]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "| nbtune" in done.stdout
    assert "| plain PyTorch loop |" in done.stdout
