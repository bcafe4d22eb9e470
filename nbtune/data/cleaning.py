"""Texts without what nobody meant to write: control characters, stray spaces, markup."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence

# C0 and C1 controls but for white space, lone surrogates, zero-width and direction marks, BOM.
# The joiners U+200C and U+200D stay: Persian spelling and emoji need them.
_CONTROL = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff\u200b\u200e\u200f"
    "\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb]"
)
_SPACE = re.compile(r"\s+")
# Scripts and styles with what is in them, unless another one begins there.
_HIDDEN = re.compile(
    r"<(script|style)\b[^<>]*>[^<]*(?:<(?!/?(?:script|style)\b)[^<]*)*</\1\s*>", re.IGNORECASE
)
# A tag ends before the next one begins: so "a < b" stays, and the time is linear in the text.
_TAG = re.compile(r"<!--[^<]*?-->|<[!?][^<>]*>|</?([a-z][\w:-]*)(?:\s[^<>]*)?/?>", re.IGNORECASE)
_ESCAPED_AGAIN = re.compile(r"&(?:amp;)+", re.IGNORECASE)
_BLOCKS = {
    "p", "br", "div", "li", "ul", "ol", "table", "tr", "td", "th", "hr", "blockquote", "pre",
    "h1", "h2", "h3", "h4", "h5", "h6",
}  # fmt: skip
_MOST_PASSES = 10


def clean_text(text: str, steps: Sequence[str]) -> str:
    r"""Clean one text; a clean text stays as it is.

    Parameters
    ----------
    steps : sequence of {"control", "unicode", "whitespace", "markup"}
        What is done, always in the order markup, control, unicode, whitespace: out with tags
        (also those written as ``&lt;b&gt;``), out with control characters, to composed form
        (NFC), runs of white space to one space.

    Examples
    --------
    >>> clean_text("  two\u200b  <b>words</b> ", ["control", "whitespace"])
    'two <b>words</b>'
    """
    chosen = [step for name, step in _STEPS.items() if name in steps]
    # What one pass takes out can uncover markup for the next: "<\u200bb>", "&amp;lt;".
    for _ in range(_MOST_PASSES):
        before = text
        for step in chosen:
            text = step(text)
        if text == before:
            break
    return text


def clean_texts(texts: Iterable[str], steps: Sequence[str]) -> list[str]:
    """Clean many texts; see `clean_text`."""
    return [clean_text(text, steps) for text in texts]


def _without_markup(text: str) -> str:
    if "<" in text:
        text = _TAG.sub(_space_for_block, _HIDDEN.sub(" ", text))
    return html.unescape(_ESCAPED_AGAIN.sub("&", text)) if "&" in text else text


def _space_for_block(tag: re.Match[str]) -> str:
    return " " if (tag[1] or "").lower() in _BLOCKS else ""


def _without_control(text: str) -> str:
    return _CONTROL.sub("", text)


def _composed(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _single_spaced(text: str) -> str:
    return _SPACE.sub(" ", text).strip()


_STEPS: dict[str, Callable[[str], str]] = {
    "markup": _without_markup,
    "control": _without_control,
    "unicode": _composed,
    "whitespace": _single_spaced,
}
