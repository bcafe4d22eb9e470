"""Rows in files: text stays the text it is, and a fault is named by its line."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet

from nbtune.data.columns import FILE
from nbtune.data.conll import CONLL, from_conll
from nbtune.errors import DataError, in_one_line

TEXT = ".txt"
SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", TEXT, *CONLL)
"""Kinds of files that are read; all but Parquet may be gzipped."""
IMAGE_SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm",
)  # fmt: skip
"""Files that are taken for images."""
UNSAFE = (".pkl", ".pickle", ".joblib", ".npy", ".npz", ".pt", ".bin")
"""Kinds of files that may run code when they are opened."""
LEFT_OUT = "left_out"
"""Files that hold nothing, among the ``attrs`` of a frame."""
_EXCERPT = 60
_BEGINNING = 1 << 16
_EMPTY_LINES = re.compile(r"\n[ \t]*\n\s*")


def read_file(path: Path) -> pd.DataFrame:
    """Read the rows of one file.

    Raises
    ------
    DataError
        When it is damaged or of no known kind; names the line where there is one.
    """
    suffix = suffix_of(path)
    if suffix in UNSAFE:
        raise DataError(
            f"data: {path.name} is not read, as such files can run code when they are opened",
            hint="save the rows as Parquet, CSV or JSONL",
        )
    if suffix not in SUFFIXES:
        raise DataError(
            f"data: {path.name} is of no known kind", hint=f"known kinds: {', '.join(SUFFIXES)}"
        )
    if suffix == ".parquet":
        return _from_parquet(path)
    text = _text_of(path)
    if not text.strip():
        raise DataError(f"data: {path.name} is empty", hint="check that the file was written")
    if suffix in (".csv", ".tsv"):
        return _from_csv(text, path.name, "\t" if suffix == ".tsv" else None)
    if suffix in CONLL:
        return from_conll(text, path.name)
    if suffix == TEXT:
        return from_text(text)
    return _from_json(text, path.name) if suffix == ".json" else _from_jsonl(text, path.name)


def header_of(path: Path) -> list[str]:
    """Return the columns of a file from its beginning; none where that does not tell them.

    What is wrong with the file is said when it is read.
    """
    suffix = suffix_of(path)
    try:
        if suffix == ".parquet":
            return list(pyarrow.parquet.read_schema(path).names)
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            # A line that is cut in two is left out, be it in the middle of a sign.
            text = file.read(_BEGINNING).decode("utf-8-sig", errors="ignore")
        if suffix in (".csv", ".tsv"):
            delimiter = "\t" if suffix == ".tsv" else _sniff(text)
            return [
                cell.strip() for cell in next(csv.reader(io.StringIO(text), delimiter=delimiter))
            ]
        if suffix in (".jsonl", ".ndjson"):
            return list(json.loads(text.split("\n", 1)[0]))
    except Exception:  # noqa: BLE001 - a damaged file has no columns to offer
        return []
    return []


def _from_parquet(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(path)
        schema = pyarrow.parquet.read_schema(path)
    except Exception as error:  # noqa: BLE001 - pyarrow raises many kinds
        raise DataError(
            f"data: {path.name} is not whole Parquet: {in_one_line(error)}", hint="write it again"
        ) from None
    if b"huggingface" not in (schema.metadata or {}):
        return frame
    from datasets import Features

    return with_label_names(frame, Features.from_arrow_schema(schema))


def _text_of(path: Path) -> str:
    try:
        raw = path.read_bytes()
        raw = gzip.decompress(raw) if path.suffix == ".gz" else raw
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(
            f"data: {path.name} is not whole gzip: {in_one_line(error)}",
            hint="copy or write it again",
        ) from None
    except OSError as error:
        raise DataError(
            f"data: {path.name} cannot be read: {error.strerror}", hint="check its permissions"
        ) from None
    wide = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return raw.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        how = "read_csv({!r}" if "json" not in path.name else "read_json({!r}, lines=True"
        raise DataError(
            f"data: {path.name} line {line} is not UTF-{16 if wide else 8} "
            f"(byte 0x{raw[error.start]:02x})",
            hint="save it as UTF-8, or read it yourself: "
            f"pandas.{how.format(str(path))}, encoding='latin-1')",
        ) from None


def _from_csv(text: str, name: str, delimiter: str | None) -> pd.DataFrame:
    """Read all cells as text, so that "NA", "null" and "007" stay what they are."""
    csv.field_size_limit(1 << 28)
    lines = io.StringIO(text, newline="")
    rows = _csv_rows(csv.reader(lines, delimiter=delimiter or _sniff(text), strict=True), name)
    _, header = next(rows)
    names = [cell.strip() for cell in header]
    if twice := sorted({cell for cell in names if names.count(cell) > 1}):
        raise DataError(
            f"data: {name} has two columns named {twice[0]!r}", hint="rename one in the first line"
        )
    cells = []
    for line, row in rows:
        if len(row) != len(names):
            raise DataError(
                f"data: {name} line {line} has {len(row)} cells, the header has {len(names)}",
                hint='put cells that hold the separator in quotes: "one, two"',
            )
        cells.append(row)
    columns = list(zip(*cells, strict=True)) or [() for _ in names]
    return pd.DataFrame(
        {head: pd.Series(cells, dtype=object) for head, cells in zip(names, columns, strict=True)}
    )


def _csv_rows(reader: Any, name: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that hold something, with the line that each one begins on."""
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise DataError(
                f"data: {name} line {line}: {error}",
                hint='write a quote inside a quoted cell twice: "she said ""no"""',
            ) from None
        if row is None:
            return
        if row:
            yield line, row


