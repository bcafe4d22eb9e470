"""Which of two answers is better: a model learns to give those that are preferred."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from nbtune.data.batches import InMemory
from nbtune.data.dialogue import encode_chats, tokens_of
from nbtune.data.grouped import Grouped
from nbtune.data.liked import columns_of_liked
from nbtune.data.preferences import PREFERENCES, both_chats, with_answer
from nbtune.data.preferred import Preferred
from nbtune.data.ragged import IGNORED, Ragged
from nbtune.data.templates import dress
from nbtune.data.turns import prompt_of
from nbtune.recipe import Recipe
from nbtune.records import PREFERENCE_SCORES, EvaluationRecord
from nbtune.tasks import Baseline, Known, RowScore, Task, Weighted, chats
from nbtune.tasks.language import WITHOUT, keep
from nbtune.tasks.preference_losses import (
    WITH_PROMPT,
    is_unpaired,
    log_probabilities,
    members_of,
    preference_loss,
)

Array = np.ndarray[Any, Any]


def encode(
    rows: pd.DataFrame, tokenizer: Any, max_length: int, known: Known, *, size: int = 2
) -> InMemory:
    """Tokenise prompts with both answers; with four texts a row the answers to other prompts too.

    Of three texts the last is the preferred answer with its prompt, all of which is learnt. Rows
    without answers are the prompts alone, of which nothing is learnt.
    """
    if "chosen" not in rows:
        return encode_answers(rows, [[""] * len(rows)] * size, tokenizer, max_length)
    answers = [list(rows["chosen"]), list(rows["rejected"])]
    if size == WITH_PROMPT:
        found = encode_answers(rows, [*answers, answers[0]], tokenizer, max_length)
        targets = [
            [*ids[1:], IGNORED] if place % size == size - 1 else own
            for place, (ids, own) in enumerate(zip(found.ids, found.targets, strict=True))
        ]
        return replace(found, targets=Ragged.of(targets, np.int32))
    others = np.roll(np.concatenate(answers).astype(object), 1).reshape(2, -1)
    return encode_answers(rows, [*answers, *others][:size], tokenizer, max_length)


def encode_answers(
    rows: pd.DataFrame, answers: Sequence[Sequence[str]], tokenizer: Any, max_length: int
) -> InMemory:
    """Tokenise each prompt with one answer of each list; an empty answer leaves it alone."""
    chats = [
        with_answer(asked, answer) if answer else asked
        for asked, *own in zip(rows["messages"], *answers, strict=True)
        for answer in own
    ]
    found = encode_chats(chats, tokenizer, max_length)
    return replace(found, rows=np.repeat(np.arange(len(rows)), len(answers)))


def shown(examples: Any, known: Known, recipe: Recipe, is_training: bool) -> Any:
    """Return examples that are trained on in groups, a row each."""
    return Grouped(examples, members_of(recipe)) if is_training else examples


def reference(kept: Any, rows: pd.DataFrame) -> Array:
    """Return the log-probability of each answer."""
    return log_probabilities(kept, 1)[0].ravel().astype(np.float32)


@dataclass(frozen=True)
class Reading:
    """How log-probabilities become rewards: by how much they are above those before training.

    Without a reference, as with ORPO or of the model before training, an answer is worth the mean
    log-probability of its tokens.
    """

    size: int = 2
    beta: float = 0.1
    judged: int = 2

    def __call__(self, kept: Any, rows: pd.DataFrame, examples: Any, known: Known) -> Preferred:
        """Return the rewards of the first answers of each row, which are its own."""
        sums, tokens = (each[:, : self.judged] for each in log_probabilities(kept, self.size))
        if examples.beside is None:
            return Preferred(self.beta * sums / tokens, sums)
        before = np.asarray(examples.beside).reshape(len(rows), self.size, -1)
        before = before[:, : self.judged, 0]
        return Preferred(self.beta * (sums - before), sums)

    def against(self, said: Preferred, start: Preferred) -> Preferred:
        """Return the rewards by how far the model has moved since it began."""
        assert said.sums is not None  # noqa: S101
        return Preferred(self.beta * (said.sums - start.sums), said.sums)


def weighted(rows: pd.DataFrame, said: Preferred, known: Known) -> Weighted:
    """Score weighted rows; see `nbtune.evaluation.preferences.weighted_scores`."""
    from nbtune.evaluation.preferences import weighted_scores

    return weighted_scores(said)


def glance(rows: pd.DataFrame, said: Preferred, known: Known) -> dict[str, Any]:
    """Return rewards of rejected and chosen answers; see `nbtune.evaluation.glances.dots`."""
    from nbtune.evaluation.glances import dots

    return dots(said.rewards[:, 1], said.rewards[:, 0])


def judge(
    run: str,
    split: str,
    rows: pd.DataFrame,
    said: Preferred,
    known: Known,
    baselines: Mapping[str, Preferred],
) -> EvaluationRecord:
    """Judge which answers are worth more beside what others say."""
    from nbtune.evaluation.preferences import judge

    return judge(run, split, rows, said, baselines)


def fit(rows: pd.DataFrame, known: Known) -> Sequence[Baseline]:
    """Fit what prefers without a model; see `nbtune.evaluation.preference_baselines`."""
    from nbtune.evaluation.preference_baselines import fit_preferences

    return fit_preferences(rows)


def right(rows: pd.DataFrame, said: Preferred, known: Known) -> Array:
    """Return which rows are right, with the preferred answer worth more; half where equal."""
    from nbtune.evaluation.preferences import right_of

    return right_of(said)


def table(rows: pd.DataFrame, said: Preferred, known: Known) -> pd.DataFrame:
    """Return the rows with the rewards of both answers, and by how much the first is ahead."""
    return rows.reset_index(drop=True).assign(
        prompt=[prompt_of(chat) for chat in rows["messages"]],
        chosen_reward=said.rewards[:, 0],
        rejected_reward=said.rewards[:, 1],
        margin=said.margins,
    )


def preview(rows: pd.DataFrame, tokenizer: Any, max_length: int) -> list[list[tuple[str, str]]]:
    """Return both answers of each row as they are read, the one that is preferred first."""
    found = []
    for pair in both_chats(rows):
        better, worse = (one.pieces for one in tokens_of(pair, tokenizer, max_length))
        away = [("against" if kind == "target" else kind, text) for kind, text in worse]
        found.append([*better, ("context", "\n"), *away])
    return found


def suited(frame: pd.DataFrame, recipe: Recipe) -> dict[str, Any]:
    """Return that lines are kept and nothing is dropped at random, where nothing else is said.

    With dropout a model would differ from itself before training at once. Rows of one answer each,
    liked or not, have their columns named, and the loss that takes them.
    """
    usual: dict[str, Any] = {"clean": ("control", "unicode"), "dropout": 0.0}
    usual |= columns_of_liked(frame, recipe)
    return {name: value for name, value in usual.items() if name not in recipe.model_fields_set}


def tuned(recipe: Recipe) -> Task:
    """Return the task with the loss that a recipe asks for.

    Raises
    ------
    RecipeError
        When answers that stand alone should be learnt by comparing two.
    """
    if is_unpaired(recipe):
        from nbtune.tasks.liked_answers import liked

        return liked(recipe, TASK)
    size = members_of(recipe)
    reading = Reading(size, recipe.beta)
    task = replace(TASK, encode=partial(encode, size=size), read=reading, against=reading.against)
    if recipe.loss_type == "orpo":  # which compares a model with nothing but itself
        return replace(task, reference=None, against=None)
    return task


TASK = Task(
    name="preference-tuning",
    summary="which answers are preferred",
    head="AutoModelForCausalLM",
    rows=PREFERENCES,
    encode=encode,
    shown=shown,
    loss=preference_loss,
    keep=keep,
    read=Reading(),
    reference=reference,
    against=Reading().against,
    weighted=weighted,
    judge=judge,
    fit=fit,
    glance=glance,
    row_score=RowScore("right", right),
    predict=lambda said, known: said.margins,
    answers=table,
    table=table,
    scores=PREFERENCE_SCORES,
    metrics=("reward_accuracy", "reward_margin"),
    without=(*(name for name in WITHOUT), "packing"),
    scores_start=True,
    dress=dress,
    preview=preview,
    suited=suited,
    tuned=tuned,
    respond=chats.respond,
    completed=chats.completed,
    sayings=chats.sayings,
    answering="prompts answered",
    reads="writing",
    rate=0.1,
)
