"""Records as JSON, which knows no NaN, and back."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any


def make(kind: type, values: dict[str, Any]) -> Any:
    """Make a record of its fields as JSON has them; unknown fields are passed over."""
    known = {field.name: str(field.type) for field in fields(kind)}
    return kind(**{k: _back(v, known[k]) for k, v in values.items() if k in known})


def _back(value: Any, kind: str) -> Any:
    if value is None and kind == "float":
        return math.nan
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _frozen(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(_frozen, value))
    return math.nan if value is None else value


def plain(value: Any) -> Any:
    """Return a value as JSON has it: tuples become lists, NaN and infinities null."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
