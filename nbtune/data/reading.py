"""Rows from wherever they are: frames, lists, files, folders, data sets, the hub."""

from __future__ import annotations

import csv
import difflib
import gzip
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from nbtune import datasets as own
from nbtune.errors import DataError

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}
SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet")
_PICKLED = (".pkl", ".pickle", ".joblib", ".npy", ".npz", ".pt", ".bin")
_EXCERPT = 60

Frames = dict[str, pd.DataFrame]


def read(source: Any, *, revision: str | None = None) -> Frames:
    """Read rows as frames by split: ``train``, and ``validation`` and ``test`` where they exist.

    Parameters
    ----------
    source : DataFrame, Dataset, DatasetDict, list of dict, (texts, labels), path or str
        A str is one of our data sets, a file, a folder, or a hub id, in this order.
    revision : str, optional
        Branch, tag or commit on the hub.

    Raises
    ------
    DataError
        When it cannot be read; names file and line where there are such.
    """
    if isinstance(source, str | Path):
        frames = _from_name(source, revision)
    elif isinstance(source, pd.DataFrame):
        frames = {"train": source}
    elif isinstance(source, Mapping):
        frames = {str(name): read(part)["train"] for name, part in source.items()}
    elif hasattr(source, "to_pandas"):
        frames = {"train": _from_dataset(source)}
    elif isinstance(source, tuple) and len(source) == 2:
        frames = {"train": _from_pair(*source)}
    elif isinstance(source, list):
        frames = {"train": _from_rows(source)}
    else:
        raise DataError(
            f"data is a {type(source).__name__}, which holds no rows",
            hint="give a DataFrame, a Dataset, a list of dicts, (texts, labels), or a file name",
        )
    return _by_split_column(_named(frames))


def _named(frames: Frames) -> Frames:
    named: Frames = {}
    for name, frame in frames.items():
        split = SPLIT_NAMES.get(name.lower())
        if split is None:
            continue  # such as the unlabelled rows of some data sets
        named[split] = frame
    if "train" not in named:
        raise DataError(
            f"data: none of its parts is for training: {', '.join(frames) or 'it is empty'}",
            hint="name one of them train",
        )
    return named


def _by_split_column(frames: Frames) -> Frames:
    frame = frames["train"]
    if len(frames) > 1 or "split" not in frame.columns or frame.empty:
        return frames
    values = frame["split"].astype(str).str.lower()
    if not set(values) <= set(SPLIT_NAMES) or "train" not in set(values.map(SPLIT_NAMES)):
        return frames
    parts = values.map(SPLIT_NAMES)
    rest = frame.drop(columns="split")
    return {str(name): rest[parts == name] for name in parts.unique()}


def _from_dataset(source: Any) -> pd.DataFrame:
    """Turn a Dataset into a frame; numbers that stand for label names become the names."""
    frame: pd.DataFrame = source.to_pandas()
    for name, feature in getattr(source, "features", {}).items():
        names = getattr(feature, "names", None)
        if isinstance(names, list) and name in frame:
            frame[name] = [
                names[int(i)] if pd.notna(i) and 0 <= int(i) < len(names) else i
                for i in frame[name]
            ]
    return frame


def _from_pair(texts: Any, labels: Any) -> pd.DataFrame:
    texts, labels = list(texts), list(labels)
    if len(texts) != len(labels):
        raise DataError(
            f"data: {len(texts)} texts but {len(labels)} labels",
            hint="give as many labels as texts",
        )
    return pd.DataFrame(
        {"text": pd.Series(texts, dtype=object), "label": pd.Series(labels, dtype=object)}
    )


def _from_rows(rows: list[Any]) -> pd.DataFrame:
    wrong = next((i for i, row in enumerate(rows) if not isinstance(row, Mapping)), None)
    if wrong is not None:
        raise DataError(
            f"data: row {wrong} is a {type(rows[wrong]).__name__}, not a dict",
            hint='write rows as [{"text": "...", "label": "..."}, ...]',
        )
    columns = dict.fromkeys(str(key) for row in rows for key in row)
    return pd.DataFrame(
        {name: pd.Series([row.get(name) for row in rows], dtype=object) for name in columns}
    )


