"""From any source to the rows that are trained on, looked at, and kept for the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import xxhash

from nbtune.data.beside import beside
from nbtune.data.checking import (
    has_labels,
    refuse_empty,
    refuse_unfit_weights,
    refuse_unknown_labels,
    refuse_unseen,
)
from nbtune.data.corrections import corrected, read_corrections
from nbtune.data.files import LEFT_OUT
from nbtune.data.reading import Frames, read, read_all, with_parts
from nbtune.data.rows import Found, Roles, Rows
from nbtune.data.splitting import sample_per_label, stratified_split
from nbtune.data.stretches import read_stretches
from nbtune.data.texts import LABELLED
from nbtune.errors import DataError
from nbtune.recipe import Recipe

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class PreparedData:
    """Clean rows by split, and what was noticed on the way.

    Attributes
    ----------
    splits : mapping
        DataFrames by ``train``, ``validation``, ``test``, with the column ``row`` (position in
        the source, from 0) and one for each role, such as ``text`` and ``label``.
    columns : mapping
        The columns of the source by role.
    labels : tuple of str
        The label names; a label's id is its place here.
    fingerprint : str
        Changes when any text, label or split changes.
    kind : Rows
        What the task asked of the rows.
    recipe : Recipe
        The one that was given, with what the columns asked for.
    beside : mapping
        What else the data says of the rows of validation and test; see `nbtune.data.beside`.
    """

    splits: Mapping[str, pd.DataFrame]
    columns: Roles
    labels: tuple[str, ...]
    notices: tuple[str, ...]
    fingerprint: str
    kind: Rows
    recipe: Recipe
    beside: Mapping[str, pd.DataFrame] = field(default_factory=dict)


def _as_given(frame: pd.DataFrame, recipe: Recipe) -> tuple[Recipe, Rows]:
    return recipe, LABELLED


def prepare(
    recipe: Recipe,
    source: Any,
    validation: Any = None,
    test: Any = None,
    *,
    suit: Callable[[pd.DataFrame, Recipe], tuple[Recipe, Rows]] = _as_given,
) -> PreparedData:
    """Read, clean, check and split.

    Parameters
    ----------
    source, validation, test
        As for `nbtune.data.reading.read`; the last two replace parts of the first.
    suit : callable
        (training frame, recipe) to the recipe with what the columns ask for, and what its task
        asks of the rows.

    Raises
    ------
    DataError
        Before any model is loaded, for everything that could not be learnt from.
    """
    frames = read_stretches(source) if recipe.streaming else read(source)
    if "train" not in frames:
        raise DataError(
            f"data: none of its parts is for training: {', '.join(frames)}",
            hint="name one of them train",
        )
    refuse_empty(frames["train"], "data")
    given, (recipe, rows) = recipe, suit(frames["train"], recipe)
    found = rows.find(frames["train"], _named(recipe, rows))
    frames, notices = _without_unfit(frames, found.roles, rows)
    frames = with_parts(frames, validation, test)
    splits, dropped = _usable(frames, found.roles, recipe, rows)
    labels = rows.labels(splits["train"])
    refuse_unfit_weights(recipe.class_weight, labels)
    if isinstance(recipe.zero_shot, dict):
        refuse_unknown_labels("zero_shot", list(recipe.zero_shot), labels)
    splits = _sampled(_with_missing_splits(splits, recipe, rows), recipe, rows)
    if rows.opened is not None:
        splits = {name: s if name == "train" else rows.opened(s) for name, s in splits.items()}
    if recipe.corrections is not None:
        # After the split, which stays what it was for a run on the same data.
        made = read_corrections(Path(recipe.corrections).expanduser())
        splits, told = corrected(splits, made, rows, labels)
        notices.append(told)
    for split, frame in splits.items():
        notices += _unseen(rows, frame, labels, split)
    notices = [*_columns(found), *notices, *_left_out(frames["train"])]
    if recipe.max_train_samples != given.max_train_samples:
        notices.append(
            f"{recipe.max_train_samples:,} of {len(frames['train']):,} rows are read, more than "
            f"{recipe.max_steps:,} steps take; max_train_samples: {len(frames['train'])} reads all"
        )
    notices += [*dropped, *_worth_knowing(splits, labels, rows)]
    others = {
        split: beside(frames.get(split, frames["train"]), list(frame["row"]), found.roles)
        for split, frame in splits.items()
        if split != "train"
    }
    return PreparedData(
        splits,
        found.roles,
        labels,
        tuple(notices),
        _fingerprint(splits, rows),
        rows,
        recipe,
        others,
    )


def _columns(found: Found) -> Iterator[str]:
    if found.inferred:
        named = (f"{role} is {name!r}" for role, name in found.roles.items() if name is not None)
        note = f"{found.note}; " if found.note else ""
        yield f"{note}columns: {', '.join(named)}"


def _left_out(frame: pd.DataFrame) -> Iterator[str]:
    if blank := frame.attrs.get(LEFT_OUT):
        more = f" and {len(blank) - 5} more" if len(blank) > 5 else ""
        yield f"left out files of nothing but blanks: {', '.join(blank[:5])}{more}"


def labelled_rows(
    recipe: Recipe, source: Any, columns: Roles, labels: Sequence[str], kind: Rows = LABELLED
) -> tuple[pd.DataFrame, str]:
    """Read rows to score a trained model on: columns ``row`` and one for each role.

    Returns them and a notice of those that were left out. All rows count, whatever split they say
    they belong to. Columns are those of the run where the data has them, else they are inferred.

    Raises
    ------
    DataError
        When rows cannot be used, or have labels that the run does not know.
    """
    frame = read_all(source)
    refuse_empty(frame, "data")
    rows, notice = kind.usable(frame, _columns_like(frame, columns, kind), recipe, "data")
    unseen = _unseen(kind, rows, labels, "data")
    return rows, "; ".join([*filter(None, [notice]), *unseen])


def _named(recipe: Recipe, kind: Rows) -> Roles:
    """Return the columns that the recipe names."""
    return {role: name for role in kind.roles if (name := getattr(recipe, role)) is not None}


def _unseen(kind: Rows, rows: pd.DataFrame, labels: Sequence[str], what: str) -> list[str]:
    """Refuse, or say, that rows have labels which no training row has."""
    every = [label for own in kind.labels_of(rows) for label in own]
    if kind.is_closed:
        refuse_unseen(every, labels, what)
    unseen = Counter(label for label in every if label not in set(labels))
    named = ", ".join(f"{label} ({n})" for label, n in unseen.most_common(5))
    return [f"{what}: no training row has {named}; they count as missed"] if unseen else []


def _without_unfit(frames: Frames, columns: Roles, kind: Rows) -> tuple[Frames, list[str]]:
    """Leave out parts that are no split of ours, or whose labels are kept secret."""
    fit: Frames = {}
    notices = []
    for split, frame in frames.items():
        if split not in SPLITS:
            notices.append(f"left out the part {split!r}: known are {', '.join(SPLITS)}")
        elif split != "train" and (lacking := _lacking(frame, columns, kind)):
            notices.append(f"left out the part {split!r}: no row has a {lacking!r}")
        else:
            fit[split] = frame
    return fit, notices


def _lacking(frame: pd.DataFrame, columns: Roles, kind: Rows) -> str:
    """Return a column of what is true that no row has a value in; empty when there is none."""
    named = [columns[role] for role in kind.targets if columns.get(role) is not None]
    every = [name for one in named for name in ([one] if isinstance(one, str) else one)]
    return next((name for name in every if not has_labels(frame, name)), "")


def _usable(
    frames: Frames, columns: Roles, recipe: Recipe, kind: Rows
) -> tuple[dict[str, pd.DataFrame], list[str]]:
    splits, notices = {}, []
    for split, frame in frames.items():
        # Another file may call its columns otherwise.
        own = columns if split == "train" else _columns_like(frame, columns, kind)
        what = "data" if split == "train" else split
        splits[split], notice = kind.usable(frame, own, recipe, what)
        notices += [notice] if notice else []
    return splits, notices


def _columns_like(frame: pd.DataFrame, columns: Roles, kind: Rows) -> Roles:
    there = set(frame.columns)
    own = {
        role: name
        for role, name in columns.items()
        if name is not None and there.issuperset([name] if isinstance(name, str) else name)
    }
    return kind.find(frame, own).roles


def _with_missing_splits(
    splits: dict[str, pd.DataFrame], recipe: Recipe, kind: Rows
) -> dict[str, pd.DataFrame]:
    """Take test, then validation rows from the training rows where none were given."""
    splits = dict(splits)
    total = len(splits["train"])
    for split, size in (("test", recipe.test_size), ("validation", recipe.validation_size)):
        if split in splits or not size:
            continue
        train = splits["train"]
        rows = round(size * total) if size < 1 else int(size)
        if rows >= len(train):
            raise DataError(
                f"{split}_size: {rows} rows cannot be taken from {len(train)}",
                hint=f"keep some to train on: {split}_size: 0.1",
            )
        groups = None if kind.groups is None else kind.groups(train)
        kept, taken = stratified_split(kind.strata(train), float(max(1, rows)), recipe.seed, groups)
        if len(taken):
            splits["train"] = train.iloc[kept].reset_index(drop=True)
            splits[split] = train.iloc[taken].reset_index(drop=True)
    return {name: splits[name] for name in SPLITS if name in splits}


def _sampled(
    splits: dict[str, pd.DataFrame], recipe: Recipe, kind: Rows
) -> dict[str, pd.DataFrame]:
    """Keep ``max_train_samples`` of the training rows, where the recipe asks for it."""
    if recipe.max_train_samples is None:
        return splits
    train = splits["train"]
    strata = kind.strata(train)
    labels = len(set(strata))
    if recipe.max_train_samples < labels:
        raise DataError(
            f"max_train_samples: {recipe.max_train_samples} rows cannot hold one of each of the "
            f"{labels} labels",
            hint=f"take {labels} or more",
        )
    chosen = sample_per_label(strata, recipe.max_train_samples, recipe.seed)
    return {**splits, "train": train.iloc[chosen].reset_index(drop=True)}


def _worth_knowing(
    splits: Mapping[str, pd.DataFrame], labels: Sequence[str], kind: Rows
) -> list[str]:
    notices = []
    counts = label_counts(splits["train"], labels, kind)
    rare = [label for label in labels if counts[label] == 1]
    if rare:
        notices.append(f"labels with a single training row: {', '.join(map(repr, rare[:5]))}")
    what = "images" if "image" in kind.inputs else "texts"
    seen = set(kind.identity(splits["train"]))
    for split in ("validation", "test"):
        if split not in splits:
            continue
        if again := sum(text in seen for text in kind.identity(splits[split])):
            notices.append(
                f"{again} of {len(splits[split])} {split} {what} are training {what} too"
            )
    return notices


def label_counts(rows: pd.DataFrame, labels: Sequence[str], kind: Rows) -> dict[str, int]:
    """Return how many rows have each label, in the order of labels."""
    counts = Counter(label for own in kind.labels_of(rows) for label in set(own))
    return {label: counts[label] for label in labels}


def _fingerprint(splits: Mapping[str, pd.DataFrame], kind: Rows) -> str:
    digest = xxhash.xxh3_128()
    for split, frame in splits.items():
        digest.update(f"\x00{split}\x00".encode())
        given = [frame[role] for role in kind.inputs if role in frame]
        if kind.content is not None:
            given.append(pd.Series(kind.content(frame), index=frame.index))
        true = [frame[role] for role in kind.targets if role in frame]
        for values in zip(*given, *true, strict=True):
            inputs = "".join(f"{len(value)}:{value}" for value in values[: len(given)])
            targets = "".join(str(value) for value in values[len(given) :])
            digest.update(f"{inputs}{targets}\x00".encode(errors="surrogatepass"))
    return str(digest.hexdigest())