def _sniff(text: str) -> str:
    header = re.sub(r'"[^"]*"', "", text.lstrip().splitlines()[0])
    return max(",;\t|", key=header.count)


def from_text(text: str) -> pd.DataFrame:
    r"""Read paragraphs parted by empty lines; where there are none, every line is a row.

    Examples
    --------
    >>> list(from_text("one\ntwo\n\nthree\n")["text"])
    ['one\ntwo', 'three']
    """
    lines = text.replace("\r\n", "\n").strip("\n")
    parts = _EMPTY_LINES.split(lines)
    parts = parts if len(parts) > 1 else lines.split("\n")
    return as_frame([{"text": part} for part in parts if part.strip()])


def text_files(folder: Path) -> list[Path]:
    """Return the files of text in a folder and those below it that are not empty.

    Hidden ones are passed over: Jupyter keeps copies in ``.ipynb_checkpoints``.
    """
    files = [path for path in sorted(folder.rglob("*")) if suffix_of(path) == TEXT]
    seen = [p for p in files if not any(n.startswith(".") for n in p.relative_to(folder).parts)]
    return [path for path in seen if path.is_file() and path.stat().st_size]


def read_texts(folder: Path) -> pd.DataFrame | None:
    """Read all files of text in a folder and those below it; None where there are none.

    Returns
    -------
    DataFrame
        Columns ``text`` and ``file``, the path in the folder; ``attrs`` has the paths of those
        that hold nothing but blanks, which are left out (`LEFT_OUT`).
    """
    filled = text_files(folder)
    if not filled:
        return None
    parts, blank = [], []
    for path in filled:
        name, text = str(path.relative_to(folder)), _text_of(path)
        if text.strip():
            parts.append(from_text(text).assign(**{FILE: name}))
        else:
            blank.append(name)
    if not parts:
        raise DataError(
            f"data: no file in {folder.name} holds more than blanks: {', '.join(blank[:5])}",
            hint="check that the files were written",
        )
    whole = pd.concat(parts, ignore_index=True)
    if blank:
        whole.attrs[LEFT_OUT] = blank
    return whole


def _from_jsonl(text: str, name: str) -> pd.DataFrame:
    rows, faults = [], []
    lines = text.split("\n")  # and not where splitlines does: U+2028 may stand in a text
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            cut = number == len(lines)
            what = "was cut off" if cut else f"is not JSON ({error.args[0].split(':')[0]})"
        else:
            rows.append(row)
            what = "" if isinstance(row, dict) else "is not an object"
        if what:
            faults.append(f"line {number} {what}: {line[:_EXCERPT]!r}")
    if faults:
        others = len(faults) - 1
        more = f", and {others} more line{'s' * (others > 1)}" if others else ""
        hint = 'write one {"text": "...", "label": "..."} a line'
        if len(lines) == 1:
            hint = "the end of the file is missing: get it anew"
        raise DataError(f"data: {name} {faults[0]}{more}", hint=hint)
    return as_frame(rows)


