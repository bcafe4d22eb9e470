"""Kinds of things that other packages can add to: a table of ours, entry points of theirs."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from nbtune.errors import RecipeError, did_you_mean

Thing = TypeVar("Thing")


@dataclass(frozen=True)
class Plugins(Generic[Thing]):
    """All things of a kind, imported when they are asked for.

    Attributes
    ----------
    kind : str
        What one of them is called: ``task``. Our modules hold theirs under this name in
        capitals, and other packages name theirs in the entry points ``nbtune.tasks``.
    builtin : mapping
        Our modules by the name of the thing in them; a plug-in cannot take such a name.
    """

    kind: str
    builtin: Mapping[str, str]

    def names(self) -> list[str]:
        """Return the names of all of them, ours first."""
        theirs = (entry.name for entry in entry_points(group=f"nbtune.{self.kind}s"))
        return list(dict.fromkeys([*self.builtin, *theirs]))

    def find(self, name: str) -> Thing:
        """Return one by name.

        Raises
        ------
        RecipeError
            When there is none of that name.
        """
        if name in self.builtin:
            module = importlib.import_module(self.builtin[name])
            return getattr(module, self.kind.upper())  # type: ignore[no-any-return]
        for entry in entry_points(group=f"nbtune.{self.kind}s", name=name):
            return entry.load()  # type: ignore[no-any-return]
        raise RecipeError(
            f"there is no {self.kind} {name!r}", hint=did_you_mean(name, self.names())
        )
