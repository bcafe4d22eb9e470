"""One pass over all rows: what is cheap is decided, what needs all rows is kept as numbers.

A row leaves some eighty bytes, however long its text; texts are read again where they are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from xxhash import xxh3_64_intdigest

from nbtune.data.checking import check_label, has_labels
from nbtune.data.checks.mojibake import DAMAGED, is_damaged
from nbtune.data.checks.near import BANDS, band_keys
from nbtune.data.checks.personal import KINDS
from nbtune.data.checks.signs import MARKUP, REPLACEMENT, Joined
from nbtune.data.faults import Check, cells_of, check_text
from nbtune.data.texts import BETWEEN
from nbtune.errors import DataError
from nbtune.events import Progress

Array = np.ndarray[Any, Any]
AT_ONCE = 10_000
SIGNS: dict[str, Any] = {
    "encoding": (DAMAGED, is_damaged),
    "lost_characters": (REPLACEMENT, lambda found: True),
    "markup": (MARKUP, lambda found: True),
    **KINDS,
}
"""What is searched in every text: a pattern, and which of its matches are meant."""


@dataclass
class Scan:
    """What one pass found; rows are numbered over all splits, in their order.

    Attributes
    ----------
    frames : mapping
        The rows as they were given, by split.
    text_pair : str, optional
        The column of the second texts of pairs; a pair is the same where both its texts are.
    most : int, optional
        So many rows of each split are searched for signs and near copies, where that is to be
        fast; all are compared with each other.
    also : str, optional
        A column of further texts, such as answers, in which signs are looked for as well.
    called : str, optional
        A column of what rows are called, where their texts are fingerprints of something else.
    named : callable
        What stands in the column of labels to what is wrong with it, and its name.
    hashes : ndarray of uint64
        One a text, 0 where the row cannot be used.
    labels : ndarray of int32
        Places in ``names``, -1 where there is none.
    keys : ndarray of uint32
        See `nbtune.data.checks.near.band_keys`.
    faults : dict
        Rows by what makes them unusable.
    signs : dict
        Rows by the sign that was found in their texts.
    """

    frames: Mapping[str, pd.DataFrame]
    text: str
    label: str
    clean: Callable[[str], str]
    named: Check = check_label
    text_pair: str | None = None
    also: str | None = None
    most: int | None = None
    called: str | None = None
    hashes: Array = field(init=False)
    labels: Array = field(init=False)
    keys: Array = field(init=False)
    names: dict[str, int] = field(default_factory=dict)
    faults: dict[str, list[int]] = field(default_factory=dict)
    signs: dict[str, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.hashes = np.zeros(self.rows, np.uint64)
        self.labels = np.full(self.rows, -1, np.int32)
        self.keys = np.zeros((BANDS, self.rows), np.uint32)

    @cached_property
    def rows(self) -> int:
        """How many there are in all."""
        return sum(map(len, self.frames.values()))

    @cached_property
    def starts(self) -> dict[str, int]:
        """The first row of each split."""
        ends = np.cumsum([0, *map(len, self.frames.values())])
        return {split: int(start) for split, start in zip(self.frames, ends, strict=False)}

    @cached_property
    def texts(self) -> dict[str, tuple[pd.Series[Any], ...]]:
        """The column of texts of each split, or the two of pairs."""
        return {
            split: tuple(frame[name] for name in self.text_columns)
            for split, frame in self.frames.items()
        }

    @property
    def text_columns(self) -> list[str]:
        """What the columns of texts are called."""
        return [self.text] if self.text_pair is None else [self.text, self.text_pair]

    @property
    def noun(self) -> str:
        """What one of the texts is."""
        if self.called is not None:
            return "image"
        return "text" if self.text_pair is None else "pair of texts"

    @property
    def searched(self) -> str:
        """What is said of what was searched for in some rows only; nothing where it was in all."""
        if self.most is None or max(map(len, self.frames.values())) <= self.most:
            return ""
        return f" (searched for in the first {self.most:,} rows only)"

    @property
    def learnt(self) -> str:
        """The split that is learnt from, or what stands for it where there is none."""
        return "train" if "train" in self.frames else next(iter(self.frames))

    @property
    def training(self) -> str:
        """What its rows are called before a noun: nothing where they are not for training."""
        return "training " if self.learnt == "train" else ""

    def rows_of(self, split: str) -> slice:
        """Return the rows of a split."""
        return slice(self.starts[split], self.starts[split] + len(self.frames[split]))

    def split_of(self, row: int) -> str:
        """Return the split of a row."""
        return [split for split, start in self.starts.items() if start <= row][-1]

    def among(self, splits: Sequence[str]) -> Array:
        """Return whether each row is of one of these splits."""
        found = np.zeros(self.rows, dtype=bool)
        for split in splits:
            if split in self.frames:
                found[self.rows_of(split)] = True
        return found

    def texts_of(self, row: int) -> list[str]:
        """Return the text of a row, or the two of a pair, cleaned."""
        split = self.split_of(row)
        cells = [column.iat[row - self.starts[split]] for column in self.texts[split]]
        return [self.clean(cell) if isinstance(cell, str) else "" for cell in cells]

    def text_of(self, row: int) -> str:
        """Return a text, cleaned; of a pair both."""
        return BETWEEN.join(self.texts_of(row))

    def name_of(self, row: int) -> str:
        """Return what a row is shown as."""
        return self.text_of(row) if self.called is None else str(self.cell_of(row, self.called))

    def texts_at(self, rows: Array) -> list[str]:
        """Return the texts of many rows, which are sorted, cleaned; of pairs both."""
        found: list[str] = []
        for split, start in self.starts.items():
            own = rows[(rows >= start) & (rows < start + len(self.frames[split]))] - start
            columns = [column.iloc[own] for column in self.texts[split]]
            for cells in zip(*columns, strict=True):
                plain = (self.clean(cell) if isinstance(cell, str) else "" for cell in cells)
                found.append(BETWEEN.join(plain))
        return found

    def all_of(self, row: int) -> str:
        """Return all that signs are looked for in."""
        own = self.text_of(row) if self.called is None else ""
        return own if self.also is None else f"{own}\n{self.cell_of(row, self.also)}"

    def cell_of(self, row: int, column: str) -> Any:
        """Return what stands in a column, as it was given; None where there is no such column."""
        split = self.split_of(row)
        frame = self.frames[split]
        return frame[column].iat[row - self.starts[split]] if column in frame else None

    def label_of(self, row: int) -> str:
        """Return the name of a row's label, empty where it has none."""
        return self.label_names[self.labels[row]] if self.labels[row] >= 0 else ""

    @property
    def label_names(self) -> list[str]:
        """The names of labels, in the order in which they were met."""
        return list(self.names)


