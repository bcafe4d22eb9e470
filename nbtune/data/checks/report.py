"""All that is known of a data set, as one record."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from nbtune.data.checks.found import Meant, look
from nbtune.data.checks.lengths import LOOKED_AT, count_tokens, describe_lengths, limit_for
from nbtune.data.checks.numbers import spread_of
from nbtune.data.checks.scan import AT_ONCE, Scan, scan
from nbtune.data.cleaning import clean_text
from nbtune.data.columns import infer_columns
from nbtune.events import Progress
from nbtune.recipe import Recipe
from nbtune.records import SEVERITIES, DataColumn, DataFinding, DataRecord, Lengths

_MOST_CUT = 0.01
_MOST_UNKNOWN = 0.005
Tokenizer = tuple[str, Any, int]
"""Name of the model, its tokenizer and its hidden size."""


def describe(
    name: str,
    frames: Mapping[str, pd.DataFrame],
    recipe: Recipe,
    tokenizer_for: Callable[[list[str]], Tokenizer] | None,
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
    lengths = None
    if tokenizer_for is not None and found.hashes.any():
        lengths = _lengths(found, tokenizer_for, recipe.max_length, progress)
    mending = mending_line(name, recipe, list(columns.in_use))
    findings = [one.finding(found.rows, mending) for one in meant]
    if lengths is not None:
        findings += _of_lengths(lengths, recipe, name)
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
        findings=tuple(sorted(findings, key=lambda one: SEVERITIES.index(one.severity))),
        seconds=round(time.monotonic() - began, 3),
        origin=origin,
    )


def describe_as(
    task: str,
    name: str,
    frames: Mapping[str, pd.DataFrame],
    recipe: Recipe,
    tokenizer_for: Callable[[list[str]], Tokenizer] | None,
    progress: Progress = lambda done, total: None,
    *,
    origin: str = "",
) -> DataRecord:
    """Look at every row as one of a task; see `describe`."""
    from nbtune.data.checks.shapes import SHAPES, look_as

    began = time.monotonic()
    taken, shape = look_as(task, frames, recipe, progress), SHAPES[task]
    total = sum(map(len, frames.values()))
    line = f"{mending_line(name, recipe, shape.rows.roles, task)}  # leaves these rows out"
    findings = [one.finding(total, line) for one in taken.meant]
    numbers = None
    if task == "regression":
        numbers = spread_of(str(taken.roles["label"]), taken.usable)
        if recipe.problem_type is None:
            said = "rows have a number that is to be learnt, which the recipe has to say"
            findings.append(
                DataFinding("numbers", "info", total, total, said, (), "problem_type: regression")
            )
    lengths = None
    if tokenizer_for is not None and taken.scan.hashes.any():
        lengths = _lengths(taken.scan, tokenizer_for, recipe.max_length, progress)
        cuts = task != "question-answering"  # whose long contexts are read in windows
        findings += [
            one for one in _of_lengths(lengths, recipe, name) if cuts or one.check != "truncation"
        ]
    labels = {}
    if shape.names is not None:
        for split, rows in taken.usable.items():
            counts = Counter(one for own in shape.names(rows) for one in own)
            labels[split] = dict(counts.most_common())
    roles = {
        column: role
        for role, columns in taken.roles.items()
        for column in ([columns] if isinstance(columns, str) else columns)
    }
    return DataRecord(
        name=name,
        rows={split: len(frame) for split, frame in frames.items()},
        columns=tuple(
            _column(frames, str(one), roles) for one in next(iter(frames.values())).columns
        ),
        labels=labels,
        weights={},
        lengths=lengths,
        findings=tuple(sorted(findings, key=lambda one: SEVERITIES.index(one.severity))),
        seconds=round(time.monotonic() - began, 3),
        origin=origin,
        task=task,
        numbers=numbers,
    )


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


def _lengths(
    found: Scan,
    tokenizer_for: Callable[[list[str]], Tokenizer],
    max_length: int,
    progress: Progress,
) -> Lengths:
    rows = np.flatnonzero(found.hashes)
    if len(rows) > LOOKED_AT:
        rows = np.sort(np.random.default_rng(0).choice(rows, LOOKED_AT, replace=False))
    texts = [found.text_of(int(row)) for row in rows]
    model, tokenizer, width = tokenizer_for(texts)
    lengths, unknown = count_tokens(texts, tokenizer, progress)
    return describe_lengths(model, lengths, unknown, width, max_length)


def _of_lengths(lengths: Lengths, recipe: Recipe, name: str) -> list[DataFinding]:
    found = []
    cut = next((t for t in lengths.truncation if t.max_length == recipe.max_length), None)
    if cut is not None and cut.rows > _MOST_CUT:
        limit = limit_for(lengths, _MOST_CUT)
        found.append(
            DataFinding(
                "truncation", "warning", round(cut.rows * lengths.looked_at), lengths.looked_at,
                f"texts are longer than max_length: {recipe.max_length}, and lose their end", (),
                f"max_length: {limit}",
            )
        )  # fmt: skip
    if lengths.unknown > _MOST_UNKNOWN:
        tokens = round(lengths.unknown * 1000)
        found.append(
            DataFinding(
                "unknown_tokens", "warning", tokens, 1000,
                f"of a thousand tokens are unknown to the tokenizer of {lengths.model}", (),
                f"%data {name} --model scratch-transformer",
            )
        )  # fmt: skip
    return found


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
