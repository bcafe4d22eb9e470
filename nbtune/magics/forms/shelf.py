"""What the page of runs does with those of a folder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nbtune import api, shelf
from nbtune.panels.comparison import comparison_html
from nbtune.panels.runs_page import Shelf


def shelf_of(runs_dir: str | None) -> Shelf:
    """Return what the page of runs may do with those of a folder."""

    def rows(pattern: str, sort: str) -> list[dict[str, Any]]:
        table = api.list_runs(pattern, runs_dir=runs_dir)
        found = table.sort(sort) if sort else table
        return [row.cells() | {"words": row.note, "tags": row.tags} for row in found]

    def compare(titles: Sequence[str]) -> str:
        return comparison_html(api.compare(*titles, runs_dir=runs_dir, display="none").record)

    def describe(title: str, note: str, tags: list[str]) -> None:
        shelf.describe_run(title, note=note, tags=tags, runs_dir=runs_dir)

    return Shelf(
        rows=rows,
        delete=lambda title: shelf.delete_runs(title, runs_dir=runs_dir),
        restore=lambda title: shelf.restore_runs(title, runs_dir=runs_dir),
        free=lambda title: shelf.free_runs(title, runs_dir=runs_dir),
        rename=lambda title, name: shelf.rename_run(title, name, runs_dir=runs_dir),
        describe=describe,
        compare=compare,
    )
