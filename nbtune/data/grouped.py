"""Examples that are learnt together: so many neighbours count as one row of a step."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from nbtune.data.batches import some
from nbtune.data.ragged import Ragged

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class GroupedTargets:
    """Targets by group: asked for groups, they give those of all members, one after the other."""

    targets: Ragged | Array
    size: int

    def __len__(self) -> int:
        return len(self.targets) // self.size

    def __getitem__(self, groups: Any) -> Array:
        return np.asarray(self.targets[members(groups, self.size)])


@dataclass(frozen=True)
class Grouped:
    """Examples of which each group of neighbours is a row; see `nbtune.data.batches.Encoded`."""

    examples: Any
    size: int

    def __len__(self) -> int:
        return len(self.targets)

    @cached_property
    def targets(self) -> Any:
        """The targets, by group."""
        return GroupedTargets(self.examples.targets, self.size)

    @cached_property
    def lengths(self) -> Array:
        """Tokens of each group."""
        return np.asarray(np.asarray(self.examples.lengths).reshape(-1, self.size).sum(axis=1))

    @cached_property
    def cut(self) -> Array:
        """Groups of which something was longer than could be taken."""
        return np.asarray(np.asarray(self.examples.cut).reshape(-1, self.size).any(axis=1))

    @property
    def rows(self) -> Array:
        """The row that each group is."""
        return np.asarray(self.examples.rows[:: self.size])

    @property
    def types(self) -> None:
        """Say that there are none."""
        return

    @property
    def beside(self) -> Beside | None:
        """The numbers beside the members."""
        numbers = self.examples.beside
        return None if numbers is None else Beside(np.asarray(numbers), self.size)

    def part(self, groups: Any) -> Grouped:
        """Return some of the groups."""
        return Grouped(some(self.examples, members(groups, self.size)), self.size)

    def take(self, groups: Any) -> list[Array]:
        """Return the ids of the members of these groups."""
        taken: list[Array] = self.examples.take(members(groups, self.size))
        return taken


@dataclass(frozen=True)
class Beside:
    """Numbers beside examples, asked for by group."""

    numbers: Array
    size: int

    def __getitem__(self, groups: Any) -> Array:
        return np.asarray(self.numbers[members(groups, self.size)])


def members(groups: Any, size: int) -> Array:
    """Return the members of some groups.

    Examples
    --------
    >>> members([0, 2], 2).tolist()
    [0, 1, 4, 5]
    """
    own = np.asarray(groups, dtype=np.int64)
    return (own[:, None] * size + np.arange(size)).ravel()
