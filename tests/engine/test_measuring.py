from types import SimpleNamespace

import numpy as np
import pytest
import torch

from nbtune.data.batches import InMemory, some
from nbtune.data.ragged import Ragged
from nbtune.engine import measuring
from nbtune.engine.measuring import Costs, _sizes_of_run, measure
from nbtune.engine.stepping import Stepper


def test_steps_between_the_measured_ones_lie_on_their_line():
    costs = Costs(steps=[(100, 0.3), (300, 0.7)], sizes=np.array([100, 200, 300, 400]))
    assert costs.step_seconds == pytest.approx(np.mean([0.3, 0.5, 0.7, 0.9]))


def test_a_line_that_would_begin_below_zero_goes_through_it():
    costs = Costs(steps=[(100, 0.1), (200, 0.4)], sizes=np.array([150]))
    assert costs.step_seconds == pytest.approx(150 * 0.5 / 300)


def test_without_a_step_nothing_is_known():
    assert np.isnan(Costs(sizes=np.array([10])).step_seconds)


def test_some_examples_are_those_of_their_numbers_in_this_order():
    targets = Ragged.of([[1], [2, 2], [3, 3, 3]])
    part = some(InMemory([[1], [4, 5], [7, 8, 9]], targets, types=targets), np.array([2, 0]))
    assert part.ids == [[7, 8, 9], [1]]
    assert [row.tolist() for row in part.targets] == [[3, 3, 3], [1]]
    assert [row.tolist() for row in part.types] == [[3, 3, 3], [1]]


def test_batches_of_a_run_have_as_many_sizes_as_its_micro_batches():
    """Four rows a step, two at a time: packed they are filled up, padded the longest's."""
    targets = np.zeros(8, dtype=int)
    train = InMemory([[1] * length for length in (60, 60, 60, 60, 100, 100, 100, 100)], targets)
    job = SimpleNamespace(
        recipe=SimpleNamespace(
            seed=0, train_sampling_strategy="random", per_device_train_batch_size=2
        ),
        train=train, rows_per_step=4, steps_per_epoch=2, total_steps=2_000,
        forward=SimpleNamespace(
            packer=object(), device=torch.device("cpu"), precision="bf16"
        ),
    )  # fmt: skip
    assert _sizes_of_run(job) == {128, 160, 224}
    job.forward.packer = None
    assert _sizes_of_run(job) == {120, 200}
    job.forward.precision = "fp32"  # nothing is compiled
    assert _sizes_of_run(job) == set()


def test_what_compiling_takes_is_counted_once_for_each_size_and_not_for_each_step(lab, monkeypatch):
    """By a clock on which a step takes a second, and two more when its size is new."""
    clock, met, real = [0.0], set(), Stepper.look

    def look(self, rows, numbers):
        seen = real(self, rows, numbers)
        size = sum(self.forward.lengths)
        clock[0] += 1.0 if size in met else 3.0
        met.add(size)
        return seen

    monkeypatch.setattr(Stepper, "look", look)
    monkeypatch.setattr(measuring, "time", SimpleNamespace(**dict.fromkeys(
        ("perf_counter", "monotonic"), lambda: clock[0]
    )))  # fmt: skip
    monkeypatch.setattr(measuring, "_write_rate", lambda *_: 1.0)  # takes no time by this clock
    monkeypatch.setattr(measuring, "_compiles", lambda job: True)
    monkeypatch.setattr(measuring, "filled", lambda tokens: tokens)
    work = lab(num_train_epochs=40, per_device_train_batch_size=4)
    costs = measure(work.job(), work.folder, lambda done, total: None)
    assert {seconds for _, seconds in costs.steps} == {1.0}
    assert costs.compiling_seconds == 2.0
    assert costs.known == met
    assert costs.new_sizes == len(_sizes_of_run(work.job()) - met) > 0
