"""Chats: what a model answers, learnt from answers that were given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch

from nbtune.data.batches import InMemory
from nbtune.data.chats import CHATS
from nbtune.data.dialogue import encode_chats, prompt_ids, tokens_of
from nbtune.data.spoken import by_row
from nbtune.data.templates import dress, ends_of_answers
from nbtune.data.turns import answer_of, asked_of, prompt_of
from nbtune.data.written import Written
from nbtune.events import Progress
from nbtune.models.going_on import go_on, refuse_silent
from nbtune.recipe import Recipe
from nbtune.records import CHAT_SCORES, EvaluationRecord
from nbtune.tasks import Baseline, Known, Request, RowScore, Sayings, Task, Weighted
from nbtune.tasks.language import WITHOUT, keep, loss, perplexities
from nbtune.tasks.sayings import answered

Array = np.ndarray[Any, Any]
MOST_JUDGED = 100
"""Rows that are answered when a run is judged; perplexity is that of all."""
FEWEST_SCORED, SHOWN = 30, 3
OF_TEXTS = ("rougeL", "exact_match")
LONGEST_JUDGED = 256
LONGEST_ANSWER, EXPLAINED = 256, 24
"""Tokens of the longest answer where nothing else is said, and where each is explained."""


def encode(
    rows: pd.DataFrame,
    tokenizer: Any,
    max_length: int,
    known: Known,
    *,
    answers_only: bool = True,
) -> InMemory:
    """Tokenise chats as their template writes them; a target is the token that comes next."""
    return encode_chats(list(rows["messages"]), tokenizer, max_length, answers_only=answers_only)


def preview(
    rows: pd.DataFrame, tokenizer: Any, max_length: int, *, answers_only: bool = True
) -> list[list[tuple[str, str]]]:
    """Return what is learnt of each row, what is read only, and what is cut off."""
    chats = list(rows["messages"])
    found = tokens_of(chats, tokenizer, max_length, answers_only=answers_only)
    return [one.pieces for one in found]


def read(kept: Any, rows: pd.DataFrame, examples: Any, known: Known) -> Written:
    """Return how true answers were foretold, with nothing written yet."""
    return Written({}, len(rows), by_row(kept, examples, len(rows)))


def by_chance(examples: Any, said: Written, known: Known) -> Written:
    """Return what the frequencies of tokens in the training rows say at the same places."""
    assert said.spoken is not None  # noqa: S101
    spoken = said.spoken.by_chance(examples.targets, len(known.tokenizer))
    return Written({}, said.count, spoken)


def weighted(rows: pd.DataFrame, said: Written, known: Known) -> Weighted:
    """Score weighted rows; see `nbtune.evaluation.chats.weighted_scores`.

    Scores of a handful of answers would be guesses, and are left out.
    """
    from nbtune.evaluation.chats import weighted_scores

    scored = weighted_scores([answer_of(chat) for chat in rows["messages"]], said)
    if len(said.texts) >= min(FEWEST_SCORED, len(rows)):
        return scored
    return lambda weights: {
        name: values for name, values in scored(weights).items() if name not in OF_TEXTS
    }


def judge(
    run: str,
    split: str,
    rows: pd.DataFrame,
    said: Written,
    known: Known,
    baselines: Mapping[str, Written],
) -> EvaluationRecord:
    """Judge answers beside those of the baselines."""
    from nbtune.evaluation.chats import judge

    return judge(run, split, rows, said, baselines)


def fit(rows: pd.DataFrame, known: Known) -> Sequence[Baseline]:
    """Fit what answers without a model; see `nbtune.evaluation.chat_baselines`."""
    from nbtune.evaluation.chat_baselines import fit_chats

    return fit_chats(rows)


def write(
    model: Any,
    rows: pd.DataFrame,
    said: Written,
    known: Known,
    max_length: int,
    most: int | None,
    progress: Progress | None = None,
) -> Written:
    """Return what was said, with what the model answers to some of the rows, evenly chosen.

    It may write half as much again as the longest true answer among them.
    """
    count = min(len(rows), MOST_JUDGED if most is None else most)
    chosen = np.linspace(0, len(rows) - 1, count).astype(int).tolist() if count else []
    own, tokenizer = rows.iloc[chosen], known.tokenizer
    true = [answer_of(chat) for chat in own["messages"]]
    longest = max((len(ids) for ids in tokenizer(true)["input_ids"]), default=0) if true else 0
    asked = min(LONGEST_JUDGED, 8 + 3 * longest // 2)
    answers = _answers(model, own["messages"], tokenizer, max_length, asked, None, progress)
    return replace(said, texts={row: text for row, (text, _) in zip(chosen, answers, strict=True)})


def respond(
    model: Any,
    rows: pd.DataFrame,
    known: Known,
    max_length: int,
    request: Request,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Return the model's answer to each prompt, the likeliest unless it is to be drawn.

    Raises
    ------
    ModelError
        When the model cannot write.
    """
    refuse_silent(model)
    torch.manual_seed(request.seed)
    longest = request.max_new_tokens or LONGEST_ANSWER
    found = _answers(
        model,
        rows["messages"],
        known.tokenizer,
        max_length,
        longest,
        request.drawing(),
        progress,
    )
    return pd.DataFrame(
        {
            "text_row": range(len(rows)),
            "prompt": [prompt_of(chat) for chat in rows["messages"]],
            "answer": [text for text, _ in found],
            "ended": [is_over for _, is_over in found],
        }
    )


