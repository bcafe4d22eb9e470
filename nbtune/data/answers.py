"""Where the answer to a question stands in its text: what models and baselines say of a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
BEST = 20
"""So many answers of a row are kept, as in transformers."""


@dataclass(frozen=True)
class Answer:
    """A piece of a context, from character ``start`` to before ``end``; empty for no answer."""

    text: str
    start: int
    end: int
    probability: float


@dataclass(frozen=True)
class Answers:
    """The likeliest answers of a row, best first.

    Attributes
    ----------
    null_difference : float
        By how much the score of no answer is above that of the best one, in nats.
    null_probability : float
        How likely it is that there is none.
    threshold : float
        With a higher difference there is none; infinite where there always is one.
    """

    best: tuple[Answer, ...]
    null_difference: float = -np.inf
    null_probability: float = 0.0
    threshold: float = np.inf

    @property
    def chosen(self) -> Answer:
        """The answer that is given."""
        if not self.best or self.null_difference > self.threshold:
            return self.null
        return self.best[0]

    @property
    def null(self) -> Answer:
        """No answer."""
        return Answer("", -1, -1, self.null_probability)

    def ranked(self, count: int) -> list[Answer]:
        """Return the best answers, no answer among them where it may be one."""
        if not self.best:
            return [self.null]
        if self.threshold == np.inf:
            return list(self.best[:count])
        others = sorted([*self.best, self.null], key=lambda one: -one.probability)
        rest = [one for one in others if one != self.chosen]
        return [self.chosen, *rest][:count]


def without_space(context: str, start: int, end: int) -> tuple[int, int]:
    """Return a piece without the white space at its ends, which some tokenizers count in."""
    piece = context[start:end]
    return start + len(piece) - len(piece.lstrip()), end - (len(piece) - len(piece.rstrip()))


def answers_in(
    context: str,
    windows: Sequence[tuple[Array, Array]],
    longest: int,
    threshold: float = np.inf,
) -> Answers:
    """Return the likeliest answers by what a model says of the windows over a context.

    The score of a piece is the sum of the logits of its start and its end (Devlin et al. 2019,
    4.2); all pieces of at most ``longest`` tokens are compared, and those that two windows see
    count by the better one. No answer has the lowest score that the first token of a window has.

    Parameters
    ----------
    windows : sequence of (ndarray, ndarray)
        Logits of shape (tokens, 2), whose first one stands for no answer, and where the tokens
        stand in the context, of shape (tokens, 2); those that stand nowhere end at 0.
    """
    scores: dict[tuple[int, int], float] = {}
    total, null = -np.inf, np.inf
    for logits, places in windows:
        null = min(null, float(logits[0].sum()))
        inside = np.flatnonzero(places[:, 1])
        if not len(inside):
            continue
        first, last = inside[0], inside[-1] + 1
        pieces, firsts, lasts = _pieces(logits[first:last].astype(np.float64), longest)
        total = float(np.logaddexp(total, np.logaddexp.reduce(pieces)))
        for at in np.argsort(-pieces, kind="stable")[: 2 * BEST]:
            span = without_space(
                context, int(places[first + firsts[at], 0]), int(places[first + lasts[at], 1])
            )
            if span[0] < span[1]:
                scores[span] = max(scores.get(span, -np.inf), float(pieces[at]))
    if threshold < np.inf:
        total = float(np.logaddexp(total, null))
    ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:BEST]
    best = tuple(Answer(context[a:b], a, b, float(np.exp(s - total))) for (a, b), s in ranked)
    if not best:
        return Answers((), np.inf, 1.0, threshold)
    chance = float(np.exp(null - total)) if threshold < np.inf else 0.0
    return Answers(best, null - ranked[0][1], chance, threshold)


def _pieces(logits: Array, longest: int) -> tuple[Array, Array, Array]:
    """Return scores, first and last token of all pieces."""
    tokens = np.arange(len(logits))
    firsts, lengths = np.meshgrid(tokens, np.arange(min(longest, len(logits))), indexing="ij")
    lasts = firsts + lengths
    is_whole = lasts < len(logits)
    firsts, lasts = firsts[is_whole], lasts[is_whole]
    return logits[firsts, 0] + logits[lasts, 1], firsts, lasts
