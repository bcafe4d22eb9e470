"""What steps did, told some at a time: the only read-back from the device while training."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

from nbtune.engine.job import Job
from nbtune.engine.margins import Margins
from nbtune.engine.memory import peak_bytes
from nbtune.engine.state import Progress
from nbtune.engine.stepping import Step
from nbtune.events import Event, StepsDone

REPORT_SECONDS = 0.25


class Reporter:
    """Keeps the steps that were not told yet.

    Parameters
    ----------
    tell, warn : callable
        Take an event; and a sentence about a step that went wrong.
    bad : callable
        Tells which of some steps were left out.
    margins : Margins
        Takes in what steps said of their rows.
    """

    def __init__(
        self,
        job: Job,
        tell: Callable[[Event], None],
        warn: Callable[[str], None],
        bad: Callable[[Sequence[Step]], list[bool]],
        margins: Margins,
    ) -> None:
        self.margins = margins
        self.job, self.tell, self.warn, self.bad = job, tell, warn, bad
        self.steps: list[Step] = []
        self.since = time.monotonic()

    @property
    def is_due(self) -> bool:
        """Whether there is something to tell, and it is time to."""
        if not self.steps:
            return False
        updated = self.steps[-1].updated
        # On a CPU nobody waits for the answer, so a bad step is told at once.
        bad = updated.device.type == "cpu" and not updated
        return bad or time.monotonic() - self.since >= REPORT_SECONDS

    def restart(self) -> None:
        """Count the time of the next steps from now."""
        self.since = time.monotonic()

    def report(self, progress: Progress) -> None:
        """Tell what the steps since the last report did; ``progress`` learns of bad ones."""
        steps, self.steps = self.steps, []
        if not steps:
            return
        self.margins.add(steps)
        losses = torch.stack([step.seen.loss for step in steps]).cpu().double().numpy()
        rows = np.array([len(step.seen.rows) for step in steps])
        finite = np.isfinite(losses)
        loss = np.average(losses[finite], weights=rows[finite]) if finite.any() else math.nan
        now = time.monotonic()
        self.tell(
            StepsDone(
                progress.step,
                progress.step / self.job.steps_per_epoch,
                float(loss),
                steps[-1].rate,
                float(steps[-1].gradient_norm),
                int(rows.sum()),
                sum(step.seen.tokens for step in steps),
                now - self.since,
                peak_bytes(self.job.forward.device),
            )
        )
        self.since = now
        first = progress.step - len(steps) + 1
        for number, (step, bad) in enumerate(zip(steps, self.bad(steps), strict=True), first):
            progress.bad_steps = progress.bad_steps + 1 if bad else 0
            if bad:
                what = "gradient" if finite[number - first] else "loss"
                where = self._rows_of(step)
                self.warn(f"step {number} was left out: its {what} is not finite ({where})")
        for index, usual in progress.spikes(losses):
            self.warn(
                f"the loss of step {first + index} is {losses[index]:.3g}, after about {usual:.3g} "
                f"in the steps before ({self._rows_of(steps[index])})"
            )

    def _rows_of(self, step: Step) -> str:
        rows = self.job.source_rows(step.seen.rows[:8])
        more = " ..." if len(step.seen.rows) > 8 else ""
        return f"rows {', '.join(map(str, rows))}{more} of the data"
