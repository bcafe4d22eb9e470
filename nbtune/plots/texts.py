"""Names and texts from data, made fit to stand in a picture or a table."""

from __future__ import annotations

import re

_SPACE = re.compile(r"\s+")
# Controls (a terminal obeys them), signs that turn the direction of writing, lone surrogates.
_UNSHOWABLE = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def whole(text: str) -> str:
    r"""Return a text with its lines and indents, and without what no page or terminal should get.

    Examples
    --------
    >>> whole("two\n  lines\x07")
    'two\n  lines�'
    """
    return "\n".join(
        _UNSHOWABLE.sub("\ufffd", line) for line in text.replace("\t", "    ").split("\n")
    )


def short(text: str, longest: int = 400) -> str:
    r"""Return a text as one line of at most so many characters; what is cut is seen to be.

    Examples
    --------
    >>> short("two\nlines and\x07 more", 15)
    'two lines and�…'
    """
    line = _UNSHOWABLE.sub("\ufffd", _SPACE.sub(" ", text[: 2 * longest + 1]))
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def shown(text: str) -> str:
    r"""Return a text with its lines and blanks, and nothing in it that a page or terminal obeys.

    Examples
    --------
    >>> shown("two\n lines and\x07 more")
    'two\n lines and\ufffd more'
    """
    return "".join(c if c in "\n\t" else _UNSHOWABLE.sub("\ufffd", c) for c in text)
