"""How spans are marked in a text, and what of a long one is shown."""

from __future__ import annotations

import re

FIRST, SECOND = ("[E1]", "[/E1]"), ("[E2]", "[/E2]")
MARKS = (*FIRST, *SECOND)
"""Around the head and around the tail of a relation."""
SPACED = re.compile(r"\[E([12])\] (.*?) \[/E\1\]", re.DOTALL)
"""A span with its marks: which of the two, and what it holds."""
MARK = re.compile(r"\[/?E[12]\]")
NAMES = ("head", "tail")
ELSEWHERE = "…"


def pieces_of(text: str, longest: int) -> list[tuple[str, str]]:
    """Return a text in pieces, with ``head`` or ``tail`` beside those that are marked.

    What is marked stays; of what is around it the ends nearest to it are kept, so that all has
    ``longest`` characters, or few more. A text without marks is one piece, as it is.

    Examples
    --------
    >>> pieces_of("The [E1] cat [/E1] that I had seen sat on the [E2] mat [/E2].", 29)
    [('The ', ''), ('cat', 'head'), (' that I h…t on the ', ''), ('mat', 'tail'), ('.', '')]
    """
    found = list(SPACED.finditer(text))
    if not found:
        return [(text, "")]
    edges = [0, *(edge for one in found for edge in one.span()), len(text)]
    around = [text[edges[i] : edges[i + 1]] for i in range(0, len(edges), 2)]
    room = _room([len(piece) for piece in around], longest - sum(len(one[2]) for one in found))
    pieces = []
    for place, piece in enumerate(around):
        is_first, is_last = place == 0, place == len(found)
        pieces.append((_cut(piece, room, is_first, is_last), ""))
        if not is_last:
            one = found[place]
            pieces.append((one[2], NAMES[int(one[1]) - 1]))
    return [(piece, kind) for piece, kind in pieces if piece]


def near_marks(text: str, longest: int) -> str:
    """Return a text with its marks, cut to so many characters around what is marked.

    A text without marks stays as it is.
    """
    marked = {"head": FIRST, "tail": SECOND}
    spaces = 2 * len(SPACED.findall(text))
    pieces = pieces_of(text, longest - spaces - sum(map(len, MARKS)))
    if len(pieces) == 1 and not pieces[0][1]:
        return text
    wrapped = (
        f"{marked[kind][0]} {piece} {marked[kind][1]}" if kind else piece for piece, kind in pieces
    )
    return "".join(wrapped)


def _room(lengths: list[int], budget: int) -> int:
    """Return how long each may be at most, so that all of them fit."""
    left, open_ = budget, sorted(lengths)
    while open_ and open_[0] * len(open_) <= left:
        left -= open_.pop(0)
    return max(0, left) // len(open_) if open_ else max(lengths)


def _cut(piece: str, room: int, is_first: bool, is_last: bool) -> str:
    if len(piece) <= room:
        return piece
    if is_first:
        return ELSEWHERE + piece[len(piece) - room :]
    if is_last:
        return piece[:room] + ELSEWHERE
    return piece[: room // 2] + ELSEWHERE + piece[len(piece) - room // 2 :]
