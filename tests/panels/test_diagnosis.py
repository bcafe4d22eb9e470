from dataclasses import replace

import pytest

from nbtune.events import BaselineScored, Evaluated, RunStopped, StepsDone
from nbtune.panels.card import card_markdown, card_text, final_html
from nbtune.panels.diagnosis import diagnosis
from nbtune.panels.state import fold
from nbtune.testing import made_up_events

USUAL = made_up_events(reports=8, epochs=4)
START = [one for one in USUAL if not isinstance(one, StepsDone | Evaluated | RunStopped)]


def ran(losses, looks, *, best=None, reason="finished", majority=None, norms=None, rival=None):
    """A run with these training losses, and (loss, F1) at the end of each epoch."""
    told = list(START)
    if majority is not None:
        told.append(
            BaselineScored("majority", "validation", {"f1_macro": majority, "accuracy": majority})
        )
    if rival is not None:
        told.append(BaselineScored("TF-IDF", "validation", {"f1_macro": rival, "accuracy": rival}))
    for i, loss in enumerate(losses, 1):
        norm = 1.0 if norms is None else norms[i - 1]
        told.append(StepsDone(i, i / 4, loss, 1e-4, norm, 16, 100, 1.0, 1))
    for i, (loss, score) in enumerate(looks, 1):
        scores = {"f1_macro": score, "accuracy": score}
        told.append(
            Evaluated(4 * i, float(i), "validation", loss, scores, 1.0, best is None or i <= best)
        )
    kept = 4 * (best or len(looks))
    told.append(RunStopped(len(losses), reason, kept, "", 1.0))
    return fold("topics@1", [(0.0, one) for one in told])


FALLING = [2.0, 1.5, 1.1, 0.8, 0.6, 0.5, 0.4, 0.3]


@pytest.mark.parametrize(
    ("view", "said", "trying"),
    [
        (ran([2.0, 2.2, 2.5, 2.9], [(2.5, 0.3)]), "rose, from 2.000 to 2.900", "%nbtune lr_find"),
        (ran([2.0, 2.0, 1.99, 1.98], [(2.0, 0.3)]), "hardly fell", "%nbtune lr_find"),
        (
            ran(FALLING, [(0.6, 0.8), (0.5, 0.85), (0.7, 0.84), (0.9, 0.82)], best=2),
            "rose from 0.500 (epoch 2) to 0.900",
            "num_train_epochs: 2",
        ),
        (
            ran(FALLING, [(0.9, 0.7), (0.6, 0.8)]),
            "still learnt when it ended: the validation loss fell from 0.900 to 0.600",
            "%resume topics@1 --epochs +2",
        ),
        (
            ran(FALLING, [(1.0, 0.17), (1.0, 0.17)], majority=0.17),
            "those of the majority",
            "class_weight: balanced",
        ),
        (
            ran([2.0] * 8, [(2.0, 0.17)], majority=0.17),
            "those of the majority",
            "%nbtune lr_find",
        ),
    ],
)
def test_what_went_wrong_is_said_with_what_to_try(view, said, trying):
    # The first baseline of the usual events is another one than these scores.
    view.baselines[:] = view.baselines[1:]
    words, what = diagnosis(view)
    assert said in words
    assert what == trying
    assert trying in " ".join(card_text(view).split())
    assert trying in final_html(view)
    assert said.split()[0] in card_markdown(view)


@pytest.mark.parametrize(
    "view",
    [
        ran(FALLING, [(0.6, 0.8), (0.59, 0.81)]),
        ran(FALLING, [(0.6, 0.8), (0.5, 0.85), (0.9, 0.86)]),
        ran([2.0, 2.5], [(2.0, 0.3)]),
        ran([2.0] * 8, [(2.0, 0.3)], reason="interrupted"),
        ran(FALLING, []),
    ],
    ids=["well", "loss alone rose", "few reports", "paused", "no validation"],
)
def test_nothing_is_said_without_cause(view):
    view.baselines[:] = view.baselines[1:]
    assert diagnosis(view) == ("", "")


def test_a_model_no_better_than_frequencies_has_learnt_nothing_whatever_its_loss_did():
    view = ran(FALLING, [(2.0, 0.17)], majority=0.17)
    view.baselines[:] = [
        replace(view.baselines[1], scores=view.baselines[1].scores | {"log_loss": 2})
    ]
    view.evaluations[0].scores["log_loss"] = 2.0
    assert diagnosis(view)[1] == "%nbtune lr_find"


def test_names_are_escaped():
    view = replace(ran(FALLING, [(0.9, 0.7), (0.6, 0.8)]), title="<b>x")
    assert "<b>x" not in final_html(view)


AT_REST = [2.0, 1.5, 1.2, 1.1, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("view", "said", "trying"),
    [
        (ran([2.0] * 8, [(2.0, 0.3)], norms=[1.0] * 4 + [1e-9] * 4),
         "vanished: their norm fell from 1 to 1e-09", "%nbtune lr_find"),
        (ran([2.0] * 8, [(2.0, 0.3)], norms=[1e-9] * 8),
         "next to nothing from the first step on", "method: full"),
        (ran(AT_REST, [(1.1, 0.5), (1.1, 0.5)], rival=0.8),
         "came to rest with a training loss of 1.000 and f1_macro 0.500, far from TF-IDF (0.800)",
         "%nbtune lr_find"),
    ],
)  # fmt: skip
def test_dead_gradients_and_too_little_fitted_are_said(view, said, trying):
    view.baselines[:] = [one for one in view.baselines if one.name == "TF-IDF"]
    assert said in diagnosis(view)[0]
    assert diagnosis(view)[1] == trying


def test_a_run_that_learnt_all_or_is_not_far_below_is_left_alone():
    learnt = ran([*FALLING[:-1], 0.01], [(0.5, 0.9)], norms=[1.0] * 7 + [1e-9])
    near = ran(AT_REST, [(1.1, 0.78), (1.1, 0.78)], rival=0.8)
    for view in (learnt, near):
        view.baselines[:] = [one for one in view.baselines if one.name == "TF-IDF"]
        assert diagnosis(view) == ("", "")
