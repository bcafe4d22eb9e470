"""Several runs beside each other on the same rows, as an object with faces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbtune.records import ComparisonRecord
from nbtune.results.pictured import Pictured

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


class Comparison(Pictured):
    """Runs compared: recipe differences, scores with intervals, costs, pairs and a verdict.

    Parameters
    ----------
    record : ComparisonRecord
        What was found.
    """

    def __init__(self, record: ComparisonRecord) -> None:
        self.record = record

    @property
    def verdict(self) -> str:
        """Who is shown to be better than whom, in a sentence."""
        return self.record.verdict

    @property
    def best(self) -> str:
        """The name of the run with the best score, shown to be better or not."""
        return self.record.contenders[0].name

    @property
    def frame(self) -> pd.DataFrame:
        """One line a run (or group of seeds), best first: settings that differ, scores, costs."""
        import pandas as pd

        lines = []
        for one in self.record.contenders:
            scores = {name: score.value for name, score in one.scores.items()}
            costs = {
                name: getattr(one, name)
                for name in (
                    "seconds", "memory_bytes", "parameters", "trainable_parameters", "size_bytes",
                )
            }  # fmt: skip
            front = {"pareto": one.name in self.record.front}
            lines.append({"run": one.name, **one.settings, **scores, **costs, **front})
        return pd.DataFrame(lines).set_index("run")

    @property
    def scores(self) -> pd.DataFrame:
        """Every score with its 95 % interval, and its spread over seeds."""
        import pandas as pd

        return pd.DataFrame(
            [
                {"run": one.name, "score": name, **vars(score), "spread": one.spread.get(name)}
                for one in self.record.contenders
                for name, score in one.scores.items()
            ]
        ).set_index(["run", "score"])

    @property
    def pairs(self) -> pd.DataFrame:
        """The paired tests: difference with interval, p-values, and rows only one has right."""
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "first": pair.first,
                    "second": pair.second,
                    "difference": pair.difference.value,
                    "low": pair.difference.low,
                    "high": pair.difference.high,
                    "p_value": pair.p_value,
                    "adjusted": pair.adjusted,
                    "only_first": pair.only_first,
                    "only_second": pair.only_second,
                    "mcnemar": pair.mcnemar,
                }
                for pair in self.record.pairs
            ]
        )

    @property
    def text(self) -> str:
        """All of it as lines of at most 80 characters."""
        from nbtune.panels.comparison import comparison_text

        return comparison_text(self.record)

    def figure(self) -> Figure:
        """Return courses, quality against cost, and the differences as a matplotlib figure."""
        from nbtune.plots.comparison import comparison_figure

        return comparison_figure(self.record)

    def _separate_figures(self) -> dict[str, Figure]:
        from nbtune.plots.comparison import separate_figures

        return separate_figures(self.record)

    def __repr__(self) -> str:
        names = ", ".join(one.name for one in self.record.contenders)
        return f"<Comparison of {names} on {self.record.rows} rows>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from nbtune.panels import comparison as faces

        return {
            "text/plain": self.text,
            "text/markdown": faces.comparison_markdown(self.record),
            "text/html": faces.comparison_html(self.record),
        }
