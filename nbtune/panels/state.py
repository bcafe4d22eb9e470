"""Events fold into what the views show; live, finished, or read from disk, it is the same fold."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from nbtune.events import (
    BaselineScored,
    BestScored,
    CheckpointSaved,
    Controlled,
    DataReady,
    Estimated,
    Evaluated,
    EvaluationProgress,
    Event,
    LayersUnfrozen,
    Notice,
    PhaseStarted,
    Previewed,
    RunStarted,
    RunStopped,
    StepsDone,
)

RECENT_SECONDS = 10.0
WORDS = {
    "finished": "finished",
    "stopped early": "finished early: no better score came",
    "interrupted": "paused",
    "failed": "failed",
    "killed": "interrupted: its process ended",
}
"""How the reason of a stop is said; nobody tells of a kill, so whoever finds out adds it."""


@dataclass
class RunView:
    """A run as a picture of it needs to know it; `apply` changes it in place.

    Attributes
    ----------
    steps, losses : array
        Training loss by step, one point a report, in growing buffers.
    norms : array
        Of the gradients at the same steps.
    pauses : list of int
        Steps at which the run was stopped and later went on.
    unfreezings : list of int
        Steps from which on more layers were trained.
    controls : list of Controlled
        What was asked of the run while it trained.
    told : int
        How many events came that are neither steps nor progress.
    """

    title: str
    phase: str = "starting"
    start: RunStarted | None = None
    stop: RunStopped | None = None
    data: DataReady | None = None
    preview: Previewed | None = None
    estimate: Estimated | None = None
    last: StepsDone | None = None
    progress: EvaluationProgress | None = None
    steps: array[int] = field(default_factory=lambda: array("q"))
    losses: array[float] = field(default_factory=lambda: array("f"))
    norms: array[float] = field(default_factory=lambda: array("f"))
    evaluations: list[Evaluated] = field(default_factory=list)
    baselines: list[BaselineScored] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    pauses: list[int] = field(default_factory=list)
    unfreezings: list[int] = field(default_factory=list)
    controls: list[Controlled] = field(default_factory=list)
    told: int = 0
    is_paused: bool = False
    checkpoint: int | None = None
    recent: deque[StepsDone] = field(default_factory=deque)

    def apply(self, event: Event) -> None:
        """Take one event in."""
        self.told += not isinstance(event, StepsDone | EvaluationProgress)
        match event:
            case PhaseStarted():
                self.phase, self.stop = event.phase, None
            case Notice():
                self.notices.append(event)
            case Previewed():
                self.preview = event
            case DataReady():
                self.data = event
            case Estimated():
                self.estimate = event
            case BaselineScored():
                self.baselines.append(event)
            case RunStarted():
                self._start(event)
            case StepsDone():
                self._report(event)
            case LayersUnfrozen():
                self.unfreezings.append(event.step)
            case EvaluationProgress():
                self.progress = event if event.done < event.total else None
            case Evaluated():
                self.evaluations.append(event)
                self.progress = None
            case BestScored():
                self._complete(event)
            case CheckpointSaved():
                self.checkpoint = event.step
            case Controlled():
                self._control(event)
            case RunStopped():
                self.stop, self.is_paused = event, False

    def _start(self, event: RunStarted) -> None:
        if event.step:
            self.pauses.append(event.step)
        self._forget_after(event.step)
        self.start, self.stop, self.progress, self.is_paused = event, None, None, False
        self.recent.clear()

    def _complete(self, event: BestScored) -> None:
        """Add scores to those of the evaluation of the same step."""
        self.progress = None
        self.evaluations = [
            replace(one, scores=one.scores | event.scores, samples=event.samples or one.samples)
            if one.step == event.step
            else one
            for one in self.evaluations
        ]

    def _control(self, event: Controlled) -> None:
        self.controls.append(event)
        if event.action in ("pause", "resume"):
            self.is_paused = event.action == "pause"
        if event.total_steps and self.start is not None:
            self.start = replace(self.start, total_steps=event.total_steps)

    def _forget_after(self, step: int) -> None:
        """Drop what came after the checkpoint that a resumed run went on from."""
        while self.steps and self.steps[-1] > step:
            self.steps.pop()
            self.losses.pop()
            self.norms.pop()
        self.evaluations = [event for event in self.evaluations if event.step <= step]
        self.pauses = [pause for pause in self.pauses if pause <= step]
        self.unfreezings = [other for other in self.unfreezings if other <= step]
        self.controls = [event for event in self.controls if event.step <= step]
        if self.last is not None and self.last.step > step:
            self.last = None

    def _report(self, event: StepsDone) -> None:
        self.last = event
        self.steps.append(event.step)
        self.losses.append(event.loss)
        self.norms.append(event.gradient_norm)
        self.recent.append(event)
        while sum(report.seconds for report in self.recent) > RECENT_SECONDS:
            if len(self.recent) == 1:
                break
            self.recent.popleft()

    @property
    def status(self) -> str:
        """One word: ``starting``, ``running``, or how it ended, as a run's folder says it."""
        if self.stop is not None:
            return WORDS.get(self.stop.reason, "failed").split(" ")[0].rstrip(":")
        return "running" if self.start else "starting"

    @property
    def words(self) -> str:
        """The state as one says it."""
        if self.stop is not None:
            return WORDS.get(self.stop.reason, "failed")
        if self.progress is not None:
            if self.phase == "tokenising":
                done = self.progress.done / self.progress.total
                return f"tokenising {self.progress.split} rows: {done:.0%}"
            return f"scoring {self.progress.split} rows"
        if self.is_paused:
            return "paused: waiting to go on"
        return "running" if self.phase == "training" else self.phase

    @property
    def step(self) -> int:
        """The last step that was reported."""
        done = self.last.step if self.last else 0
        return max(done, self.start.step if self.start else 0)

    @property
    def share(self) -> float:
        """How much of the steps is done, 0 to 1."""
        return self.step / self.start.total_steps if self.start and self.start.total_steps else 0.0

    @property
    def rows_per_second(self) -> float | None:
        """Rows a second over the last ten seconds of training."""
        return self._rate([report.rows for report in self.recent])

    @property
    def tokens_per_second(self) -> float | None:
        """Tokens a second, padding left out, over the last ten seconds of training."""
        return self._rate([report.tokens for report in self.recent])

    @property
    def seconds_left(self) -> float | None:
        """How long the remaining steps take at the present rate."""
        if self.start is None or not self.recent or self.stop is not None:
            return None
        seconds = sum(report.seconds for report in self.recent)
        earlier = len(self.steps) - len(self.recent)
        before = max(self.start.step, self.steps[earlier - 1] if earlier else 0)
        done = self.recent[-1].step - before
        return (self.start.total_steps - self.step) * seconds / done if done > 0 else None

    def _rate(self, counts: list[int]) -> float | None:
        seconds = sum(report.seconds for report in self.recent)
        return sum(counts) / seconds if seconds > 0 else None

    @property
    def metric(self) -> str:
        """The score that picks the best weights."""
        return self.start.metric if self.start else "f1_macro"

    @property
    def best(self) -> Evaluated | None:
        """The evaluation whose weights are kept so far."""
        kept = [event for event in self.evaluations if event.best]
        if self.stop is not None and self.stop.best_step is not None:
            here = [event for event in self.evaluations if event.step == self.stop.best_step]
            return here[-1] if here else None
        return kept[-1] if kept else None


def fold(title: str, history: Iterable[tuple[float, Event]]) -> RunView:
    """Return the view of a run from its whole history."""
    view = RunView(title)
    for _, event in history:
        view.apply(event)
    return view
