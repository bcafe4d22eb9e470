"""What the page of data does with the rows of a notebook."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Sequence
from typing import Any

from nbtune import api
from nbtune.data.checks.mending import MENDED, found_rows
from nbtune.data.checks.personal import mask
from nbtune.magics.completion import rows_here
from nbtune.magics.variables import find_rows
from nbtune.panels.data_page import Desk, Rows
from nbtune.panels.same_line import word
from nbtune.records import DataRecord


def desk_of(namespace: dict[str, Any], use: Callable[[str], None]) -> Desk:
    """Return what looks at rows by their names; what it mends becomes a variable there."""
    made: set[str] = set()

    def look(rows: Rows, show: Callable[[str], None]) -> DataRecord:
        data = find_rows(rows.name, namespace)
        return api.check_data(
            data, name=rows.name, text=rows.text or None, label=rows.label or None, display=show
        ).record

    def line(rows: Rows) -> str:
        columns = {"text": rows.text, "label": rows.label}
        named = [f"--{role} {word(name)}" for role, name in columns.items() if name]
        return " ".join(["%data", word(rows.name), *named])

    def found(rows: Rows, check: str) -> list[tuple[int, str, str]]:
        return _found(find_rows(rows.name, namespace), rows, check)

    def mend(rows: Rows, checks: Sequence[str]) -> tuple[str, str]:
        data = find_rows(rows.name, namespace)
        columns = {"text": rows.text or None, "label": rows.label or None}
        mended = api.mend(data, *checks, **columns)
        name = _free_name(rows.name, namespace)
        namespace[name] = mended
        made.add(name)
        given = repr(data) if isinstance(data, str) else rows.name
        named = [f"{role}={value!r}" for role, value in columns.items() if value]
        arguments = ", ".join([given, *map(repr, checks), *named])
        return name, f"{name} = nbtune.mend({arguments})"

    def forget(name: str) -> None:
        if name in made:
            made.discard(name)
            namespace.pop(name, None)

    return Desk(
        names=lambda: rows_here(namespace),
        look=look,
        line=line,
        found=found,
        mendable=MENDED,
        mend=mend,
        forget=forget,
        use=use,
    )


def _found(data: Any, rows: Rows, check: str) -> list[tuple[int, str, str]]:
    """Return row, text and label of what a check finds, equal texts together."""
    frame = found_rows(data, check, rows.text or None, rows.label or None)
    first = frame.groupby("text")["row"].transform("min")
    frame = frame.assign(first=first).sort_values(["first", "row"]).drop(columns="first")
    # What gives somebody away is counted, and never shown.
    shown = mask if check == "personal" else str
    return [
        (int(row), shown(str(text)), str(label))
        for row, text, label in frame.itertuples(index=False)
    ]


def _free_name(source: str, namespace: dict[str, Any]) -> str:
    """Return a name for a new variable that says what it was made from."""
    stem = re.sub(r"\W+", "_", source.rpartition("/")[2].partition(".")[0]).strip("_")
    stem = re.sub(r"_mended\d*$", "", stem)
    base = f"{stem}_mended" if stem.isidentifier() and not keyword.iskeyword(stem) else "mended"
    names = (base, *(f"{base}{number}" for number in range(2, 10_000)))
    return next(name for name in names if name not in namespace)
