"""Several runs meet the same rows: predict, test pair by pair, set beside what each one cost."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from nbtune.errors import RunError, did_you_mean
from nbtune.events import Evaluated, Progress, RunStopped, StepsDone, as_it_stands
from nbtune.jobs.folders import settled_of
from nbtune.records import COSTS, SCORES, ComparisonRecord, Contender, Course
from nbtune.results.comparison import Comparison
from nbtune.results.differences import by_seed, differences
from nbtune.results.rows_in_common import rows_in_common
from nbtune.results.run import Run

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from nbtune.evaluation.comparison import Scored

POINTS = 200


def compare_runs(
    runs: Sequence[Run], data: Any, metric: str, cost: str, progress: Progress
) -> Comparison:
    """Compare runs; see `nbtune.api.compare`."""
    from nbtune.evaluation.comparison import best_first, judge_pairs, score_contender, verdict

    _refuse_unfit(runs, metric, cost)
    split, rows, notes = rows_in_common(runs, data)
    if none := runs[0].recipe.settings.none_label:
        notes = [*notes, f"all labels count here, {none!r} too, which %evaluate leaves out of F1"]
    labels = sorted(runs[0].labels)
    targets = rows["label"].map({label: i for i, label in enumerate(labels)}).to_numpy()
    found = {
        run.name: _probabilities(run, rows, split, labels, _part(progress, i, len(runs)))
        for i, run in enumerate(runs)
    }
    groups = by_seed(runs)
    scored = [
        score_contender(
            _called(group),
            targets,
            [found[run.name] for run in group],
            [_thresholds(run, labels) for run in group],
        )
        for group in groups
    ]
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
            notes=tuple(notes),
        )
    )


_ONE_GROUP = "The runs differ in their seed only: there is nothing to choose between."


def _refuse_unfit(runs: Sequence[Run], metric: str, cost: str) -> None:
    names = [run.name for run in runs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise RunError(f"{twice[0]} is named twice", hint="name each run once")
    if len(runs) < 2:
        raise RunError("one run is nothing to compare", hint="name two or more; %runs lists them")
    for name, known, what in ((metric, SCORES, "score"), (cost, tuple(COSTS), "cost")):
        if name not in known:
            raise RunError(f"there is no {what} {name!r}", hint=did_you_mean(name, known))
    if untrained := [run.name for run in runs if not run.folder.model_path.is_dir()]:
        raise RunError(
            f"{', '.join(untrained)}: no model yet",
            hint=f"go on with it: %resume {untrained[0]}",
        )
    # The tests of pairs are those of one label a text.
    if others := [run for run in runs if "accuracy" not in run.task.scores]:
        told = ", ".join(f"{run.name} has learnt {run.task.summary}" for run in others)
        raise RunError(
            f"only runs that learnt one label per text are compared; {told}",
            hint="%runs sets them side by side",
        )
    inputs = {run.name: _inputs(run) for run in runs}
    if len(set(inputs.values())) > 1:
        told = ", ".join(f"{name} from {' and '.join(own)}" for name, own in inputs.items())
        raise RunError(
            f"the runs learnt from other columns: {told}",
            hint="only runs that are asked the same can be compared",
        )
    for run in runs[1:]:
        if other := sorted(set(run.labels) ^ set(runs[0].labels)):
            raise RunError(
                f"{runs[0].name} and {run.name} know different labels: {', '.join(other[:5])}",
                hint="only runs with the same labels can be compared",
            )


def _inputs(run: Run) -> tuple[str, ...]:
    """Return what a run reads of a row: text, text_pair, image."""
    columns = run.folder.about["columns"]
    return tuple(role for role in run.task.rows.inputs if columns.get(role) is not None)


def _part(progress: Progress, done: int, runs: int) -> Progress:
    """Return the progress of one run as part of that of all of them."""
    return lambda rows, total: progress(done * total + rows, runs * total)


def _probabilities(
    run: Run, rows: pd.DataFrame, split: str, labels: Sequence[str], progress: Progress
) -> np.ndarray[Any, Any]:
    """Return what a run says about the rows, of shape (rows, labels); kept predictions serve."""
    columns = [f"p({label})" for label in labels]
    kept = _kept(run) if split == "test" else None
    if kept is not None and list(kept["row"]) == list(rows["row"]):
        return kept[columns].to_numpy()
    # A run of its own, so that not all models stay in memory; it cleans texts as its recipe says.
    own, task = Run(run.folder, run.in_memory), run.task
    roles = {role: role for role in task.rows.inputs if role in rows}
    asked = task.rows.unlabelled(rows, roles, run.recipe.settings)
    assert task.probabilities is not None  # noqa: S101
    found = task.probabilities(own.ask(asked, progress))
    return found[:, [run.labels.index(label) for label in labels]]


def _thresholds(run: Run, labels: Sequence[str]) -> tuple[float, ...]:
    """Return from where on labels are given, in the order of these; empty for the likeliest."""
    own = dict(zip(run.labels, settled_of(run.folder).thresholds, strict=False))
    return tuple(own[label] for label in labels) if own else ()


def _kept(run: Run) -> pd.DataFrame | None:
    """Return the predictions that %evaluate wrote, unless the model is newer than they are."""
    import pandas as pd

    file = run.folder.path / "evaluations" / "test.parquet"
    newest = max(f.stat().st_mtime for f in run.folder.model_path.iterdir())
    if not file.is_file() or file.stat().st_mtime < newest:
        return None
    return pd.read_parquet(file)


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
