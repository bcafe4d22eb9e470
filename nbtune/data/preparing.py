"""From any source to the rows that are trained on, looked at, and kept for the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import xxhash

from nbtune.data.checking import (
    has_labels,
    label_names,
    refuse_empty,
    refuse_unfit_weights,
    refuse_unseen,
    usable_rows,
)
from nbtune.data.cleaning import clean_text
from nbtune.data.columns import Columns, infer_columns
from nbtune.data.reading import Frames, read, read_all, read_split
from nbtune.data.splitting import sample_per_label, stratified_split
from nbtune.errors import DataError
from nbtune.recipe import Recipe

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class PreparedData:
    """Clean rows by split, and what was noticed on the way.

    Attributes
    ----------
    splits : mapping
        DataFrames by ``train``, ``validation``, ``test``, with the columns ``row`` (position in
        the source, from 0), ``text`` and ``label``.
    labels : tuple of str
        The label names; a label's id is its place here.
    fingerprint : str
        Changes when any text, label or split changes.
    """

    splits: Mapping[str, pd.DataFrame]
    columns: Columns
    labels: tuple[str, ...]
    notices: tuple[str, ...]
    fingerprint: str


def prepare(recipe: Recipe, source: Any, validation: Any = None, test: Any = None) -> PreparedData:
    """Read, clean, check and split.

    Parameters
    ----------
    source, validation, test
        As for `nbtune.data.reading.read`; the last two replace parts of the first.

    Raises
    ------
    DataError
        Before any model is loaded, for everything that could not be learnt from.
    """
    frames = read(source)
    if "train" not in frames:
        raise DataError(
            f"data: none of its parts is for training: {', '.join(frames)}",
            hint="name one of them train",
        )
    refuse_empty(frames["train"], "data")
    columns = infer_columns(frames["train"], recipe.text, recipe.label)
    frames, notices = _without_unfit(frames, columns)
    for split, given in (("validation", validation), ("test", test)):
        if given is not None:
            frames[split] = read_split(given, split)
            refuse_empty(frames[split], split)
    splits, dropped = _usable(frames, columns, recipe)
    labels = label_names(list(splits["train"]["label"]))
    refuse_unfit_weights(recipe.class_weight, labels)
    splits = _sampled(_with_missing_splits(splits, recipe), recipe)
    for split, frame in splits.items():
        refuse_unseen(list(frame["label"]), labels, split)
    if columns.inferred:
        notices.insert(0, f"columns: text is {columns.text!r}, label is {columns.label!r}")
    notices += [*dropped, *_worth_knowing(splits, labels)]
    return PreparedData(splits, columns, labels, tuple(notices), _fingerprint(splits))


def labelled_rows(
    recipe: Recipe, source: Any, columns: Columns, labels: Sequence[str]
) -> tuple[pd.DataFrame, str]:
    """Read rows to score a trained model on: columns ``row``, ``text``, ``label``.

    Returns them and a notice of those that were left out. All rows count, whatever split they say
    they belong to. Columns are those of the run where the data has them, else they are inferred.

    Raises
    ------
    DataError
        When rows cannot be used, or have labels that the run does not know.
    """
    frame = read_all(source)
    refuse_empty(frame, "data")
    rows, notice = usable_rows(
        frame,
        _columns_like(frame, columns),
        lambda one: clean_text(one, recipe.clean),
        drop_bad_rows=recipe.drop_bad_rows,
    )
    refuse_unseen(list(rows["label"]), labels, "data")
    return rows, notice


def _without_unfit(frames: Frames, columns: Columns) -> tuple[Frames, list[str]]:
    """Leave out parts that are no split of ours, or whose labels are kept secret."""
    fit: Frames = {}
    notices = []
    for split, frame in frames.items():
        if split not in SPLITS:
            notices.append(f"left out the part {split!r}: known are {', '.join(SPLITS)}")
        elif split != "train" and not has_labels(frame, columns.label):
            notices.append(f"left out the part {split!r}: no row has a {columns.label!r}")
        else:
            fit[split] = frame
    return fit, notices


def _usable(
    frames: Frames, columns: Columns, recipe: Recipe
) -> tuple[dict[str, pd.DataFrame], list[str]]:
    splits, notices = {}, []
    for split, frame in frames.items():
        # Another file may call its columns otherwise.
        own = columns if split == "train" else _columns_like(frame, columns)
        splits[split], notice = usable_rows(
            frame,
            own,
            lambda one: clean_text(one, recipe.clean),
            drop_bad_rows=recipe.drop_bad_rows,
            what="data" if split == "train" else split,
        )
        notices += [notice] if notice else []
    return splits, notices


def _columns_like(frame: pd.DataFrame, columns: Columns) -> Columns:
    text = columns.text if columns.text in frame else None
    label = columns.label if columns.label in frame else None
    return infer_columns(frame, text, label)


def _with_missing_splits(
    splits: dict[str, pd.DataFrame], recipe: Recipe
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
        kept, taken = stratified_split(list(train["label"]), float(max(1, rows)), recipe.seed)
        if len(taken):
            splits["train"] = train.iloc[kept].reset_index(drop=True)
            splits[split] = train.iloc[taken].reset_index(drop=True)
    return {name: splits[name] for name in SPLITS if name in splits}


def _sampled(splits: dict[str, pd.DataFrame], recipe: Recipe) -> dict[str, pd.DataFrame]:
    """Keep ``max_train_samples`` of the training rows, where the recipe asks for it."""
    if recipe.max_train_samples is None:
        return splits
    train = splits["train"]
    labels = train["label"].nunique()
    if recipe.max_train_samples < labels:
        raise DataError(
            f"max_train_samples: {recipe.max_train_samples} rows cannot hold one of each of the "
            f"{labels} labels",
            hint=f"take {labels} or more",
        )
    chosen = sample_per_label(list(train["label"]), recipe.max_train_samples, recipe.seed)
    return {**splits, "train": train.iloc[chosen].reset_index(drop=True)}


def _worth_knowing(splits: Mapping[str, pd.DataFrame], labels: Sequence[str]) -> list[str]:
    notices = []
    counts = splits["train"]["label"].value_counts()
    rare = [label for label in labels if counts[label] == 1]
    if rare:
        notices.append(f"labels with a single training row: {', '.join(map(repr, rare[:5]))}")
    seen = set(splits["train"]["text"])
    for split in ("validation", "test"):
        if split in splits and (again := int(splits[split]["text"].isin(seen).sum())):
            notices.append(f"{again} of {len(splits[split])} {split} texts are training texts too")
    return notices


def _fingerprint(splits: Mapping[str, pd.DataFrame]) -> str:
    digest = xxhash.xxh3_128()
    for split, frame in splits.items():
        digest.update(f"\x00{split}\x00".encode())
        for text, label in zip(frame["text"], frame["label"], strict=True):
            digest.update(f"{len(text)}:{text}{label}\x00".encode(errors="surrogatepass"))
    return str(digest.hexdigest())
