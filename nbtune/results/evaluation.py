"""What is known of a run on some rows, as an object with faces."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from nbtune.records import (
    RIGHT,
    ClassScores,
    Confusion,
    Curve,
    EvaluationRecord,
    Slice,
    Slices,
)
from nbtune.results.pictured import Pictured

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


class Evaluation(Pictured):
    """Scores with intervals, confusion matrix, curves and errors of a run.

    Parameters
    ----------
    record : EvaluationRecord
        What was found.
    frame : DataFrame, optional
        The rows: ``row``, ``text``, ``label``, ``prediction``, ``probability``, and one column a
        label with its probability.
    """

    def __init__(self, record: EvaluationRecord, frame: pd.DataFrame | None = None) -> None:
        self.record = record
        self.frame = frame

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_said: Any,
        *,
        labels: Sequence[Any] | None = None,
        texts: Sequence[str] | None = None,
        baselines: Mapping[str, Any] | None = None,
        name: str = "predictions",
    ) -> Evaluation:
        """Judge what any model said, from plain arrays: no run, no torch.

        Parameters
        ----------
        y_true : array
            Labels by name or by column, of shape (rows,); of several labels a row 0 and 1, of shape
            (rows, labels); or numbers with fractions.
        y_said : array
            Probabilities or scores of shape (rows, labels); of two labels those of the second one,
            of shape (rows,), are enough. Of numbers those that were predicted.
        labels : sequence, optional
            What the columns are called, in their order; by default the sorted labels of ``y_true``.
        texts : sequence of str, optional
            What the rows say, for the list of errors and the worst slices.
        baselines : mapping, optional
            What others said of the same rows, by their names, as arrays like ``y_said``.
        name : str
            What the model is called.

        Raises
        ------
        DataError
            When the arrays do not fit each other, naming all that is wrong.

        Examples
        --------
        >>> found = Evaluation.from_predictions(["ham", "spam", "ham"], [0.1, 0.8, 0.6])
        >>> found.table.loc["accuracy", "predictions"].round(3).item()
        0.667
        >>> found.confusion.loc["ham", "spam"].item()
        1
        """
        from nbtune.evaluation.arrays import judge_arrays

        record, frame = judge_arrays(
            y_true, y_said, labels=labels, texts=texts, baselines=baselines, name=name
        )
        return cls(record, frame)

    @property
    def table(self) -> pd.DataFrame:
        """The values of the score table: a line a score, a column a model."""
        return (
            self.scores["value"]
            .unstack("model")
            .reindex(
                index=list(self.record.scores), columns=[one.name for one in self.record.lines]
            )
        )

    @property
    def metrics(self) -> dict[str, float]:
        """Scores by scikit-learn's names."""
        return {name: score.value for name, score in self.record.scores.items()}

    @property
    def verdict(self) -> str:
        """Who wins, in a sentence."""
        return self.record.verdict

    @property
    def scores(self) -> pd.DataFrame:
        """The score table, baselines first: value, low and high end of the 95 % interval.

        Where the run had seen some of the rows, the last line has the scores without them.
        """
        import pandas as pd

        return pd.DataFrame(
            [
                {"model": judged.name, "score": name} | vars(score)
                for judged in self.record.lines
                for name, score in judged.scores.items()
            ]
        ).set_index(["model", "score"])

    @property
    def classes(self) -> pd.DataFrame:
        """Precision, recall, F1, AUC and support by label; ``f1_low`` and so on end intervals."""
        import pandas as pd

        lines = [vars(one) for one in self.record.classes]
        scores = [f.name for f in fields(ClassScores) if f.name not in ("label", "support")]
        columns = {name: [line[name].value for line in lines] for name in scores}
        columns |= {"support": [line["support"] for line in lines]}
        for name in scores:
            columns[f"{name}_low"] = [line[name].low for line in lines]
            columns[f"{name}_high"] = [line[name].high for line in lines]
        index = pd.Index([line["label"] for line in lines], name="label")
        return pd.DataFrame(columns, index=index)

    @property
    def confusion(self) -> pd.DataFrame:
        """Counts: true labels downwards, predicted ones across; empty where there is none."""
        import pandas as pd

        found = self.record.confusion or Confusion((), ())
        return pd.DataFrame(
            found.counts,
            index=pd.Index(found.labels, name="true"),
            columns=pd.Index(found.labels, name="predicted"),
        )

    @property
    def by(self) -> pd.DataFrame:
        """The parts of the column asked for: rows, share that is right, its interval, p-value.

        Where rows are not right or wrong, the column of that share is the mean of what each scores.
        """
        return _sliced(self.record.slices, lambda slices: slices.asked)

    @property
    def worst_slices(self) -> pd.DataFrame:
        """Parts of the rows that are shown to be worse than the rest, the surest first."""
        return _sliced(self.record.slices, lambda slices: slices.worst)

    @property
    def roc(self) -> dict[str, Curve]:
        """ROC curves by label, and ``micro`` and ``macro``."""
        return _by_label(self.record.roc)

    @property
    def pr(self) -> dict[str, Curve]:
        """Precision-recall curves by label, and ``micro``."""
        return _by_label(self.record.pr)

    @property
    def text(self) -> str:
        """Scores and verdict as lines of at most 80 characters."""
        from nbtune.panels.evaluation import evaluation_text

        return evaluation_text(self.record)

    def errors(self, n: int = 20) -> pd.DataFrame:
        """Return the ``n`` most confidently wrong rows, worst first."""
        import pandas as pd

        if self.frame is None or "probability" not in self.frame:
            columns = ["row", "text", "target", "prediction", "probability"]
            return pd.DataFrame([vars(row) for row in self.record.errors[:n]], columns=columns)
        wrong = self.frame[self.frame["label"] != self.frame["prediction"]]
        worst = wrong.sort_values("probability", ascending=False, kind="stable").head(n)
        named = worst.rename(columns={"label": "target"})
        given = ["image"] if "image" in named else []
        given += ["text"] if "text" in named else []
        return named[["row", *given, "target", "prediction", "probability"]]

    def figure(self) -> Figure:
        """Return what suits the task as a matplotlib figure: matrix and curves, bars, or dots."""
        from nbtune.plots.evaluation import evaluation_figure

        return evaluation_figure(self.record)

    def _separate_figures(self) -> dict[str, Figure]:
        from nbtune.plots.evaluation import separate_figures

        return separate_figures(self.record)

    def _pictures(self) -> list[Figure]:
        from nbtune.plots.slices import slices_figure

        slices = self.record.slices
        asked = [] if slices is None or not slices.asked else [slices]
        return [self.figure(), *map(slices_figure, asked)]

    def __repr__(self) -> str:
        name = self.record.decides
        value = f"{name} {self.metrics[name]:.3f}"
        return f"<Evaluation of {self.record.run} on {self.record.split}: {value}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from nbtune.panels import evaluation

        return {
            "text/plain": self.text,
            "text/markdown": evaluation.evaluation_markdown(self.record),
            "text/html": evaluation.evaluation_html(self.record),
        }


def _sliced(slices: Slices | None, of: Callable[[Slices], Sequence[Slice]]) -> pd.DataFrame:
    import pandas as pd

    measure = slices.measure if slices else RIGHT
    columns = ["what", "value", "rows", measure, "low", "high", "rest", "p_value"]
    rows = [
        vars(one) | {measure: one.score.value, "low": one.score.low, "high": one.score.high}
        for one in (of(slices) if slices else ())
    ]
    return pd.DataFrame(rows, columns=columns)


def _by_label(curves: Sequence[Curve]) -> dict[str, Curve]:
    """Name the curves; a label that is called as an average comes before it."""
    averages = {curve.label: curve for curve in curves if curve.average}
    return averages | {curve.label: curve for curve in curves if not curve.average}