def scan(
    frames: Mapping[str, pd.DataFrame],
    text: str,
    label: str,
    clean: Callable[[str], str],
    progress: Progress = lambda done, total: None,
    *,
    named: Check = check_label,
    text_pair: str | None = None,
    also: str | None = None,
    most: int | None = None,
    called: str | None = None,
) -> Scan:
    """Look at every row once, ten thousand at a time.

    A part in which no row has a label at all keeps them secret; its texts are looked at.

    Raises
    ------
    DataError
        When a part has no such texts.
    """
    found = Scan(frames, text, label, clean, named, text_pair, also, most, called)
    for split, frame in frames.items():
        first, is_known = found.starts[split], has_labels(frame, label)
        refuse_missing(split, found.text_columns, frame)
        for start in range(0, len(frame), AT_ONCE):
            part = frame.iloc[start : start + AT_ONCE]
            texts = list(zip(*(cells_of(part[name]) for name in found.text_columns), strict=True))
            labels = cells_of(part[label]) if is_known else None
            more = None if also is None else cells_of(part[also])
            cleaned = _look_at(found, texts, labels, first + start)
            if most is None or start < most:
                said = cleaned if called is None else [""] * len(cleaned)
                _search(found, said, more, first + start)
            progress(first + start + len(part), found.rows)
    return found


def refuse_missing(split: str, columns: Sequence[str], frame: pd.DataFrame) -> None:
    """Refuse a part that lacks columns which the first one has."""
    if missing := [name for name in columns if name not in frame]:
        there = ", ".join(map(str, frame.columns[:12]))
        raise DataError(
            f"{split}: there is no column {missing[0]!r}; it has {there}",
            hint="give its columns the names that those of the other parts have",
        )


def _look_at(found: Scan, texts: list[Any], labels: list[Any] | None, first: int) -> list[str]:
    """Take some rows in, and return their texts cleaned; ``found`` is changed in place."""
    cleaned = []
    for row, own in enumerate(texts, first):
        checked = [check_text(text, found.clean) for text in own]
        text_fault = next((fault for fault, _ in checked if fault), "")
        plain = BETWEEN.join(text for _, text in checked)
        label_fault, name = "", None
        if labels is not None:
            label_fault, name = found.named(labels[row - first])
        for fault in (text_fault, label_fault):
            if fault:
                found.faults.setdefault(fault, []).append(row)
        if name is not None and not label_fault:
            found.labels[row] = found.names.setdefault(name, len(found.names))
        if not text_fault:
            # Zero stands for a text that cannot be used.
            found.hashes[row] = xxh3_64_intdigest(plain.encode()) or 1
        cleaned.append("" if text_fault else plain)
    return cleaned


def _search(found: Scan, cleaned: list[str], also: list[Any] | None, first: int) -> None:
    """Look for signs, and for what near copies are known by; ``found`` is changed in place."""
    found.keys[:, first : first + len(cleaned)] = band_keys(cleaned)
    if also is not None:
        cleaned = [f"{text}\n{more}" for text, more in zip(cleaned, also, strict=True)]
    joined = Joined(cleaned)
    for sign, (pattern, is_meant) in SIGNS.items():
        rows = joined.rows_with(pattern, is_meant)
        if len(rows):
            found.signs.setdefault(sign, []).extend(int(row) + first for row in rows)
