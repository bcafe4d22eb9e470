"""Searching many texts at once for signs that are rare."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

_BETWEEN = "\x00"


class Joined:
    """Texts in one string, so that a pattern is searched once and not once a text."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.text = _BETWEEN.join(texts)
        self.starts = np.array([0, *accumulate(len(text) + 1 for text in texts)])

    def rows_with(
        self, pattern: re.Pattern[str], is_meant: Callable[[str], bool] = lambda found: True
    ) -> np.ndarray[Any, Any]:
        """Return the places of the texts in which the pattern is found, and meant, ascending."""
        found = [match.start() for match in self._matches(pattern) if is_meant(match[0])]
        return np.unique(np.searchsorted(self.starts, found, side="right") - 1)

    def _matches(self, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
        return (match for match in pattern.finditer(self.text) if _BETWEEN not in match[0])


_TAGS = "a|b|i|u|p|br|hr|div|span|em|strong|h[1-6]|ul|ol|li|table|tr|td|th|img|font|pre|code|html"
MARKUP = re.compile(
    rf"</?(?:{_TAGS}|body|head|script|style|blockquote|tbody|thead|center|small)(?:\s[^<>\0]*)?/?>"
    r"|&(?:amp|lt|gt|quot|apos|nbsp|#\d{2,5}|#x[0-9a-f]{2,5});",
    re.IGNORECASE,
)
REPLACEMENT = re.compile("\ufffd")
