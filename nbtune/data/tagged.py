"""Texts with a tag for every word, as rows: from words and tags, or from a text and its spans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from nbtune.data.cleaning import clean_text
from nbtune.data.columns import TEXT_NAMES
from nbtune.data.faults import (
    Check,
    Faults,
    Told,
    cells_of,
    checked_rows,
    has_lone_surrogate,
    is_missing,
)
from nbtune.data.marks import marked
from nbtune.data.predicates import (
    agree_on_predicate,
    check_predicate,
    predicates_in,
    with_predicates,
    without_predicate,
)
from nbtune.data.rows import Found, Roles, Rows
from nbtune.data.span_lists import agree_on_spans, check_spans, read_spans
from nbtune.data.spans import (
    OUTSIDE,
    as_bio,
    bio_of_iob1,
    breaks_bio,
    is_iob1,
    places_in,
    type_of,
    word_places,
)
from nbtune.data.spelled import (
    AS_LISTS,
    BROKEN,
    is_broken,
    is_list,
    listed_words,
    read_spelled,
    spells_lists,
)
from nbtune.errors import DataError, did_you_mean
from nbtune.recipe import Recipe

TOKENS_NAMES = ("tokens", "words", "token", "word")
PREDICATE_NAMES = ("predicate", "predicate_index", "predicate_mask", "verb_index", "verb_indicator")
TAGS_NAMES = ("tags", "ner_tags", "labels", "label", "pos_tags", "chunk_tags", "ner")
SPANS_NAMES = ("spans", "entities", "label", "labels", "annotations")
_PLAINLY_SPANS = ("spans", "entities")
_KEEPS = ("control", "unicode")
"""What is cleaned out of words; white space parts them."""


def find(frame: pd.DataFrame, named: Roles) -> Found:
    """Find words and tags, or a text and its spans, by their names and by their usual ones.

    Raises
    ------
    DataError
        When named columns are missing, or there are neither.
    """
    columns = list(frame.columns)
    if missing := {role: name for role, name in named.items() if name not in columns}:
        role, name = next(iter(missing.items()))
        raise DataError(
            f"{role}: there is no column {name!r}; the data has {', '.join(columns[:12])}",
            hint=did_you_mean(str(name), columns),
        )
    words = named.get("tokens") or _first(TOKENS_NAMES, columns)
    text = named.get("text") or _first(TEXT_NAMES, columns)
    spans = named.get("spans") or (None if "tags" in named else _listing(frame, SPANS_NAMES, words))
    predicate = named.get("predicate") or predicate_column(frame)
    whose = {} if predicate is None else {"predicate": predicate}
    if spans is not None and text is not None and "tokens" not in named:
        inferred = not {"text", "spans"} <= set(named)
        return Found({"text": text, **whose, "spans": spans}, inferred)
    tags = named.get("tags") or _first(TAGS_NAMES, columns)
    if tags is None or (words or text) is None:
        raise DataError(
            f"there are no words with tags, nor texts with spans; the data has "
            f"{', '.join(columns[:12])}",
            hint="name them: tokens: ... and tags: ..., or text: ... and spans: ...",
        )
    inferred = not {"tokens", "tags"} <= set(named)
    return Found({"tokens": words or text, **whose, "tags": tags}, inferred)


def predicate_column(frame: pd.DataFrame) -> str | None:
    """Return the column of predicates, where one is usually called so."""
    return _first(PREDICATE_NAMES, list(frame.columns))


def _first(usual: Sequence[str], columns: Sequence[str]) -> str | None:
    return next((name for name in usual if name in columns), None)


def _listing(frame: pd.DataFrame, usual: Sequence[str], words: str | None) -> str | None:
    """Return a column of spans; where there are words, tags are meant."""
    if words is not None:
        return None
    for name in usual:
        found = [read_spans(cell) for cell in frame[name].head(50)] if name in frame else []
        # No spans at all are spans as well, where the column is called so.
        if any(found) or (name in _PLAINLY_SPANS and any(one is not None for one in found)):
            return name
    return None


def _usable(
    frame: pd.DataFrame, roles: Roles, recipe: Recipe, what: str
) -> tuple[pd.DataFrame, str]:
    said = ""
    if "spans" in roles:
        checks: dict[str, tuple[list[Any], Check]] = {
            "text": (cells_of(frame[str(roles["text"])]), _check_text),
            "spans": (cells_of(frame[str(roles["spans"])]), check_spans),
        }
        agree = agree_on_spans
    else:
        tags, said = _in_bio(cells_of(frame[str(roles["tags"])]))
        checks = {
            "tokens": (cells_of(frame[str(roles["tokens"])]), _words_checked(recipe)),
            "tags": (tags, _check_tags),
        }
        agree = _agree_on_tags
    has_predicate = roles.get("predicate") is not None
    if has_predicate:
        checks["predicate"] = (cells_of(frame[str(roles["predicate"])]), check_predicate)
    kept: list[dict[str, Any]] = []

    def both(row: dict[str, Any]) -> tuple[str, Any]:
        fault, shown = agree(row)
        if not fault and has_predicate:
            fault, shown = agree_on_predicate(row)
        if not fault:
            kept.append(row)
        return fault, shown

    _, notice = checked_rows(
        frame, checks, hint=_hint, drop_bad_rows=recipe.drop_bad_rows, what=what, agree=both
    )
    whose = ["predicate"] if has_predicate else []
    told = f"{what}: {said}" if said else ""
    rows = pd.DataFrame(kept, columns=["row", "text", "tokens", *whose, "tags"])
    return rows, "; ".join(filter(None, [told, notice]))


def _in_bio(cells: list[Any]) -> tuple[list[Any], str]:
    """Return the cells of tags, those of IOB1 as BIO, and what is said of that."""
    read = [_listed_tags(cell) for cell in cells]
    sentences = [
        as_bio(tags) if is_list(tags) and all(isinstance(tag, str) for tag in tags) else None
        for tags in read
    ]
    if not is_iob1(filter(None, sentences)):
        return cells, ""
    pairs = zip(cells, sentences, strict=True)
    return (
        [cell if tags is None else bio_of_iob1(tags) for cell, tags in pairs],
        "the tags are IOB1, in which I- begins a span: they are read as BIO",
    )


def _listed_tags(cell: Any) -> Any:
    tags = read_spelled(cell)
    return tags.split() if isinstance(tags, str) else tags


def _check_text(cell: Any) -> tuple[str, Any]:
    if is_missing(cell) or not isinstance(cell, str) or not cell.strip():
        return "no text", ""
    return ("half a character (a lone surrogate)" if has_lone_surrogate(cell) else ""), cell


def _words_checked(recipe: Recipe) -> Check:
    steps = [step for step in recipe.clean if step in _KEEPS]

    def check(cell: Any) -> tuple[str, Any]:
        if is_broken(cell):
            return BROKEN, []
        words = listed_words(cell)
        if not isinstance(words, list | tuple | np.ndarray) or not len(words):
            return "no words", []
        if odd := next((word for word in words if not isinstance(word, str)), None):
            return f"a {type(odd).__name__} among its words", []
        found = ["".join(clean_text(word, steps).split()) for word in words]
        if not all(found):
            return "an empty word", []
        return ("half a character" if any(map(has_lone_surrogate, found)) else ""), found

    return check


def _check_tags(cell: Any) -> tuple[str, Any]:
    if is_broken(cell):
        return BROKEN, []
    tags = _listed_tags(cell)
    if not isinstance(tags, list | tuple | np.ndarray) or not len(tags):
        return "no tags", []
    if any(not isinstance(tag, str) for tag in tags):
        return "tags that are numbers, not names", []
    found = as_bio([str(tag) for tag in tags])
    if broken := breaks_bio(found):
        return f"the tag {broken} where no B-{broken[2:]} began", []
    return "", found


def _agree_on_tags(row: dict[str, Any]) -> tuple[str, Any]:
    words, tags = row["tokens"], row["tags"]
    if len(words) != len(tags):
        told = Told(f"{len(tags)} for {len(words)}")
        return "more or fewer tags than words", told
    row["text"] = " ".join(words)
    return "", None


def _hint(faults: Faults, left: bool) -> str:
    named = " ".join(faults)
    if BROKEN in faults:
        return AS_LISTS
    if "where no B-" in named:
        return "a span begins with B- and goes on with I-; mend them, or drop_bad_rows: true"
    if "numbers, not names" in named:
        return "replace the numbers by names such as B-PER, I-PER and O"
    if "predicate" in named:
        return (
            "a predicate is the place of its word from 0, or a list of 0 and 1, one a word; or "
            "drop_bad_rows: true"
        )
    if "outside the text" in named:
        return "count characters from 0, the end is not part of the span; or drop_bad_rows: true"
    return "mend them, or leave them out with drop_bad_rows: true"


def _labels(rows: pd.DataFrame) -> tuple[str, ...]:
    tags = {tag for tags in rows["tags"] for tag in tags}
    if tags == {OUTSIDE}:
        raise DataError(
            f"tags: all words of the {len(rows)} training rows have the tag O",
            hint="is it the right column? name it: tags: ...",
        )
    if len(tags) > 1_000:
        raise DataError(
            f"tags: there are {len(tags)} different ones", hint="is it the right column?"
        )
    return tuple(sorted(tags | {OUTSIDE}, key=lambda tag: (tag != OUTSIDE, type_of(tag), tag)))


def _strata(rows: pd.DataFrame) -> list[str]:
    """Return the rarest tag of each row, so that splits have some rows of every tag."""
    counts = Counter(tag for tags in rows["tags"] for tag in set(tags))
    return [min(tags, key=lambda one: (counts[one], one)) for tags in rows["tags"]]


def _given(texts: Any, recipe: Recipe) -> pd.DataFrame:
    if recipe.predicate is not None:
        return with_predicates(texts, lambda own: _given(own, without_predicate(recipe)))
    rows = []
    for place, one in enumerate([texts] if isinstance(texts, str) else texts):
        if isinstance(one, str):
            words = [one[a:b] for a, b in word_places(one, recipe.word_splitting or "punctuation")]
            rows.append({"text": one, "tokens": words})
        elif isinstance(one, list | tuple | np.ndarray) and all(isinstance(w, str) for w in one):
            rows.append({"text": " ".join(one), "tokens": [word for word in one if word.strip()]})
        else:
            raise DataError(
                f"text {place} is {one!r}, neither a text nor a list of words",
                hint="leave it out, or turn it into a text",
            )
    return pd.DataFrame(rows, columns=["text", "tokens"])


def _unlabelled(frame: pd.DataFrame, roles: Roles, recipe: Recipe) -> pd.DataFrame:
    names = [roles.get("tokens"), roles.get("text"), *TOKENS_NAMES, *TEXT_NAMES]
    name = next((name for name in names if name in frame), None)
    if name is None:
        raise DataError(
            f"there are no texts and no words; the data has {', '.join(frame.columns[:12])}",
            hint="name the column: --text ...",
        )
    texts = list(frame[name])
    if spells_lists(frame[name]):
        texts = [listed_words(one) for one in texts]
    if recipe.predicate is None:
        return _given(texts, recipe)
    whose = [roles.get("predicate"), *PREDICATE_NAMES]
    predicate = next((one for one in whose if one in frame), None)
    return _given(
        texts if predicate is None else list(zip(texts, frame[predicate], strict=True)), recipe
    )


def places_of(rows: pd.DataFrame) -> list[list[tuple[int, int]]]:
    """Return where the words of each row stand in its text."""
    pairs = zip(rows["text"], rows["tokens"], strict=True)
    return [places_in(text, list(words)) for text, words in pairs]


def texts_of(rows: pd.DataFrame) -> list[str]:
    """Return what the rows say, with marks around the predicate where there is one."""
    if "predicate" not in rows:
        return list(rows["text"])
    places = predicates_in(rows, places_of(rows))
    return [marked(text, [where]) for text, where in zip(rows["text"], places, strict=True)]


TAGGED = Rows(
    inputs=("tokens", "text", "predicate"),
    targets=("tags", "spans"),
    find=find,
    usable=_usable,
    labels=_labels,
    labels_of=lambda rows: [list(tags) for tags in rows["tags"]],
    strata=_strata,
    texts=texts_of,
    given=_given,
    asked=lambda recipe: {
        "text": "a text" if recipe.predicate is None else "She [E1] gave [/E1] him a book."
    },
    unlabelled=_unlabelled,
    groups=lambda rows: list(rows["text"]),
    is_closed=False,
)


def word_splitting_of(frame: pd.DataFrame, recipe: Recipe) -> str:
    """Return how a text has to fall into words so that they are like those of a frame.

    ``spaces`` where signs stay with the words they stand at, else ``punctuation``.
    """
    named = {role: name for role in TAGGED.roles if (name := getattr(recipe, role)) is not None}
    roles = find(frame, named).roles
    if "spans" in roles:
        return "punctuation"
    words = [
        word
        for cell in frame[str(roles["tokens"])].head(1_000)
        if isinstance(cell, str | list | tuple | np.ndarray)
        for word in listed_words(cell)
    ]
    # A word that ends in a sign: where signs are words of their own, there are next to none.
    joined = sum(len(word) > 1 and word[-1] in ",;:!?" for word in words if isinstance(word, str))
    return "spaces" if joined > len(words) / 500 else "punctuation"
