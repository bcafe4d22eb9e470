"""Files of text larger than memory: a row is a stretch of one, read when its turn comes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
import xxhash

from nbtune.data.cleaning import clean_text
from nbtune.data.columns import FILE
from nbtune.data.faults import Faults, check_text, checked_rows
from nbtune.data.files import TEXT, text_files
from nbtune.data.plain import PLAIN
from nbtune.data.reading import SPLIT_NAMES
from nbtune.data.rows import Found, Roles, Rows
from nbtune.errors import DataError
from nbtune.recipe import Recipe

LENGTH = 1 << 14
"""Bytes of a stretch; it goes on to the end of its line."""
AT_ONCE = 64
SAMPLED = 512
"""Stretches that a tokenizer is trained on, and that tell what all of them would take: 8 MiB."""
STRETCH, CONTENT = "stretch", "content"
NO_UTF8 = "bytes that are no UTF-8"
_MARK = b"\xef\xbb\xbf"
_WIDE = (b"\xff\xfe", b"\xfe\xff")
_LINE, _WORD = re.compile(rb"\n"), re.compile(rb"\s")


@dataclass(frozen=True)
class Stretch:
    """Where some text lies: a file, and the bytes of it."""

    file: str
    start: int
    stop: int

    @classmethod
    def at(cls, place: str) -> Stretch:
        """Return the stretch that a cell names."""
        file, _, where = place.rpartition("#")
        start, _, stop = where.partition("-")
        return cls(file, int(start), int(stop))

    def __str__(self) -> str:
        return f"{self.file}#{self.start}-{self.stop}"

    def __repr__(self) -> str:
        return f"{Path(self.file).name} from byte {self.start:,}"

    def read(self) -> str:
        """Read it."""
        with open(self.file, "rb") as stream:  # noqa: PTH123 - a path costs as much as the reading
            stream.seek(self.start)
            return stream.read(self.stop - self.start).decode()


def read_stretches(source: Any) -> dict[str, pd.DataFrame]:
    """Return where the stretches of a file or folder of text lie, by split; nothing is kept of it.

    Returns
    -------
    dict of DataFrame
        Columns ``stretch`` and ``file``. Files of a folder are all for training, unless some are
        called ``train.txt``, ``validation.txt`` and ``test.txt``: then these are read alone.

    Raises
    ------
    DataError
        When it is something else, or a file that cannot be read in stretches.
    """
    path = Path(source).expanduser() if isinstance(source, str | Path) else None
    if path is None or not path.exists():
        what = repr(str(source)) if path else f"a {type(source).__name__}"
        raise DataError(
            f"streaming: the data is {what}, and only files of text are read piece by piece",
            hint="name a folder of .txt files; or leave streaming out",
        )
    base = path if path.is_dir() else path.parent
    files = text_files(path) if path.is_dir() else [path]
    splits = {one: SPLIT_NAMES.get(one.stem.lower()) for one in files if one.parent == base}
    if path.is_dir() and any(splits.values()):
        files = [one for one in files if splits.get(one)]
    if wrong := [one for one in files if one.suffix.lower() != TEXT]:
        raise DataError(
            f"streaming: {wrong[0].name} is no plain .txt file, and is not read piece by piece",
            hint="unpack or convert it; or leave streaming out",
        )
    rows: dict[str, list[dict[str, str]]] = {}
    for one in files:
        split = (path.is_dir() and splits.get(one)) or "train"
        name = str(one.relative_to(base))
        for stretch in _stretches_of(one.resolve()):
            rows.setdefault(split, []).append({STRETCH: str(stretch), FILE: name})
    if not rows:
        raise DataError(
            f"streaming: {path.name} has no .txt file that holds something",
            hint="check the folder; other kinds of files are read without streaming",
        )
    return {split: pd.DataFrame(own, dtype=object) for split, own in rows.items()}


def _stretches_of(file: Path) -> Iterator[Stretch]:
    size = file.stat().st_size
    with file.open("rb") as stream:
        mark = stream.read(3)
        if mark.startswith(_WIDE):
            raise DataError(f"streaming: {file.name} is UTF-16", hint="save it as UTF-8")
        start = len(_MARK) if mark == _MARK else 0
        while start < size:
            stop = _end_after(stream, start + LENGTH, size)
            yield Stretch(str(file), start, stop)
            start = stop


def _end_after(stream: BinaryIO, at: int, size: int) -> int:
    """Return where a line ends from there on, or else a word, or at least a sign."""
    if at >= size:
        return size
    stream.seek(at - 1)  # where one may end already
    ahead = stream.read(LENGTH + 4)  # a sign takes four bytes at most
    if found := _LINE.search(ahead) or _WORD.search(ahead):
        return at - 1 + found.end()
    if at - 1 + len(ahead) == size:
        return size
    return at + next((i for i, byte in enumerate(ahead[1:]) if byte & 0xC0 != 0x80), len(ahead) - 1)


def stretched(recipe: Recipe) -> Rows:
    """Return how rows are read that lie in files until they are learnt from.

    Those that are held out are few and are read at once, so that they are judged and shown like
    any text.
    """

    def cleaned(place: str) -> str:
        return clean_text(Stretch.at(place).read(), recipe.clean)

    def usable(
        frame: pd.DataFrame, roles: Roles, recipe: Recipe, what: str
    ) -> tuple[pd.DataFrame, str]:
        if roles["text"] != STRETCH:
            return PLAIN.usable(frame, roles, recipe, what)

        def check(place: Stretch) -> tuple[str, str]:
            try:
                fault, text = check_text(place.read(), lambda one: clean_text(one, recipe.clean))
            except UnicodeDecodeError:
                return NO_UTF8, ""
            return fault, _content(text)

        rows, notice = checked_rows(
            frame,
            {CONTENT: ([Stretch.at(place) for place in frame[STRETCH]], check)},
            hint=_hint,
            drop_bad_rows=recipe.drop_bad_rows,
            what=what,
        )
        return rows.assign(**{STRETCH: list(frame.loc[rows["row"], STRETCH])}), notice

    def opened(rows: pd.DataFrame) -> pd.DataFrame:
        if STRETCH not in rows:
            return rows
        texts = []
        for place, content in zip(rows[STRETCH], rows[CONTENT], strict=True):
            texts.append(_as_it_was(place, content, cleaned))
        return rows.drop(columns=STRETCH).assign(text=texts)

    def texts(rows: pd.DataFrame) -> list[str]:
        return list(rows["text"] if STRETCH not in rows else opened(sampled(rows))["text"])

    return replace(
        PLAIN,
        find=_find,
        usable=usable,
        texts=texts,
        groups=None,
        content=_contents,
        seen=_contents,
        opened=opened,
        at_once=AT_ONCE,
    )


def sampled(rows: pd.DataFrame) -> pd.DataFrame:
    """Return some of many stretches, evenly chosen; a sample of it is the same one."""
    few = min(len(rows), SAMPLED)
    return rows.iloc[np.linspace(0, len(rows) - 1, few).astype(int)].reset_index(drop=True)


def _find(frame: pd.DataFrame, named: Roles) -> Found:
    return Found({"text": STRETCH}) if STRETCH in frame else PLAIN.find(frame, named)


def _content(text: str) -> str:
    return xxhash.xxh3_64_hexdigest(text.encode())


def _contents(rows: pd.DataFrame) -> list[str]:
    return list(rows[CONTENT]) if CONTENT in rows else [_content(text) for text in rows["text"]]


def _as_it_was(place: str, content: str, read: Callable[[str], str]) -> str:
    stretch = Stretch.at(place)
    text: str | None = None
    with suppress(OSError, UnicodeDecodeError):
        text = read(place)
    if text is None or _content(text) != content:
        what = "is gone" if text is None and not Path(stretch.file).exists() else "was changed"
        raise DataError(
            f"{stretch.file} {what} after the run began",
            hint="put it back as it was, or train anew: %%finetune ... --fresh",
        )
    return text


def _hint(faults: Faults, left: bool) -> str:
    if NO_UTF8 in faults:
        return "save these files as UTF-8, or leave the stretches out with drop_bad_rows: true"
    return "leave them out with drop_bad_rows: true" if left else "no row is left"
