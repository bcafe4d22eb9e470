"""Why a run says what it says, in HTML, Markdown and text."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from nbtune.panels.html import number, percent, render, signed
from nbtune.panels.markdown import escaped
from nbtune.panels.patches import AGAINST, FOR, Patch
from nbtune.plots.texts import short, shown
from nbtune.records import PATCH, Deletion, Explanation, WordShare

MOST_SHOWN = 20
MOST_CHARACTERS, MOST_OF_SEVERAL = 4_000, 1_000
FEW = 3
"""Up to so many are shown in full."""
TOP, TOP_IN_TEXT = 10, 8
WORDS_BY_LABEL = 6
MOST_LABELS = 20
PALEST, DEEPEST = 0.06, 0.55
"""How deep a shade is; the deepest lets the page's own letters be read."""
PATCHED = 1.3
"""A patch of a grey image is that much deeper than a word."""
PLAIN = 0.12
"""A word that does less than this part of what the first one does has no line below it."""
WIDTH, HEIGHT, LEFT, BOTTOM, TOPMOST = 300, 134, 34, 108, 24
_METHODS = {
    "integrated-gradients": "integrated gradients",
    "gradient-x-input": "gradient x input",
    "attention-rollout": "attention rollout",
}


@dataclass(frozen=True)
class Piece:
    """A piece of a text; what is between words has no hint.

    ``kind`` is ``for``, ``against`` or empty, ``shade`` how deep its colour is.
    """

    text: str
    hint: str = ""
    kind: str = ""
    shade: float = 0.0
    is_marked: bool = False
    is_underlined: bool = False

    @property
    def colour(self) -> str:
        """That of what speaks for the label, or against it."""
        return FOR if self.kind == "for" else AGAINST

    @property
    def style(self) -> str:
        """How it is shaded, and underlined where it does much: never by colour alone."""
        if not self.shade:
            return ""
        red, green, blue = (int(self.colour[at : at + 2], 16) for at in (1, 3, 5))
        line = "solid" if self.kind == "for" else "dotted"
        under = f";border-bottom:2px {line} {self.colour}" if self.is_underlined else ""
        return f"background-color:rgba({red},{green},{blue},{self.shade}){under}"


@dataclass(frozen=True)
class TopWord:
    """A word of the list, ``width`` of 100 wide, to the left where it speaks against."""

    text: str
    value: float
    share: float
    width: float

    @property
    def part(self) -> str:
        """Its share in words."""
        return percent(self.share).replace("-0 %", "0 %").replace("-", "\N{MINUS SIGN}")


def explanations_html(records: Sequence[Explanation], left: int = 0) -> str:
    """Return each text with its words shaded, and what they come to.

    Parameters
    ----------
    left : int
        Texts in which there was nothing to explain.
    """
    is_few = len(records) <= FEW
    longest = MOST_CHARACTERS if is_few else MOST_OF_SEVERAL
    return render(
        "explanations.html.j2",
        shown=[_view(one, longest) for one in records[:MOST_SHOWN]],
        is_few=is_few,
        more=max(0, len(records) - MOST_SHOWN),
        by_label=_by_label(records),
        has_rows=len({one.row for one in records}) > 1,
        left=left,
    )


def typed_html(records: Sequence[Explanation]) -> str:
    """Return the shaded texts only: what is shown while somebody types, or looks through rows."""
    shown = [_view(one, MOST_CHARACTERS) for one in records[:FEW]]
    return render("explained.html.j2", shown=shown)


@dataclass(frozen=True)
class View:
    """What is shown of an explanation."""

    one: Explanation
    texts: list[list[Piece]]
    top: list[TopWord]
    head: str
    sums: str
    kept: str
    curves: Curves | None
    patches: list[Patch]
    blanked: str


@dataclass(frozen=True)
class Curves:
    """Two courses as points of a picture, and its ticks as (place, words)."""

    ranked: list[str]
    random: list[str]
    summary: str
    counts: list[tuple[float, str]]
    values: list[tuple[float, str]]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    bottom: int = BOTTOM


def _view(one: Explanation, longest: int) -> View:
    curves = None if one.deletion is None else _curves(one.deletion)
    return View(
        one,
        _texts(one, longest),
        _top(one, TOP),
        head_of(one),
        sums_of(one),
        kept_of(one),
        curves,
        _patches(one),
        _several(one),
    )


