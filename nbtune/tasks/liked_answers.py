"""Which answers are liked: rows have one each, and somebody's yes or no (KTO)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from nbtune.data.batches import InMemory
from nbtune.data.dialogue import tokens_of
from nbtune.data.liked import LIKED
from nbtune.data.preferences import with_answer
from nbtune.data.preferred import Preferred
from nbtune.data.turns import prompt_of
from nbtune.errors import RecipeError
from nbtune.recipe import Recipe
from nbtune.records import EvaluationRecord
from nbtune.tasks import Known, RowScore, Task, Weighted
from nbtune.tasks.preference_losses import JUDGED, log_probabilities
from nbtune.tasks.preference_tuning import Reading, encode_answers

Array = np.ndarray[Any, Any]


def encode(rows: pd.DataFrame, tokenizer: Any, max_length: int, known: Known) -> InMemory:
    """Tokenise prompts with their answer, and with that to another prompt."""
    if "completion" not in rows:
        return encode_answers(rows, [[""] * len(rows)] * JUDGED, tokenizer, max_length)
    answers = list(rows["completion"])
    return encode_answers(rows, [answers, [*answers[-1:], *answers[:-1]]], tokenizer, max_length)


def reference(kept: Any, rows: pd.DataFrame) -> Array:
    """Return the log-probability of each answer, and whether its row's own is liked."""
    sums = log_probabilities(kept, 1)[0].ravel()
    is_liked = np.repeat(rows["label"].to_numpy(dtype=bool), JUDGED)
    return np.stack([sums, is_liked], axis=1).astype(np.float32)


@dataclass(frozen=True)
class LikedReading(Reading):
    """The same of answers that stand alone."""

    size: int = JUDGED
    judged: int = 1


def weighted(rows: pd.DataFrame, said: Preferred, known: Known) -> Weighted:
    """Score weighted rows; see `nbtune.evaluation.liked.weighted_scores`."""
    from nbtune.evaluation.liked import weighted_scores

    return weighted_scores(said, rows["label"].to_numpy(dtype=bool))


def judge(
    run: str,
    split: str,
    rows: pd.DataFrame,
    said: Preferred,
    known: Known,
    baselines: Mapping[str, Preferred],
) -> EvaluationRecord:
    """Judge what answers are worth beside what others say."""
    from nbtune.evaluation.liked import judge

    return judge(run, split, rows, said, baselines)


def right(rows: pd.DataFrame, said: Preferred, known: Known) -> Array:
    """Return which answers are worth more than nothing where they are liked, and less else."""
    is_right: Array = (said.margins > 0) == rows["label"].to_numpy(dtype=bool)
    return is_right.astype(np.float64)


def table(rows: pd.DataFrame, said: Preferred, known: Known) -> pd.DataFrame:
    """Return the rows with what their answers are worth."""
    prompts = [prompt_of(chat) for chat in rows["messages"]]
    return rows.reset_index(drop=True).assign(prompt=prompts, reward=said.margins)


def preview(rows: pd.DataFrame, tokenizer: Any, max_length: int) -> list[list[tuple[str, str]]]:
    """Return prompts and answers as they are read; those that are not liked as what to leave."""
    chats = list(map(with_answer, rows["messages"], rows["completion"]))
    found = []
    for one, is_liked in zip(tokens_of(chats, tokenizer, max_length), rows["label"], strict=True):
        kinds = {} if is_liked else {"target": "against"}
        found.append([(kinds.get(kind, kind), text) for kind, text in one.pieces])
    return found


def liked(recipe: Recipe, task: Task) -> Task:
    """Return the task that compares two answers as one that takes them one by one.

    Raises
    ------
    RecipeError
        When the recipe asks for a loss that compares two.
    """
    if recipe.loss_type != "kto":
        raise RecipeError(
            f"loss_type: {recipe.loss_type} compares two answers to a prompt; these rows have one "
            "each, liked or not",
            hint="loss_type: kto takes them as they are",
        )
    reading = LikedReading(beta=recipe.beta)
    return replace(
        task,
        summary="which answers are liked",
        rows=LIKED,
        encode=encode,
        read=reading,
        reference=reference,
        against=reading.against,
        weighted=weighted,
        judge=judge,
        glance=None,
        row_score=RowScore("right", right),
        answers=table,
        table=table,
        preview=preview,
    )