def _from_json(text: str, name: str) -> pd.DataFrame:
    try:
        rows = json.loads(text)
    except ValueError as error:
        if text.lstrip().startswith("{"):
            return _from_jsonl(text, name)
        raise DataError(
            f"data: {name} is not JSON: {error}",
            hint='write [{"text": "...", "label": "..."}, ...]',
        ) from None
    if isinstance(rows, dict) and isinstance(rows.get("data"), list):
        return from_squad(rows["data"], name)
    if not isinstance(rows, list):
        raise DataError(
            f"data: {name} holds a {type(rows).__name__}, not a list of rows",
            hint='write [{"text": "...", "label": "..."}, ...]',
        )
    return as_frame(rows)


def from_squad(articles: list[Any], name: str) -> pd.DataFrame:
    """Read articles as SQuAD 1 and 2 have them (Rajpurkar et al. 2016, 2018), a question a row.

    Returns
    -------
    DataFrame
        Columns ``id``, ``title``, ``context``, ``question`` and ``answers``, these as lists of
        ``text`` and ``answer_start``; empty where a question is marked as impossible.

    Raises
    ------
    DataError
        When something is not as SQuAD has it; names the article.
    """
    rows = []
    for number, article in enumerate(articles):
        try:
            rows += [
                {
                    "id": asked.get("id"),
                    "title": article.get("title"),
                    "context": paragraph["context"],
                    "question": asked["question"],
                    "answers": [] if asked.get("is_impossible") else asked["answers"],
                }
                for paragraph in article["paragraphs"]
                for asked in paragraph["qas"]
            ]
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"data: {name}: article {number} is not as in SQuAD: {in_one_line(error)}",
                hint="an article has paragraphs, these a context and qas, and these a question "
                "and answers with text and answer_start",
            ) from None
    return as_frame(rows)


def as_frame(rows: list[Any]) -> pd.DataFrame:
    """Make a frame from dicts; a key that a row lacks is missing there.

    Raises
    ------
    DataError
        When a row is no dict.
    """
    wrong = next((i for i, row in enumerate(rows) if not isinstance(row, Mapping)), None)
    if wrong is not None:
        raise DataError(
            f"data: row {wrong} is a {type(rows[wrong]).__name__}, not a dict",
            hint='write rows as [{"text": "...", "label": "..."}, ...]',
        )
    columns = dict.fromkeys(key for row in rows for key in row)
    return pd.DataFrame(
        {name: pd.Series([row.get(name) for row in rows], dtype=object) for name in columns}
    )


def with_label_names(frame: pd.DataFrame, features: Mapping[str, Any] | None) -> pd.DataFrame:
    """Replace the numbers of label features by the names they stand for; -1 stands for none."""
    named: dict[str, list[Any]] = {}
    for column, feature in (features or {}).items():
        names = getattr(feature, "names", None)
        names_within = getattr(getattr(feature, "feature", None), "names", None)
        if isinstance(names, list) and column in frame:
            known = {-1: None, **dict(enumerate(names))}
            named[column] = [known.get(value, value) for value in frame[column]]
        elif isinstance(names_within, list) and column in frame:
            known = dict(enumerate(names_within))
            named[column] = [[known.get(int(v), v) for v in values] for values in frame[column]]
    return frame.assign(**named)


def spread(frame: pd.DataFrame) -> pd.DataFrame:
    """Give each language a column of its own, where ``translation`` has texts by language.

    So the hub's data for translation are written: ``{"en": "yes", "fr": "oui"}``.
    """
    cells = list(frame["translation"]) if "translation" in frame else []
    if not cells or not all(isinstance(cell, Mapping) for cell in cells):
        return frame
    rest, by_language = frame.drop(columns="translation"), as_frame(cells)
    own = by_language[[name for name in by_language if name not in rest]]
    return pd.concat([rest, own.set_axis(frame.index)], axis=1)


def suffix_of(path: Path) -> str:
    """Return the suffix in small letters, without a ``.gz`` behind it."""
    return Path(path.stem).suffix.lower() if path.suffix == ".gz" else path.suffix.lower()
