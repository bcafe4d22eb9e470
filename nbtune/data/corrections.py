"""Corrections of rows in a file, and the rows with them made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pandas as pd

from nbtune.data.files import read_file, suffix_of
from nbtune.data.rows import Rows
from nbtune.errors import DataError, did_you_mean
from nbtune.records import ACTIONS, Correction, counted
from nbtune.runs.files import write_text

COLUMNS = tuple(field.name for field in fields(Correction))
KINDS = (".jsonl", ".csv")
_SHOWN = 5


def write_corrections(path: Path, corrections: Sequence[Correction]) -> None:
    """Write corrections as JSONL, or as CSV by the file's name.

    Raises
    ------
    DataError
        When its name ends in nothing of this.
    """
    frame = pd.DataFrame([asdict(one) for one in corrections], columns=list(COLUMNS))
    match suffix_of(path):
        case ".csv":
            write_text(path, frame.to_csv(index=False))
        case ".jsonl":
            write_text(path, frame.to_json(orient="records", lines=True, force_ascii=False))
        case _:
            raise DataError(
                f"corrections: {path.name} is no kind of file that they are written to",
                hint=f"let its name end in {' or '.join(KINDS)}",
            )


def read_corrections(path: Path) -> tuple[Correction, ...]:
    """Read what `write_corrections` wrote, or somebody else.

    Raises
    ------
    DataError
        Naming all that is wrong with the file.
    """
    if not path.is_file():
        raise DataError(
            f"corrections: there is no file {str(path)!r}", hint="%review RUN writes one"
        )
    if not path.read_bytes().strip():
        return ()
    frame = read_file(path)
    if missing := [name for name in COLUMNS if name not in frame and name != "new_label"]:
        raise DataError(
            f"corrections: {path.name} has no column {', '.join(missing)}",
            hint=f"it needs {', '.join(COLUMNS)}",
        )
    if "new_label" not in frame:
        frame["new_label"] = ""
    found, wrong = [], []
    cells = zip(*(frame[name] for name in COLUMNS), strict=True)
    for line, values in enumerate(cells, 1):
        split, row, *others = ("" if pd.isna(value) else str(value) for value in values)
        if fault := _fault(row, *others[2:]):
            wrong.append(f"line {line}: {fault}")
        else:
            found.append(Correction(split, int(float(row)), *others))
    if wrong:
        more = f"; and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise DataError(
            f"corrections: {path.name}, {'; '.join(wrong[:_SHOWN])}{more}",
            hint=f"actions are {', '.join(ACTIONS)}",
        )
    return tuple(found)


def _fault(row: str, action: str, new_label: str) -> str:
    if not row.removesuffix(".0").isdigit():
        return f"row is {row!r}, no number"
    if action not in ACTIONS:
        return f"there is no action {action!r}"
    if action == "relabel" and not new_label:
        return "a row is relabelled and has no new_label"
    return ""


def corrected(
    splits: Mapping[str, pd.DataFrame],
    corrections: Sequence[Correction],
    kind: Rows,
    labels: Sequence[str],
) -> tuple[dict[str, pd.DataFrame], str]:
    """Return the rows of all splits with the corrections made, and what was done.

    A row is found by where it stands and what it says, else by what it says and its label. It
    stays in its split, so that a model that goes on from the weights of a run is tested on rows
    that the run had not seen. Ambiguous rows stay among the test rows: without the hard ones the
    scores would only look better.

    Raises
    ------
    DataError
        When new labels are none of the data's, no row is one of theirs, or too few are left.
    """
    cells = _new_cells(corrections, kind, labels)
    keys = {
        split: list(zip(rows["row"].astype(int), kind.texts(rows), strict=True))
        for split, rows in splits.items()
    }
    there = {key for own in keys.values() for key in own}
    exact = {(one.row, one.text): one for one in corrections}
    alike = {
        (one.text, one.label if kind.named else ""): one
        for key, one in exact.items()
        if key not in there
    }
    done: dict[tuple[int, str], Correction] = {}
    changed = {}
    for split, rows in splits.items():
        named = kind.named(rows) if kind.named else [""] * len(rows)
        truths, kept = list(rows["label"]) if kind.relabelled else [], []
        for place, (key, label) in enumerate(zip(keys[split], named, strict=True)):
            one = exact.get(key) or alike.get((key[1], label))
            kept.append(one is None or not _leaves(one, split))
            if one is not None:
                done[one.row, one.text] = one
                if one.action == "relabel":
                    truths[place] = cells[one.new_label]
        frame = rows.assign(label=pd.Series(truths, rows.index)) if kind.relabelled else rows
        changed[split] = frame[kept].reset_index(drop=True)
    if corrections and not done:
        raise DataError(
            f"corrections: none of the {len(corrections)} rows is one of the data's",
            hint="they are found by row and text; were they made for other data?",
        )
    _refuse_bare(splits, changed, kind)
    told = counted(list(done.values()))
    missed = len(exact) - len(done)
    return changed, f"corrections: {told}" + (f"; {missed} not found" if missed else "")


def _new_cells(
    corrections: Sequence[Correction], kind: Rows, labels: Sequence[str]
) -> dict[str, Any]:
    """Return the cells of new labels, by what corrections call them."""
    new = [one for one in corrections if one.action == "relabel"]
    if new and kind.relabelled is None:
        raise DataError(
            f"corrections: row {new[0].row} has a new label, and these rows have none",
            hint="rows of this task can be deleted or marked as ambiguous",
        )
    cells: dict[str, Any] = {}
    unknown: set[str] = set()
    for one in new:
        try:
            cell = cells[one.new_label] = kind.relabelled(one.new_label)  # type: ignore[misc]
        except ValueError:
            raise DataError(
                f"corrections: row {one.row}, {one.new_label!r} is no list of labels",
                hint='write several labels as ["first", "second"]',
            ) from None
        unknown |= {cell} - set(labels) if isinstance(cell, str) else set(cell) - set(labels)
    if unknown:
        named = sorted(unknown)
        raise DataError(
            f"corrections: no training row has the label {', '.join(map(repr, named[:_SHOWN]))}",
            hint=did_you_mean(named[0], labels),
        )
    return cells


def _refuse_bare(
    before: Mapping[str, pd.DataFrame], after: Mapping[str, pd.DataFrame], kind: Rows
) -> None:
    """Refuse to leave a split without rows, or a label without rows to learn it from."""
    there, left = (
        {label for labels in kind.labels_of(splits["train"]) for label in labels}
        for splits in (before, after)
    )
    gone = sorted(there - left)
    lacking = [f"no training row with the label {label!r}" for label in gone]
    lacking += [
        f"no {split} row"
        for split, rows in after.items()
        if rows.empty and not (split == "train" and gone)
    ]
    if lacking:
        raise DataError(
            f"corrections: they leave {', '.join(lacking[:_SHOWN])}",
            hint="correct fewer rows, or leave what they stand for out of the data",
        )


def _leaves(one: Correction, split: str) -> bool:
    return one.action == "delete" or (one.action == "ambiguous" and split != "test")
