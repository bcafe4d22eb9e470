"""What a person says of a row that is not as its label says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

ACTIONS = {"relabel": "relabelled", "ambiguous": "ambiguous", "delete": "deleted"}
"""What can be done with a row, and how it is told."""


@dataclass(frozen=True)
class Correction:
    """One row that is corrected.

    Attributes
    ----------
    split : str
        Where the row was when somebody looked at it.
    row : int
        Where it stands in the user's data.
    text, label : str
        What it says, and the label that it had.
    action : str
        One of `ACTIONS`: ``relabel``; ``ambiguous``, which is kept for tests and not learnt from;
        ``delete``.
    new_label : str
        For ``relabel``.
    """

    split: str
    row: int
    text: str
    label: str
    action: str
    new_label: str = ""

    @property
    def words(self) -> str:
        """What is done, in a word or two."""
        return f"now {self.new_label}" if self.action == "relabel" else ACTIONS[self.action]


def counted(corrections: Sequence[Correction]) -> str:
    """Say how many rows are relabelled, ambiguous and deleted.

    Examples
    --------
    >>> counted([Correction("test", 3, "a text", "spam", "delete")])
    '1 deleted'
    """
    counts = Counter(one.action for one in corrections)
    told = [f"{counts[name]:,} {words}" for name, words in ACTIONS.items() if counts[name]]
    return ", ".join(told) or "nothing corrected"