def _from_name(source: str | Path, revision: str | None) -> Frames:
    name, path = str(source), Path(source).expanduser()
    if name in own.names() and not path.exists():
        return {"train": own.load(name)}
    if path.is_dir():
        return _from_folder(path)
    if path.is_file():
        return {"train": _from_file(path)}
    looks_like_file = isinstance(source, Path) or _suffix(path) in (*SUFFIXES, *_PICKLED)
    if looks_like_file or name.startswith((".", "/", "~")) or name.count("/") > 1:
        folder = path.parent if path.parent.is_dir() else Path()
        near = difflib.get_close_matches(path.name, [p.name for p in folder.iterdir()], n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"looked in {folder.resolve()}"
        raise DataError(f"data: there is no file {name!r}", hint=hint)
    return _from_hub(name, revision)


def _suffix(path: Path) -> str:
    return Path(path.stem).suffix.lower() if path.suffix == ".gz" else path.suffix.lower()


def _from_folder(folder: Path) -> Frames:
    if (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file():
        from datasets import load_from_disk

        stored = load_from_disk(str(folder))
        parts = stored if isinstance(stored, Mapping) else {"train": stored}
        return {str(name): _from_dataset(part) for name, part in parts.items()}
    files = {
        p.name.split(".")[0].lower(): p
        for p in sorted(folder.iterdir())
        if _suffix(p) in SUFFIXES and p.name.split(".")[0].lower() in SPLIT_NAMES
    }
    if not files:
        raise DataError(
            f"data: the folder {str(folder)!r} has no train, validation or test file",
            hint="name them train.csv, validation.csv, test.csv (or .tsv, .jsonl, .parquet)",
        )
    return {name: _from_file(path) for name, path in files.items()}


def _from_file(path: Path) -> pd.DataFrame:
    suffix = _suffix(path)
    if suffix in _PICKLED:
        raise DataError(
            f"data: {path.name} is not read, as such files can run code when they are opened",
            hint="save the rows as Parquet, CSV or JSONL",
        )
    if suffix not in SUFFIXES:
        raise DataError(
            f"data: {path.name} is of no known kind", hint=f"known kinds: {', '.join(SUFFIXES)}"
        )
    if suffix == ".parquet":
        try:
            return pd.read_parquet(path)
        except Exception as error:  # noqa: BLE001 - pyarrow raises many kinds
            raise DataError(f"data: {path.name} is not whole Parquet: {error}") from None
    text = _text_of(path)
    if suffix in (".csv", ".tsv"):
        return _from_csv(text, path.name, "\t" if suffix == ".tsv" else None)
    return _from_json(text, path.name) if suffix == ".json" else _from_jsonl(text, path.name)


def _text_of(path: Path) -> str:
    raw = path.read_bytes()
    if path.suffix == ".gz":
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError) as error:
            raise DataError(f"data: {path.name} is not whole gzip: {error}") from None
    wide = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return raw.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise DataError(
            f"data: {path.name} line {line} is not UTF-8 (byte 0x{raw[error.start]:02x})",
            hint="save it as UTF-8, or read it yourself: "
            f"pandas.read_csv({path.name!r}, encoding='latin-1')",
        ) from None


def _from_csv(text: str, name: str, delimiter: str | None) -> pd.DataFrame:
    """Read all cells as text, so that "NA", "null" and "007" stay what they are."""
    if not text.strip():
        raise DataError(f"data: {name} is empty", hint="check that the file was written")
    csv.field_size_limit(1 << 28)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter or _sniff(text))
    header = [cell.strip() for cell in next(reader)]
    twice = sorted({cell for cell in header if header.count(cell) > 1})
    if twice:
        raise DataError(
            f"data: {name} has two columns named {twice[0]!r}", hint="rename one in the first line"
        )
    rows = list(_csv_rows(reader, len(header), name))
    columns = list(zip(*rows, strict=True)) or [() for _ in header]
    return pd.DataFrame(
        {head: pd.Series(cells, dtype=object) for head, cells in zip(header, columns, strict=True)}
    )


def _csv_rows(reader: Any, width: int, name: str) -> Iterator[list[str]]:
    try:
        for row in reader:
            if len(row) == width:
                yield row
            elif row:
                raise DataError(
                    f"data: {name} line {reader.line_num} has {len(row)} cells, "
                    f"the first line has {width}",
                    hint='put cells that hold the separator in quotes: "one, two"',
                )
    except csv.Error as error:
        raise DataError(f"data: {name} line {reader.line_num}: {error}") from None


def _sniff(text: str) -> str:
    header = text.lstrip().splitlines()[0]
    return max(",;\t|", key=header.count)


def _from_jsonl(text: str, name: str) -> pd.DataFrame:
    rows = []
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            cut = number == len(lines) and not text.endswith("\n")
            what = "was cut off" if cut else f"is not JSON ({error.args[0].split(':')[0]})"
            raise DataError(
                f"data: {name} line {number} {what}: {line[:_EXCERPT]!r}",
                hint="mend or remove that line",
            ) from None
        if not isinstance(row, dict):
            raise DataError(
                f"data: {name} line {number} is not an object: {line[:_EXCERPT]!r}",
                hint='write one {"text": "...", "label": "..."} a line',
            )
        rows.append(row)
    return _from_rows(rows)


def _from_json(text: str, name: str) -> pd.DataFrame:
    try:
        rows = json.loads(text)
    except ValueError as error:
        try:
            return _from_jsonl(text, name)
        except DataError:
            raise DataError(f"data: {name} is not JSON: {error}") from None
    if not isinstance(rows, list):
        raise DataError(
            f"data: {name} holds a {type(rows).__name__}, not a list of rows",
            hint='write [{"text": "...", "label": "..."}, ...]',
        )
    return _from_rows(rows)


def _from_hub(name: str, revision: str | None) -> Frames:
    from datasets import load_dataset

    try:
        stored = load_dataset(name, revision=revision)
    except Exception as error:  # noqa: BLE001 - the hub and its scripts raise many kinds
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataError(
            f"data: {name!r} is no file here, none of our data sets ({', '.join(own.names())}), "
            f"and the hub gave: {first[:200]}",
            hint="check the name, or give a file",
        ) from None
    return {str(split): _from_dataset(part) for split, part in stored.items()}
