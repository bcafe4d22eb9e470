"""Answers in chats: how they are foretold, and how those that a model writes compare to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from nbtune.data.turns import answer_of, prompt_of
from nbtune.data.written import Written
from nbtune.evaluation.bootstrap import Weighted
from nbtune.evaluation.language import weighted_scores as foretold_scores
from nbtune.evaluation.rouge import rouge_l
from nbtune.evaluation.tables import score_table
from nbtune.evaluation.written import spread
from nbtune.records import EvaluationRecord, Rewritten

Array = np.ndarray[Any, Any]
DECIDES = "perplexity"


def weighted_scores(true: Sequence[str], said: Written) -> Weighted:
    """Return how rows of which this was said are scored.

    ``rougeL`` and ``exact_match`` are those of the rows for which something was written; NaN where
    there is none. Who only writes foretells nothing, and has no perplexity.
    """
    foretold = None if said.spoken is None else foretold_scores(said.spoken, true, with_bytes=False)
    rows = np.array(sorted(said.texts), dtype=np.int64)
    overlap = overlaps(true, said, rows)
    same = np.array([_plain(true[row]) == _plain(said.texts[row]) for row in rows], dtype=float)

    def score(weights: Array) -> dict[str, Array]:
        unknown = np.full(len(weights), np.nan)
        found = {"perplexity": unknown, "token_accuracy": unknown}
        if foretold is not None:
            found = foretold(weights)
        own = weights[:, rows]
        with np.errstate(invalid="ignore", divide="ignore"):
            total = own.sum(axis=1)
            means = {"rougeL": own @ overlap / total, "exact_match": own @ same / total}
        return found | means

    return score


def overlaps(true: Sequence[str], said: Written, rows: Array) -> Array:
    """Return ROUGE-L of what was written of some rows."""
    return np.array([rouge_l(true[row], said.texts[row]) for row in rows.tolist()], dtype=float)


def _plain(text: str) -> str:
    return " ".join(text.split())


def judge(
    run: str, split: str, rows: pd.DataFrame, said: Written, baselines: Mapping[str, Written]
) -> EvaluationRecord:
    """Judge what was said of rows beside what others say; who only writes is beaten by ROUGE-L."""
    true = [answer_of(chat) for chat in rows["messages"]]
    # Who writes is compared on the rows for which the model wrote.
    others = {name: _of_rows(other, said) for name, other in baselines.items()}
    scorers = {name: weighted_scores(true, other) for name, other in others.items()}
    own = weighted_scores(true, said)
    table, verdict = score_table(run, own, scorers, len(rows), DECIDES)
    if writers := {name: scorers[name] for name, other in others.items() if other.texts}:
        _, also = score_table(run, own, writers, len(rows), "rougeL")
        verdict = f"{verdict} {also}"
    chosen = np.array(sorted(said.texts), dtype=np.int64)
    worth = overlaps(true, said, chosen)
    return EvaluationRecord(
        run=run,
        split=split,
        rows=len(rows),
        table=table,
        verdict=verdict,
        decides=DECIDES,
        rewritten=tuple(
            Rewritten(
                int(rows["row"].iloc[row]),
                prompt_of(rows["messages"].iloc[row]),
                true[row],
                said.texts[row],
                score,
            )
            for row, score in ((int(chosen[at]), float(worth[at])) for at in spread(worth))
        ),
    )


def _of_rows(other: Written, said: Written) -> Written:
    kept = {row: text for row, text in other.texts.items() if row in said.texts}
    return Written(kept, other.count, other.spoken)
