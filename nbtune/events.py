"""What a run tells while it goes: small frozen facts made of JSON-plain values.

The stream of events *is* the history of a run. It is written to disk line by line, drawn live,
and read back later by another kernel, so an event never holds a tensor, an array or an object.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar


@dataclass(frozen=True)
class Event:
    """Something that happened; subclasses say what."""

    kinds: ClassVar[dict[str, type[Event]]] = {}

    def __init_subclass__(cls) -> None:
        Event.kinds[cls.__name__] = cls


Emit = Callable[[Event], None]
"""Who is told what happens."""
Progress = Callable[[int, int], None]
"""Who is told how far a piece of work is: what is done, and what there is in all."""


@dataclass(frozen=True)
class PhaseStarted(Event):
    """The run now does this: ``loading model``, ``tokenising``, ``training`` ..."""

    phase: str


@dataclass(frozen=True)
class Notice(Event):
    """A sentence that the user should read; ``level`` is ``info`` or ``warning``."""

    text: str
    level: str = "info"


@dataclass(frozen=True)
class DataReady(Event):
    """What the rows look like once cleaned, split and tokenised.

    ``rows`` counts by split, ``labels`` counts of the training rows by label name, ``tokens`` the
    length report of the training rows: ``median``, ``p95``, ``max``, ``truncated`` (rows); of
    images ``height`` and ``width`` in pixels.
    """

    rows: dict[str, int]
    labels: dict[str, int]
    tokens: dict[str, float]


@dataclass(frozen=True)
class Previewed(Event):
    """What is learnt of some training rows, as the model reads them.

    ``rows`` are those of the user's data; ``pieces`` has the text of each in (kind, text), of the
    kinds ``target``, ``against`` (to be said less), ``context`` (read, and not learnt) and ``cut``;
    ``pictures`` are small images as ``data:`` addresses, where rows have images.
    """

    rows: tuple[int, ...]
    pieces: tuple[tuple[tuple[str, str], ...], ...]
    pictures: tuple[str, ...] = ()


@dataclass(frozen=True)
class BaselineScored(Event):
    """A model that needs no training loop has been scored on a split."""

    name: str
    split: str
    scores: dict[str, float]


@dataclass(frozen=True)
class Estimated(Event):
    """What the run was reckoned to take before it began: time, peak of memory, most of the disk."""

    seconds: float
    memory_bytes: int
    disk_bytes: int


@dataclass(frozen=True)
class RunStarted(Event):
    """Training begins, or goes on after an interruption when ``step`` is not 0.

    ``controls`` counts the `Controlled` events of this course so far that are part of it.
    """

    step: int
    total_steps: int
    steps_per_epoch: int
    task: str
    model: str
    method: str
    parameters: int
    trainable_parameters: int
    device: str
    precision: str
    batching: str
    metric: str
    controls: int = 0


@dataclass(frozen=True)
class Controlled(Event):
    """Somebody steered the run, after this step and before the next.

    ``action`` is ``pause``, ``resume``, ``save``, ``evaluate`` or ``change``; a change names the
    ``setting``, its new ``value`` and the one ``before``, in the words and units of the recipe,
    and the ``total_steps`` from now on. (A stop is told by `RunStopped`.)
    """

    step: int
    action: str
    setting: str = ""
    value: float | None = None
    before: float | None = None
    total_steps: int = 0

    @property
    def shapes_course(self) -> bool:
        """Whether a run without this would come to other weights."""
        return self.action in ("change", "evaluate")


@dataclass(frozen=True)
class StepsDone(Event):
    """Some optimiser steps were made since the last such event.

    ``loss`` is the mean per example over these steps, in nats; ``gradient_norm`` that of the last
    step before clipping; ``rows``, ``tokens`` and ``seconds`` count what these steps took;
    ``memory_bytes`` is the peak since the run began, of the process (CPU) or the allocator (GPU).
    """

    step: int
    epoch: float
    loss: float
    learning_rate: float
    gradient_norm: float
    rows: int
    tokens: int
    seconds: float
    memory_bytes: int


@dataclass(frozen=True)
class LayersUnfrozen(Event):
    """From this step on more weights are trained, ``trainable_parameters`` of them."""

    step: int
    trainable_parameters: int


@dataclass(frozen=True)
class EvaluationProgress(Event):
    """How far an evaluation, or tokenising, has come; shown live, not kept in the history."""

    split: str
    done: int
    total: int


@dataclass(frozen=True)
class Evaluated(Event):
    """The model was scored on a split; ``best`` when no earlier score was better.

    Of one label a text, ``confusion`` has the counts (true labels downwards, in the order of
    `DataReady`) and ``roc`` some points (false, true positive rate), unless there are many labels.
    Of texts that are written, ``samples`` has some: what was given, what is true, what was written.
    ``bars`` has the F1 of labels or types of spans, the worst first, and ``dots`` a point a row:
    numbers that are true and told, or rewards of the rejected and of the chosen answer.
    """

    step: int
    epoch: float
    split: str
    loss: float
    scores: dict[str, float]
    seconds: float
    best: bool = False
    confusion: tuple[tuple[int, ...], ...] = ()
    roc: tuple[tuple[float, float], ...] = ()
    samples: tuple[tuple[str, str, str], ...] = ()
    bars: tuple[tuple[str, float], ...] = ()
    dots: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class BestScored(Event):
    """The weights that are kept, those of this step, got the scores that are dear as well.

    ``samples`` as in `Evaluated`.
    """

    step: int
    split: str
    scores: dict[str, float]
    seconds: float
    samples: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class CheckpointSaved(Event):
    """The state at this step is safe on disk."""

    step: int
    seconds: float
    bytes: int


@dataclass(frozen=True)
class RunStopped(Event):
    """Training ended.

    ``reason`` is ``finished``, ``stopped early``, ``interrupted`` or ``failed``; ``best_step`` is
    the step whose weights the run keeps, ``None`` when there are none; ``memory_bytes`` is the peak
    as in `StepsDone`, of evaluations as well.
    """

    step: int
    reason: str
    best_step: int | None = None
    message: str = ""
    seconds: float = 0.0
    memory_bytes: int = 0


def to_json(event: Event, time: float) -> str:
    """Return the event as one JSON line, stamped with ``time`` (seconds since 1970).

    Numbers that JSON does not know (NaN, infinities) are written as strings.

    Examples
    --------
    >>> to_json(PhaseStarted("training"), 1.5)
    '{"event": "PhaseStarted", "time": 1.5, "phase": "training"}'
    """
    values = {"event": type(event).__name__, "time": time, **_speakable(asdict(event))}
    return json.dumps(values, ensure_ascii=False, allow_nan=False)


def from_json(line: str) -> tuple[float, Event] | None:
    """Read back what `to_json` wrote, as (time, event); None for an unknown or broken line.

    Fields that this version does not know are passed over, so that newer and older histories
    both read.
    """
    try:
        values = json.loads(line)
        kind = Event.kinds[values.pop("event")]
        time = float(values.pop("time"))
        known = {f.name: str(f.type) for f in fields(kind)}
        return time, kind(**{k: _heard(v, known[k]) for k, v in values.items() if k in known})
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def as_it_stands(history: Iterable[tuple[float, Event]]) -> list[tuple[float, Event]]:
    """Return a history without the steps that a resumed run went back over.

    A run goes on from its last checkpoint; what it did after that one is done again.
    """
    kept: list[tuple[float, Event]] = []
    for time, event in history:
        if isinstance(event, RunStarted):
            kept = list(_before(event, kept))
        kept.append((time, event))
    return kept


def _before(
    start: RunStarted, history: Iterable[tuple[float, Event]]
) -> Iterator[tuple[float, Event]]:
    """Yield what a checkpoint that a run goes on from has behind it."""
    controls = 0
    for time, event in history:
        if isinstance(event, Controlled) and event.shapes_course:
            controls += 1  # of two at one step, the checkpoint may lie between them
            if controls > start.controls:
                continue
        if getattr(event, "step", 0) <= start.step:
            yield time, event


def _speakable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _speakable(inner) for key, inner in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _heard(value: Any, kind: str) -> Any:
    if isinstance(value, dict) and kind == "dict[str, float]":
        return {key: float(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return tuple(_heard(inner, "") for inner in value)
    return float(value) if kind == "float" else value
