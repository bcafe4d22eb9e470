"""What the page of runs does with those of a folder."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from nbtune import api, shelf
from nbtune.panels.comparison import comparison_html
from nbtune.panels.runs_page import Shelf

if TYPE_CHECKING:
    from nbtune.results.run_table import RunSummary


def shelf_of(runs_dir: str | None) -> Shelf:
    """Return what the page of runs may do with those of a folder."""

    def rows(words: str, sort: str) -> list[dict[str, Any]]:
        table = api.list_runs(runs_dir=runs_dir)
        found = table.sort(sort) if sort else table
        return [
            row.cells(table.differing) | {"words": row.note, "tags": row.tags}
            for row in found
            if _fits(row, words.lower())
        ]

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


def _fits(row: RunSummary, words: str) -> bool:
    """Say whether a run's name is of a pattern such as ``topics*``, or its line has every word."""
    name = row.run.lower()
    if any(sign in words for sign in "*?["):
        return fnmatchcase(name, words) or fnmatchcase(name.partition("@")[0], words)
    tags = " ".join(f"#{tag}" for tag in row.tags)
    line = f"{name} {row.status} {row.model} {row.method} {tags} {row.note}".lower()
    return all(word in line for word in words.split())
