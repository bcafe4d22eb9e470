"""Rows from wherever they are: frames, lists, files, folders, data sets, the hub."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from nbtune import datasets as own
from nbtune.data.checking import refuse_empty
from nbtune.data.files import (
    IMAGE_SUFFIXES,
    SUFFIXES,
    UNSAFE,
    as_frame,
    read_file,
    read_texts,
    spread,
    suffix_of,
    with_label_names,
)
from nbtune.errors import DataError, in_one_line

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}

Frames = dict[str, pd.DataFrame]


def read(source: Any) -> Frames:
    """Read rows as frames by split: ``train``, ``validation``, ``test``, then any other name.

    Parameters
    ----------
    source : DataFrame, Dataset, DatasetDict, list of dict or of pairs, (texts, labels), path or str
        A str is one of our data sets, a file, a folder, or a hub id, in this order. Rows without
        splits are for training, unless a column ``split`` says otherwise.

    Returns
    -------
    dict of DataFrame
        Columns are named by text; the index is the position in the source, from 0.

    Raises
    ------
    DataError
        When it cannot be read; names file and line where there are such.
    """
    return _in_order(_by_split_column(_parts(source)))


def with_parts(frames: Frames, validation: Any = None, test: Any = None) -> Frames:
    """Return frames by split in which these sources, where they are given, stand for their parts.

    Raises
    ------
    DataError
        As `read_split` does, and when one of them has no rows.
    """
    given = {"validation": validation, "test": test}
    own = {name: read_split(one, name) for name, one in given.items() if one is not None}
    for split, frame in own.items():
        refuse_empty(frame, split)
    return _in_order(frames | own)


def _in_order(frames: Frames) -> Frames:
    ours = [split for split in dict.fromkeys(SPLIT_NAMES.values()) if split in frames]
    return {split: frames[split] for split in [*ours, *(one for one in frames if one not in ours)]}


def read_all(source: Any) -> pd.DataFrame:
    """Read all rows as one frame, whatever split they say they belong to; see `read`."""
    frames = list(_parts(source).values())
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


def read_split(source: Any, split: str) -> pd.DataFrame:
    """Read the rows of one split; a source without splits is taken whole; see `read`.

    Raises
    ------
    DataError
        When the source has several splits, and this one is not among them.
    """
    frames = read(source)
    if len(frames) > 1 and split not in frames:
        raise DataError(
            f"{split}: none of its parts is called so: {', '.join(frames)}",
            hint="give one of them alone",
        )
    return frames[split] if split in frames else next(iter(frames.values()))


def _parts(source: Any) -> Frames:
    if isinstance(source, str | Path):
        frames = _from_name(source)
    elif isinstance(source, Mapping):
        frames = _from_mapping(source)
    else:
        frames = {"train": _from_object(source)}
    named: Frames = {}
    for name, frame in frames.items():
        split = _split_of(name) or name
        if split in named:
            raise DataError(
                f"data: two of its parts are for {split}: {', '.join(frames)}",
                hint="keep one of them",
            )
        named[split] = _plain(frame)
    return named


def _split_of(name: str) -> str | None:
    return SPLIT_NAMES.get(name.split(".")[0].lower())


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Count the rows from 0 and name the columns by text, each one once."""
    if frame.columns.nlevels > 1:
        raise DataError(
            f"data: the columns have {frame.columns.nlevels} levels, such as {frame.columns[0]}",
            hint="make them one: df.columns = ['_'.join(map(str, c)) for c in df.columns]",
        )
    names = [str(name) for name in frame.columns]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(
            f"data: two columns are named {' and two '.join(map(repr, twice))}",
            hint="drop the later ones: df = df.loc[:, ~df.columns.duplicated()]",
        )
    return spread(frame.set_axis(names, axis="columns").reset_index(drop=True))


def _by_split_column(frames: Frames) -> Frames:
    frame = next(iter(frames.values()))
    if len(frames) > 1 or "split" not in frame.columns:
        return frames
    parts = frame["split"].astype(object).map(lambda value: SPLIT_NAMES.get(str(value).lower()))
    if "train" not in set(parts):
        return frames  # a column that only happens to be called so
    if (unknown := parts.isna()).any():
        odd = frame["split"][unknown]
        raise DataError(
            f"split: {len(odd)} rows are for neither train, validation nor test "
            f"(row {odd.index[0]} is {odd.iloc[0]!r})",
            hint="mend them, or drop the column split",
        )
    rest = frame.drop(columns="split")
    return {str(name): rest[parts == name] for name in parts.unique()}


def _from_mapping(source: Mapping[Any, Any]) -> Frames:
    names = [str(name) for name in source]
    if not any(map(_split_of, names)):
        raise DataError(
            f"data: a dict of {', '.join(names) or 'nothing'} has no part called train",
            hint='give parts: {"train": df, "test": df2}, or columns: pandas.DataFrame(data)',
        )
    if len(source) == 1:
        return {names[0]: read_all(*source.values())}
    return {str(name): _rows_for(part, str(name)) for name, part in source.items()}


def _rows_for(part: Any, name: str) -> pd.DataFrame:
    """Read one of several parts: of a source that has this split itself, no rows of another one."""
    split = _split_of(name)
    return read_all(part) if split is None else read_split(part, split)


def _from_object(source: Any) -> pd.DataFrame:
    if isinstance(source, pd.DataFrame):
        return source
    if hasattr(source, "to_pandas"):
        return with_label_names(source.to_pandas(), getattr(source, "features", None))
    if isinstance(source, tuple) and len(source) == 2:
        return _from_pair(*source)
    if isinstance(source, list) and source and all(map(_is_pair, source)):
        return _from_pair(*map(list, zip(*source, strict=True)))
    if isinstance(source, list):
        is_texts = bool(source) and all(isinstance(one, str) for one in source)
        return as_frame([{"text": one} for one in source] if is_texts else source)
    raise DataError(
        f"data: a {type(source).__name__} holds no rows",
        hint="give a DataFrame, a Dataset, a list of dicts, (texts, labels), or a file name",
    )


