import pytest
import torch

from nbtune.engine.device import (
    autocast,
    find_device,
    ran_out_of_memory,
    random_state,
    restore_random_state,
)

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("cuda", "mps", "found"),
    [(True, False, "cuda"), (False, True, "mps"), (False, False, "cpu"), (True, True, "cuda")],
)
def test_the_first_gpu_is_taken(monkeypatch, cuda, mps, found):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert find_device().type == found


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
