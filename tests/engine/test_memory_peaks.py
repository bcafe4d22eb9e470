import sys

import pytest
import torch

from nbtune.engine import memory
from nbtune.engine.memory import begin_peak, memory_bytes, peak_bytes, room_bytes

CPU = torch.device("cpu")
MIB = 1 << 20


def test_memory_of_a_cpu_is_that_of_the_process():
    assert memory_bytes(CPU) > 50 * MIB


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is counted on Linux only")
def test_the_peak_is_remembered_until_it_is_counted_anew():
    begin_peak(CPU)
    before = peak_bytes(CPU)
    taken = torch.ones(64 * MIB // 4)
    del taken
    assert peak_bytes(CPU) >= before + 60 * MIB
    begin_peak(CPU)
    assert peak_bytes(CPU) < before + 30 * MIB


def test_without_a_peak_there_is_what_is_in_use(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "_PROCESS", tmp_path / "none")
    begin_peak(CPU)
    assert peak_bytes(CPU) == pytest.approx(memory_bytes(CPU), rel=0.2)


def test_a_container_gives_no_more_than_its_limit(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "_GROUP", tmp_path)
    assert room_bytes(CPU) > MIB, "no limit"
    (tmp_path / "memory.max").write_text("max")
    assert room_bytes(CPU) > MIB
    (tmp_path / "memory.max").write_text(str(3 * MIB))
    (tmp_path / "memory.current").write_text(str(2 * MIB))
    (tmp_path / "memory.stat").write_text(f"anon 5\ninactive_file {MIB // 2}\n")
    assert room_bytes(CPU) == MIB + MIB // 2
