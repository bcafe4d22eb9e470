"""The piece of a text that answers a question, or that there is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor
from torch.nn import functional

from nbtune.data.answers import Answer, Answers, answers_in, without_space
from nbtune.data.batches import InMemory
from nbtune.data.previewing import TO, Pieces, with_marks
from nbtune.data.questions import ASKED
from nbtune.data.texts import BETWEEN
from nbtune.data.windows import encode_windows
from nbtune.errors import RunError
from nbtune.recipe import Recipe
from nbtune.records import ANSWER_SCORES, EvaluationRecord, ReviewedRow
from nbtune.tasks import Aim, Baseline, Known, Loss, RowScore, Task, Weighted

Array = np.ndarray[Any, Any]
Said = list[Answers]
NO_ANSWER = "no answer"


def encode(
    rows: pd.DataFrame, tokenizer: Any, max_length: int, known: Known, *, stride: int = 128
) -> InMemory:
    """Tokenise questions and windows over their contexts; a target is a first and a last token.

    Of several answers the first is learnt; a window that does not hold all of it has the first
    token as its target.
    """
    examples = encode_windows(
        list(rows["question"]), list(rows["context"]), tokenizer, max_length, stride
    )
    assert examples.spans is not None  # noqa: S101
    assert examples.rows is not None  # noqa: S101
    targets = np.zeros((len(examples), 2), dtype=np.int32)
    if "answers" in rows:
        for example, row in enumerate(examples.rows):
            answers, starts = rows["answers"].iloc[row], rows["answer_start"].iloc[row]
            if len(answers):
                start, context = int(starts[0]), rows["context"].iloc[row]
                place = without_space(context, start, start + len(answers[0]))
                targets[example] = tokens_of_answer(examples.spans.row(example), *place)
    return replace(examples, targets=targets)


def tokens_of_answer(places: Array, start: int, end: int) -> tuple[int, int]:
    """Return the first and the last token of an answer; 0 and 0 where a window lacks some of it.

    Parameters
    ----------
    places : ndarray
        Where the tokens stand in the context, of shape (tokens, 2); those elsewhere end at 0.
    """
    inside = np.flatnonzero(places[:, 1])
    if not len(inside) or places[inside[0], 0] > start or places[inside[-1], 1] < end:
        return 0, 0
    own = inside[(places[inside, 1] > start) & (places[inside, 0] < end)]
    return (int(own[0]), int(own[-1])) if len(own) else (0, 0)


def preview(rows: pd.DataFrame, tokenizer: Any, max_length: int) -> list[Pieces]:
    """Return each question with its answer in the context; long contexts are read in windows."""
    found = []
    columns = (rows["question"], rows["context"], rows["answers"], rows["answer_start"])
    for question, context, answers, starts in zip(*columns, strict=True):
        pairs = zip(answers, starts, strict=True)
        marks = sorted((int(start), int(start) + len(text)) for text, start in pairs)
        own = with_marks(context, marks)
        none = [] if marks else [("context", TO), ("target", NO_ANSWER)]
        found.append([("context", f"{question}{BETWEEN}"), *own, *none])
    return found


def loss(recipe: Recipe, targets: Any, labels: int) -> Loss:
    """Cross-entropy of start and end over the tokens of a window, the mean of both."""

    def total(logits: Tensor, wanted: Tensor) -> Tensor:
        # (windows, tokens, 2) against (windows, 2): torch wants the classes second.
        found = functional.cross_entropy(
            logits.float(),
            wanted,
            label_smoothing=recipe.label_smoothing_factor,
            reduction="sum",
        )
        return found / 2

    return Loss(total, lambda wanted: float(len(wanted)))


def read(
    logits: Any,
    rows: pd.DataFrame,
    examples: Any,
    known: Known,
    *,
    longest: int = 30,
    may_be_none: bool = False,
) -> Said:
    """Return the likeliest answers of each row, from all its windows."""
    threshold = next(iter(known.thresholds), 0.0) if may_be_none else np.inf
    windows: list[list[tuple[Array, Array]]] = [[] for _ in range(len(rows))]
    for example, row in enumerate(examples.rows):
        windows[row].append((logits.row(example), examples.spans.row(example)))
    return [
        answers_in(context, own, longest, threshold)
        for context, own in zip(rows["context"], windows, strict=True)
    ]


def settle(rows: pd.DataFrame, said: Said, known: Known) -> Known:
    """Choose from which difference on there is no answer, on rows that were not trained on."""
    from nbtune.evaluation.answers import best_threshold

    if all(one.threshold == np.inf for one in said):
        return known
    return replace(known, thresholds=(best_threshold(list(rows["answers"]), said),))


def weighted(rows: pd.DataFrame, said: Said, known: Known) -> Weighted:
    """Score weighted rows; see `nbtune.evaluation.answers.weighted_scores`."""
    from nbtune.evaluation.answers import weighted_scores

    return weighted_scores(list(rows["answers"]), said)


def judge(
    run: str,
    split: str,
    rows: pd.DataFrame,
    said: Said,
    known: Known,
    baselines: Mapping[str, Said],
) -> EvaluationRecord:
    """Judge answers beside those of the baselines."""
    from nbtune.evaluation.answers import judge

    return judge(run, split, rows, said, baselines)


def row_f1(rows: pd.DataFrame, said: Said, known: Known) -> Array:
    """Return the F1 of the words of each answer."""
    from nbtune.evaluation.answers import by_row

    return by_row(list(rows["answers"]), said)


def reviewed(rows: pd.DataFrame, said: Said, known: Known) -> list[ReviewedRow]:
    """Return the rows to look through; the loss is what is missing to an F1 of 1."""
    from nbtune.evaluation.answers import NOTHING, compared
    from nbtune.evaluation.reviewing import unlabelled

    true = [list(answers) for answers in rows["answers"]]
    chosen = [one.chosen for one in said]
    losses = [1 - compared(one.text, own)[1] for one, own in zip(chosen, true, strict=True)]

    def pairs(row: int) -> tuple[str, str]:
        told = " / ".join(dict.fromkeys(true[row])) or NOTHING
        return told, chosen[row].text or NOTHING

    texts, sure = ASKED.texts(rows), [one.probability for one in chosen]
    return unlabelled(list(rows["row"]), texts, pairs, losses, sure)


def fit(rows: pd.DataFrame, known: Known) -> Sequence[Baseline]:
    """Fit the sentence nearest to the question, and a regression on features of words."""
    from nbtune.evaluation.answer_baselines import fit_answering

    return fit_answering(rows)


def ranked(rows: pd.DataFrame, said: Said, known: Known, count: int) -> pd.DataFrame:
    """Return the likeliest answers of each question, one a line, best first."""
    found = [
        (row, question, rank, *_cells(answer))
        for row, (question, own) in enumerate(zip(rows["question"], said, strict=True))
        for rank, answer in enumerate(own.ranked(count), 1)
    ]
    columns = ["text_row", "question", "rank", "answer", "score", "start", "end"]
    return pd.DataFrame(found, columns=columns)


def answers(rows: pd.DataFrame, said: Said, known: Known) -> pd.DataFrame:
    """Return one line a question: its answer, how likely it is, and where it stands."""
    found = pd.DataFrame(
        [_cells(one.chosen) for one in said], columns=["answer", "score", "start", "end"]
    )
    return pd.concat([rows[["question"]].reset_index(drop=True), found], axis=1)


def table(rows: pd.DataFrame, said: Said, known: Known) -> pd.DataFrame:
    """Return the rows with the answer that was given to each, and where it stands."""
    columns = ["prediction", "probability", "start", "end"]
    found = pd.DataFrame([_cells(one.chosen) for one in said], columns=columns)
    return pd.concat([rows.reset_index(drop=True), found], axis=1)


def _cells(answer: Answer) -> tuple[str, float, int, int]:
    return answer.text, answer.probability, answer.start, answer.end


def aims(
    logits: Any,
    rows: pd.DataFrame,
    examples: Any,
    known: Known,
    label: str | None,
    *,
    reads: Callable[..., Said] = read,
) -> list[list[Aim]]:
    """Return what speaks for the start and the end of each answer, or of a given piece instead."""
    said = reads(logits, rows, examples, known)
    own: list[list[int]] = [[] for _ in range(len(rows))]
    for example, row in enumerate(examples.rows):
        own[row].append(example)
    found = []
    for row, context in enumerate(rows["context"]):
        answer = said[row].chosen if label is None else _piece(label, context)
        ends = {
            example: tokens_of_answer(examples.spans.row(example), answer.start, answer.end)
            if answer.text
            else (0, 0)
            for example in own[row]
        }
        # Windows overlap: the one that says it most clearly; for no answer that is the last to.
        scores = {
            example: float(logits.row(example)[list(at), [0, 1]].sum())
            for example, at in ends.items()
            if not answer.text or at != (0, 0)
        }
        if scores:
            best = (max if answer.text else min)(scores, key=lambda one: scores[one])
            found.append([_aim(best, answer, ends[best])])
        else:
            found.append([])
    return found


def _piece(text: str, context: str) -> Answer:
    start = context.find(text)
    if start < 0 or not text:
        raise RunError(
            f"label: {text!r} does not stand in the context",
            hint="give a piece of it, letter by letter, or leave --label out",
        )
    return Answer(text, start, start + len(text), 0.0)


def _aim(example: int, answer: Answer, ends: tuple[int, int]) -> Aim:
    first, last = ends

    def chance(logits: Tensor) -> Tensor:
        said = logits.float().softmax(1)
        return said[:, first, 0] * said[:, last, 1]

    return Aim(
        example,
        answer.text or "no answer",
        lambda logits: (logits[:, first, 0] + logits[:, last, 1]).float(),
        chance,
        (answer.start, answer.end) if answer.text else (),
        "logit, summed over its start and its end,",
    )


def suited(frame: pd.DataFrame, recipe: Recipe) -> dict[str, Any]:
    """Return whether there are questions without an answer."""
    if recipe.version_2_with_negative is not None:
        return {}
    named = {role: name for role in ASKED.roles if (name := getattr(recipe, role)) is not None}
    roles = ASKED.find(frame, named).roles
    rows, _ = ASKED.usable(frame, roles, recipe, "data")
    return {"version_2_with_negative": any(not len(own) for own in rows["answers"])}


def tuned(recipe: Recipe) -> Task:
    """Return the task with the windows and answers that a recipe asks for."""
    may_be_none = bool(recipe.version_2_with_negative)
    reads = partial(read, longest=recipe.max_answer_length, may_be_none=may_be_none)
    return replace(
        TASK,
        encode=partial(encode, stride=recipe.doc_stride),
        read=reads,
        aims=partial(aims, reads=reads),
    )


TASK = Task(
    name="question-answering",
    summary="the answer to a question",
    head="AutoModelForQuestionAnswering",
    rows=ASKED,
    encode=encode,
    loss=loss,
    read=read,
    weighted=weighted,
    judge=judge,
    fit=fit,
    predict=lambda said, known: [one.chosen.text for one in said],
    answers=answers,
    table=table,
    scores=ANSWER_SCORES,
    metrics=("f1", "exact_match"),
    outputs=2,
    without=("class_weight", "focal_gamma"),
    row_score=RowScore("f1", row_f1),
    reviewed=reviewed,
    preview=preview,
    settle=settle,
    suited=suited,
    tuned=tuned,
    ranked=ranked,
    aims=aims,
)
