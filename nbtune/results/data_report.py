"""What is in a data set and what is wrong with it, as an object with faces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbtune.records import DataFinding, DataRecord
from nbtune.results.pictured import Pictured

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


class DataReport(Pictured):
    """Columns, label balance, lengths, and findings with a line that mends each.

    Parameters
    ----------
    record : DataRecord
        What was found.
    """

    def __init__(self, record: DataRecord) -> None:
        self.record = record

    def __getitem__(self, check: str) -> DataFinding:
        """Return the finding of a check; KeyError where there is nothing to say."""
        found = {finding.check: finding for finding in self.record.findings}
        return found[check]

    def __contains__(self, check: str) -> bool:
        return any(finding.check == check for finding in self.record.findings)

    @property
    def findings(self) -> pd.DataFrame:
        """One line a finding, the gravest first."""
        import pandas as pd

        columns = ["check", "severity", "count", "rows", "what", "examples", "fix"]
        return pd.DataFrame([vars(one) for one in self.record.findings], columns=columns)

    @property
    def labels(self) -> pd.DataFrame:
        """Rows by label and split, and the weight that balances each label."""
        import pandas as pd

        frame = pd.DataFrame(self.record.labels)
        return frame.assign(weight=pd.Series(self.record.weights))

    @property
    def truncation(self) -> pd.DataFrame:
        """What each ``max_length`` cuts, and the share of work it leaves.

        ``learnt`` is the share of tokens to be learnt that are lost, where these follow what is
        asked.
        """
        import pandas as pd

        points = self.record.lengths.truncation if self.record.lengths else ()
        columns = ["max_length", "rows", "tokens", "time", "learnt"]
        frame = pd.DataFrame([vars(one) for one in points], columns=columns)
        return frame.dropna(axis="columns", how="all") if len(frame) else frame

    @property
    def text(self) -> str:
        """All of it as lines of at most 80 characters."""
        from nbtune.panels.data import data_text

        return data_text(self.record)

    def figure(self) -> Figure:
        """Return label balance, lengths and the cost of each limit as a matplotlib figure."""
        from nbtune.plots.data import data_figure

        return data_figure(self.record)

    def _separate_figures(self) -> dict[str, Figure]:
        from nbtune.plots.data import separate_figures

        return separate_figures(self.record)

    def __repr__(self) -> str:
        rows = sum(self.record.rows.values())
        return f"<DataReport of {rows} rows: {len(self.record.findings)} findings>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from nbtune.panels import data as faces

        return {
            "text/plain": self.text,
            "text/markdown": faces.data_markdown(self.record),
            "text/html": faces.data_html(self.record),
        }
