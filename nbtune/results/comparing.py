"""Several runs meet the same rows: predict, test pair by pair, set beside what each one cost."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nbtune.errors import RunError
from nbtune.events import Evaluated, Progress, RunStopped, StepsDone, as_it_stands
from nbtune.records import ComparisonRecord, Contender, Course
from nbtune.results.comparable import deciding, refuse_unfit
from nbtune.results.comparison import Comparison
from nbtune.results.differences import by_seed, differences
from nbtune.results.rows_in_common import rows_in_common
from nbtune.results.run import Run
from nbtune.results.sampling import sampled

if TYPE_CHECKING:
    from nbtune.evaluation.comparison import Sampled, Scored

POINTS = 200


def compare_runs(
    runs: Sequence[Run], data: Any, metric: str | None, cost: str, progress: Progress
) -> Comparison:
    """Compare runs; see `nbtune.api.compare`."""
    from nbtune.evaluation.comparison import best_first, judge_pairs, score_contender, verdict

    refuse_unfit(runs, cost)
    metric, left_out, told = deciding(runs, metric)
    split, rows, notes = rows_in_common(runs, data)
    own = split if split == "test" else ""
    found = {
        run.name: _without(left_out, sampled(run, rows, own, _part(progress, i, len(runs))))
        for i, run in enumerate(runs)
    }
    groups = by_seed(runs)
    scored = [
        score_contender(_called(group), [found[run.name] for run in group], len(rows))
        for group in groups
    ]
    _refuse_unscored(scored, metric)
    settings = differences(groups)
    contenders = {
        one.name: _contender(one, group, own)
        for one, group, own in zip(scored, groups, settings, strict=True)
    }
    ranked = best_first(scored, metric)
    pairs = judge_pairs(ranked, metric, len(rows))
    return Comparison(
        ComparisonRecord(
            split=split,
            rows=len(rows),
            metric=metric,
            cost=cost,
            contenders=tuple(contenders[one.name] for one in ranked),
            pairs=pairs,
            verdict=verdict(pairs, metric, len(rows)) if pairs else _ONE_GROUP,
            notes=(*told, *notes),
        )
    )


_ONE_GROUP = "The runs differ in their seed only: there is nothing to choose between."


def _without(names: frozenset[str], found: Sampled) -> Sampled:
    kept = {name: value for name, value in found.scores.items() if name not in names}
    return replace(found, scores=kept)


def _refuse_unscored(scored: Sequence[Scored], metric: str) -> None:
    """Refuse a score that somebody has not: of answers in chats only some are written."""
    without = [one.name for one in scored if math.isnan(_value(one, metric))]
    if without:
        known = [name for name in scored[0].scores if not math.isnan(_value(scored[0], name))]
        raise RunError(
            f"metric: {metric} of {', '.join(without)} is not known on these rows",
            hint=f"known is {', '.join(known)}",
        )


def _value(one: Scored, name: str) -> float:
    return one.scores[name].value if name in one.scores else math.nan


def _part(progress: Progress, done: int, runs: int) -> Progress:
    """Return the progress of one run as part of that of all of them."""
    return lambda rows, total: progress(done * total + rows, runs * total)


def _called(group: Sequence[Run]) -> str:
    others = len(group) - 1
    return f"{group[0].name} +{others} seed{'s' * (others > 1)}" if others else group[0].name


def _contender(scored: Scored, group: Sequence[Run], settings: dict[str, str]) -> Contender:
    views = [run.view() for run in group]
    return Contender(
        name=scored.name,
        runs=tuple(run.name for run in group),
        settings=settings,
        scores=scored.scores,
        spread=scored.spread,
        seconds=_mean(view.stop.seconds if view.stop else math.nan for view in views),
        memory_bytes=_mean(_peak_memory(run) for run in group),
        parameters=_mean(view.start.parameters if view.start else math.nan for view in views),
        trainable_parameters=_mean(
            view.start.trainable_parameters if view.start else math.nan for view in views
        ),
        size_bytes=_mean(_size(run) for run in group),
        courses=tuple(_course(run) for run in group),
    )


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found)


def _peak_memory(run: Run) -> float:
    told = (event for _, event in run.events if isinstance(event, StepsDone | RunStopped))
    reports = [event.memory_bytes for event in told]
    return float(max(reports)) if any(reports) else math.nan


def _size(run: Run) -> float:
    return float(sum(f.stat().st_size for f in run.folder.model_path.rglob("*") if f.is_file()))


def _course(run: Run) -> Course:
    import numpy as np

    from nbtune.plots.decimating import decimate
    from nbtune.plots.smoothing import smoothed

    events = [event for _, event in as_it_stands(run.events)]
    reports = [e for e in events if isinstance(e, StepsDone) and math.isfinite(e.loss)]
    looks = [e for e in events if isinstance(e, Evaluated) and math.isfinite(e.loss)]
    epochs, losses = np.array([e.epoch for e in reports]), np.array([e.loss for e in reports])
    epochs, losses = decimate(epochs, smoothed(losses), POINTS)
    return Course(
        run.name,
        tuple(map(float, epochs)),
        tuple(map(float, losses)),
        tuple(e.epoch for e in looks),
        tuple(e.loss for e in looks),
    )
