"""Answers to questions, scored as SQuAD scores them, and the record of all that was found."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from nbtune.data.answers import Answer, Answers
from nbtune.evaluation.bootstrap import Weighted
from nbtune.evaluation.by_label import UNKNOWN, of_rows
from nbtune.evaluation.tables import score_table
from nbtune.records import ClassScores, EvaluationRecord, Mark, MarkedText, WrongRow

Array = np.ndarray[Any, Any]
DECIDES = "f1"
MOST_TEXTS, MOST_KINDS = 12, 12
AROUND = 150
"""Characters that are shown before and after the answers."""
NOTHING = "no answer"
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def plain_words(text: str) -> list[str]:
    """Return the words of an answer as SQuAD compares them.

    In small letters, without punctuation and articles (Rajpurkar et al. 2016, 6.1).

    Examples
    --------
    >>> plain_words("The  King's (old) crown.")
    ['kings', 'old', 'crown']
    """
    return _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()


def compared(said: str, true: Sequence[str]) -> tuple[float, float, float, float]:
    """Return exact match, F1, precision and recall of an answer by the true one that suits best.

    Where there is no true answer, saying nothing is right (Rajpurkar et al. 2018).
    """
    wanted = [words for words in map(plain_words, true) if words] or [[]]
    own = plain_words(said)
    return max((_overlap(own, words) for words in wanted), key=lambda one: (one[1], one[0]))


def _overlap(said: list[str], true: list[str]) -> tuple[float, float, float, float]:
    is_same = float(said == true)
    common = sum((Counter(said) & Counter(true)).values())
    if not said or not true or not common:
        return is_same, is_same, is_same, is_same
    precision, recall = common / len(said), common / len(true)
    return is_same, 2 * precision * recall / (precision + recall), precision, recall


def weighted_scores(true: Sequence[Sequence[str]], said: Sequence[Answers]) -> Weighted:
    """Return how rows with these answers are scored."""
    found = _compared(true, said)[:, [1, 0]]

    def score(weights: Array) -> dict[str, Array]:
        f1, exact = (weights @ found).T / weights.sum(axis=1)
        return {"f1": f1, "exact_match": exact}

    return score


def by_row(true: Sequence[Sequence[str]], said: Sequence[Answers]) -> Array:
    """Return the F1 of the words of each answer."""
    return np.asarray(_compared(true, said)[:, 1])


def _compared(true: Sequence[Sequence[str]], said: Sequence[Answers]) -> Array:
    pairs = zip(said, true, strict=True)
    return np.array([compared(one.chosen.text, own) for one, own in pairs]).reshape(-1, 4)


def best_threshold(true: Sequence[Sequence[str]], said: Sequence[Answers]) -> float:
    """Return the difference from which on no answer is best, by the mean F1.

    Between two rows it lies in the middle; of several that are best it is nearest to 0.
    """
    differences = np.array([one.null_difference for one in said], dtype=np.float64)
    order = np.argsort(differences, kind="stable")
    gains = np.array(
        [
            compared(said[i].best[0].text if said[i].best else "", true[i])[1]
            - compared("", true[i])[1]
            for i in order
        ]
    )
    known = differences[order]
    # With the first k rows answered, and the others not, the score is that of all silent and this.
    totals = np.concatenate([[0.0], np.cumsum(gains)])
    edges = np.concatenate([[known[0] - 1], (known[:-1] + known[1:]) / 2, [known[-1] + 1]])
    is_edge = np.concatenate([[True], known[:-1] < known[1:], [True]]) & np.isfinite(edges)
    best = [
        float(edge)
        for edge, total in zip(edges[is_edge], totals[is_edge], strict=True)
        if total >= totals[is_edge].max() - 1e-9
    ]
    return min(best, key=abs)


def judge(
    run: str,
    split: str,
    rows: pd.DataFrame,
    said: Sequence[Answers],
    baselines: Mapping[str, Sequence[Answers]],
) -> EvaluationRecord:
    """Judge answers beside those of the baselines."""
    true = [list(answers) for answers in rows["answers"]]
    table, verdict = score_table(
        run,
        weighted_scores(true, said),
        {name: weighted_scores(true, other) for name, other in baselines.items()},
        len(rows),
        DECIDES,
    )
    found = _compared(true, said)
    wrong = [int(row) for row in np.flatnonzero(found[:, 0] < 1)]
    wrong.sort(key=lambda row: (found[row, 1] > 0, -said[row].chosen.probability))
    right = [int(row) for row in np.flatnonzero(found[:, 0] == 1)]
    shown = [*wrong[: MOST_TEXTS - 3], *right[:3]]
    return EvaluationRecord(
        run=run,
        split=split,
        rows=len(rows),
        table=table,
        classes=_by_kind(list(rows["question"]), true, found),
        errors=tuple(_wrong(rows.iloc[row], said[row]) for row in wrong[:20]),
        verdict=verdict,
        decides=DECIDES,
        texts=tuple(_marked(rows.iloc[row], said[row], found[row, 0] == 1) for row in shown),
    )


def _by_kind(
    questions: Sequence[str], true: Sequence[Sequence[str]], found: Array
) -> tuple[ClassScores, ...]:
    """Return precision, recall and F1 of the words by how a question begins.

    The most frequent beginnings have a line each, and questions without an answer one of theirs.
    """
    starts = [
        " ".join(question.split()[:2]) if own else NOTHING
        for question, own in zip(questions, true, strict=True)
    ]
    usual = [name for name, _ in Counter(starts).most_common(MOST_KINDS)]
    kinds = [start if start in usual else "other questions" for start in starts]
    names = list(dict.fromkeys(kinds))
    own = np.array([[kind == name for name in names] for kind in kinds], dtype=np.float64)
    _, *columns = (of_rows(own * each[:, None], own) for each in found.T)
    lines = zip(names, *columns, own.sum(axis=0).astype(int).tolist(), strict=True)
    return tuple(
        ClassScores(name, precision, recall, f1, UNKNOWN, rows)
        for name, f1, precision, recall, rows in lines
    )


def _wrong(row: pd.Series[Any], said: Answers) -> WrongRow:
    answer = said.chosen
    target = " / ".join(dict.fromkeys(row["answers"])) or NOTHING
    text = f"{row['question']} ⟩ {row['context']}"
    return WrongRow(int(row["row"]), text[:500], target, answer.text or NOTHING, answer.probability)


def _marked(row: pd.Series[Any], said: Answers, is_right: bool) -> MarkedText:
    """Return the piece of a context around what is true and what was said."""
    answer, context = said.chosen, str(row["context"])
    told = (_mark(answer, answer.probability),) if answer.text else ()
    true = [
        Answer(text, int(start), int(start) + len(text), 1.0)
        for text, start in zip(row["answers"], row["answer_start"], strict=True)
    ]
    best = max(true, key=lambda one: compared(answer.text, [one.text])[1], default=None)
    targets = told if is_right else () if best is None else (_mark(best),)
    ends = [edge for mark in (*targets, *told) for edge in (mark.start, mark.end)]
    start = max(0, min(ends, default=0) - AROUND)
    stop = min(len(context), max(ends, default=2 * AROUND) + AROUND)
    before = "…" if start else ""
    shift = len(before) - start

    def moved(marks: Sequence[Mark]) -> tuple[Mark, ...]:
        return tuple(
            replace(mark, start=mark.start + shift, end=mark.end + shift) for mark in marks
        )

    return MarkedText(
        int(row["row"]),
        f"{before}{context[start:stop]}{'…' if stop < len(context) else ''}",
        moved(targets),
        moved(told),
        title=str(row["question"]),
    )


def _mark(answer: Answer, probability: float = float("nan")) -> Mark:
    return Mark(answer.start, answer.end, "answer", probability)
