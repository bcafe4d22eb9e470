"""What a run trains, as an object with faces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbtune.panels import parameters as faces
from nbtune.records import ParameterTable

if TYPE_CHECKING:
    import pandas as pd


class Parameters:
    """The weights of each part of a model, and how many of them a run trains.

    Parameters
    ----------
    run : str
        The name of the run.
    table : ParameterTable
        What was counted.
    """

    def __init__(self, run: str, table: ParameterTable) -> None:
        self.run = run
        self.table = table

    @property
    def trainable(self) -> int:
        """How many numbers are trained."""
        return self.table.trainable

    @property
    def total(self) -> int:
        """How many numbers the model has, adapters included."""
        return self.table.parameters

    @property
    def share(self) -> float:
        """What share of them is trained, 0 to 1."""
        return self.trainable / max(1, self.total)

    @property
    def frame(self) -> pd.DataFrame:
        """The table as a DataFrame: part, what, trainable, parameters, share."""
        import pandas as pd

        frame = pd.DataFrame([vars(part) for part in self.table.parts])
        return frame.assign(share=frame["trainable"] / frame["parameters"])

    def __repr__(self) -> str:
        return faces.parameters_text(self.run, self.table)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {
            "text/plain": faces.parameters_text(self.run, self.table),
            "text/markdown": faces.parameters_markdown(self.run, self.table),
            "text/html": faces.parameters_html(self.run, self.table),
        }
