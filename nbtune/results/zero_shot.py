"""A classifier that was given the names of its labels and nothing to learn from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbtune.events import Progress
from nbtune.jobs.zero_shot import Labels, Reader, check_labels, find_reader
from nbtune.models.sources import ModelSource
from nbtune.recipe import Recipe
from nbtune.results.evaluation import Evaluation
from nbtune.tasks import Known, find_task

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


class ZeroShot:
    """Says of texts which label suits them by what the labels are called; nothing is trained.

    It predicts as scikit-learn's classifiers do, and as a `Run` does.

    Parameters
    ----------
    source : ModelSource
        A sentence encoder, or a model of entailment.
    labels : sequence of str or mapping
        Names, or names with what each one means.
    template, entailment : str, optional
        See `nbtune.api.zero_shot`.

    Attributes
    ----------
    classes_ : ndarray of str
        The labels, in the order of the columns of `predict_proba`.
    """

    _estimator_type = "classifier"

    def __init__(
        self,
        source: ModelSource,
        labels: Labels,
        template: str | None = None,
        entailment: str | None = None,
    ) -> None:
        check_labels(labels)
        self.source = source
        self.descriptions = labels
        self.template, self.entailment = template, entailment

    @property
    def name(self) -> str:
        """How tables call it."""
        return f"zero-shot ({self.source.name})"

    @property
    def labels(self) -> list[str]:
        """The label names."""
        return list(self.descriptions)

    @property
    def classes_(self) -> np.ndarray[Any, Any]:
        """The label names as scikit-learn wants them."""
        import numpy as np

        return np.array(self.labels)

    @cached_property
    def reader(self) -> Reader:
        """The model, loaded when first asked for.

        Raises
        ------
        DataError, ModelError
            When the template cannot work, or the model was trained for something else.
        """
        return find_reader(
            self.source, self.descriptions, template=self.template, entailment=self.entailment
        )

    @property
    def sentences(self) -> dict[str, str]:
        """What texts are compared with, by label."""
        return dict(zip(self.labels, self.reader.sentences, strict=True))

    def predict_proba(
        self, texts: Iterable[str], progress: Progress | None = None
    ) -> np.ndarray[Any, Any]:
        """Return the probabilities of the labels, of shape (texts, labels).

        Raises
        ------
        DataError
            When something among the texts is not one.
        """
        return self._said(find_task(TASK).rows.given(texts, Recipe()), progress)

    def predict(self, texts: Iterable[str]) -> Any:
        """Return the label that suits each text best."""
        return self.classes_[self.predict_proba(texts).argmax(axis=1)]

    def answers(
        self, texts: Any, column: str | None = None, progress: Progress | None = None
    ) -> pd.DataFrame:
        """Return texts with their label, its probability and those of all; see `nbtune.predict`."""
        task = find_task(TASK)
        if column is None and not isinstance(texts, Path) and not hasattr(texts, "columns"):
            rows = task.rows.given(texts, Recipe())
        else:
            from nbtune.data.reading import read_all

            roles = {} if column is None else {"text": column}
            rows = task.rows.unlabelled(read_all(texts), roles, Recipe())
        return task.answers(rows, self._said(rows, progress), self._known)

    def judge(
        self,
        data: Any,
        split: str | None = None,
        by: str | None = None,
        progress: Progress | None = None,
    ) -> Evaluation:
        """Score it on labelled rows; see `nbtune.evaluate`."""
        from nbtune.data.beside import beside
        from nbtune.data.preparing import labelled_rows
        from nbtune.data.reading import read_all, read_split
        from nbtune.results.judging import Judging, refuse_unknown, slices_of

        task = find_task(TASK)
        frame = read_all(data) if split is None else read_split(data, split)
        roles = task.rows.find(frame, {}).roles
        rows, left_out = labelled_rows(Recipe(), frame, roles, self.labels, task.rows)
        given = Judging(split or "data", rows, beside(frame, list(rows["row"]), roles), left_out)
        if by is not None:
            refuse_unknown(given, by)
        said = self._said(rows, progress)
        record = task.judge(self.name, given.split, rows, said, self._known, {})
        table = task.table(rows, said, self._known)
        slices = slices_of(task, given, said, self._known, by)
        told = "; ".join(filter(None, [left_out, self.reader.note]))
        return Evaluation(replace(record, left_out=told, slices=slices), table)

    @property
    def _known(self) -> Known:
        return Known(tuple(self.labels))

    def _said(self, rows: pd.DataFrame, progress: Progress | None) -> np.ndarray[Any, Any]:
        return self.reader.predict(list(rows["text"]), progress)

    def __repr__(self) -> str:
        return f"<ZeroShot {self.source.name}: {', '.join(self.labels)[:80]}>"


TASK = "text-classification"
