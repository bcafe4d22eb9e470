"""Spans of a text as rows have them, by their characters, read and turned into words and tags."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from nbtune.data.faults import Told, is_missing, whole_number
from nbtune.data.spans import Span, tags_of, word_places
from nbtune.data.spelled import read_spelled


def check_spans(cell: Any) -> tuple[str, Any]:
    """Return what is wrong with the spans of a text, empty for nothing, and these."""
    if is_missing(cell) if not isinstance(cell, list | np.ndarray) else False:
        return "no list of spans", []
    found = read_spans(cell)
    return ("spans that are not start, end and label", []) if found is None else ("", found)


def read_spans(cell: Any) -> list[tuple[int, int, str]] | None:
    """Read spans as dicts, as [start, end, label], or as a text of them; None for all else."""
    cell = read_spelled(cell)
    if not isinstance(cell, list | tuple | np.ndarray):
        return None
    found = []
    for one in cell:
        if isinstance(one, dict):
            label = next((one[k] for k in ("label", "type", "tag", "entity_group") if k in one), "")
            one = (one.get("start"), one.get("end"), label)
        if not isinstance(one, list | tuple | np.ndarray) or len(one) != 3 or not one[2]:
            return None
        start, end = whole_number(one[0]), whole_number(one[1])
        if start is None or end is None:
            return None
        found.append((start, end, str(one[2])))
    return sorted(found)


def agree_on_spans(row: dict[str, Any]) -> tuple[str, Any]:
    """Turn the spans of a row into words and tags; words are parted where a span begins or ends."""
    text, spans = row["text"], row.pop("spans")
    before: tuple[int, int, str] = (0, 0, "")
    for span in spans:
        start, stop, _ = span
        if not 0 <= start < stop <= len(text):
            return "a span outside the text", Told(f"{span} of {len(text)} characters")
        if start < before[1]:
            return "spans that overlap", Told(f"{before} and {span}")
        if not text[start:stop].strip():
            return "a span without a word", Told(f"{span}: {text[start:stop]!r}")
        before = span
    cuts = sorted({edge for start, stop, _ in spans for edge in (start, stop)})
    places = [part for place in word_places(text) for part in _parted(place, cuts)]
    found = []
    for start, stop, kind in spans:
        inside = [i for i, (a, b) in enumerate(places) if a >= start and b <= stop]
        found.append(Span(inside[0], inside[-1] + 1, kind))
    row["tokens"] = [text[a:b] for a, b in places]
    row["tags"] = tags_of(found, len(places))
    return "", None


def _parted(place: tuple[int, int], cuts: Sequence[int]) -> list[tuple[int, int]]:
    edges = [place[0], *(cut for cut in cuts if place[0] < cut < place[1]), place[1]]
    return list(pairwise(edges))
