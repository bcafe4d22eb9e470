"""A look at the validation rows: what the weights of this step are worth."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from nbtune.engine.averaging import Average
from nbtune.engine.control import Control
from nbtune.engine.inference import mean_loss, predict_logits
from nbtune.engine.job import Job
from nbtune.events import Evaluated
from nbtune.records import LOWER_IS_BETTER


@dataclass(frozen=True)
class Look:
    """What was seen.

    Attributes
    ----------
    evaluated : Evaluated
        As it is told; it does not call these weights the best yet.
    score : float
        The one that picks the weights.
    """

    evaluated: Evaluated
    score: float
    lower_is_better: bool

    @property
    def worth(self) -> float:
        """The score, the more the better."""
        return -self.score if self.lower_is_better else self.score

    def beats(self, best: float | None) -> bool:
        """Whether it is worth more than the best so far; what is no number never is."""
        return math.isfinite(self.worth) and self.worth > (-math.inf if best is None else best)


def look(
    job: Job, step: int, average: Average, control: Control, progress: Callable[[int, int], None]
) -> Look:
    """Score the validation rows with the weights that would be kept; interrupts break it off."""
    assert job.validation is not None  # noqa: S101
    began = time.monotonic()
    with average.in_place(), control.interruptible():
        logits = predict_logits(job.forward, job.validation, job.pad_id, progress)
        said = job.read(logits)
    is_kept = job.forward.keep is not None
    loss = mean_loss(job.loss, logits, job.validation, is_kept=is_kept)
    scores = job.score(said)
    evaluated = Evaluated(
        step,
        step / job.steps_per_epoch,
        "validation",
        loss,
        scores,
        time.monotonic() - began,
        best=False,
        **job.glance(said),
    )
    score = {**scores, "loss": loss}[job.metric]
    return Look(evaluated, score, job.metric in LOWER_IS_BETTER)
