"""Labels of a row to tick."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as widgets

from nbtune.panels.controls import side_by_side

MOST_TICKS = 24


class LabelTicks:
    """Labels to tick, any number of them; of many labels a list to choose from with Ctrl."""

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = tuple(labels)
        self._boxes = {
            label: widgets.Checkbox(
                description=label,
                indent=False,
                layout=widgets.Layout(width="auto", margin="0 10px 0 0"),
            )
            for label in labels[:MOST_TICKS]
        }
        self._list = widgets.SelectMultiple(
            options=labels, rows=8, description="labels", layout=widgets.Layout(width="300px")
        )
        self._is_list = len(labels) > MOST_TICKS
        self.box = self._list if self._is_list else side_by_side(*self._boxes.values())

    @property
    def value(self) -> tuple[str, ...]:
        """The labels that are ticked."""
        if self._is_list:
            return tuple(self._list.value)
        return tuple(label for label, box in self._boxes.items() if box.value)

    @value.setter
    def value(self, labels: Sequence[str]) -> None:
        if self._is_list:
            self._list.value = tuple(labels)
            return
        for label, box in self._boxes.items():
            box.value = label in labels
