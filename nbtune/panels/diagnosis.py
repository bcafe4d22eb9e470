"""What the curves of a run that has ended say went wrong, and what to try."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nbtune.events import BaselineScored
from nbtune.panels.html import number
from nbtune.panels.state import RunView
from nbtune.records import worth

ENDED = ("finished", "stopped early")
HARDLY = 0.97
"""A loss that ends above this share of where it began has hardly fallen."""
RISEN = 1.05
BY_HEART = 1.1
STILL_LEARNING = 0.95
DEAD = 1e-6
"""Gradients whose norm is below this move nothing."""
MUCH_LEFT = 0.5
FAR_BELOW = 0.1
"""A score that is less by this share of it is far below another one."""
AS_MAJORITY = 0.01
"""So near to the scores of the majority they are its scores."""


def diagnosis(view: RunView) -> tuple[str, str]:
    """Return what is wrong in words and what to try, both empty where nothing is.

    The gravest thing is said: one label for all rows, gradients that vanished, a loss that rose or
    hardly fell, rows learnt by heart, a run that came to rest far below a baseline, or one that
    ended while it still learnt.
    """
    if view.stop is None or view.stop.reason not in ENDED or view.best is None:
        return "", ""
    first, last = _ends(view.losses)
    if (rival := _majority(view)) is not None:
        ours, theirs = (each.scores.get("log_loss", math.nan) for each in (view.best, rival))
        nothing_learnt = not last <= HARDLY * first or ours > HARDLY * theirs
        return (
            "The scores are those of the majority: (nearly) every row is given the same label.",
            "%nbtune lr_find" if nothing_learnt else "class_weight: balanced",
        )
    if (dead := _dead(view, first, last)) is not None:
        return dead
    if last > RISEN * first:
        return (
            f"The training loss rose, from {number(first)} to {number(last)}: the learning rate "
            "is too high.",
            "%nbtune lr_find",
        )
    if last > HARDLY * first:
        return (
            f"The training loss hardly fell in {view.step:,} steps, from {number(first)} to "
            f"{number(last)}: the learning rate is too low or far too high, or the steps are too "
            "few.",
            "%nbtune lr_find",
        )
    return _by_heart(view, last) or _at_rest(view) or _still_learning(view) or ("", "")


def _ends(losses: Sequence[float]) -> tuple[float, float]:
    """Return the mean loss of the first tenth of the reports, and of the last; NaN for a few."""
    if len(losses) < 4:
        return math.nan, math.nan
    tenth = max(1, len(losses) // 10)
    return sum(losses[:tenth]) / tenth, sum(losses[-tenth:]) / tenth


def _dead(view: RunView, first: float, last: float) -> tuple[str, str] | None:
    """Say so when nothing reaches the weights any more, though the loss is still large."""
    began, ended = _ends(view.norms)
    if not (ended < DEAD and last > MUCH_LEFT * first):
        return None
    if began < DEAD:
        return (
            f"The gradients are next to nothing from the first step on (norm {began:.1g}): what is "
            "trained does not reach the loss, or the weights are all alike.",
            "method: full",
        )
    return (
        f"The gradients vanished: their norm fell from {began:.2g} to {ended:.1g} while the loss "
        f"is still {number(last)}; steps that were too large do that.",
        "%nbtune lr_find",
    )


def _at_rest(view: RunView) -> tuple[str, str] | None:
    """Say so when the loss no longer falls and a baseline is far better: it fits too little."""
    best, metric = view.best, view.metric
    half = len(view.losses) // 2
    if best is None or half < 4:
        return None
    _, last = _ends(view.losses)
    middle, _ = _ends(view.losses[half:])
    scored = [(worth(metric, own), one.name) for one in view.baselines
              if math.isfinite(own := one.scores.get(metric, math.nan))]  # fmt: skip
    ours = worth(metric, best.scores.get(metric, math.nan))
    if not scored or last < HARDLY * middle or not math.isfinite(ours):
        return None
    theirs, name = max(scored)
    if ours > theirs - FAR_BELOW * max(abs(theirs), abs(ours)):
        return None
    return (
        f"It came to rest with a training loss of {number(last)} and {metric} "
        f"{number(best.scores[metric])}, far from {name} ({number(abs(theirs))}): it fits too "
        "little, and more of the same steps will not help.",
        _stronger(view),
    )


def _stronger(view: RunView) -> str:
    """Return what lets a run learn more than it did."""
    if view.start is not None and view.start.method != "full":
        return "method: full"
    is_new = view.start is not None and view.start.model.startswith("scratch-")
    return "model: minilm" if is_new else "%nbtune lr_find"


def _majority(view: RunView) -> BaselineScored | None:
    """Return the majority baseline where the run does as it does."""
    rival = next((one for one in view.baselines if one.name == "majority"), None)
    if rival is None or view.best is None:
        return None
    ours, theirs = view.best.scores, rival.scores
    same = all(
        abs(ours.get(name, math.inf) - theirs.get(name, 0)) <= AS_MAJORITY
        for name in ("f1_macro", "accuracy")
    )
    return rival if same else None


def _by_heart(view: RunView, training: float) -> tuple[str, str] | None:
    """Say so when the validation loss has risen and the score suffers."""
    looks = [one for one in view.evaluations if math.isfinite(one.loss)]
    best = view.best
    if len(looks) < 2 or best is None:
        return None
    lowest, last = min(looks, key=lambda one: one.loss), looks[-1]
    metric = view.metric
    suffers = metric == "loss" or worth(metric, last.scores.get(metric, math.nan)) < worth(
        metric, best.scores.get(metric, math.nan)
    )
    if last.loss <= BY_HEART * lowest.loss or not suffers:
        return None
    return (
        f"The validation loss rose from {number(lowest.loss)} (epoch {lowest.epoch:g}) to "
        f"{number(last.loss)}, while the training loss fell to {number(training)}: rows were "
        "learnt by heart. The best weights are kept; fewer epochs cost less.",
        f"num_train_epochs: {max(1, round(best.epoch))}",
    )


def _still_learning(view: RunView) -> tuple[str, str] | None:
    """Say so when the last evaluation was clearly better than the one before."""
    looks = [one for one in view.evaluations if math.isfinite(one.loss)]
    if len(looks) < 2 or view.best is not looks[-1] or view.stop is None:
        return None
    before, last = looks[-2:]
    if view.stop.reason != "finished" or last.loss > STILL_LEARNING * before.loss:
        return None
    return (
        f"It still learnt when it ended: the validation loss fell from {number(before.loss)} to "
        f"{number(last.loss)} at last.",
        f"%resume {view.title} --epochs +2",
    )