def sayings(
    model: Any, rows: pd.DataFrame, known: Known, max_length: int, label: str | None
) -> Sayings:
    """Return what the model answers, the likeliest, to be explained."""
    refuse_silent(model)
    if label is not None:
        return answered(rows, [label] * len(rows), known.tokenizer, max_length)
    own, tokenizer = rows["messages"], known.tokenizer
    found = _answers(model, own, tokenizer, max_length, EXPLAINED, None, None)
    return answered(rows, [text for text, _ in found], tokenizer, max_length)


def completed(rows: pd.DataFrame, found: pd.DataFrame, known: Known) -> list[str]:
    """Return the answers."""
    return list(found["answer"])


def _answers(
    model: Any,
    chats: Any,
    tokenizer: Any,
    max_length: int,
    longest: int,
    drawing: Mapping[str, Any] | None,
    progress: Progress | None,
) -> list[tuple[str, bool]]:
    """Return answers, and whether each came to its end."""
    # Half of the room is the prompt's own, however much is to be written.
    room = max(1, max_length // 2, max_length - longest)
    prompts = [prompt_ids(asked_of(chat), tokenizer, room) for chat in chats]
    ends = tokenizer.convert_tokens_to_ids(list(ends_of_answers(tokenizer)))
    most = max((len(prompt) for prompt in prompts), default=0)
    written = go_on(
        model,
        prompts,
        max_new_tokens=max(1, min(longest, max_length - most)),
        pad_id=tokenizer.pad_token_id,
        ends=ends,
        drawing=drawing,
        progress=progress,
    )
    return [
        (
            tokenizer.decode(ids, skip_special_tokens=True).strip(),
            ids[-1:] != [] and ids[-1] in ends,
        )
        for ids in written
    ]


def glance(rows: pd.DataFrame, said: Written, known: Known) -> dict[str, Any]:
    """Return some prompts with true answers and those that were written."""
    from nbtune.evaluation.glances import sample

    chats = list(rows["messages"])
    shown = sorted(said.texts)[:SHOWN]
    return sample([(prompt_of(chats[i]), answer_of(chats[i]), said.texts[i]) for i in shown])


def losses(rows: pd.DataFrame, said: Written, known: Known) -> Array:
    """Return the mean loss a token of each true answer; NaN where nothing was foretold."""
    return np.full(len(rows), np.nan) if said.spoken is None else said.spoken.losses


def table(rows: pd.DataFrame, said: Written, known: Known) -> pd.DataFrame:
    """Return the rows with prompt, true answer, and what was answered where it was asked for."""
    found = rows.reset_index(drop=True).assign(
        prompt=[prompt_of(chat) for chat in rows["messages"]],
        target=[answer_of(chat) for chat in rows["messages"]],
        output=pd.Series([said.texts.get(row) for row in range(len(rows))], dtype=object),
    )
    return found if said.spoken is None else found.assign(perplexity=perplexities(said.spoken))


def tuned(recipe: Recipe) -> Task:
    """Return the task with the whole of chats learnt, where a recipe asks for that."""
    only = recipe.completion_only_loss is True
    return replace(
        TASK,
        encode=partial(encode, answers_only=only),
        preview=partial(preview, answers_only=only),
    )


TASK = Task(
    name="text-generation",
    summary="answers in chats",
    head="AutoModelForCausalLM",
    rows=CHATS,
    encode=encode,
    loss=loss,
    keep=keep,
    read=read,
    by_chance=by_chance,
    weighted=weighted,
    judge=judge,
    fit=fit,
    row_score=RowScore("loss", losses),
    predict=lambda said, known: [said.texts.get(row) for row in range(len(said))],
    answers=table,
    table=table,
    scores=CHAT_SCORES,
    metrics=("perplexity", "token_accuracy"),
    without=(*WITHOUT, "packing"),
    scores_start=True,
    write=write,
    glance=glance,
    dress=dress,
    preview=preview,
    respond=respond,
    completed=completed,
    sayings=sayings,
    answering="prompts answered",
    reads="writing",
)
