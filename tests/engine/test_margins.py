import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nbtune.evaluation.label_noise import label_margins
from nbtune.events import StepsDone
from nbtune.tasks.cross_entropy import margins
from nbtune.tasks.multi_label import margins as margins_of_several
from nbtune.testing import guesses


@given(st.builds(guesses, st.integers(1, 30), st.integers(2, 6), st.integers(0, 10_000)))
def test_margins_are_those_that_a_review_sorts_by(pair):
    targets, probabilities = pair
    found = margins(torch.from_numpy(np.log(probabilities)), torch.from_numpy(targets))
    assert found.numpy() == pytest.approx(label_margins(targets, probabilities), abs=1e-5)


def test_of_several_labels_the_one_that_is_furthest_off_counts():
    logits = torch.tensor([[2.0, -2.0], [2.0, 2.0]])
    found = margins_of_several(logits, torch.tensor([[1.0, 0.0], [1.0, 0.0]]))
    sure = 2 / (1 + np.exp(-2.0)) - 1
    assert found.tolist() == pytest.approx([sure, -sure])


def test_what_steps_said_of_rows_is_their_mean_and_survives_a_stop(lab, monkeypatch):
    whole = lab(num_train_epochs=3)
    expected = whole.train().margins
    assert len(expected) == len(whole.rows.targets)
    assert np.isfinite(expected).all()
    assert (np.abs(expected) <= 1).all()

    broken = lab(num_train_epochs=3)

    def stop_in_the_middle(event):
        if isinstance(event, StepsDone) and event.step >= 4:
            broken.control.stop()

    monkeypatch.setattr("nbtune.engine.reporting.REPORT_SECONDS", 0.0)
    assert broken.train(listen=stop_in_the_middle).stopped.reason == "interrupted"
    broken.model = None
    assert broken.train(resume=True).margins == pytest.approx(expected, abs=1e-6)


def test_rows_that_were_not_learnt_from_have_none(lab):
    one, parts = (
        lab(per_device_train_batch_size=size, gradient_accumulation_steps=steps, max_steps=1)
        for size, steps in ((4, 1), (2, 2))
    )
    known, also = (np.flatnonzero(np.isfinite(work.train().margins)) for work in (one, parts))
    assert len(known) == 4
    assert known.tolist() == also.tolist(), "the rows of both parts of the step"
