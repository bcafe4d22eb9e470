"""A run on some rows as its scores on all resamples of them: what it is compared by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbtune.jobs.folders import settled_of
from nbtune.results.run import Run

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from nbtune.evaluation.comparison import Sampled
    from nbtune.tasks import Predictions

_RIGHT = "right"


def sampled(
    run: Run,
    rows: pd.DataFrame,
    split: str = "",
    progress: Callable[[int, int], None] | None = None,
    *,
    said: Predictions | None = None,
) -> Sampled:
    """Score a run on rows and on their resamples; the same rows are drawn for every run.

    Parameters
    ----------
    split : str
        What these rows are called where they are all that the run has of it; then what was found
        is kept with the run, and serves until its model changes.
    said : optional
        What the run says of the rows, where it was asked already.
    """
    from nbtune.evaluation.comparison import sample

    place = run.folder.path / "evaluations" / f"{split}.resampled.safetensors"
    if split and said is None and is_current(run, place):
        return _read(place, run.task.scores)
    if split and said is None:
        said = _recalled(run, rows, split)
    if said is None:
        from nbtune.results.judging import said_of

        # A run of its own, so that not all models stay in memory.
        asked = rows if split else _as_own(run, rows)
        said, _ = said_of(Run(run.folder, run.in_memory), asked, progress)
    known = settled_of(run.folder)
    weighted = run.task.weighted(rows, said, known)
    found = sample(weighted, len(rows), max(1, len(known.labels)), _right(run, rows, said))
    if split:
        _write(found, place)
    return found


def _as_own(run: Run, rows: pd.DataFrame) -> pd.DataFrame:
    """Return labelled rows of another run cleaned as the recipe of this one says."""
    kind = run.task.rows
    if not {*kind.inputs} <= {"text", "text_pair", "image"} or kind.targets != ("label",):
        return rows
    roles = {role: role for role in kind.inputs if role in rows}
    cleaned = kind.unlabelled(rows, roles, run.recipe.settings)
    return cleaned.assign(row=list(rows["row"]), label=list(rows["label"]))


def is_current(run: Run, file: Path) -> bool:
    """Whether something is kept with a run that no newer model or threshold has overtaken."""
    newest = max(one.stat().st_mtime for one in run.folder.model_path.iterdir())
    return file.is_file() and file.stat().st_mtime >= newest


def _recalled(run: Run, rows: pd.DataFrame, split: str) -> Predictions | None:
    """Return the predictions that %evaluate wrote, where a table of the task holds all of them."""
    import pandas as pd

    file = run.folder.path / "evaluations" / f"{split}.parquet"
    if run.task.recalled is None or not is_current(run, file):
        return None
    kept = pd.read_parquet(file)
    if list(kept["row"]) != list(rows["row"]):
        return None
    return run.task.recalled(kept, settled_of(run.folder))


def _right(run: Run, rows: pd.DataFrame, said: Predictions) -> np.ndarray[Any, Any] | None:
    """Return which rows are right, where each has one label."""
    if "accuracy" not in run.task.scores:
        return None
    found = run.task.table(rows, said, settled_of(run.folder))
    return (found["label"] == found["prediction"]).to_numpy()


def _write(found: Sampled, place: Path) -> None:
    import numpy as np
    from safetensors.numpy import save_file

    arrays = {f"score {name}": np.array([value]) for name, value in found.scores.items()}
    arrays |= {f"sample {name}": np.asarray(values) for name, values in found.samples.items()}
    if found.right is not None:
        arrays[_RIGHT] = found.right
    place.parent.mkdir(exist_ok=True)
    beside = place.with_suffix(".part")
    save_file({name: np.ascontiguousarray(each) for name, each in arrays.items()}, beside)
    beside.replace(place)


def _read(place: Path, order: Sequence[str]) -> Sampled:
    from safetensors.numpy import load_file

    from nbtune.evaluation.comparison import Sampled

    arrays = load_file(place)
    names = [name for name in order if f"sample {name}" in arrays]
    return Sampled(
        {name: float(arrays[f"score {name}"][0]) for name in names},
        {name: arrays[f"sample {name}"] for name in names},
        arrays.get(_RIGHT),
    )
