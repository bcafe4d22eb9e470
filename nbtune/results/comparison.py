"""Several runs beside each other on the same rows, as an object with faces."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbtune.records import ComparisonRecord

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


class Comparison:
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

    def save_figures(
        self, folder: str | Path = "figures", formats: Iterable[str] = ("svg", "pdf")
    ) -> list[Path]:
        """Write each picture into a folder, for print: on white, with letters that stay letters.

        Parameters
        ----------
        formats : iterable of {"svg", "pdf", "png"}

        Returns
        -------
        list of Path
            What was written, such as ``figures/pairs.pdf``.

        Raises
        ------
        NbtuneError
            When a format is not known, or the folder cannot be written.
        """
        from nbtune.plots.comparison import separate_figures
        from nbtune.plots.saving import save_figures

        return save_figures(separate_figures(self.record), folder, formats)

    def __repr__(self) -> str:
        names = ", ".join(one.name for one in self.record.contenders)
        return f"<Comparison of {names} on {self.record.rows} rows>"

    def _ipython_display_(self) -> None:
        """Show picture and tables apart: viewers that clean HTML keep the picture."""
        from base64 import b64encode

        from IPython.display import display

        from nbtune.panels.display import in_kernel

        if in_kernel():
            from nbtune.plots.comparison import comparison_png

            picture = b64encode(comparison_png(self.record)).decode()
            display({"image/png": picture, "text/plain": repr(self)}, raw=True)
        display(self._repr_mimebundle_(), raw=True)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from nbtune.panels import comparison as faces

        return {
            "text/plain": self.text,
            "text/markdown": faces.comparison_markdown(self.record),
            "text/html": faces.comparison_html(self.record),
        }