def _is_pair(one: Any) -> bool:
    return isinstance(one, tuple) and len(one) == 2


def _from_pair(texts: Any, labels: Any) -> pd.DataFrame:
    columns = {"text": _listed(texts, "texts"), "label": _listed(labels, "labels")}
    if len(columns["text"]) != len(columns["label"]):
        raise DataError(
            f"data: {len(columns['text'])} texts but {len(columns['label'])} labels",
            hint="give as many labels as texts",
        )
    return pd.DataFrame({name: pd.Series(cells, dtype=object) for name, cells in columns.items()})


def _listed(values: Any, role: str) -> list[Any]:
    if isinstance(values, str | bytes | Mapping | pd.DataFrame) or not isinstance(values, Iterable):
        raise DataError(
            f"data: the {role} of (texts, labels) are a {type(values).__name__}",
            hint="give one list, array or column for each",
        )
    return list(values.tolist() if hasattr(values, "tolist") else values)


def _from_name(source: str | Path) -> Frames:
    name, path = str(source), Path(source).expanduser()
    if name in own.names() and not path.exists():
        return {"train": own.load(name)}
    if path.is_dir():
        return _from_folder(path)
    if path.is_file() and suffix_of(path) in IMAGE_SUFFIXES:
        return {"train": as_frame([{"image": str(path)}])}
    if path.is_file():
        return {"train": read_file(path)}
    looks_like_file = isinstance(source, Path) or suffix_of(path) in (*SUFFIXES, *UNSAFE)
    if looks_like_file or name.startswith((".", "/", "~")) or name.count("/") > 1:
        folder = path.parent if path.parent.is_dir() else Path()
        near = difflib.get_close_matches(path.name, [p.name for p in folder.iterdir()], n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"looked in {folder.resolve()}"
        raise DataError(f"data: there is no file {name!r}", hint=hint)
    return _from_hub(name)


def _from_folder(folder: Path) -> Frames:
    if (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file():
        return _from_saved(folder)
    files = [p for p in sorted(folder.iterdir()) if suffix_of(p) in SUFFIXES and _split_of(p.name)]
    if not files:
        if (images := read_images(folder)) is not None:
            return images
        if (texts := read_texts(folder)) is not None:
            return {"train": texts}
        raise DataError(
            f"data: the folder {str(folder)!r} has no train, validation or test file",
            hint="name them train.csv, validation.csv, test.csv (or .tsv, .jsonl, .parquet); "
            "files of plain text may have any name: .txt; images lie in a folder a label",
        )
    return {path.name: read_file(path) for path in files}


def read_images(folder: Path) -> Frames | None:
    """Read the images of a folder that has a folder a label, below train and test where these are.

    So ``imagefolder`` of `datasets` and torchvision have them. Hidden files are passed over, and so
    is what is no image by its name.

    Returns
    -------
    dict of DataFrame or None
        Columns ``image``, the path, and ``label``, the name of its folder, where there are labels.

    Raises
    ------
    DataError
        When some images lie in no folder of a label, and others do.
    """
    parts = {path.name: path for path in sorted(folder.iterdir()) if path.is_dir()}
    splits = {name: path for name, path in parts.items() if _split_of(name)}
    if splits and _images_in(splits.get("train", next(iter(splits.values())))):
        found = {name: _labelled_images(path) for name, path in splits.items()}
        return {name: frame for name, frame in found.items() if len(frame)}
    frame = _labelled_images(folder)
    return {"train": frame} if len(frame) else None


def _images_in(folder: Path) -> list[Path]:
    found = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in IMAGE_SUFFIXES]
    seen = [p for p in found if not any(n.startswith(".") for n in p.relative_to(folder).parts)]
    return [path for path in seen if path.is_file()]


def _labelled_images(folder: Path) -> pd.DataFrame:
    found = _images_in(folder)
    labels = [path.relative_to(folder).parts[0] for path in found if path.parent != folder]
    if labels and len(labels) < len(found):
        bare = next(path for path in found if path.parent == folder)
        raise DataError(
            f"data: {len(found) - len(labels)} images lie in {folder.name} itself, and "
            f"{len(labels)} in folders of a label ({bare.name} first)",
            hint="put each into the folder of its label",
        )
    frame = pd.DataFrame({"image": pd.Series(map(str, found), dtype=object)})
    return frame.assign(label=labels) if labels else frame


def _from_saved(folder: Path) -> Frames:
    from datasets import load_from_disk

    try:
        stored = load_from_disk(str(folder))
        parts = stored if isinstance(stored, Mapping) else {"train": stored}
        return {str(name): _from_object(part) for name, part in parts.items()}
    except Exception as error:  # noqa: BLE001 - pyarrow and datasets raise many kinds
        raise DataError(
            f"data: the data set in {str(folder)!r} is damaged: {in_one_line(error)}",
            hint="save it again with save_to_disk",
        ) from None


def _from_hub(name: str) -> Frames:
    from datasets import load_dataset

    try:
        stored = load_dataset(name)
    except Exception as error:  # noqa: BLE001 - the hub and its scripts raise many kinds
        raise DataError(
            f"data: {name!r} is no file here, none of our data sets ({', '.join(own.names())}), "
            f"and the hub gave: {in_one_line(error)}",
            hint="check the name, or load it yourself and give the rows",
        ) from None
    return {str(split): _from_object(part) for split, part in stored.items()}
