"""All methods in a list with faces."""

from __future__ import annotations

from typing import Any

from nbtune.errors import RecipeError
from nbtune.methods import find_method, method_names
from nbtune.panels import findings as faces
from nbtune.recipe import Recipe


class MethodList:
    """What can be said for ``method``, and what each one trains."""

    def _rows(self) -> list[faces.Row]:
        return [_row(name) for name in method_names()]

    def __repr__(self) -> str:
        return faces.findings_text(self._rows())

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return faces.findings_bundle(self._rows())


def _row(name: str) -> faces.Row:
    """Return a method with its summary, and what is missing for it here."""
    method = find_method(name)
    try:
        method.check(Recipe(method=name))
    except RecipeError as missing:
        return name, method.summary, f"{missing.problem}: {missing.hint}"
    return name, method.summary, ""
