"""What a model wrote of rows, and how it foretold what is true of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nbtune.data.spoken import Spoken


@dataclass(frozen=True)
class Written:
    """What was written of rows.

    Attributes
    ----------
    texts : mapping of int to str
        What was written, by the place of the row; of some rows only, where it was asked for them.
    spoken : Spoken, optional
        How each token of the true texts was foretold from those before it; None for who foretells
        nothing, as baselines do.
    count : int
        How many rows there are.
    """

    texts: dict[int, str]
    count: int
    spoken: Spoken | None = None

    @classmethod
    def of(cls, texts: Sequence[str]) -> Written:
        """Return what was written of all rows, with nothing foretold."""
        return cls(dict(enumerate(texts)), len(texts))

    def __len__(self) -> int:
        return self.count

    @property
    def is_whole(self) -> bool:
        """Whether something was written of every row."""
        return len(self.texts) == self.count

    @property
    def in_order(self) -> list[str]:
        """What was written, row by row."""
        return [self.texts[row] for row in range(self.count)]
