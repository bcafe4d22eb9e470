"""The runs of a project as a table with faces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from nbtune.errors import RunError, did_you_mean
from nbtune.panels import runs as faces
from nbtune.panels.state import fold
from nbtune.runs import RunFolder
from nbtune.runs.tidying import words_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class RunSummary:
    """One line of the table; ``scores`` are those of the weights that are kept."""

    run: str
    status: str
    model: str
    method: str
    rows: int
    step: int
    scores: dict[str, float]
    seconds: float
    created: float
    folder: str
    note: str = ""
    tags: tuple[str, ...] = ()
    part_of: str = ""

    def cells(self) -> dict[str, Any]:
        """Return the line as values by column, and which run it is a part of."""
        return {
            "run": self.run,
            "status": self.status,
            "model": self.model,
            "method": self.method,
            "rows": self.rows,
            "f1_macro": self.scores.get("f1_macro"),
            "accuracy": self.scores.get("accuracy"),
            "seconds": self.seconds,
            "created": datetime.fromtimestamp(self.created).isoformat(" ", "minutes"),
            "note": " ".join([*(f"#{tag}" for tag in self.tags), self.note]).strip(),
            "part_of": self.part_of,
        }


def summarise(folder: RunFolder) -> RunSummary:
    """Read from its folder what the table says of a run."""
    about, view = folder.about, fold(folder.title, folder.history())
    best, words = view.best, words_of(folder)
    return RunSummary(
        folder.title,
        folder.status(),
        str(about.get("model", "")),
        str(about.get("method", "")),
        int(about.get("rows", {}).get("train", 0)),
        view.step,
        dict(best.scores) if best else {},
        view.stop.seconds if view.stop else 0.0,
        float(about.get("created", 0)),
        str(folder.path),
        words["note"],
        tuple(words["tags"]),
        str(about.get("part", {}).get("of", "")),
    )


def grouped(rows: Sequence[RunSummary]) -> list[RunSummary]:
    """Return runs in their order, those that were trained beside another one below it."""
    there = {row.run for row in rows}
    below: dict[str, list[RunSummary]] = {}
    for row in rows:
        below.setdefault(row.part_of if row.part_of in there else "", []).append(row)
    return [one for row in below.get("", []) for one in (row, *below.get(row.run, []))]


class RunTable(Sequence[RunSummary]):
    """Runs, oldest first; sort it, index it, or take its ``frame``."""

    def __init__(self, rows: Sequence[RunSummary]) -> None:
        self.rows = list(rows)

    def __getitem__(self, index: Any) -> Any:
        found = self.rows[index]
        return RunTable(found) if isinstance(index, slice) else found

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[RunSummary]:
        return iter(self.rows)

    @property
    def frame(self) -> pd.DataFrame:
        """The table as a DataFrame."""
        import pandas as pd

        return pd.DataFrame([row.cells() for row in self.rows], columns=list(faces.COLUMNS))

    def sort(self, by: str) -> RunTable:
        """Return the table sorted by a column, the highest first for scores.

        Raises
        ------
        RunError
            When there is no such column.
        """
        if by not in faces.COLUMNS:
            raise RunError(
                f"the table has no column {by!r}", hint=did_you_mean(by, list(faces.COLUMNS))
            )
        known = [row for row in self.rows if row.cells()[by] is not None]
        unknown = [row for row in self.rows if row.cells()[by] is None]
        is_score = by in ("f1_macro", "accuracy")
        return RunTable(
            [*sorted(known, key=lambda row: row.cells()[by], reverse=is_score), *unknown]
        )

    def __repr__(self) -> str:
        return faces.runs_text([row.cells() for row in self.rows])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        cells = [row.cells() for row in self.rows]
        return {
            "text/plain": faces.runs_text(cells),
            "text/markdown": faces.runs_markdown(cells),
            "text/html": faces.runs_html(cells),
        }
