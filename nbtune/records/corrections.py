"""What a person says of a row that is not as its label says."""

from __future__ import annotations

import json
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
        What it says, and the label that it had; several as `written_labels` writes them.
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
        if self.action == "relabel":
            return f"now {in_words(self.new_label)}"
        return ACTIONS[self.action]


def written_labels(labels: Sequence[str]) -> str:
    """Write several labels of a row as one text, whatever is in them.

    Examples
    --------
    >>> written_labels(["food", "places, old"]), in_words('["food", "animal"]'), in_words("[]")
    ('["food", "places, old"]', 'food, animal', 'none')
    """
    return json.dumps(list(labels), ensure_ascii=False)


def read_labels(text: str) -> tuple[str, ...]:
    """Read what `written_labels` wrote.

    Raises
    ------
    ValueError
        When it is something else.
    """
    found = json.loads(text)
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise ValueError(text)
    return tuple(found)


def in_words(text: str) -> str:
    """Return a label, or several, as one reads them."""
    try:
        return ", ".join(read_labels(text)) or "none"
    except ValueError:
        return text


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
