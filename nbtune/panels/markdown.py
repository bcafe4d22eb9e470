"""Texts that Markdown shows as they are."""

from __future__ import annotations

import re

from nbtune.plots.texts import short

# Also what begins a list or a heading, mathematics ($), and cells of a table (|).
_MARKUP = re.compile(r"[\\`*{}\[\]<>&$|~]|(?<!\w)_|_(?!\w)|^[-+=#]|^\d(?=\d*[.)])")


def escaped(text: str) -> str:
    """Return a text that cannot become markup, on one line.

    Signs become numbered entities: a backslash before them is not enough for what looks for
    mathematics before it reads Markdown, as JupyterLab does.

    Examples
    --------
    >>> escaped("f1_macro of <b> | $x$")
    'f1_macro of &#60;b&#62; &#124; &#36;x&#36;'
    """
    return _MARKUP.sub(lambda sign: f"&#{ord(sign[0])};", short(text))
