"""Texts that were read in the wrong encoding: UTF-8 taken for Windows' or Latin-1."""

from __future__ import annotations

import re

# What the bytes 0x80 to 0xBF become in Latin-1 and in Windows-1252.
_LATER = (
    "\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc"
    "\u2013\u2014\u2018-\u201a\u201c-\u201e\u2020-\u2022\u2026\u2030\u2039\u203a\u20ac\u2122"
)
DAMAGED = re.compile(f"[\u00c2-\u00f4][{_LATER}]{{1,3}}")


def is_damaged(found: str) -> bool:
    """Say whether what `DAMAGED` found is UTF-8 read wrongly: read rightly it is one character."""
    return _read_again(found) != found


def mend_encoding(text: str) -> str:
    """Read again, rightly, what was read in the wrong encoding; the rest stays.

    Examples
    --------
    >>> mend_encoding("Ã¼ber cafÃ© â€“ naïve")
    'über café – naïve'
    """
    for _ in range(3):  # it may have happened more than once
        before, text = text, DAMAGED.sub(lambda match: _read_again(match[0]), text)
        if text == before:
            break
    return text


def _read_again(found: str) -> str:
    """Decode the longest beginning that is one character in UTF-8; what follows it stays."""
    for end in range(len(found), 1, -1):
        try:
            char = b"".join(map(_byte, found[:end])).decode("utf-8")
        except UnicodeError:
            continue
        if len(char) == 1 and char.isprintable():
            return char + found[end:]
        if char == "\u00a0":
            return " " + found[end:]
    return found


def _byte(char: str) -> bytes:
    try:
        return char.encode("cp1252")
    except UnicodeEncodeError:
        return char.encode("latin-1")
