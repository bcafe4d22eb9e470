"""A tag per word: names, chunks, parts of speech, parts of an address, roles of a predicate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from nbtune.data.around import encode_around
from nbtune.data.batches import InMemory
from nbtune.data.encoding import encode_texts
from nbtune.data.marks import FIRST, Place, marked
from nbtune.data.predicates import predicates_in
from nbtune.data.previewing import Pieces
from nbtune.data.ragged import IGNORED, Ragged
from nbtune.data.spans import OUTSIDE, spans_of, type_of
from nbtune.data.tagged import TAGGED, places_of, predicate_column, word_splitting_of
from nbtune.models.heads import softmax
from nbtune.recipe import Recipe
from nbtune.records import SPAN_SCORES, EvaluationRecord, ReviewedRow
from nbtune.tasks import Aim, Baseline, Known, RowScore, Task, Weighted
from nbtune.tasks.aims import above_the_rest, number_of
from nbtune.tasks.cross_entropy import cross_entropy

Array = np.ndarray[Any, Any]
BETWEEN_TOKENS = "\N{MIDDLE DOT}"


def encode(rows: pd.DataFrame, tokenizer: Any, max_length: int, known: Known) -> InMemory:
    """Tokenise the texts; the first token of a word has the word's tag, the others none.

    A tag that is not known counts as O.
    """
    if "predicate" in rows:
        examples = _around_predicates(rows, tokenizer, max_length)
    else:
        examples = encode_texts(
            list(rows["text"]), np.zeros(len(rows)), tokenizer, max_length, with_spans=True
        )
    assert examples.spans is not None  # noqa: S101
    ids = {label: i for i, label in enumerate(known.labels)}
    outside = ids.get(OUTSIDE, 0)
    targets = np.full(len(examples.spans.flat), IGNORED, dtype=np.int32)
    for row, places in enumerate(places_of(rows)):
        start = examples.spans.offsets[row]
        tags = rows["tags"].iloc[row] if "tags" in rows else [OUTSIDE] * len(places)
        tokens = tokens_of_words(examples.spans.row(row), places)
        # From the end, so that a token of several words has the tag of the first.
        for token, tag in list(zip(tokens, tags, strict=True))[::-1]:
            if token >= 0:
                targets[start + token] = ids.get(tag, outside)
    by_token = Ragged(targets, examples.spans.offsets)
    return InMemory(examples.ids, by_token, spans=examples.spans, cut=examples.cut)


def _around_predicates(rows: pd.DataFrame, tokenizer: Any, max_length: int) -> InMemory:
    """Tokenise texts with marks around their predicates; tokens know where they stand without."""
    places = predicates_in(rows, places_of(rows))
    texts = [marked(text, [where]) for text, where in zip(rows["text"], places, strict=True)]
    found = encode_around(
        texts,
        [[(start, end + sum(map(len, FIRST)) + 2)] for start, end in places],
        np.zeros(len(rows)),
        tokenizer,
        max_length,
        rows=list(rows["row"]) if "row" in rows else range(len(rows)),
        with_spans=True,
    )
    assert found.spans is not None  # noqa: S101
    marks = tokenizer.convert_tokens_to_ids(list(FIRST))
    own = []
    for row, (start, end) in enumerate(places):
        spans, ids = found.spans.row(row).copy(), np.asarray(found.ids[row])
        begin, over = len(FIRST[0]) + 1, len(FIRST[1]) + 1
        spans -= np.where(spans > end + begin, over, 0) + np.where(spans > start, begin, 0)
        spans[np.isin(ids, marks)] = 0
        own.append(spans)
    return replace(found, spans=Ragged.of(own, np.int32))


def tokens_of_words(spans: Array, places: Sequence[tuple[int, int]]) -> list[int]:
    """Return the first token of each word, -1 for words that have none, such as those cut off.

    Parameters
    ----------
    spans : ndarray
        Where the tokens stand in the text, of shape (tokens, 2); empty for those of no text.
    """
    found, token = [], 0
    for start, stop in places:
        while token < len(spans) and (spans[token, 1] <= start or spans[token, 1] == 0):
            token += 1
        has = token < len(spans) and spans[token, 0] < stop and spans[token, 1] > start
        found.append(token if has else -1)
    return found


def preview(rows: pd.DataFrame, tokenizer: Any, max_length: int) -> list[Pieces]:
    """Return each text in its tokens: which one has the tag of its word, and what is cut off."""
    examples = encode(rows, tokenizer, max_length, Known(()))
    assert examples.spans is not None  # noqa: S101
    found = []
    for row, (text, places) in enumerate(zip(rows["text"], places_of(rows), strict=True)):
        spans = examples.spans.row(row)
        tokens = tokens_of_words(spans, places)
        found.append(_in_tokens(text, spans, places, tokens, list(rows["tags"].iloc[row])))
    return found


def _in_tokens(
    text: str,
    spans: Array,
    places: Sequence[tuple[int, int]],
    tokens: Sequence[int],
    tags: Sequence[str],
) -> Pieces:
    """Return a text with a dot between the tokens of a word, and tags behind their tokens."""
    ends = sorted({int(end) for end in spans[:, 1]})
    found: Pieces = []
    at, before = 0, -1
    for (start, stop), token, tag in zip(places, tokens, tags, strict=True):
        if start >= ends[-1]:
            break
        edges = [start, *(end for end in ends if start < end < stop), stop]
        first, *rest = [text[a:b] for a, b in pairwise(edges)]
        has_tag = tag != OUTSIDE and token not in (-1, before)
        found.append(("context", text[at:start]))
        found.append(("target", f"{first} ({tag})") if has_tag else ("context", first))
        found.append(("context", "".join(f"{BETWEEN_TOKENS}{one}" for one in rest)))
        at, before = stop, token
    found += [("cut" if text[at:].strip() else "context", text[at:])]
    return [(kind, piece) for kind, piece in found if piece]


def read(logits: Any, rows: pd.DataFrame, examples: Any, known: Known) -> Ragged:
    """Return the probabilities of the tags of each word; a word that was cut off is O."""
    nothing = np.array([label == OUTSIDE for label in known.labels], dtype=np.float64)
    found = []
    for row, places in enumerate(places_of(rows)):
        own = np.tile(nothing, (len(places), 1))
        tokens = np.array(tokens_of_words(examples.spans.row(row), places), dtype=int)
        own[tokens >= 0] = softmax(logits.row(row)[tokens[tokens >= 0]])
        found.append(own)
    return Ragged.of(found, np.float64)


def weighted(rows: pd.DataFrame, said: Ragged, known: Known) -> Weighted:
    """Score weighted rows; see `nbtune.evaluation.spans.weighted_scores`."""
    from nbtune.evaluation.spans import decode, weighted_scores

    return weighted_scores([list(tags) for tags in rows["tags"]], decode(said, known.labels))


def glance(rows: pd.DataFrame, said: Ragged, known: Known) -> dict[str, Any]:
    """Return the F1 of types of spans; see `nbtune.evaluation.glances.bars`."""
    from nbtune.evaluation.glances import bars
    from nbtune.evaluation.spans import decode, f1_by_type

    found = f1_by_type([list(tags) for tags in rows["tags"]], decode(said, known.labels))
    return bars(list(found), list(found.values()))


def judge(
    run: str,
    split: str,
    rows: pd.DataFrame,
    said: Ragged,
    known: Known,
    baselines: Mapping[str, Ragged],
) -> EvaluationRecord:
    """Judge tags and spans beside those of the baselines."""
    from nbtune.evaluation.spans import judge

    return judge(run, split, rows, said, known.labels, baselines)


def fit(rows: pd.DataFrame, known: Known) -> Sequence[Baseline]:
    """Fit the most frequent tag of each word, and a regression on features of words."""
    from nbtune.evaluation.word_baselines import fit_tagging

    return fit_tagging(rows, known.labels)


def predict(said: Ragged, known: Known) -> list[list[str]]:
    """Return the tags of the words of each row."""
    from nbtune.evaluation.spans import decode

    return decode(said, known.labels)


def answers(rows: pd.DataFrame, said: Ragged, known: Known) -> pd.DataFrame:
    """Return one line a span: its text, where it stands, its type, and how likely all of it is."""
    tagged, places = predict(said, known), places_of(rows)
    ids = {label: i for i, label in enumerate(known.labels)}
    found = []
    for row, text in enumerate(rows["text"]):
        for span in spans_of(tagged[row]):
            own = range(span.start, span.stop)
            chances = [said.row(row)[word, ids[tagged[row][word]]] for word in own]
            start, stop = places[row][span.start][0], places[row][span.stop - 1][1]
            found.append((row, text[start:stop], span.type, start, stop, float(np.prod(chances))))
    columns = ["text_row", "span", "type", "start", "end", "probability"]
    frame = pd.DataFrame(found, columns=columns)
    if "predicate" in rows:
        whose = predicates_in(rows, places)
        verbs = [text[slice(*where)] for text, where in zip(rows["text"], whose, strict=True)]
        frame.insert(1, "predicate", [verbs[row] for row in frame["text_row"]])
    return frame


def table(rows: pd.DataFrame, said: Ragged, known: Known) -> pd.DataFrame:
    """Return the rows with the tags that were predicted."""
    found = pd.Series(predict(said, known), dtype=object)
    return rows.reset_index(drop=True).assign(prediction=found)


def row_f1(rows: pd.DataFrame, said: Ragged, known: Known) -> Array:
    """Return the F1 of the spans of each row."""
    from nbtune.evaluation.spans import by_row

    return by_row([list(tags) for tags in rows["tags"]], predict(said, known))


def reviewed(rows: pd.DataFrame, said: Ragged, known: Known) -> list[ReviewedRow]:
    """Return the rows to look through: spans that are missed and told, and the loss a word."""
    from nbtune.evaluation.reviewing import unlabelled
    from nbtune.evaluation.spans import apart, decode

    true = [list(tags) for tags in rows["tags"]]
    found, words = decode(said, known.labels), list(rows["tokens"])
    ids = {label: i for i, label in enumerate(known.labels)}
    losses, sure = np.zeros(len(rows)), np.ones(len(rows))
    for row, (own, told) in enumerate(zip(true, found, strict=True)):
        if own:
            chances, every = said.row(row), np.arange(len(own))
            wanted = chances[every, [ids.get(tag, 0) for tag in own]]
            losses[row] = -np.log(np.maximum(wanted, 1e-12)).mean()
            sure[row] = chances[every, [ids[tag] for tag in told]].mean()

    def pairs(row: int) -> tuple[str, str]:
        return apart(true[row], found[row], list(words[row]))

    return unlabelled(list(rows["row"]), list(rows["text"]), pairs, losses.tolist(), sure.tolist())


def aims(
    logits: Any, rows: pd.DataFrame, examples: Any, known: Known, label: str | None
) -> list[list[Aim]]:
    """Return what speaks for the tags of each span that is found, by default of any type."""
    types = sorted({type_of(tag) for tag in known.labels} - {OUTSIDE})
    if label is not None:
        number_of(label, types)
    tagged = predict(read(logits, rows, examples, known), known)
    ids = {tag: i for i, tag in enumerate(known.labels)}
    found: list[list[Aim]] = []
    for row, places in enumerate(places_of(rows)):
        tokens = tokens_of_words(examples.spans.row(row), places)
        found.append([])
        for span in spans_of(tagged[row]):
            own = [(tokens[word], ids[tagged[row][word]]) for word in range(span.start, span.stop)]
            if label in (None, span.type) and all(token >= 0 for token, _ in own):
                where = places[span.start][0], places[span.stop - 1][1]
                found[-1].append(_aim(row, span.type, own, where))
    return found


WHAT = "logit, less the mean of other tags and summed over its words,"


def _aim(row: int, kind: str, own: Sequence[tuple[int, int]], where: tuple[int, int]) -> Aim:
    def score(logits: Tensor) -> Tensor:
        return torch.stack([above_the_rest(logits[:, token], tag) for token, tag in own]).sum(0)

    def chance(logits: Tensor) -> Tensor:
        said = logits.float().softmax(-1)
        return torch.stack([said[:, token, tag] for token, tag in own]).prod(0)

    return Aim(row, kind, score, chance, where, WHAT)


def suited(frame: pd.DataFrame, recipe: Recipe) -> dict[str, Any]:
    """Return how texts have to fall into words to be like the training rows, and predicates."""
    found = {} if recipe.word_splitting else {"word_splitting": word_splitting_of(frame, recipe)}
    if recipe.predicate is None and (whose := predicate_column(frame)) is not None:
        found["predicate"] = whose
    return found


def preview_roles(rows: pd.DataFrame, tokenizer: Any, max_length: int) -> list[Pieces]:
    """Return the texts as they are read, their roles with their names."""
    found = []
    places = places_of(rows)
    for row, where in enumerate(predicates_in(rows, places)):
        text, own = rows["text"].iloc[row], places[row]
        spans = spans_of(list(rows["tags"].iloc[row]))
        ends = [(own[span.start][0], own[span.stop - 1][1], span.type) for span in spans]
        found.append(_in_pieces(text, ends, where))
    return found


def _in_pieces(
    text: str, roles: Sequence[tuple[int, int, str]], predicate: Place
) -> list[tuple[str, str]]:
    begin, end = FIRST
    cuts = {predicate[0]: f"{begin} ", predicate[1]: f" {end}"}
    pieces, at = [], 0
    for start, stop, name in [*roles, (len(text), len(text), "")]:
        pieces.append(("context", _with(text, at, start, cuts)))
        if name:
            pieces.append(("target", f"{_with(text, start, stop, cuts)} ({name})"))
        at = stop
    return [(kind, piece) for kind, piece in pieces if piece]


def _with(text: str, start: int, stop: int, cuts: Mapping[int, str]) -> str:
    """Return a piece of a text with what is put in at some of its characters, each once."""
    places = sorted(place for place in cuts if start <= place <= stop)
    found, at = "", start
    for place in places:
        found, at = found + text[at:place] + cuts.pop(place), place  # type: ignore[attr-defined]
    return found + text[at:stop]


def tuned(recipe: Recipe) -> Task:
    """Return the task as predicates want it, where there are some."""
    if recipe.predicate is None:
        return TASK
    return replace(TASK, summary="the roles of a predicate", marks=FIRST, preview=preview_roles)


TASK = Task(
    name="token-classification",
    summary="a tag per word",
    head="AutoModelForTokenClassification",
    rows=TAGGED,
    encode=encode,
    loss=cross_entropy,
    read=read,
    weighted=weighted,
    judge=judge,
    fit=fit,
    predict=predict,
    answers=answers,
    table=table,
    scores=SPAN_SCORES,
    metrics=("span_f1", "span_precision", "span_recall"),
    without=("train_sampling_strategy",),
    row_score=RowScore("span_f1", row_f1),
    reviewed=reviewed,
    glance=glance,
    preview=preview,
    suited=suited,
    tuned=tuned,
    aims=aims,
)
