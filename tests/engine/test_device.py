import subprocess
from types import SimpleNamespace

import pytest
import torch

from nbtune.engine import device as devices
from nbtune.engine.device import (
    autocast,
    choose_precision,
    find_device,
    ran_out_of_memory,
    random_state,
    restore_random_state,
)
from nbtune.errors import RecipeError

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("cuda", "mps", "found"),
    [(True, False, "cuda"), (False, True, "mps"), (False, False, "cpu"), (True, True, "cuda")],
)
def test_the_first_gpu_is_taken(monkeypatch, cuda, mps, found):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert find_device().type == found


@pytest.mark.parametrize(("native", "chosen"), [(True, "bf16"), (False, "fp32")])
def test_auto_takes_bf16_only_where_the_gpu_has_it(monkeypatch, native, chosen):
    """A T4 says that it supports bf16, and emulates it."""
    monkeypatch.setattr(
        torch.cuda,
        "is_bf16_supported",
        lambda including_emulation=True: including_emulation or native,
    )
    assert choose_precision("auto", CUDA) == chosen


def test_auto_is_fp32_on_a_cpu():
    assert choose_precision("auto", CPU) == "fp32"


def test_fp16_needs_a_gpu():
    assert choose_precision("fp16", CUDA) == "fp16"
    with pytest.raises(RecipeError, match="precision: fp16 needs a CUDA GPU"):
        choose_precision("fp16", CPU)


@pytest.mark.parametrize("signal", [0, -4])
def test_bf16_on_a_cpu_is_tried_in_a_child_that_may_die(monkeypatch, signal):
    devices._bf16_survives.cache_clear()
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=signal))
    try:
        if signal:
            with pytest.raises(RecipeError, match="bf16 kills Python on this CPU"):
                choose_precision("bf16", CPU)
        else:
            assert choose_precision("bf16", CPU) == "bf16"
    finally:
        devices._bf16_survives.cache_clear()


def test_fp32_is_computed_as_it_is_and_bf16_in_sixteen_bits():
    def kind():
        return (torch.ones(2, 2) @ torch.ones(2, 2)).dtype

    with autocast(CPU, "fp32"):
        assert kind() is torch.float32
    with autocast(CPU, "bf16"):
        assert torch.get_autocast_dtype("cpu") is torch.bfloat16
        assert torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
        (KeyboardInterrupt(), False),
    ],
)
def test_memory_errors_of_all_devices_are_known(error, answer):
    assert ran_out_of_memory(error) is answer


def test_random_numbers_go_on_from_where_they_stood():
    state = random_state(CPU)
    first = torch.rand(3)
    restore_random_state(CPU, state)
    assert torch.equal(torch.rand(3), first)


def test_the_state_of_a_device_that_is_not_here_is_passed_over():
    state = random_state(CPU) | {"cuda": torch.zeros(16, dtype=torch.uint8)}
    restore_random_state(CPU, state)
    assert torch.equal(torch.get_rng_state(), state["cpu"])
