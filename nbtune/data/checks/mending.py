"""Rows without what a check found in them: left out, or written anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from nbtune.data.checks.found import Meant, Rows, languages_of, look, respelled
from nbtune.data.checks.mojibake import mend_encoding
from nbtune.data.checks.personal import mask
from nbtune.data.checks.recognising import shape_of
from nbtune.data.checks.scan import Scan, scan
from nbtune.data.checks.shapes import SHAPES, VARIANTS
from nbtune.data.checks.taken import Taken, look_as
from nbtune.data.cleaning import clean_text
from nbtune.data.columns import Columns, infer_columns
from nbtune.data.reading import Frames, read
from nbtune.errors import DataError, did_you_mean
from nbtune.recipe import Recipe

REWRITTEN: dict[str, Callable[[str], str]] = {"encoding": mend_encoding, "personal": mask}
"""Checks whose texts are written anew."""
LEFT_OUT = (
    "unusable", "overlap", "conflicts", "lost_characters", "duplicates", "near_overlap",
    "near_duplicates", "rare_labels", "languages",
)  # fmt: skip
"""Checks whose rows are left out."""
MENDED = (*LEFT_OUT, *REWRITTEN, "labels")
OF_TASKS = (
    "copied_sources", "long_targets", "context_overlap", "whole_answers", "echoes", "both_sides",
    "one_colour", "long_images",
)  # fmt: skip
"""Checks of rows for other tasks, whose rows are left out."""


def mend(
    data: Any,
    *checks: str,
    text: str | None = None,
    label: str | None = None,
    task: str | None = None,
    **columns: Any,
) -> pd.DataFrame:
    """Return the rows as a frame, without what these checks of `nbtune.check_data` find.

    ``encoding`` and ``personal`` write texts anew, ``labels`` gives a label one spelling, all
    others leave rows out; of an overlap the training rows. Of rows of other tasks than one label a
    text all checks leave rows out, but for plain texts. What is given stays as it is.

    Parameters
    ----------
    data : DataFrame, Dataset, DatasetDict, list of dict, (texts, labels), path or str
        As for `nbtune.finetune`. Several splits come back in one frame with a column ``split``.
    *checks : str
        Names of checks, in the order in which they are mended.
    text, label : str, optional
        Columns, by default inferred.
    task : str, optional
        What the rows are for, by default as their columns say.
    **columns
        Other columns by the settings that name them, such as ``text_pair`` or ``source``.

    Raises
    ------
    DataError
        When there is no such check.

    Examples
    --------
    >>> import pandas as pd
    >>> df = pd.DataFrame({"text": ["a b c"] * 2 + ["d e f"], "label": ["x", "x", "y"]})
    >>> len(mend(df, "duplicates"))
    2
    """
    frame = _together(read(data))
    recipe = _asked(text, label, task, **columns)
    if shape := shape_of(frame, recipe):
        _refuse_unknown(checks, (*LEFT_OUT, *REWRITTEN, *OF_TASKS))
        for check in checks:
            frame = _mended_as(frame, check, shape, recipe)
        return frame
    _refuse_unknown(checks)
    found = infer_columns(frame, text, label, text_pair=recipe.text_pair)
    for check in checks:
        frame = _mended(frame, check, found)
    return frame


def found_rows(
    data: Any, check: str, text: str | None = None, label: str | None = None
) -> pd.DataFrame:
    """Return the rows that a check finds, with the columns ``row``, ``text`` and ``label``.

    Rows are numbered as in the data, from 0, in the order in which a check looks at the splits.

    Raises
    ------
    DataError
        When there is no such check.
    """
    frames = read(data)
    recipe = _asked(text, label, None)
    if shape := shape_of(next(iter(frames.values())), recipe):
        return _found_as(frames, check, shape, recipe)
    _refuse_unknown([check])
    columns = infer_columns(next(iter(frames.values())), text, label)
    places, scanned = _places(frames, check, columns)
    rows = pd.concat(list(frames.values()), ignore_index=True).iloc[places]
    texts = rows[columns.text]
    if columns.text_pair is not None:
        texts = pd.Series([scanned.text_of(int(place)) for place in places], rows.index, object)
    found = {"row": places, "text": texts, "label": rows[columns.label]}
    return pd.DataFrame(found).reset_index(drop=True)


def _asked(text: str | None, label: str | None, task: str | None, **columns: Any) -> Recipe:
    """Return what was said of the rows as a recipe."""
    said = {"text": text, "label": label, **columns}
    if task is not None:
        said |= VARIANTS.get(task, {"task": task})
    return Recipe(**{name: value for name, value in said.items() if value is not None})


def _mended_as(frame: pd.DataFrame, check: str, task: str, recipe: Recipe) -> pd.DataFrame:
    frames = read(frame)
    taken = look_as(task, frames, recipe)
    rows = np.asarray(_rows_of(taken, check), dtype=int)
    places = np.concatenate([part.index for part in frames.values()])[rows]
    if check in REWRITTEN and (role := SHAPES[task].rewritten):
        return _written_anew(frame, str(taken.roles[role]), places, REWRITTEN[check])
    kept: pd.DataFrame = frame.drop(index=places).reset_index(drop=True)
    return kept


def _rows_of(taken: Taken, check: str) -> Rows:
    return next((one.rows for one in taken.meant if one.check == check), ())


def _found_as(frames: Frames, check: str, task: str, recipe: Recipe) -> pd.DataFrame:
    taken = look_as(task, frames, recipe)
    rows = _rows_of(taken, check)
    at = {int(place): row for row, place in enumerate(taken.places)}
    shown = [(int(row), at.get(int(row))) for row in rows]
    columns = {
        "row": [row for row, _ in shown],
        "text": ["" if one is None else taken.scan.name_of(one) for _, one in shown],
        "label": ["" if one is None else taken.scan.label_of(one) for _, one in shown],
    }
    return pd.DataFrame(columns)


def _refuse_unknown(checks: Iterable[str], known: Sequence[str] = MENDED) -> None:
    for check in checks:
        if check not in known:
            raise DataError(f"there is no check {check!r} to mend", hint=did_you_mean(check, known))


def _together(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    if len(frames) == 1:
        return next(iter(frames.values())).copy()
    parts = [frame.assign(split=split) for split, frame in frames.items()]
    return pd.concat(parts).sort_index(kind="stable").reset_index(drop=True)


def _mended(frame: pd.DataFrame, check: str, columns: Columns) -> pd.DataFrame:
    frames = read(frame)
    rows, found = _places(frames, check, columns)
    # Rows of all splits in the order of the scan, and where each stands in the frame.
    places = np.concatenate([part.index for part in frames.values()])[rows]
    if check in REWRITTEN:
        for text in found.text_columns:
            frame = _written_anew(frame, text, places, REWRITTEN[check])
        return frame
    if check == "labels":
        counts = np.bincount(found.labels[found.labels >= 0], minlength=len(found.names))
        names = respelled(found.label_names, counts)
        label = columns.label
        return _written_anew(frame, label, places, lambda name: names.get(str(name).strip(), name))
    kept: pd.DataFrame = frame.drop(index=places).reset_index(drop=True)
    return kept


def _places(frames: Frames, check: str, columns: Columns) -> tuple[np.ndarray[Any, Any], Scan]:
    """Return which rows a check means, in the order of the scan, and the scan."""
    steps = Recipe().clean
    found = scan(
        frames,
        columns.text,
        columns.label,
        lambda one: clean_text(one, steps),
        text_pair=columns.text_pair,
    )
    return np.asarray(_rows(found, check), dtype=int), found


def _rows(found: Scan, check: str) -> Rows:
    if check == "languages":  # all rows, where the check looks at some
        guesses = np.array(languages_of(found, range(found.rows)))
        names, counts = np.unique(guesses[guesses != ""], return_counts=True)
        main = names[counts.argmax()] if len(names) else ""
        return [int(row) for row in np.flatnonzero((guesses != "") & (guesses != main))]
    meant: list[Meant] = [one for one in look(found) if one.check == check]
    return meant[0].rows if meant else ()


def _written_anew(
    frame: pd.DataFrame, column: str, places: Any, write: Callable[[Any], Any]
) -> pd.DataFrame:
    cells = frame[column].astype(object).copy()
    cells.iloc[places] = [write(cell) for cell in cells.iloc[places]]
    written: pd.DataFrame = frame.assign(**{column: cells})
    return written
