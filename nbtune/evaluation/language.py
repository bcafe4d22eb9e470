"""How well language is foretold: perplexity and its like, and the record of all that was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from nbtune.data.spoken import BEST, LOSS, SURE, TARGET, Spoken
from nbtune.evaluation.bootstrap import Weighted
from nbtune.evaluation.tables import score_table
from nbtune.records import EvaluationRecord, Mark, MarkedText

Array = np.ndarray[Any, Any]
DECIDES = "perplexity"
MOST_TEXTS = 12
MOST_MARKS = 12
"""Of a long text the places that surprised most are marked."""
LONGEST_TEXT = 400


def weighted_scores(said: Spoken, texts: Sequence[str], *, with_bytes: bool) -> Weighted:
    """Return how rows of which this was said are scored.

    Perplexity is the exponential of the mean loss over all places. Bits a byte do not depend on
    how texts fall into tokens, so that models with different ones can be compared by them.
    """
    losses, places, right = said.sums().T
    sizes = np.array([len(text.encode()) for text in texts], dtype=np.float64)

    def score(weights: Array) -> dict[str, Array]:
        asked = np.maximum(weights @ places, 1)
        loss = weights @ losses
        found = {"perplexity": np.exp(loss / asked), "token_accuracy": weights @ right / asked}
        if with_bytes:
            found["bits_per_byte"] = loss / np.log(2) / np.maximum(weights @ sizes, 1)
        return found

    return score


def judge(
    run: str,
    split: str,
    rows: pd.DataFrame,
    said: Spoken,
    tokenizer: Any,
    baselines: Mapping[str, Spoken],
    *,
    with_bytes: bool,
) -> EvaluationRecord:
    """Judge what was said of rows beside what others say of them."""
    texts = list(rows["text"])
    table, verdict = score_table(
        run,
        weighted_scores(said, texts, with_bytes=with_bytes),
        {n: weighted_scores(other, texts, with_bytes=with_bytes) for n, other in baselines.items()},
        len(rows),
        DECIDES,
    )
    return EvaluationRecord(
        run=run,
        split=split,
        rows=len(rows),
        table=table,
        verdict=verdict,
        decides=DECIDES,
        texts=tuple(_least_expected(rows, said, tokenizer)),
    )


def _least_expected(rows: pd.DataFrame, said: Spoken, tokenizer: Any) -> list[MarkedText]:
    """Return texts with what was guessed wrong in them, those with the highest loss first."""
    if said.spans is None:
        return []
    losses, places, _ = said.sums().T
    worst = np.argsort(-losses / np.maximum(places, 1), kind="stable")[:MOST_TEXTS]
    return [
        _marked(
            int(rows["row"].iloc[row]),
            str(rows["text"].iloc[row])[:LONGEST_TEXT],
            said.kept.row(row),
            said.spans.row(row),
            tokenizer,
        )
        for row in map(int, worst)
        if places[row]
    ]


def _marked(row: int, text: str, kept: Array, spans: Array, tokenizer: Any) -> MarkedText:
    inside = np.flatnonzero((spans[:, 1] > spans[:, 0]) & (spans[:, 1] <= len(text)))
    chosen = np.sort(inside[np.argsort(-kept[inside, LOSS], kind="stable")[:MOST_MARKS]])
    true, guessed = (
        tokenizer.convert_ids_to_tokens(kept[chosen, column].astype(int).tolist())
        for column in (TARGET, BEST)
    )
    places = [(int(start), int(end)) for start, end in spans[chosen]]
    return MarkedText(
        row,
        text,
        tuple(Mark(*at, word(token, tokenizer)) for at, token in zip(places, true, strict=True)),
        tuple(
            Mark(*at, word(token, tokenizer), float(sure))
            for at, token, sure in zip(places, guessed, kept[chosen, SURE], strict=True)
        ),
    )


def word(token: str, tokenizer: Any) -> str:
    """Return a token as one reads it; one that is nothing but space is spelled.

    Examples
    --------
    >>> word("##ing", None)
    '##ing'
    """
    if token.startswith("##") or tokenizer is None:
        return token
    return str(tokenizer.convert_tokens_to_string([token])).strip() or token
