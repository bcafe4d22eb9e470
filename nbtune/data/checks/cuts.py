"""What a limit on tokens takes from rows, and what a tokenizer has no word for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbtune.data.checks.found import SHOWN, Meant
from nbtune.data.checks.lengths import (
    LOOKED_AT,
    Reader,
    count_tokens,
    describe_lengths,
    limit_for,
    lost_of,
)
from nbtune.data.checks.personal import mask
from nbtune.data.checks.scan import Scan
from nbtune.events import Progress
from nbtune.records import Lengths

Array = np.ndarray[Any, Any]
_MOST_CUT = 0.01
_MOST_UNKNOWN = 0.005
_SHOWN_OF_TEXT = 70
_AROUND = 30


@dataclass(frozen=True)
class Counted:
    """Tokens of some rows of a scan.

    Attributes
    ----------
    rows : ndarray
        Which rows of the scan were looked at: all, or a sample.
    texts : list of sequence of str
        What each says, as it was counted.
    lengths, unknown : ndarray
        Tokens of each, and those that are not known.
    written : ndarray, optional
        How many of them are to be learnt, where these follow what is asked.
    """

    reader: Reader
    rows: Array
    texts: Sequence[Sequence[str]]
    lengths: Array
    unknown: Array
    written: Array | None = None

    def described(self, limit: int, *, is_cut: bool = True) -> Lengths:
        """Return it as a record; ``limit`` is that of the recipe."""
        return describe_lengths(
            self.reader, self.lengths, self.unknown, limit, self.written, is_cut=is_cut
        )


def sample_of(scan: Scan) -> Array:
    """Return the rows that have a text, at most fifty thousand of them."""
    rows = np.flatnonzero(scan.hashes)
    if len(rows) > LOOKED_AT:
        rows = np.sort(np.random.default_rng(0).choice(rows, LOOKED_AT, replace=False))
    return rows


def counted(
    scan: Scan,
    rows: Array,
    read: Callable[[list[str]], Reader],
    progress: Progress,
    written: Sequence[str] | None = None,
    beside: Sequence[str] | None = None,
) -> Counted:
    """Count the tokens of rows, or of the texts ``beside`` them; of what is ``written`` as well."""
    texts: list[Sequence[str]] = [
        scan.texts_of(int(row)) if beside is None else (beside[int(row)],) for row in rows
    ]
    reader = read([" ".join(own) for own in texts])
    lengths, unknown = count_tokens(texts, reader.tokenizer, progress)
    if written is None:
        return Counted(reader, rows, texts, lengths, unknown)
    answers = [(written[int(row)],) for row in rows]
    more, more_unknown = count_tokens(answers, reader.tokenizer, progress)
    whole = [(*own, *answer) for own, answer in zip(texts, answers, strict=True)]
    return Counted(reader, rows, whole, lengths + more, unknown + more_unknown, more)


def written_apart(found: Counted, written: Sequence[str], progress: Progress) -> Counted:
    """Count what is written of the same rows for itself."""
    texts = [(written[int(row)],) for row in found.rows]
    lengths, unknown = count_tokens(texts, found.reader.tokenizer, progress)
    return Counted(found.reader, found.rows, texts, lengths, unknown)


def cuts(
    found: Counted, limit: int, *, setting: str = "max_length", what: str = "texts"
) -> Iterator[Meant]:
    """Say that a limit cuts more than one row in a hundred, and which one does not."""
    places, model = found.reader.places, found.reader.model
    taken = limit if places is None else min(limit, places)
    cut = np.flatnonzero(found.lengths > taken)
    if len(cut) <= _MOST_CUT * len(found.rows):
        return
    said = f"{what} are longer than {setting}: {limit}, and lose their end"
    if found.written is not None:
        lost = lost_of(found.lengths, found.written, taken).sum() / max(1, found.written.sum())
        said += f" ({100 * lost:.2g} % of the tokens that are to be learnt)"
    enough = limit_for(found.described(limit), _MOST_CUT)
    left = int((found.lengths > enough).sum())
    if enough <= taken:
        said = f"{what} are longer than the {taken:,} places of {model}, and lose their end"
        fix = "divide long texts into several rows, or take a model with more places"
    else:
        fix = f"{setting}: {enough}"
        if left > _MOST_CUT * len(found.rows):
            said += f"; {left:,} are longer than all {enough:,} places of {model}"
    longest = cut[np.argsort(-found.lengths[cut], kind="stable")[:SHOWN]]
    shown = tuple(f"{found.lengths[i]:,} tokens: {_begin(found.texts[i])}" for i in longest)
    check = "truncation" if setting == "max_length" else "cut_targets"
    yield Meant(check, "warning", found.rows[cut], said, shown, fix)


def unknown_tokens(found: Counted) -> Iterator[Meant]:
    """Say that a tokenizer has no word for more than one token in two hundred."""
    share = found.unknown.sum() / max(1, found.lengths.sum())
    if share <= _MOST_UNKNOWN:
        return
    hit = np.flatnonzero(found.unknown)
    what = (
        f"rows have tokens that the tokenizer of {found.reader.model} has no word for "
        f"({100 * share:.2g} % of all tokens)"
    )
    worst = hit[np.argsort(-found.unknown[hit], kind="stable")[:SHOWN]]
    shown = tuple(_unknown_in(found, int(i)) for i in worst)
    fix = "model: scratch-transformer  # makes its tokens of these texts"
    yield Meant("unknown_tokens", "warning", found.rows[hit], what, shown, fix)


def _unknown_in(found: Counted, place: int) -> str:
    """Return what is not known of a row, and where it stands."""
    text = " ".join(found.texts[place])
    tokenizer = found.reader.tokenizer
    if not getattr(tokenizer, "is_fast", False):
        return _begin([text])
    read = tokenizer(text, return_offsets_mapping=True, verbose=False)
    pairs = zip(read["input_ids"], read["offset_mapping"], strict=True)
    spans = [span for token, span in pairs if token == tokenizer.unk_token_id and span[1] > span[0]]
    if not spans:
        return _begin([text])
    pieces = dict.fromkeys(text[start:end] for start, end in spans)
    start, end = spans[0]
    around = text[max(0, start - _AROUND) : end + _AROUND]
    return mask(f"{' '.join(list(pieces)[:5])} in: {around}")


def _begin(texts: Sequence[str]) -> str:
    masked = mask(" ".join(texts))
    return masked if len(masked) <= _SHOWN_OF_TEXT else f"{masked[:_SHOWN_OF_TEXT]}…"
