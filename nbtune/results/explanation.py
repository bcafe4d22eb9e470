"""Why a run says what it says of some texts, as an object with faces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

from nbtune.errors import DataError, RunError
from nbtune.jobs.folders import read_rows
from nbtune.recipe import from_yaml
from nbtune.records import EXPLAINED_BY, Explanation
from nbtune.results.run import Run

if TYPE_CHECKING:
    import pandas as pd

FEW = 20
"""Up to so many texts are judged by the deletion curve unless somebody says."""


class Explanations(Sequence[Explanation]):
    """One explanation for each label, span or answer that a run gives some texts.

    Parameters
    ----------
    records : sequence of Explanation
        What was found.
    left : int
        Texts in which there was nothing to explain.
    """

    def __init__(self, records: Sequence[Explanation], left: int = 0) -> None:
        self.records, self.left = tuple(records), left

    @overload
    def __getitem__(self, place: int) -> Explanation: ...
    @overload
    def __getitem__(self, place: slice) -> Explanations: ...
    def __getitem__(self, place: int | slice) -> Explanation | Explanations:
        """Return one of them, or some as an object of their own."""
        if isinstance(place, slice):
            return Explanations(self.records[place])
        return self.records[place]

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[Explanation]:
        return iter(self.records)

    @property
    def frame(self) -> pd.DataFrame:
        """One line a word: ``row``, ``label``, ``word``, where it stands, ``value``, ``share``."""
        import pandas as pd

        lines = [
            (one.row, one.label, one.probability, one.text_of(word), word.part, word.start,
             word.end, word.value, share)
            for one in self.records
            for word, share in one.share.items()
        ]  # fmt: skip
        columns = ["row", "label", "probability", "word", "part", "start", "end", "value", "share"]
        return pd.DataFrame(lines, columns=columns)

    @property
    def text(self) -> str:
        """All of it as lines of at most 80 characters."""
        from nbtune.panels.explanation import explanations_text

        return explanations_text(self.records, self.left)

    def __repr__(self) -> str:
        named = f" of {self.records[0].run}" if self.records else ""
        return f"<Explanations{named}: {len(self.records)}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from nbtune.panels import explanation as faces

        return {
            "text/plain": self.text,
            "text/markdown": faces.explanations_markdown(self.records, self.left),
            "text/html": faces.explanations_html(self.records, self.left),
        }


def explain_run(
    run: Run,
    rows: pd.DataFrame,
    label: str | None = None,
    method: str = EXPLAINED_BY[0],
    deletion: bool | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Explanations:
    """Explain what a run says of rows; see `nbtune.api.explain`."""
    from nbtune.understanding.explaining import explain_rows

    if not len(rows):
        raise DataError("there is no text to explain", hint='%explain RUN "a text"')
    trained = run.trained
    found = explain_rows(
        run.name,
        trained.model,
        trained.tokenizer,
        trained.max_length,
        trained.known,
        from_yaml(run.folder.recipe_text),
        rows,
        label=label,
        method=method,
        with_deletion=len(rows) <= FEW if deletion is None else deletion,
        progress=progress,
    )
    numbers = set(rows["row"]) if "row" in rows else set(range(len(rows)))
    return Explanations(found, len(numbers - {one.row for one in found}))


def rows_of_split(run: Run, numbers: Sequence[int], split: str | None) -> pd.DataFrame:
    """Return rows of a run's own, by their numbers in the data.

    Raises
    ------
    RunError
        When there is no such split.
    DataError
        Naming the numbers that are not in it, and some that are.
    """
    there = [name for name in ("test", "validation", "train") if name in run.folder.about["rows"]]
    chosen = split or there[0]
    if chosen not in there:
        raise RunError(f"{run.name} has no {chosen!r} rows", hint=f"it has {', '.join(there)}")
    rows = read_rows(run.folder, chosen)
    known = {int(number): place for place, number in enumerate(rows["row"])}
    if missing := [number for number in numbers if number not in known]:
        some = ", ".join(str(number) for number in list(known)[:5])
        raise DataError(
            f"row {', '.join(map(str, missing))}: none of the {chosen} rows of {run.name}",
            hint=f"rows are numbered as in the data, such as {some}; see %evaluate {run.name}",
        )
    wanted = rows.iloc[[known[number] for number in numbers]].reset_index(drop=True)
    opened = run.task.rows.opened
    return wanted if opened is None else opened(wanted)
