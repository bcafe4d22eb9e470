"""All that is known of a data set, as one record."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nbtune.data.checks.cuts import counted, cuts, sample_of, unknown_tokens, written_apart
from nbtune.data.checks.found import SHOWN, Meant, beginning, look
from nbtune.data.checks.lengths import Reader
from nbtune.data.checks.numbers import spread_of
from nbtune.data.checks.scan import AT_ONCE, Scan, scan
from nbtune.data.cleaning import clean_text
from nbtune.data.columns import infer_columns
from nbtune.events import Progress
from nbtune.recipe import Recipe
from nbtune.records import SEVERITIES, DataColumn, DataFinding, DataRecord, Lengths, Numbers

if TYPE_CHECKING:
    from nbtune.data.checks.shape import Shape
    from nbtune.data.checks.taken import Taken


def describe(
    name: str,
    frames: Mapping[str, pd.DataFrame],
    recipe: Recipe,
    tokenizer_for: Callable[[list[str]], Reader] | None,
    progress: Progress = lambda done, total: None,
    *,
    origin: str = "",
) -> DataRecord:
    """Look at every row of every split.

    Parameters
    ----------
    name : str
        What lines that mend something call the rows.
    tokenizer_for : callable, optional
        (some texts) to the tokenizer that counts; None leaves lengths out.
    origin : str
        A line that makes ``name``, where it is no variable yet.

    Raises
    ------
    DataError
        When it is not plain which columns are meant.
    """
    began = time.monotonic()
    label = recipe.label if isinstance(recipe.label, str) else None
    columns = infer_columns(
        next(iter(frames.values())), recipe.text, label, text_pair=recipe.text_pair
    )
    found = scan(
        frames,
        columns.text,
        columns.label,
        lambda one: clean_text(one, recipe.clean),
        progress,
        text_pair=columns.text_pair,
    )
    meant = look(found, progress)
    lengths, _, of_tokens = _counted(found, tokenizer_for, recipe, progress)
    mending = mending_line(name, recipe, list(columns.in_use))
    findings = [*(one.finding(found.rows, mending) for one in meant), *of_tokens]
    return DataRecord(
        name=name,
        rows={split: len(frame) for split, frame in frames.items()},
        columns=tuple(
            _column(frames, str(one), {name: role for role, name in columns.in_use.items()})
            for one in next(iter(frames.values())).columns
        ),
        labels=_labels(found),
        weights=_weights(found),
        lengths=lengths,
        findings=_gravest_first(findings),
        seconds=round(time.monotonic() - began, 3),
        origin=origin,
    )


def describe_as(
    task: str,
    name: str,
    frames: Mapping[str, pd.DataFrame],
    recipe: Recipe,
    tokenizer_for: Callable[[list[str]], Reader] | None,
    progress: Progress = lambda done, total: None,
    *,
    origin: str = "",
) -> DataRecord:
    """Look at every row as one of a task; see `describe`."""
    from nbtune.data.checks import images
    from nbtune.data.checks.shapes import SHAPES
    from nbtune.data.checks.taken import look_as

    began = time.monotonic()
    taken, shape = look_as(task, frames, recipe, progress), SHAPES[task]
    lengths, targets, of_tokens = _counted(
        taken.scan,
        None if shape.called and taken.beside is None else tokenizer_for,
        recipe,
        progress,
        written=taken.written,
        apart=shape.is_apart,
        is_cut=shape.is_cut,
        beside=taken.beside,
    )
    findings = [*_told(task, name, recipe, taken, sum(map(len, frames.values()))), *of_tokens]
    return DataRecord(
        name=name,
        rows={split: len(frame) for split, frame in frames.items()},
        columns=_columns_as(frames, taken),
        labels=_labels_as(shape, taken),
        weights=_weights(taken.scan) if shape.has_labels else {},
        lengths=lengths,
        findings=_gravest_first(findings),
        seconds=round(time.monotonic() - began, 3),
        origin=origin,
        task=task,
        numbers=_numbers(taken) if task == "regression" else None,
        targets=targets,
        pictures=images.described(taken.usable) if "image" in taken.roles else None,
    )


def _columns_as(frames: Mapping[str, pd.DataFrame], taken: Taken) -> tuple[DataColumn, ...]:
    """Say of each column what it is used as; a role may have several."""
    from nbtune.data.checks import images

    roles = {
        column: role
        for role, columns in taken.roles.items()
        for column in ([columns] if isinstance(columns, str) else columns)
    }
    return tuple(
        images.column(frames, taken.usable, name)
        if roles.get(name) == "image"
        else _column(frames, name, roles)
        for name in map(str, next(iter(frames.values())).columns)
    )


def _labels_as(shape: Shape, taken: Taken) -> dict[str, dict[str, int]]:
    """Count the labels of which a row can have several, the most frequent first."""
    if shape.names is None:
        return {}
    return {
        split: dict(Counter(one for own in shape.names(rows) for one in own).most_common())
        for split, rows in taken.usable.items()
    }


def _gravest_first(findings: Iterable[DataFinding]) -> tuple[DataFinding, ...]:
    return tuple(sorted(findings, key=lambda one: SEVERITIES.index(one.severity)))


def _told(task: str, name: str, recipe: Recipe, taken: Taken, total: int) -> list[DataFinding]:
    """Return what was found as records, with a line that mends each, and what is yet to be said."""
    from nbtune.data.checks.mending import REWRITTEN
    from nbtune.data.checks.shapes import SHAPES

    shape = SHAPES[task]
    line = mending_line(name, recipe, shape.rows.roles, task)
    findings = [
        one.finding(total, line)
        if shape.rewritten and one.check in REWRITTEN
        else one.finding(total, f"{line}  # leaves these rows out")
        for one in taken.meant
    ]
    if task == "regression" and recipe.problem_type is None:
        said = "rows have a number that is to be learnt, which the recipe has to say"
        fix = "problem_type: regression"
        findings.append(DataFinding("numbers", "info", total, total, said, _first(taken), fix))
    if task == "language_modelling" and "task" not in recipe.model_fields_set:
        said = "rows have nothing beside their text: what is to be learnt, the recipe has to say"
        fix = "task: text-generation  # or fill-mask"
        findings.append(DataFinding("no_labels", "info", total, total, said, _first(taken), fix))
    return findings


def _first(taken: Taken) -> tuple[str, ...]:
    """Return the first rows as examples, with what is true of them where there is such."""
    scan = taken.scan
    rows = range(min(SHOWN, scan.rows))
    pairs = [(beginning(scan.name_of(row)), scan.label_of(row)) for row in rows]
    return tuple(f"{text} → {truth}" if truth else text for text, truth in pairs)


def _numbers(taken: Taken) -> Numbers | None:
    return spread_of(str(taken.roles["label"]), taken.usable)


def mending_line(name: str, recipe: Recipe, roles: Sequence[str], task: str = "") -> str:
    """Return the line that mends one check, whose name is CHECK in it.

    It names the task, and the columns that the recipe names.
    """
    said = {"task": task} if task else {}
    said |= {role: named for role in roles if (named := getattr(recipe, role, None)) is not None}
    more = "".join(f", {name}={value!r}" for name, value in said.items())
    return f"import nbtune; {name} = nbtune.mend({name}, 'CHECK'{more})"


def gravest(meant: list[Meant], severity: str) -> list[Meant]:
    """Return the findings that are as grave as this or graver."""
    wanted = SEVERITIES[: SEVERITIES.index(severity) + 1]
    return [one for one in meant if one.severity in wanted]


def _counted(
    found: Scan,
    read: Callable[[list[str]], Reader] | None,
    recipe: Recipe,
    progress: Progress,
    *,
    written: Sequence[str] | None = None,
    apart: bool = False,
    is_cut: bool = True,
    beside: Sequence[str] | None = None,
) -> tuple[Lengths | None, Lengths | None, list[DataFinding]]:
    """Return lengths, those of what is written apart from it, and what is wrong with them.

    Of rows that are not cut, longer ones are read in parts; of images the texts ``beside`` them
    are counted.
    """
    if read is None or not found.hashes.any():
        return None, None, []
    rows, limit = sample_of(found), recipe.max_length
    own = counted(found, rows, read, progress, None if apart else written, beside)
    meant = [*(cuts(own, limit) if is_cut else ()), *unknown_tokens(own)]
    targets = None
    if apart and written is not None:
        longest = recipe.max_target_length
        more = written_apart(own, written, progress)
        meant += cuts(more, longest, setting="max_target_length", what="targets")
        targets = more.described(longest)
    return (
        own.described(limit, is_cut=is_cut),
        targets,
        [one.finding(len(rows), "") for one in meant],
    )


def _column(frames: Mapping[str, pd.DataFrame], name: str, roles: Mapping[str, str]) -> DataColumn:
    parts = [frame[name] for frame in frames.values() if name in frame]
    distinct = len(np.unique(np.concatenate([_hashes(part) for part in parts])))
    missing = sum(int(part.isna().sum()) for part in parts)
    return DataColumn(name, roles.get(name, ""), str(parts[0].dtype), missing, distinct)


def _hashes(column: pd.Series[Any]) -> np.ndarray[Any, Any]:
    """Return a number for each cell; a set of all texts would be as large as they are."""
    chunks = (column.iloc[start : start + AT_ONCE] for start in range(0, len(column), AT_ONCE))
    parts = [
        pd.util.hash_pandas_object(part.astype(str), index=False, categorize=False).to_numpy()
        for part in chunks
    ]
    return np.concatenate([np.empty(0, np.uint64), *parts])


def _labels(found: Scan) -> dict[str, dict[str, int]]:
    """Count the rows of each label by split, the most frequent label first."""
    names, given = found.label_names, found.labels
    order = np.argsort(-np.bincount(given[given >= 0], minlength=len(names)), kind="stable")
    counts = {}
    for split in found.frames:
        own = given[found.rows_of(split)]
        own_counts = np.bincount(own[own >= 0], minlength=len(names))
        counts[split] = {names[i]: int(own_counts[i]) for i in order}
    return counts


def _weights(found: Scan) -> dict[str, float]:
    """Return the weights of ``class_weight: balanced`` (King and Zeng 2001)."""
    counts = {name: n for name, n in _labels(found)[found.learnt].items() if n}
    total = sum(counts.values())
    return {name: round(total / (len(counts) * n), 4) for name, n in counts.items()}
