"""Sentences in columns, a word a line, as the shared tasks of CoNLL and their kin have them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from nbtune.data.spans import OUTSIDE
from nbtune.errors import DataError

CONLL = (".conll", ".conllu", ".conllup", ".gold_conll", ".v4_gold_conll", ".bio", ".iob2")
_COMMENTS = ("# ", "#begin document", "#end document")
_NAMED = re.compile(r"^#\s*global\.columns\s*=(.*)$", re.MULTILINE)
_JOINED = re.compile(r"\d+[-.]\d+")
"""Numbers in CoNLL-U that are no words: two that are written as one, one that was left out."""
_BRACKETS = re.compile(r"(?:\((?P<role>[^()*\s]+))?\*(?P<end>\))?")
_VERB = "V"
_EMPTY = ("_", "-")
_FORM, _UPOS, _DEPREL = 1, 3, 7
"""Columns of CoNLL-U: words, parts of speech, and the last one that all its kin have."""
_EXCERPT = 60


@dataclass(frozen=True)
class _Line:
    number: int
    cells: list[str]


_Sentence = Sequence[_Line]
_Frame = tuple[int, list[str]]
"""The place of a predicate, and a tag a word."""


def from_conll(text: str, name: str) -> pd.DataFrame:
    """Read sentences parted by empty lines: the word first in a line, its tag last.

    Of CoNLL-U the tag is the universal part of speech. Where there are roles of predicates, as
    CoNLL-2005, 2009 and 2012, OntoNotes and Universal Propositions have them, a sentence is a row
    for each of its predicates, and no row where it has none. The predicate itself (``V``) gets no
    tag; of two roles of a word the first is kept.

    Lines that begin with ``# `` and ``-DOCSTART-`` are passed over.

    Returns
    -------
    DataFrame
        Columns ``tokens`` and ``tags``, and ``predicate``, the place of its word from 0, where
        there are roles.

    Raises
    ------
    DataError
        Naming the first line that cannot be read.
    """
    sentences, named = list(_sentences(text)), _names_of_columns(text)
    if named and "FORM" not in named:
        raise DataError(
            f"data: {name} has no words: its columns are {', '.join(named)}",
            hint="merge it with its treebank, which has a column FORM",
        )
    word = named.index("FORM") if named else _word_column(sentences)
    if word == _FORM:
        sentences = [own for each in sentences if (own := _own_words(each))]
    rows: list[dict[str, Any]] = []
    if (read := _reader(sentences, named, word, name)) is not None:
        for own in sentences:
            _refuse_ragged(own, name)
            words = [line.cells[word] for line in own]
            rows += [{"tokens": words, "predicate": at, "tags": tags} for at, tags in read(own)]
    if not rows:
        tag = named.index("UPOS") if "UPOS" in named else _UPOS if word == _FORM else -1
        rows = [_tagged(own, word, tag, name) for own in sentences]
    if any(row["tokens"].count("[WORD]") > 1 for row in rows):
        raise DataError(
            f"data: {name} has [WORD] in place of its words",
            hint="put the words in, as the README of PropBank's release says",
        )
    return pd.DataFrame(rows)


def _sentences(text: str) -> Iterator[_Sentence]:
    own: list[_Line] = []
    for number, line in enumerate(text.split("\n"), 1):
        cells = line.split("\t") if "\t" in line else line.split()
        cells = [cell.strip() for cell in cells if cell.strip()]
        if not cells and own:
            yield own
            own = []
        elif cells and cells[0] != "-DOCSTART-" and not line.startswith(_COMMENTS):
            own.append(_Line(number, cells))
    if own:
        yield own


def _own_words(own: _Sentence) -> _Sentence:
    return [line for line in own if not _JOINED.fullmatch(line.cells[0])]


def _names_of_columns(text: str) -> list[str]:
    found = _NAMED.search(text)
    return found[1].split() if found else []


def _word_column(sentences: Sequence[_Sentence]) -> int:
    """Return the column behind the one that counts the words, or the first where none does."""
    longest = max(sentences, key=len, default=[])
    is_wide = bool(longest) and len(longest[0].cells) > _DEPREL
    for column in range(3 if is_wide else 0):
        cells = [line.cells[column] for line in longest if len(line.cells) > column]
        count = [cell for cell in cells if not _JOINED.fullmatch(cell)]
        if len(count) > 1 and count in (
            [str(i + one) for i in range(len(count))] for one in (0, 1)
        ):
            return column + 1
    return 0


def _tagged(own: _Sentence, word: int, tag: int, name: str) -> dict[str, list[str]]:
    for line in own:
        if len(line.cells) <= max(word, tag, 1):
            raise DataError(
                f"data: {name} line {line.number} has a word without a tag: "
                f"{line.cells[0][:_EXCERPT]!r}",
                hint="write one word a line and its tag after it; an empty line ends a sentence",
            )
    return {"tokens": [x.cells[word] for x in own], "tags": [x.cells[tag] for x in own]}


def _reader(
    sentences: Sequence[_Sentence], named: Sequence[str], word: int, name: str
) -> Callable[[_Sentence], list[_Frame]] | None:
    """Return what reads the roles of a sentence; None where the file has none."""
    if any(one.startswith("UP:PRED") for one in named):
        return partial(_by_number, named=named, name=name)
    if any(map(_in_brackets, sentences)):
        return _in_brackets
    at = _predicate_column(sentences) if word == _FORM else None
    return None if at is None else partial(_at_heads, at=at, name=name)


def _refuse_ragged(own: _Sentence, name: str) -> None:
    width = len(own[0].cells)
    if odd := next((line for line in own if len(line.cells) != width), None):
        raise DataError(
            f"data: {name} line {odd.number} has {len(odd.cells)} cells, the first line of its "
            f"sentence has {width}",
            hint="every line of a sentence has a cell for each of its predicates",
        )


def _in_brackets(own: _Sentence) -> list[_Frame]:
    """Read columns such as ``(ARG0*``, ``*)``, ``(V*)``, one a predicate (CoNLL-2005 and 2012)."""
    frames = []
    for cells in zip(*(line.cells for line in own), strict=False):
        found = [_BRACKETS.fullmatch(cell) for cell in cells]
        roles = [one and one["role"] for one in found]
        if all(found) and _VERB in roles:
            frames.append((roles.index(_VERB), list(_tags_of(filter(None, found)))))
    return frames


def _tags_of(brackets: Iterable[re.Match[str]]) -> Iterator[str]:
    inside = ""
    for one in brackets:
        inside = one["role"] or inside
        is_role = inside not in ("", _VERB)
        yield f"{'B' if one['role'] else 'I'}-{inside}" if is_role else OUTSIDE
        inside = "" if one["end"] else inside


def _predicate_column(sentences: Sequence[_Sentence]) -> int | None:
    """Return the column that has a sense where a predicate is: so many columns of roles follow.

    It is the 10th, 11th or 14th in what people write, and here what fits most sentences.
    """
    fits, told = Counter[int](), Counter[int]()
    for own in sentences:
        width = max(len(line.cells) for line in own)
        for at in range(_DEPREL + 1, width):
            predicates, roles = len(_predicates(own, at)), width - at - 1
            told[at] += bool(predicates or roles)
            fits[at] += bool(predicates) and predicates == roles
    found = [at for at in fits if 2 * fits[at] > told[at]]
    return max(found, key=lambda at: fits[at], default=None)


def _predicates(own: _Sentence, at: int) -> list[int]:
    return [i for i, x in enumerate(own) if len(x.cells) > at and x.cells[at] not in _EMPTY]


def _at_heads(own: _Sentence, *, at: int, name: str) -> list[_Frame]:
    """Read a column a predicate, with each role at one word: the head of what plays it."""
    places, width = _predicates(own, at), len(own[0].cells)
    if width > at and len(places) != width - at - 1:
        raise DataError(
            f"data: {name} line {own[0].number}: columns of roles in its sentence: "
            f"{width - at - 1}, words with a sense: {len(places)}",
            hint="every predicate has a column of its own, in the order of the words",
        )
    return [
        (place, [_at(line.cells[at + 1 + order]) for line in own])
        for order, place in enumerate(places)
    ]


def _at(role: str) -> str:
    return OUTSIDE if role in (*_EMPTY, _VERB) else f"B-{role}"


def _by_number(own: _Sentence, *, named: Sequence[str], name: str) -> list[_Frame]:
    """Read ``A0:1-2|A1:4-6`` at the predicate, or ``A0:1|A1:4``, which name heads alone."""
    predicate = next(i for i, one in enumerate(named) if one.startswith("UP:PRED"))
    roles = next((named.index(x) for x in ("UP:ARGSPANS", "UP:ARGHEADS") if x in named), None)
    places = {line.cells[0]: place for place, line in enumerate(own)}
    frames = []
    for place in _predicates(own, predicate):
        line, tags = own[place], [OUTSIDE] * len(own)
        cell = "_" if roles is None else line.cells[roles]
        for told in [] if cell in _EMPTY else cell.split("|"):
            role, _, where = told.rpartition(":")
            first, _, last = where.partition("-")
            if not role or first not in places or (last or first) not in places:
                raise DataError(
                    f"data: {name} line {line.number}: {told[:_EXCERPT]!r} names no words of its "
                    "sentence",
                    hint="write a role with its first and last word: A0:1-2",
                )
            inside = range(places[first], places[last or first] + 1)
            if role != _VERB and all(tags[i] == OUTSIDE for i in inside):
                for i in inside:
                    tags[i] = f"{'B' if i == inside.start else 'I'}-{role}"
        frames.append((place, tags))
    return frames
