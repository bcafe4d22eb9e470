"""Benchmarks are no tests, but they must run: the engine's parts change under them."""

import subprocess
import sys
from pathlib import Path

import pytest

OVERHEAD = Path(__file__).parents[1] / "benchmarks/overhead.py"


@pytest.mark.slow
def test_a_benchmark_of_the_engine_and_its_peers_runs(tmp_path):
    command = [sys.executable, str(OVERHEAD), "--quick"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "| nbtune |" in done.stdout
    assert "| plain PyTorch loop |" in done.stdout
