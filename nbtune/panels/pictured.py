"""What a run says of images, as a frame that shows them small."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd

from nbtune.panels.html import percent, render

MOST_ROWS, MOST_LABELS = 12, 3
"""Images that are shown, each with its likeliest labels: some 20 kB in a saved notebook."""


class Pictured(pd.DataFrame):
    """A frame of labelled images; whatever is taken out of it is a plain frame.

    Attributes
    ----------
    thumbnails : tuple of str
        Of its first rows, as ``data:`` addresses.
    """

    _metadata = ("thumbnails",)
    thumbnails: tuple[str, ...] = ()

    @property
    def _constructor(self) -> Callable[..., pd.DataFrame]:
        return pd.DataFrame

    def __repr__(self) -> str:
        return repr(pd.DataFrame(self).assign(image=_names(self["image"])))

    def _repr_html_(self) -> str:
        """Return a table with a row for each of the first images."""
        shown = self.head(MOST_ROWS)
        chances = shown[[name for name in self.columns if str(name).startswith("p(")]]
        likely = [
            [(str(name)[2:-1], percent(value)) for name, value in row.nlargest(MOST_LABELS).items()]
            for _, row in chances.iterrows()
        ]
        texts = list(shown["text"]) if "text" in shown else [""] * len(shown)
        rows = zip(
            self.thumbnails, _names(shown["image"]), texts, shown["label"], likely, strict=False
        )
        return render(
            "pictured.html.j2", rows=list(rows), count=len(self), has_text="text" in shown
        )


def _names(images: Iterable[str]) -> list[str]:
    return ["/".join(Path(one).parts[-2:]) for one in images]


def pictured(answers: pd.DataFrame, thumbnails: Iterable[str]) -> Pictured:
    """Return what was said of images with small copies of the first of them."""
    found = Pictured(answers)
    found.thumbnails = tuple(thumbnails)
    return found