def head_of(one: Explanation) -> str:
    """Return what is explained, and how sure the run is."""
    sure = "" if one.probability != one.probability else f", {percent(one.probability)}"
    wrong = f"; true: {short(one.target, 60)}" if one.target and one.target != one.label else ""
    return f"{short(one.label, 120)}{sure}{wrong}"


def sums_of(one: Explanation) -> str:
    """Return whether what the words do comes to what they should."""
    there = (
        f"Its {one.what} is {signed(one.said)}, and {signed(one.blank)} with "
        f"{short(one.blank_word, 40)} in place of every {one.pieces}: a difference of "
        f"{signed(one.difference)}"
    )
    if one.method == "attention-rollout":
        others = percent(1 - sum(word.value for word in one.words))
        return (
            f"The part of each {one.pieces} in what the head reads, whatever it makes of it: none "
            f"speaks against. {others} of it is of tokens that are no {one.pieces}. {there}."
        )
    words = f"The {_several(one)} come to {signed(one.sum - one.rest)}"
    if one.rest:
        words += f", tokens that are no words to {signed(one.rest)}"
    if one.method == "gradient-x-input":
        return f"{words}; with this method they need not come to what they change. {there}."
    whole = sum(abs(word.value) for word in one.words) or 1.0
    missing = percent(abs(one.sum - one.difference) / whole)
    return f"{there}. {words}; {missing} is missing ({one.steps} points on the way)."


def kept_of(one: Explanation) -> str:
    """Return whether the prediction rests on the words that are named; empty where unknown."""
    found = one.deletion
    if found is None:
        return ""
    area = signed(found.area).removeprefix("+")
    better = "more than chance" if found.area > 0 and area != "0" else "no more than chance"
    area = f"the area between both courses is {area}, {better}"
    if one.probability != one.probability:
        return f"With {_several(one)} blanked out, the most important first or at random, {area}."
    ranked, random = found.halved(found.ranked), found.halved(found.random)
    first = "never gone" if ranked is None else f"gone after {ranked} of {found.counts[-1]}"
    second = "never" if random is None else f"after {random}"
    return (
        f"With the most important {_several(one)} blanked out first, half of the probability is "
        f"{first}, in random order {second}; {area}."
    )


def _several(one: Explanation) -> str:
    """Return what is blanked out in the plural."""
    return {"word": "words", "patch": "patches"}.get(one.pieces, "patches and words")


def explanations_text(records: Sequence[Explanation], left: int = 0) -> str:
    """Return the same as lines of at most 80 characters."""
    lines: list[str] = []
    for one in records[:MOST_SHOWN]:
        lines += [*_lines(one), ""]
    if len(records) > MOST_SHOWN:
        lines.append(f"and {len(records) - MOST_SHOWN:,} more, all in .frame")
    if left:
        lines.append(_nothing(left))
    return "\n".join(lines).rstrip()


def _lines(one: Explanation) -> Iterator[str]:
    yield from textwrap.wrap(f"{short(one.run, 30)}, row {one.row}: {head_of(one)}", 80)
    if one.grid:
        yield f"  an image in {one.grid[0]} x {one.grid[1]} patches"
    for text in one.texts:
        yield from textwrap.wrap(short(text), 78, initial_indent="  ", subsequent_indent="  ")
    for word in _top(one, TOP_IN_TEXT):
        bar = ("+" if word.value > 0 else "-") * max(1, round(word.width / 4))
        yield f"  {short(word.text, 24):<24} {signed(word.value):>9} {word.part:>6}  {bar}"
    for words in (sums_of(one), kept_of(one)):
        yield from textwrap.wrap(words, 80)


def explanations_markdown(records: Sequence[Explanation], left: int = 0) -> str:
    """Return what is explained and its first words as tables."""
    parts = []
    for one in records[:MOST_SHOWN]:
        texts = " / ".join(escaped(text) for text in one.texts)
        seen = f": {texts}" if texts else ""
        lines = [f"**{escaped(head_of(one))}**{seen}", "", f"| {one.pieces} | does | share |"]
        lines += ["|---|---:|---:|"]
        for word in _top(one, TOP):
            cells = (escaped(short(word.text, 60)), signed(word.value), word.part)
            lines.append("| " + " | ".join(cells) + " |")
        parts.append("\n".join([*lines, "", escaped(sums_of(one)), "", escaped(kept_of(one))]))
    return "\n\n".join([*parts, *([_nothing(left)] if left else [])])


