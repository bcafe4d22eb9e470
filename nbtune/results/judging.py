"""A run meets labelled rows: predict, judge, write down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nbtune.errors import RunError
from nbtune.jobs.folders import read_rows
from nbtune.jobs.trained import probabilities
from nbtune.recipe import from_yaml
from nbtune.results.evaluation import Evaluation
from nbtune.results.run import Run
from nbtune.runs.files import write_text

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


def judge_run(
    run: Run,
    data: Any = None,
    split: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Score a run on rows of its own, or on others; see `nbtune.api.evaluate`."""
    from nbtune.evaluation.baselines import load_baselines
    from nbtune.evaluation.classification import judge

    trained = run.trained
    name, rows, left_out = _rows(run, data, split)
    ids = {label: i for i, label in enumerate(run.labels)}
    targets = rows["label"].map(ids).to_numpy()
    texts = list(rows["text"])
    found = probabilities(trained, from_yaml(run.folder.recipe_text), texts, progress)
    record = judge(
        run.name,
        name,
        run.labels,
        targets,
        found,
        baselines={
            baseline.name: baseline.predict_proba(texts)
            for baseline in load_baselines(run.folder.path / "baselines")
        },
        texts=texts,
        rows=list(rows["row"]),
    )
    record = replace(record, left_out=left_out)
    frame = _frame(rows, found, run.labels)
    if data is None:
        _write_down(run, record.to_json(), frame, name)
    return Evaluation(record, frame)


def _rows(run: Run, data: Any, split: str | None) -> tuple[str, pd.DataFrame, str]:
    about = run.folder.about
    if data is not None:
        from nbtune.data.columns import Columns
        from nbtune.data.preparing import labelled_rows

        recipe = from_yaml(run.folder.recipe_text)
        columns = Columns(**about["columns"])
        return ("data", *labelled_rows(recipe, data, columns, run.labels))
    there = [name for name in ("test", "validation", "train") if name in about["rows"]]
    chosen = split or there[0]
    if chosen not in there:
        raise RunError(
            f"{run.name} has no {chosen!r} rows", hint=f"it has {', '.join(there)}; or give data"
        )
    return chosen, read_rows(run.folder, chosen), ""


def _frame(rows: pd.DataFrame, found: np.ndarray[Any, Any], labels: list[str]) -> pd.DataFrame:
    import pandas as pd

    frame = rows.reset_index(drop=True)
    frame["prediction"] = [labels[i] for i in found.argmax(axis=1)]
    frame["probability"] = found.max(axis=1)
    return frame.join(pd.DataFrame(found, columns=[f"p({label})" for label in labels]))


def _write_down(run: Run, record: str, frame: pd.DataFrame, split: str) -> None:
    folder = run.folder.path / "evaluations"
    folder.mkdir(exist_ok=True)
    write_text(folder / f"{split}.json", record)
    frame.drop(columns="text").to_parquet(folder / f"{split}.parquet", index=False)
