"""How the scores of a recipe grow with the rows it learns from, as an object with faces."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nbtune.errors import RunError
from nbtune.jobs.parts import Part
from nbtune.records import (
    LOWER_IS_BETTER,
    OF_TOKENS,
    UNRANKED,
    CurvePoint,
    LearningCurveRecord,
    PowerLaw,
    Score,
    best_possible,
    worth,
)
from nbtune.results.pictured import Pictured
from nbtune.results.points import Point, judged, refuse_unfit
from nbtune.results.run import Run
from nbtune.runs.files import write_text

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from nbtune.evaluation.power_law import Forecast

REACHES = (1_000, 500, 200, 100, 50, 20, 10)
FEWEST_ROWS = 20
FILE = "learning_curve.json"


class LearningCurve(Pictured):
    """Scores on shares of the rows, the curve through them, and what more rows would bring.

    Parameters
    ----------
    record : LearningCurveRecord
        What was found.
    """

    def __init__(self, record: LearningCurveRecord) -> None:
        self.record = record

    @classmethod
    def of(
        cls, run: Run, parts: Sequence[tuple[Part, Run]], planned: int, more: int, metric: str
    ) -> LearningCurve:
        """Judge the runs of a curve, of which the run itself is the last point."""
        rows = run.folder.about["rows"]["train"]
        points = [(part.rows, part.draw, judged(one)) for part, one in parts]
        points.append((rows, 1, judged(run)))
        record = _record(run, points, planned, more, metric)
        write_text(run.folder.path / "evaluations" / FILE, record.to_json())
        return cls(record)

    @property
    def gain(self) -> Score | None:
        """What ``more`` rows would bring, with its 95 % interval; None without a forecast."""
        return self.record.gain

    @property
    def law(self) -> PowerLaw | None:
        """The curve; None where there are too few points for one."""
        return self.record.law

    @property
    def verdict(self) -> str:
        """What there is to say, in sentences."""
        return self.record.words

    @property
    def frame(self) -> pd.DataFrame:
        """One line a run: rows, draw, score with its interval, the best baseline, seconds."""
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "run": one.run,
                    "rows": one.rows,
                    "draw": one.draw,
                    self.record.metric: one.score.value,
                    "low": one.score.low,
                    "high": one.score.high,
                    "baseline": one.rival,
                    "seconds": one.seconds,
                }
                for one in self.record.points
            ]
        )

    @property
    def text(self) -> str:
        """All of it as lines of at most 80 characters."""
        from nbtune.panels.learning import curve_text

        return curve_text(self.record)

    def figure(self) -> Figure:
        """Return points, curve and forecast as a matplotlib figure."""
        from nbtune.plots.learning import learning_figure

        return learning_figure(self.record)

    def _separate_figures(self) -> dict[str, Figure]:
        return {"learning-curve": self.figure()}

    def __repr__(self) -> str:
        return f"<LearningCurve of {self.record.run}: {self.record.words}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from nbtune.panels import learning as faces

        return {
            "text/plain": self.text,
            "text/markdown": faces.curve_markdown(self.record),
            "text/html": faces.curve_html(self.record),
        }


def check_curve(
    run: Run, shares: Sequence[float], draws: int, more: int, metric: str | None
) -> str:
    """Refuse what makes no curve, all that is wrong named; else return the score to foretell.

    Raises
    ------
    RunError
    """
    wrong = refuse_unfit(run, metric)
    metric, unfit = foretold(run, metric)
    if unfit:
        raise RunError(f"{run.name}: {unfit}", hint=f"train {run.task.name} from a model like bert")
    rows = run.folder.about["rows"]["train"]
    if bad := [share for share in shares if not 0 < share < 1]:
        wrong.append(f"shares: {bad[0]:g} is not between 0 and 1")
    elif len(set(shares)) < 2:
        wrong.append(f"shares: {len(set(shares))} beside the run itself show no curve")
    elif (least := round(rows * min(shares))) < (fewest := max(FEWEST_ROWS, len(run.labels))):
        wrong.append(f"shares: {min(shares):g} of {rows:,} rows are {least}, fewer than {fewest}")
    if not 1 <= draws <= 20:
        wrong.append(f"draws: {draws} is not 1 to 20")
    if not 1 <= more <= rows:
        wrong.append(f"more: {more:,} is not 1 to {rows:,}, the rows that there are")
    if wrong:
        raise RunError("; ".join(wrong), hint="usual are shares of 0.1, 0.25 and 0.5, and 2 draws")
    return metric


def foretold(run: Run, metric: str | None) -> tuple[str, str]:
    """Return the score of the curve, and why there is none.

    A model from nothing cuts texts into tokens of its own rows, and a score a token of one share
    says nothing beside that of another.
    """
    task, wanted = run.task, metric or run.task.decides
    if wanted not in OF_TOKENS or not str(run.folder.about["model"]).startswith("scratch-"):
        return wanted, ""
    rest = [name for name in task.scores if name not in OF_TOKENS | UNRANKED]
    if metric is None and rest:
        return rest[0], ""
    return wanted, f"each share of its rows has tokens of its own, so that {wanted} makes no curve"


def reach(run: Run) -> int:
    """Return how many more rows are foretold: 1,000, but no more than there are."""
    rows = run.folder.about["rows"]["train"]
    return next((more for more in REACHES if more <= rows), 1)


def _record(
    run: Run, points: Sequence[tuple[int, int, Point]], planned: int, more: int, metric: str
) -> LearningCurveRecord:
    whole = points[-1][2]
    rival = whole.rival(metric)[0]
    made = tuple(
        CurvePoint(
            point.run.name, rows, draw, point.record.scores[metric],
            _score_of(point, rival, metric), _seconds(point.run),
        )
        for rows, draw, point in points
    )  # fmt: skip
    forecast = _forecast(points, more, metric)
    return LearningCurveRecord(
        run=run.name,
        split=whole.split,
        rows=whole.record.rows,
        metric=metric,
        points=made,
        planned=planned,
        rival=rival,
        law=forecast.law if forecast else None,
        band=forecast.band if forecast else None,
        more=more,
        gain=forecast.gain if forecast else None,
        words=_words(made, planned, forecast, (more, _what(run)), metric, rival),
    )


def _what(run: Run) -> str:
    """Return what more of would cost somebody work."""
    return "labels" if run.task.probabilities is not None else "rows"


def _score_of(point: Point, name: str, metric: str) -> float:
    found = (one.scores for one in point.record.table if one.name == name)
    scores = next(found, {})
    return scores[metric].value if metric in scores else float("nan")


def _seconds(run: Run) -> float:
    stop = run.view().stop
    return stop.seconds if stop else float("nan")


def _forecast(points: Sequence[tuple[int, int, Point]], more: int, metric: str) -> Forecast | None:
    """Fit a curve where there are three numbers of rows or more, in what more is better of."""
    import numpy as np

    from nbtune.evaluation.power_law import FEWEST_SIZES, foretell

    rows = np.array([rows for rows, _, _ in points], dtype=float)
    if len(np.unique(rows)) < FEWEST_SIZES:
        return None
    sign = -1 if metric in LOWER_IS_BETTER else 1
    scores = np.array([worth(metric, p.record.scores[metric].value) for _, _, p in points])
    samples = np.stack([sign * point.samples()[metric] for _, _, point in points])
    return foretell(rows, scores, samples, more, cap=sign * best_possible(metric))


def _words(
    points: Sequence[CurvePoint],
    planned: int,
    forecast: Forecast | None,
    more: tuple[int, str],
    metric: str,
    rival: str,
) -> str:
    said = []
    if len(points) < planned:
        told = f"{len(points) - 1} of {planned - 1} runs"
        said.append(f"Trained so far: {told}; the same line goes on.")
    if forecast is None:
        return " ".join([*said, "Two points or fewer foretell nothing."])
    if forecast.gain is None:
        said.append(f"No forecast: {forecast.refusal}.")
    else:
        count, what = more
        said.append(f"{count:,} more {what}: {gain_in_words(forecast.gain, metric)}.")
    ahead = [p.rows for p in points if worth(metric, p.rival) > worth(metric, p.score.value)]
    if ahead:
        said.append(f"Up to {max(ahead):,} rows {rival} is ahead.")
    return " ".join(said)


def gain_in_words(gain: Score, metric: str) -> str:
    """Say what more rows bring: in points of a hundred where a score is a share.

    Examples
    --------
    >>> gain_in_words(Score(0.0061, 0.002, 0.011), "f1_macro")
    'about +0.6 points of f1_macro (95 %: 0.2 to 1.1)'
    >>> gain_in_words(Score(1.25, 0.5, 2), "perplexity")
    'about −1.250 of perplexity (95 %: 0.500 to 2.000)'
    """
    if metric in LOWER_IS_BETTER or best_possible(metric) == math.inf:
        sign = "−" if metric in LOWER_IS_BETTER else "+"
        return f"about {sign}{gain.value:.3f} of {metric} (95 %: {gain.low:.3f} to {gain.high:.3f})"
    parts = (gain.value, gain.low, gain.high)
    value, low, high = (100 / best_possible(metric) * part for part in parts)
    return f"about +{value:.1f} points of {metric} (95 %: {low:.1f} to {high:.1f})"
