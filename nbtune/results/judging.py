"""A run meets labelled rows: predict, judge, write down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from nbtune.errors import DataError, ModelError, RunError, did_you_mean
from nbtune.jobs.folders import read_columns, read_rows
from nbtune.jobs.trained import ask
from nbtune.recipe import from_yaml
from nbtune.records import Slices
from nbtune.results.evaluation import Evaluation
from nbtune.results.leaking import leaked_of
from nbtune.results.run import Run
from nbtune.results.sampling import sampled
from nbtune.runs.files import write_text
from nbtune.tasks import Known, Predictions, Task, task_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Judging:
    """Rows to judge on: what they are called, what else is known of them, which were left out."""

    split: str
    rows: pd.DataFrame
    columns: pd.DataFrame
    left_out: str = ""


def judge_run(
    run: Run,
    data: Any = None,
    split: str | None = None,
    by: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    *,
    is_sampled: bool = False,
) -> Evaluation:
    """Score a run on rows of its own, or on others; see `nbtune.api.evaluate`.

    Parameters
    ----------
    is_sampled : bool
        Keep its scores on resamples of rows of its own as well, for comparing it.
    """
    given = _given(run, data, split)
    if by is not None:
        _refuse_unscored(run)
        refuse_unknown(given, by)
    task, known = run.task, run.trained.known
    found, start = said_of(run, given.rows, progress, with_start=task.scores_start)
    baselines = fitted_baselines(run, given.rows) | start
    zero, untold = _zero_shot(run, given, data is None, progress)
    baselines |= zero
    record = task.judge(run.name, given.split, given.rows, found, known, baselines)
    frame = task.table(given.rows, found, known)
    slices = slices_of(task, given, found, known, by)
    left_out = "; ".join(filter(None, [given.left_out, untold]))
    leaked = leaked_of(run, given.rows, given.split, task.weighted(given.rows, found, known))
    record = replace(record, left_out=left_out, slices=slices, leaked=leaked)
    if data is None:
        _write_down(run, record.to_json(), frame, given.split)
        if is_sampled:
            sampled(run, given.rows, given.split, said=found)
    return Evaluation(record, frame)


def said_of(
    run: Run,
    rows: pd.DataFrame,
    progress: Callable[[int, int], None] | None = None,
    *,
    with_start: bool = False,
) -> tuple[Predictions, dict[str, Predictions]]:
    """Return what a run says of rows, and what was said before its training, by name.

    The second is asked for with ``with_start``, or where the first is measured by it.
    """
    task = run.task
    found = ask(run.trained, from_yaml(run.folder.recipe_text), rows, progress)
    if task.against is None and not with_start:
        return found, {}
    start = before_training_of(run, rows, progress)
    if task.against is not None and start:
        found = task.against(found, next(iter(start.values())))
    return found, start


def fitted_baselines(run: Run, rows: pd.DataFrame) -> dict[str, Predictions]:
    """Return what the baselines of a run say of rows, by their names."""
    from nbtune.evaluation.baselines import load_baselines

    fitted = load_baselines(run.folder.path / "baselines")
    return {baseline.name: baseline.predict(rows) for baseline in fitted}


def before_training_of(
    run: Run, rows: pd.DataFrame, progress: Callable[[int, int], None] | None = None
) -> dict[str, Predictions]:
    """Return what the model of the run said of rows when its training began.

    Nothing where that model is gone: the rest is worth telling.
    """
    from nbtune.data.encoding import open_examples
    from nbtune.jobs.loading import untrained
    from nbtune.jobs.starting import before_training

    recipe, place = from_yaml(run.folder.recipe_text), run.folder.path / "tokens" / "train"
    train = open_examples(place) if place.is_dir() else None
    try:
        start = untrained(run.folder, recipe)
    except ModelError:
        return {}
    return before_training(start, recipe, rows, train, progress)


def _zero_shot(
    run: Run, given: Judging, is_own: bool, progress: Callable[[int, int], None] | None
) -> tuple[dict[str, Predictions], str]:
    """Return what label names alone say of the rows, and why nothing where it would take long."""
    from nbtune.jobs.line_zero import TooLongError, line_zero

    recipe = from_yaml(run.folder.recipe_text)
    kept = run.folder if is_own else None
    try:
        said = line_zero(recipe, run.labels, given.rows, progress, kept=kept, split=given.split)
        return said, ""
    except TooLongError as error:
        return {}, f"zero-shot is no line of the table: {error}"


def _given(run: Run, data: Any, split: str | None) -> Judging:
    import pandas as pd

    about = run.folder.about
    if data is not None:
        from nbtune.data.beside import beside
        from nbtune.data.preparing import labelled_rows
        from nbtune.data.reading import read_all

        recipe, frame = from_yaml(run.folder.recipe_text), read_all(data)
        kind = task_of(recipe).rows
        rows, left_out = labelled_rows(recipe, frame, about["columns"], run.labels, kind)
        columns = beside(frame, list(rows["row"]), about["columns"])
        return Judging("data", rows, columns, left_out)
    there = [name for name in ("test", "validation", "train") if name in about["rows"]]
    chosen = split or there[0]
    if chosen not in there:
        raise RunError(
            f"{run.name} has no {chosen!r} rows", hint=f"it has {', '.join(there)}; or give data"
        )
    kept = read_columns(run.folder, chosen)
    return Judging(chosen, read_rows(run.folder, chosen), pd.DataFrame() if kept is None else kept)


def _refuse_unscored(run: Run) -> None:
    if run.task.row_score is None:
        raise RunError(
            f"by: {run.name} has learnt {run.task.summary}; its rows have no score one by one",
            hint="leave --by out",
        )


def refuse_unknown(given: Judging, by: str) -> None:
    """Refuse slices by something that is not known of the rows."""
    from nbtune.evaluation.slices import LENGTH

    known = [*map(str, given.columns.columns), LENGTH]
    if by not in known:
        raise DataError(
            f"by: nothing is known of {by!r} for the {given.split} rows",
            hint=f"{did_you_mean(by, known)} (columns of the data with a few different words, or "
            "numbers; a run keeps them for validation and test)",
        )


def slices_of(
    task: Task, given: Judging, said: Predictions, known: Known, by: str | None
) -> Slices | None:
    """Return on which parts of the rows predictions are worse than elsewhere."""
    from nbtune.evaluation.slices import slice_rows

    if (row_score := task.row_score) is None:
        return None
    scores = row_score.of(given.rows, said, known)
    texts = task.rows.texts(given.rows)
    return slice_rows(texts, given.columns, scores, by, measure=row_score.name)


def _write_down(run: Run, record: str, frame: pd.DataFrame, split: str) -> None:
    folder = run.folder.path / "evaluations"
    folder.mkdir(exist_ok=True)
    write_text(folder / f"{split}.json", record)
    inputs = [role for role in run.task.rows.inputs if role in frame]
    frame.drop(columns=inputs).to_parquet(folder / f"{split}.parquet", index=False)
