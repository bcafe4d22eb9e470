"""How far the scores of a recipe move with the seed, as an object with faces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nbtune.errors import RunError
from nbtune.panels.html import number
from nbtune.recipe import from_yaml
from nbtune.records import LOWER_IS_BETTER, Score, SeedScores, SeedSpreadRecord, best_possible
from nbtune.results.pictured import Pictured
from nbtune.results.points import Point, judged, refuse_unfit
from nbtune.results.run import Run
from nbtune.runs.files import write_text

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

FILE = "seeds.json"
MOST_SEEDS = 50


class SeedSpread(Pictured):
    """Scores of the same recipe and rows with several seeds, beside the best baseline.

    Parameters
    ----------
    record : SeedSpreadRecord
        What was found.
    """

    def __init__(self, record: SeedSpreadRecord) -> None:
        self.record = record

    @classmethod
    def of(cls, run: Run, others: Sequence[Run], planned: int, metric: str) -> SeedSpread:
        """Judge runs that differ in their seed."""
        record = _record([run, *others], planned, metric)
        write_text(run.folder.path / "evaluations" / FILE, record.to_json())
        return cls(record)

    @property
    def verdict(self) -> str:
        """Whether the lead over the baseline is larger than what the seed moves, in sentences."""
        return self.record.words

    @property
    def frame(self) -> pd.DataFrame:
        """One line a run: its seed and its scores."""
        import pandas as pd

        scores = {one.name: one.values for one in self.record.scores}
        seeds = {"run": self.record.runs, "seed": self.record.seeds}
        return pd.DataFrame({**seeds, **scores}).set_index("run")

    @property
    def text(self) -> str:
        """All of it as lines of at most 80 characters."""
        from nbtune.panels.learning import seeds_text

        return seeds_text(self.record)

    def figure(self) -> Figure:
        """Return each score of each seed as a matplotlib figure."""
        from nbtune.plots.seeds import seeds_figure

        return seeds_figure(self.record)

    def _separate_figures(self) -> dict[str, Figure]:
        return {"seeds": self.figure()}

    def __repr__(self) -> str:
        return f"<SeedSpread of {self.record.run}: {self.record.words}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from nbtune.panels import learning as faces

        return {
            "text/plain": self.text,
            "text/markdown": faces.seeds_markdown(self.record),
            "text/html": faces.seeds_html(self.record),
        }


def check_seeds(run: Run, seeds: int, metric: str | None) -> str:
    """Refuse what shows no spread, all that is wrong named; else return the score that decides.

    Raises
    ------
    RunError
    """
    wrong = refuse_unfit(run, metric)
    if not 2 <= seeds <= MOST_SEEDS:
        wrong.append(f"seeds: {seeds} is not 2 to {MOST_SEEDS}")
    if wrong:
        raise RunError("; ".join(wrong), hint="5 seeds are usual, 3 the fewest that show a spread")
    return metric or run.task.decides


def _record(runs: Sequence[Run], planned: int, metric: str) -> SeedSpreadRecord:
    points = [judged(run) for run in runs]
    samples = [point.samples() for point in points]
    rival, _ = points[0].rival(metric)
    rivals = points[0].baseline_samples(rival) if rival else {}
    scores = tuple(
        _scores(name, points, [own[name] for own in samples], rival, rivals)
        for name in runs[0].task.scores
        if all(name in own for own in samples)
    )
    found = SeedSpreadRecord(
        run=runs[0].name,
        split=points[0].split,
        rows=points[0].record.rows,
        metric=metric,
        runs=tuple(run.name for run in runs),
        seeds=tuple(from_yaml(run.folder.recipe_text).seed for run in runs),
        planned=planned,
        rival=rival,
        scores=scores,
        words="",
    )
    return replace(found, words=_words(found))


def _scores(
    name: str,
    points: Sequence[Point],
    samples: Sequence[Any],
    rival: str,
    rivals: Mapping[str, Any],
) -> SeedScores:
    import numpy as np

    from nbtune.evaluation.bootstrap import interval
    from nbtune.evaluation.pairing import over_seeds

    values = np.array([point.record.scores[name].value for point in points])
    drawn, rows = over_seeds(np.stack(samples)), points[0].record.rows
    mean = _possible(name, interval(float(values.mean()), drawn, rows))
    other, gap = float("nan"), Score(float("nan"))
    if rival:
        sign = -1 if name in LOWER_IS_BETTER else 1
        scores = next(one.scores for one in points[0].record.table if one.name == rival)
        other = scores[name].value if name in scores else other
        lead = sign * (float(values.mean()) - other)
        if name in rivals and lead == lead:
            gap = interval(lead, sign * (drawn - rivals[name]), rows)
    spread = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
    return SeedScores(name, tuple(map(float, values)), mean, spread, other, gap)


def _possible(name: str, score: Score) -> Score:
    """Keep an interval within what the score can be; seeds that differ much reach beyond."""
    best = best_possible(name)
    if name in LOWER_IS_BETTER:
        return Score(score.value, max(score.low, best), score.high)
    return Score(score.value, score.low, min(score.high, best))


def _words(record: SeedSpreadRecord) -> str:
    """Say how far the seed moves the score, and whether the lead is more than that."""
    said = []
    count = len(record.runs)
    if count < record.planned:
        said.append(f"Trained so far: {count} of {record.planned} seeds; the same line goes on.")
    own = record[record.metric]
    if count < 2:
        return " ".join([*said, "One seed shows no spread."])
    said.append(
        f"Over {count} seeds {record.metric} is {number(own.mean.value)} ± {number(own.spread)} "
        f"({number(min(own.values))} to {number(max(own.values))})."
    )
    if record.rival:
        said.append(_against(record, own))
    return " ".join(said)


def _against(record: SeedSpreadRecord, own: SeedScores) -> str:
    """Compare the lead over the baseline with the spread of seeds, and with chance in the rows."""
    gap, times = own.gap, abs(own.gap.value) / own.spread if own.spread else float("inf")
    lead = number(abs(gap.value))
    span = f"95 %: {gap.low:+.3f} to {gap.high:+.3f}, rows and seeds drawn again"
    ahead = "ahead of" if gap.value > 0 else "behind"
    far = (
        "" if times == float("inf") else f", {times:.{times < 10:d}f} times the spread of one seed"
    )
    if gap.low > 0 or gap.high < 0:
        worst = sum((value - own.rival) * gap.value * _sign(own.name) > 0 for value in own.values)
        each = "so is every seed" if worst == len(own.values) else f"so are {worst} of the seeds"
        return f"It is {ahead} {record.rival} by {lead}{far} ({span}); {each}."
    return f"Better than {record.rival}: not shown. The lead is {gap.value:+.3f}{far} ({span})."


def _sign(name: str) -> int:
    return -1 if name in LOWER_IS_BETTER else 1