def _nothing(left: int) -> str:
    return f"In {left:,} of the texts nothing was found, so there is nothing to explain."


def _top(one: Explanation, count: int) -> list[TopWord]:
    share = one.share
    first = sorted(one.words, key=lambda word: -abs(word.value))[:count]
    most = abs(first[0].value) if first and first[0].value else 1.0
    return [
        TopWord(short(one.text_of(w), 60), w.value, share[w], 100 * abs(w.value) / most)
        for w in first
        if w.value
    ]


def _texts(one: Explanation, longest: int) -> list[list[Piece]]:
    share = one.share
    most = max((abs(value) for value in share.values()), default=0.0) or 1.0
    found: list[list[Piece]] = []
    for part, text in enumerate(one.texts):
        at, pieces = 0, []
        for word in (word for word in one.words if word.part == part):
            if word.end > longest:
                break
            if word.start > at:
                pieces.append(Piece(shown(text[at : word.start])))
            is_last = part == len(one.texts) - 1
            inside = bool(one.span) and one.span[0] <= word.start < one.span[1] and is_last
            pieces.append(_piece(one, word, share[word], most, inside))
            at = word.end
        rest = text[at:longest] + ("…" if len(text) > longest else "")
        if rest:
            pieces.append(Piece(shown(rest)))
        found.append(pieces)
    return found


def _patches(one: Explanation) -> list[Patch]:
    """Return the patches of the picture that do something."""
    share = one.share
    most = max((abs(value) for value in share.values()), default=0.0) or 1.0
    found = []
    for word in (word for word in one.words if word.part == PATCH):
        piece = _piece(one, word, share[word], most, False)
        if piece.shade:
            depth = round(PATCHED * piece.shade, 2)
            found.append(Patch(word.end - 1, word.start - 1, piece.colour, depth))
    return found


def _piece(one: Explanation, word: WordShare, share: float, most: float, inside: bool) -> Piece:
    text, weight = shown(one.text_of(word)), abs(share) / most
    kind = "for" if share > 0 else "against"
    hint = f"{signed(word.value)}, {percent(share)} of all"
    shade = round(PALEST + (DEEPEST - PALEST) * weight, 3) if weight > 0.02 else 0.0
    return Piece(text, hint, kind, shade, inside, weight >= PLAIN)


def _by_label(records: Sequence[Explanation]) -> list[tuple[str, int, str, str]]:
    """Return of each label its rows, and the words that speak most for and against it.

    Nothing where each label is told in full anyway, as words are that a model has written.
    """
    sums: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    rows: dict[str, set[int]] = defaultdict(set)
    for one in records:
        rows[one.label].add(one.row)
        for word, share in one.share.items():
            sums[one.label][one.text_of(word).lower()] += share
    if len(records) <= FEW and len(rows) == len(records):
        return []
    return [
        (short(label, 60), len(rows[label]), _first(sums[label], 1), _first(sums[label], -1))
        for label in sorted(rows, key=lambda name: -len(rows[name]))[:MOST_LABELS]
    ]


def _first(sums: Mapping[str, float], sign: int) -> str:
    own = sorted((word for word in sums if sign * sums[word] > 0), key=lambda w: -sign * sums[w])
    return ", ".join(short(word, 30) for word in own[:WORDS_BY_LABEL]) or "–"


def _curves(found: Deletion) -> Curves:
    highest = max(*found.ranked, *found.random)
    lowest = min(0.0, *found.ranked, *found.random)
    span = (highest - lowest) or 1.0
    right, words = WIDTH - 8, found.counts[-1]

    def points(course: Sequence[float]) -> list[str]:
        return [
            f"{LEFT + (right - LEFT) * n / words:.1f} "
            f"{BOTTOM - (BOTTOM - TOPMOST) * (v - lowest) / span:.1f}"
            for n, v in zip(found.counts, course, strict=True)
        ]

    marks = sorted({0, words // 2, words})
    return Curves(
        points(found.ranked),
        points(found.random),
        f"What is left with words blanked out: most important first "
        f"{number(found.ranked[len(found.ranked) // 2], 2)} after half of them, at random "
        f"{number(found.random[len(found.random) // 2], 2)}",
        [(LEFT + (right - LEFT) * n / words, f"{n}") for n in marks],
        [
            (float(y), signed(v).removeprefix("+"))
            for y, v in ((BOTTOM, lowest), (TOPMOST, highest))
        ],
    )
