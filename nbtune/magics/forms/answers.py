"""What the page that predicts does with many rows, and with what a run says of them."""

from __future__ import annotations

import keyword
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbtune import api
from nbtune.errors import DataError
from nbtune.magics.completion import rows_here
from nbtune.magics.variables import find_rows
from nbtune.panels.many_rows import Stack
from nbtune.panels.same_line import word

if TYPE_CHECKING:
    import pandas as pd

    from nbtune.results.run import Run

WRITERS: dict[str, tuple[str, dict[str, Any]]] = {
    ".csv": ("to_csv", {"index": False}),
    ".parquet": ("to_parquet", {"index": False}),
    ".jsonl": ("to_json", {"orient": "records", "lines": True, "force_ascii": False}),
}
"""How pandas writes a frame, by the end of a file's name."""


def stack_of(namespace: dict[str, Any], find_run: Callable[[str], Run]) -> Stack:
    """Return who asks runs about rows by their names, and keeps the answers."""
    made: set[str] = set()

    def ask(run: str, rows: str, column: str, show: Callable[[str], None]) -> pd.DataFrame:
        data = find_rows(rows, namespace)
        given = Path(data) if isinstance(data, str) else data
        return api.predict(find_run(run), given, text=column or None, display=show)

    def keep(frame: pd.DataFrame, name: str) -> str:
        if Path(name).suffix in WRITERS:
            return _write(frame, Path(name))
        if not name.isidentifier() or keyword.iskeyword(name):
            ends = ", ".join(WRITERS)
            raise DataError(
                f"{name!r} is neither a variable nor a file that ends in {ends}",
                hint="such as labelled, or labelled.csv",
            )
        if name in namespace and name not in made:
            raise DataError(
                f"{name!r} is a variable of this notebook already", hint="choose another name"
            )
        namespace[name] = frame
        made.add(name)
        return f"{name} is a variable now: a frame of {len(frame):,} rows"

    return Stack(names=lambda: rows_here(namespace), ask=ask, keep=keep, line=_line)


def _write(frame: pd.DataFrame, file: Path) -> str:
    if file.exists():
        raise DataError(f"{str(file)!r} is there already", hint="choose another name")
    method, options = WRITERS[file.suffix]
    try:
        getattr(frame, method)(file, **options)
    except OSError as error:
        raise DataError(
            f"cannot write {str(file)!r}: {error.strerror or error}", hint="choose another place"
        ) from None
    return f"{file} is written: {len(frame):,} rows"


def _line(run: str, rows: str, column: str, name: str) -> str:
    option = f" --text {word(column)}" if column else ""
    asked = f"%predict {run} --data {word(rows)}{option}"
    if Path(name).suffix not in WRITERS:
        return f"{name or 'answers'} = {asked}"
    method, options = WRITERS[Path(name).suffix]
    said = "".join(f", {option}={value!r}" for option, value in options.items())
    return f"answers = {asked}\nanswers.{method}({name!r}{said})"
