"""The rows of a run to look through and to correct: labels in doubt first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbtune.errors import DataError, RunError, did_you_mean
from nbtune.recipe import from_yaml, to_yaml
from nbtune.records import (
    ORDERS,
    Confusion,
    Correction,
    CurveStop,
    Explanation,
    ReviewedRow,
    Wanted,
    counted,
    label_now,
    labels_now,
    orders_of,
    written_labels,
)

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from nbtune.panels.review import ReviewPanel

CORRECTIONS = "corrections.jsonl"
SHOWN, SMALL = 20, 32
_IN_FRAMES = 8
"""Fields of a row that are columns of a frame."""
Key = tuple[str, int]
"""Split and row."""


class Review:
    """Rows of a run with what it says of them; each correction is written down when it is made.

    It shows itself as a panel to click and type in, and in a saved notebook as the rows that are
    furthest off.

    Parameters
    ----------
    name : str
        The run.
    split : str
        Which of its rows these are.
    labels : sequence of str
        The labels that there are.
    rows : sequence of ReviewedRow
        The rows.
    place : Path
        The file of corrections; those in it are taken up.
    recipe : str
        The recipe of the run.
    earlier : sequence of Correction
        Those that the run was trained with: its rows have them, and the data that they came from
        has not, so they are written down with what is corrected here.
    explained : callable, optional
        The number of a row to why the run says what it says of it.
    relabels : {"one", "several", ""}
        Whether rows have one label, any number of them, or none that could be another one; such
        rows can be left out or marked.
    chances : ndarray, optional
        Probabilities of shape (rows, labels).
    note : str
        What somebody should know before correcting.

    Attributes
    ----------
    changed : list of callable
        Called after each change.
    """

    def __init__(
        self,
        name: str,
        split: str,
        labels: Sequence[str],
        rows: Sequence[ReviewedRow],
        place: Path,
        recipe: str = "",
        earlier: Sequence[Correction] = (),
        explained: Callable[[int], Sequence[Explanation]] | None = None,
        *,
        relabels: str = "one",
        chances: np.ndarray[Any, Any] | None = None,
        note: str = "",
    ) -> None:
        self.name, self.split, self.labels = name, split, tuple(labels)
        self.rows = tuple(rows)
        self.place, self._recipe, self._earlier = place, recipe, tuple(earlier)
        self._explained = explained
        self.relabels, self.note, self._chances = relabels, note, chances
        self._by_row = {one.row: one for one in self.rows}
        self._before: list[dict[Key, Correction | None]] = []
        self._all: tuple[Correction, ...] = ()
        self._is_written = True
        self._all = self._latest()
        self._panel: ReviewPanel | None = None
        self.changed: list[Callable[[], None]] = []

    @property
    def corrections(self) -> tuple[Correction, ...]:
        """All corrections of the run so far, those of its other splits included."""
        return self._all

    @property
    def _whole(self) -> list[Correction]:
        """Those and the earlier ones, of which a new one takes the place."""
        own = {(one.row, one.text) for one in self._all}
        return [*(one for one in self._earlier if (one.row, one.text) not in own), *self._all]

    @property
    def own(self) -> dict[int, Correction]:
        """The corrections of these rows, by row."""
        return {one.row: one for one in self._all if one.split == self.split}

    @property
    def confusion(self) -> Confusion:
        """How often each label was predicted as each, with the corrections made."""
        place = {label: i for i, label in enumerate(self.labels)}
        counts = [[0] * len(place) for _ in place]
        own = self.own
        for one in self.rows:
            if one.row not in own or own[one.row].action == "relabel":
                counts[place[label_now(one, own)]][place[one.prediction]] += 1
        return Confusion(self.labels, tuple(map(tuple, counts)))

    @property
    def mistakes(self) -> list[tuple[str, int, int]]:
        """Each label with the rows that miss it, and those given it that have it not, worst first.

        Of rows with several labels, with the corrections made.
        """
        counts = {label: [0, 0] for label in self.labels}
        own = self.own
        for one in self.rows:
            there = labels_now(one, own)
            for label in set(there) ^ set(one.given):
                counts[label][label in one.given] += 1
        found = [(label, missed, added) for label, (missed, added) in counts.items()]
        return sorted(found, key=lambda one: -one[1] - one[2])

    @property
    def has_curves(self) -> bool:
        """Whether labels have probabilities, and so thresholds to choose from."""
        return self._chances is not None and len(self.rows) > 1

    def curve(self, label: str) -> list[CurveStop]:
        """Return thresholds of a label, the highest first, with the rows at or above each.

        Labels are those with the corrections made; rows left out, or marked, do not count.
        """
        import numpy as np

        from nbtune.evaluation.curves import stops

        own = self.own
        kept = np.array([one.row not in own or own[one.row].action == "relabel"
                         for one in self.rows])  # fmt: skip
        has = np.array([label in labels_now(one, own) for one in self.rows])
        return stops(has[kept], self._of_label(label)[kept]) if kept.any() else []

    def above(self, label: str, threshold: float) -> frozenset[int]:
        """Return the rows whose probability of a label is at a threshold or above it."""
        chances = self._of_label(label)
        pairs = zip(self.rows, chances >= threshold, strict=True)
        return frozenset(one.row for one, is_above in pairs if is_above)

    def _of_label(self, label: str) -> np.ndarray[Any, Any]:
        if label not in self.labels:
            raise DataError(f"there is no label {label!r}", hint=did_you_mean(label, self.labels))
        if self._chances is None:
            raise RunError(
                f"{self.name} gives no probabilities of labels",
                hint="sort its rows by loss: .select(sort='loss')",
            )
        return self._chances[:, self.labels.index(label)]

    def select(
        self,
        *,
        label: str = "",
        prediction: str = "",
        search: str = "",
        wrong: bool = False,
        sort: str = "suspects first",
        above: tuple[str, float] | None = None,
    ) -> pd.DataFrame:
        """Return rows as a frame.

        Parameters
        ----------
        label, prediction : str
            Only those that have, or are taken for, this label.
        search : str
            Only those whose text has all of these words.
        wrong : bool
            Only those that the run gets wrong.
        sort : {"suspects first", "loss", "confidence", "row", "learnt last"}
            The order; the last one is for training rows: those first whose label was told least
            while they were learnt, in the mean over the epochs.
        above : tuple of str and float, optional
            Only those whose probability of this label is at least so high.
        """
        import pandas as pd

        orders = orders_of(self.rows, has_suspects=True)
        if sort not in orders:
            raise DataError(f"sort: there is no {sort!r}", hint=did_you_mean(sort, orders))
        among = None if above is None else self.above(*above)
        wanted = Wanted(label, prediction, search, wrong, sort, among=among)
        found = wanted.of(self.rows, self.own)
        names = [*ReviewedRow.__dataclass_fields__][:_IN_FRAMES]
        names += ["learnt"] if len(orders) == len(ORDERS) else []
        return pd.DataFrame([{name: getattr(one, name) for name in names} for one in found],
                            columns=names)  # fmt: skip

    def suspects(self, n: int = SHOWN) -> pd.DataFrame:
        """Return the ``n`` rows whose label is most in doubt."""
        found = self.select()
        return found[found["is_suspect"]].head(n)

    def relabel(self, rows: int | Iterable[int], label: str | Iterable[str] | None = None) -> None:
        """Give rows another label, or several; by default each what is predicted for it.

        Raises
        ------
        DataError
            When there is no such label.
        RunError
            When the truth of these rows is no label.
        """
        if not self.relabels:
            raise RunError(
                f"rows of {self.name} have no labels to change",
                hint="leave them out with delete, or mark them as ambiguous; else mend the data",
            )
        wanted = [label] if isinstance(label, str) else list(label or ())
        wanted = [name for name in wanted if name]
        if unknown := [name for name in wanted if name not in self.labels]:
            raise DataError(
                f"there is no label {unknown[0]!r}", hint=did_you_mean(unknown[0], self.labels)
            )
        if self.relabels == "one" and len(wanted) > 1:
            raise DataError(
                f"{len(wanted)} labels, and rows of {self.name} have one", hint="name one of them"
            )
        if self.relabels == "one":
            new = wanted[0] if wanted else None
        else:
            new = None if label in (None, "") else written_labels(sorted(set(wanted)))
        self._correct(rows, "relabel", new)

    def mark_ambiguous(self, rows: int | Iterable[int]) -> None:
        """Mark rows that could have several labels: not learnt from, and kept for tests."""
        self._correct(rows, "ambiguous")

    def delete(self, rows: int | Iterable[int]) -> None:
        """Leave rows out."""
        self._correct(rows, "delete")

    def restore(self, rows: int | Iterable[int]) -> None:
        """Take the corrections of rows back."""
        self._change(dict.fromkeys(self._known(rows)))

    def undo(self) -> bool:
        """Take the last change back; False when there is none."""
        if not self._before:
            return False
        self._make(self._before.pop())
        return True

    def image(self, row: int, side: int = SMALL) -> str:
        """Return a small copy of the image of a row as a ``data:`` address; empty for none."""
        from nbtune.data.pictures import thumbnail

        value = self._by_row[row].image
        return thumbnail(value, side) if value else ""

    def explain(self, row: int) -> Sequence[Explanation]:
        """Return which words of a row speak for what is predicted for it, and which against.

        Raises
        ------
        RunError
            When the run cannot explain what it says.
        """
        self._known(row)
        if self._explained is None:
            raise RunError(f"the model of {self.name} is not at hand", hint="open a new %review")
        return self._explained(row)

    def save(self, path: str | Path) -> Path:
        """Write the corrections as a file of their own: JSONL, or CSV by its name."""
        place = Path(path).expanduser()
        self._put(place, hint="name another file")
        return place

    @property
    def cell(self) -> str:
        """The cell that goes on from the weights of this run on the corrected rows."""
        recipe = from_yaml(self._recipe)
        data = "" if recipe.data else " --data df"
        changed = {"model": self.name, "corrections": str(self.place)}
        text = to_yaml(recipe.model_copy(update=changed))
        return f"%%finetune {self.name.partition('@')[0]}_corrected{data}\n{text}"

    @property
    def words(self) -> str:
        """What there is, in a sentence."""
        wrong = sum(one.is_wrong for one in self.rows)
        doubtful = sum(one.is_suspect for one in self.rows)
        doubt = f", {doubtful:,} with a label in doubt" if self.relabels else ""
        return f"{len(self.rows):,} {self.split} rows: {wrong:,} wrong{doubt}; {counted(self._all)}"

    def _correct(self, rows: int | Iterable[int], action: str, label: str | None = None) -> None:
        change: dict[Key, Correction | None] = {}
        for key in self._known(rows):
            one = self._by_row[key[1]]
            own, predicted = one.label, one.prediction
            if one.labels is not None:
                own, predicted = written_labels(one.labels), written_labels(one.given)
            new = (label or predicted) if action == "relabel" else ""
            made = Correction(self.split, one.row, one.text, own, action, new)
            change[key] = made if new != own else None  # its own label is no correction
        self._change(change)

    def _known(self, rows: int | Iterable[int]) -> list[Key]:
        wanted = [rows] if isinstance(rows, int) else [int(row) for row in rows]
        if unknown := [row for row in wanted if row not in self._by_row]:
            raise DataError(
                f"row {unknown[0]} is none of the {self.split} rows of {self.name}",
                hint="rows are numbered as in the data; see .select()",
            )
        return [(self.split, row) for row in wanted]

    def _change(self, change: Mapping[Key, Correction | None]) -> None:
        """Make corrections, or take them back (None), and remember what was there before."""
        before = {(one.split, one.row): one for one in self._latest()}
        self._before.append({key: before.get(key) for key in change})
        self._make(change)

    def _make(self, change: Mapping[Key, Correction | None]) -> None:
        left = [one for one in self._latest() if (one.split, one.row) not in change]
        self._all = (*left, *filter(None, change.values()))
        try:
            self._put(self.place, hint="make it writable; .save(path) writes elsewhere")
        finally:
            for tell in self.changed:
                tell()

    def _latest(self) -> tuple[Correction, ...]:
        """Return the corrections as the file has them: another review may have written there."""
        from nbtune.data.corrections import read_corrections

        if not self._is_written or not self.place.is_file():
            return self._all
        return tuple(one for one in read_corrections(self.place) if one not in self._earlier)

    def _put(self, place: Path, hint: str) -> None:
        from nbtune.data.corrections import write_corrections

        try:
            write_corrections(place, self._whole)
        except OSError as error:
            self._is_written &= place != self.place
            raise RunError(
                f"cannot write to {place}: {error.strerror or error}", hint=hint
            ) from None
        self._is_written |= place == self.place

    def __repr__(self) -> str:
        return f"<Review of {self.name}: {self.words}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from nbtune.panels import reviewed
        from nbtune.panels.display import choose_mode, draws_widgets

        found = Wanted().of(self.rows, self.own)[:SHOWN]
        static: dict[str, Any] = {
            "text/plain": reviewed.review_text(self.words, found, self.note),
            "text/html": reviewed.review_html(
                self.name,
                self.words,
                found,
                self.corrections,
                [self.image(one.row) for one in found],
                self.note,
                relabels=bool(self.relabels),
            ),
        }
        if choose_mode() != "rich" or not draws_widgets():
            return static
        from nbtune.panels.review import ReviewPanel

        if self._panel is None:
            self._panel = ReviewPanel(self)
        widget: dict[str, Any] = self._panel.box._repr_mimebundle_(include=include, exclude=exclude)
        return widget | static
