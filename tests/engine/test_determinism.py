import os
import random
import warnings

import numpy as np
import torch

from nbtune.engine.determinism import (
    deterministic,
    host_random_state,
    own_randomness,
    restore_host_random_state,
    seed_all,
)
from nbtune.events import Notice

CPU = torch.device("cpu")


def draw():
    return torch.rand(3).tolist(), np.random.rand(3).tolist(), random.random(), random.gauss(0, 1)


def test_random_numbers_of_torch_numpy_and_python_come_back():
    seed_all(3)
    draw()  # Python's gauss keeps one number back
    states = host_random_state() | {"torch": torch.get_rng_state()}
    first = draw()
    seed_all(4)
    torch.set_rng_state(states["torch"])
    restore_host_random_state(states)
    assert draw() == first


def test_a_block_leaves_the_random_numbers_of_the_notebook_alone():
    seed_all(5)
    expected = draw()
    seed_all(5)
    with own_randomness(CPU):
        draw()
        seed_all(9)
    assert draw() == expected


def test_a_model_that_draws_from_numpy_and_python_is_taken_up_all_the_same(lab):
    class Noisy(torch.nn.Module):
        def forward(self, values):
            return values * (1 + 0.1 * np.random.rand() + 0.1 * random.gauss(0, 1))

    whole, cut = lab(max_steps=4, eval_steps=2), lab(max_steps=4, eval_steps=2)
    for work in (whole, cut):
        work.job()
        work.model.dropout = Noisy()
    whole.train()

    def stop(event):
        if getattr(event, "step", 0) == 2:
            cut.control.stop()

    assert cut.train(listen=stop).stopped.step == 2
    cut.model = None
    cut.job()
    cut.model.dropout = Noisy()
    seed_all(77)
    cut.train(resume=True)
    found, expected = cut.weights(), whole.weights()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_deterministic_algorithms_are_used_inside_the_run_only(lab):
    seen = []
    work = lab(max_steps=2, full_determinism=True)
    work.train(listen=lambda event: seen.append(torch.are_deterministic_algorithms_enabled()))
    assert all(seen[:-3])
    assert not torch.are_deterministic_algorithms_enabled()
    assert not torch.backends.cudnn.deterministic
    assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ
    assert "all was deterministic" in work.told(Notice)[-1].text


def test_without_it_nothing_is_said(lab):
    work = lab(max_steps=1)
    work.train()
    assert work.told(Notice) == []


def test_what_has_no_deterministic_form_is_named_and_other_warnings_pass():
    told = []
    name = "cumsum_cuda_kernel"
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        with deterministic(True, told.append):
            for _ in range(2):
                warnings.warn(
                    f"{name} does not have a deterministic implementation, but you set "
                    "'torch.use_deterministic_algorithms(True, warn_only=True)'.",
                    UserWarning,
                    stacklevel=1,
                )
            warnings.warn("something else", UserWarning, stacklevel=1)
    assert told == [f"full_determinism: these were not deterministic: {name}"]
    assert [str(warning.message) for warning in shown] == ["something else"]


def test_modes_that_were_set_before_are_back_after_an_error():
    torch.use_deterministic_algorithms(True)
    try:
        with deterministic(True, lambda text: None):
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.is_deterministic_algorithms_warn_only_enabled()
    finally:
        torch.use_deterministic_algorithms(False)
