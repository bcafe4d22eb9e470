"""Texts without what nobody meant to write: control characters, stray spaces, markup."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from html.parser import HTMLParser

# C0 and C1 controls but for white space, lone surrogates, zero-width and direction marks, BOM.
# The joiners U+200C and U+200D stay: Persian spelling and emoji need them.
_CONTROL = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff\u200b\u200e\u200f"
    "\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb]"
)
_SPACE = re.compile(r"\s+")
_BLOCKS = {"p", "br", "div", "li", "tr", "td", "th", "h1", "h2", "h3", "h4", "h5", "h6", "hr"}


def clean_text(text: str, steps: Sequence[str]) -> str:
    r"""Clean one text.

    Parameters
    ----------
    steps : sequence of {"control", "unicode", "whitespace", "markup"}
        What is done, always in the order markup, control, unicode, whitespace: out with tags,
        out with control characters, to composed form (NFC), runs of white space to one space.

    Examples
    --------
    >>> clean_text("  two\u200b  <b>words</b> ", ["control", "whitespace"])
    'two <b>words</b>'
    """
    for name, step in _STEPS.items():
        if name in steps:
            text = step(text)
    return text


def clean_texts(texts: Iterable[str], steps: Sequence[str]) -> list[str]:
    """Clean many texts; see `clean_text`."""
    chosen = [step for name, step in _STEPS.items() if name in steps]
    cleaned = []
    for text in texts:
        for step in chosen:
            text = step(text)
        cleaned.append(text)
    return cleaned


class _Words(HTMLParser):
    """Collects what is written between the tags."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.hidden += tag in ("script", "style")
        self.parts.append(" " if tag in _BLOCKS else "")

    def handle_endtag(self, tag: str) -> None:
        self.hidden -= tag in ("script", "style") and self.hidden > 0
        self.parts.append(" " if tag in _BLOCKS else "")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.parts.append(data)


def _without_markup(text: str) -> str:
    if "<" not in text and "&" not in text:
        return text
    words = _Words()
    words.feed(text)
    words.close()
    return "".join(words.parts)


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
