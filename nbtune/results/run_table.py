"""The runs of a project as a table with faces."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from nbtune.errors import NbtuneError, RunError, did_you_mean
from nbtune.panels import runs as faces
from nbtune.panels.state import fold
from nbtune.recipe import Recipe, from_yaml
from nbtune.records import SCORES, Score, worth
from nbtune.records.plain import make
from nbtune.results.differences import flat_settings
from nbtune.runs import RunFolder
from nbtune.runs.tidying import words_of

if TYPE_CHECKING:
    import pandas as pd

_FRAME = (
    "run", "status", "model", "method", "rows", "metric", "score", "score_low", "score_high",
    "test", "test_low", "test_high", "seconds", "memory", "trained", "created", "note",
)  # fmt: skip


@dataclass(frozen=True)
class RunSummary:
    """One line of the table.

    ``scores`` are those of the weights that are kept, on the validation rows; ``metric`` is the
    one that decides, and ``judged`` what `nbtune.evaluate` said of it with an interval, by split.
    ``settings`` are those of the recipe that are not the default ones.
    """

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
    metric: str = ""
    judged: dict[str, Score] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    memory_bytes: int = 0
    trainable_parameters: int = 0

    @property
    def score(self) -> Score | None:
        """The score that decides, on the validation rows, with its interval where it is known."""
        if self.metric not in self.scores:
            return None
        return self.judged.get("validation", Score(self.scores[self.metric]))

    def cells(self, differing: Collection[str] = ()) -> dict[str, Any]:
        """Return the line as values by column, and which run it is a part of.

        Parameters
        ----------
        differing : collection of str
            The settings that are told.
        """
        return {
            "run": self.run,
            "status": self.status,
            "model": self.model,
            "method": self.method,
            "rows": self.rows,
            "metric": self.metric,
            "score": self.score,
            "test": self.judged.get("test"),
            "settings": {k: value for k, value in self.settings.items() if k in differing},
            "seconds": self.seconds,
            "memory": self.memory_bytes,
            "trained": self.trainable_parameters,
            "created": datetime.fromtimestamp(self.created).isoformat(" ", "minutes"),
            "note": " ".join([*(f"#{tag}" for tag in self.tags), self.note]).strip(),
            "part_of": self.part_of,
        }


def summarise(folder: RunFolder) -> RunSummary:
    """Read from its folder what the table says of a run."""
    about, history = folder.about, folder.history()
    view = fold(folder.title, history)
    best, words, start, stop = view.best, words_of(folder), view.start, view.stop
    scores = dict(best.scores) if best else {}
    metric = start.metric if start and start.metric in scores else next(iter(scores), "")
    ended = history[-1][0] if history else 0.0
    return RunSummary(
        folder.title,
        folder.status(),
        str(about.get("model", "")),
        str(about.get("method", "")),
        int(about.get("rows", {}).get("train", 0)),
        view.step,
        scores,
        stop.seconds if stop else 0.0,
        float(about.get("created", 0)),
        str(folder.path),
        words["note"],
        tuple(words["tags"]),
        str(about.get("part", {}).get("of", "")),
        metric,
        _judged(folder, metric, ended),
        _settings(folder),
        stop.memory_bytes if stop else 0,
        start.trainable_parameters if start else 0,
    )


def _judged(folder: RunFolder, metric: str, ended: float) -> dict[str, Score]:
    """Return what the run was judged to be worth, by split, since it was last trained."""
    found = {}
    for split in ("validation", "test"):
        file = folder.path / "evaluations" / f"{split}.json"
        try:
            if file.stat().st_mtime >= ended:
                table = json.loads(file.read_text(encoding="utf-8"))["table"]
                found[split] = make(Score, table[-1]["scores"][metric])
        except (OSError, ValueError, LookupError, TypeError):
            continue
    return found


def _settings(folder: RunFolder) -> dict[str, str]:
    """Return the settings of a run that are not the default ones, as text by name."""
    try:
        own = from_yaml(folder.recipe_text)
    except NbtuneError:  # of another version, or damaged: the rest is worth telling
        return {}
    usual, found = flat_settings(Recipe()), flat_settings(own)
    return {name: value for name, value in found.items() if usual.get(name) != value}


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
    def differing(self) -> list[str]:
        """The settings that are not the same in all runs, other than those with a column."""
        names = dict.fromkeys(name for row in self.rows for name in row.settings)
        return [
            name
            for name in names
            if name not in faces.COLUMNS and len({row.settings.get(name) for row in self.rows}) > 1
        ]

    @property
    def frame(self) -> pd.DataFrame:
        """The table as a DataFrame: values and intervals, every score, the settings that differ."""
        import pandas as pd

        columns = [*_FRAME, *self._score_names(), *self.differing]
        return pd.DataFrame([self._values(row) for row in self.rows], columns=columns)

    def _score_names(self) -> list[str]:
        return list(dict.fromkeys(name for row in self.rows for name in row.scores))

    def _values(self, row: RunSummary) -> dict[str, Any]:
        cells = row.cells()
        scores = {"score": row.score, "test": row.judged.get("test")}
        ends = {
            f"{name}{end}": getattr(score, end[1:] or "value")
            for name, score in scores.items()
            if score is not None
            for end in ("", "_low", "_high")
        }
        settings = {name: row.settings.get(name) for name in self.differing}
        return cells | {"score": None, "test": None} | ends | row.scores | settings

    def sort(self, by: str) -> RunTable:
        """Return the table sorted by a column, a score or a setting, the best first for scores.

        Raises
        ------
        RunError
            When there is no such column.
        """
        scores = self._score_names()
        known = [name for name in (*faces.COLUMNS, *scores, *self.differing) if name != "settings"]
        if by not in known and not (by in SCORES and not scores):
            raise RunError(f"the table has no column {by!r}", hint=did_you_mean(by, known))
        pairs = [(row, self._values(row).get(by)) for row in self.rows]
        known_ones = [(row, value) for row, value in pairs if value is not None]
        is_score = by in ("score", "test") or by in scores

        def rank(pair: tuple[RunSummary, Any]) -> Any:
            row, value = pair
            if not is_score:
                return _number_or_text(value)
            # Scores of different kinds are not compared: they stand one kind after the other.
            name = by if by in scores else row.metric
            return name, -worth(name, value)

        unknown = [row for row, value in pairs if value is None]
        return RunTable([*(row for row, _ in sorted(known_ones, key=rank)), *unknown])

    def _cells(self) -> list[dict[str, Any]]:
        differing = self.differing
        return [row.cells(differing) for row in self.rows]

    def __repr__(self) -> str:
        return faces.runs_text(self._cells())

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        cells = self._cells()
        return {
            "text/plain": faces.runs_text(cells),
            "text/markdown": faces.runs_markdown(cells),
            "text/html": faces.runs_html(cells),
        }


def _number_or_text(value: Any) -> tuple[int, float, str]:
    """Return what numbers sort by as numbers, and all else as text."""
    try:
        return 0, float(value), ""
    except (TypeError, ValueError):
        return 1, 0.0, str(value)
