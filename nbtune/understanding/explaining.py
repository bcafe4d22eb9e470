"""Rows of a run explained word by word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import torch

from nbtune.data.batches import InMemory
from nbtune.engine.device import find_device
from nbtune.engine.inference import predict_logits
from nbtune.engine.stepping import Forward
from nbtune.errors import ModelError, RunError
from nbtune.events import Progress
from nbtune.models.layers import unwrapped
from nbtune.recipe import Recipe
from nbtune.records import Deletion, Explanation, WordShare
from nbtune.tasks import Aim, Known, Task, task_of
from nbtune.understanding.attending import attention_rollout, refuse_without_attention
from nbtune.understanding.deletion import deletion
from nbtune.understanding.gradients import Method, gradient_x_input, integrated_gradients
from nbtune.understanding.placing import Placed, place
from nbtune.understanding.reader import Reader, blank_token, still

METHODS: Mapping[str, Method] = {
    "integrated-gradients": integrated_gradients,
    "gradient-x-input": gradient_x_input,
    "attention-rollout": attention_rollout,
}


def explain_rows(
    name: str,
    model: Any,
    tokenizer: Any,
    longest: int,
    known: Known,
    recipe: Recipe,
    rows: pd.DataFrame,
    *,
    label: str | None = None,
    method: str = "integrated-gradients",
    with_deletion: bool = True,
    progress: Progress | None = None,
) -> list[Explanation]:
    """Return why a model says what it says of rows; one for each span, label or answer.

    Raises
    ------
    RunError
        When what was learnt cannot be explained, or there is no such label.
    ModelError
        When the model has no such gradients or attention.
    """
    task, device = task_of(recipe), find_device()
    refuse_unfit(name, task, model, method)
    examples: InMemory = task.encode(rows, tokenizer, longest, known)
    model = model.to(device)
    found: list[Explanation] = []
    blank_id, blank_word = blank_token(tokenizer)
    targets = list(rows["label"]) if "label" in rows else [""] * len(rows)
    with still(model, device):
        forward = Forward(model, device, "fp32", None)
        logits = predict_logits(forward, examples, tokenizer.pad_token_id)
        assert task.aims is not None  # noqa: S101
        for row, aims in enumerate(task.aims(logits, rows, examples, known, label)):
            if progress is not None:
                progress(row, len(rows))
            for aim in aims:
                placed = place(task, rows, examples, aim.example, tokenizer, longest)
                reader = Reader(model, device, examples, aim.example, placed.of_token, blank_id)
                is_cut = examples.cut is not None and bool(examples.cut[aim.example])
                if examples.rows is not None:
                    is_cut |= int((examples.rows == row).sum()) > 1  # one of its windows
                about = {
                    "run": name,
                    "row": int(rows["row"].iloc[row]) if "row" in rows else row,
                    "target": targets[row] if isinstance(targets[row], str) else "",
                    "blank_word": blank_word,
                    "cut": is_cut,
                }
                found.append(_explain(about, aim, placed, reader, method, with_deletion))
    if progress is not None:
        progress(len(rows), len(rows))
    return found


def _explain(
    about: Mapping[str, Any],
    aim: Aim,
    placed: Placed,
    reader: Reader,
    method: str,
    with_deletion: bool,
) -> Explanation:
    """Return what words do for one aim; ``about`` says which run and row it is of."""
    by_token, steps = METHODS[method](reader, aim.score)
    values, rest = [0.0] * len(placed.words), 0.0
    for word, value in zip(placed.of_token, by_token.tolist(), strict=True):
        if word >= 0:
            values[word] += value
        else:
            rest += value
    read = sorted({word for word in placed.of_token if word >= 0})
    measure = aim.chance or aim.score
    with torch.no_grad():
        logits = reader.ask(torch.stack([reader.states, reader.blanks]))
        said, blank = aim.score(logits).tolist()
        probability = float("nan") if aim.chance is None else float(aim.chance(logits)[0])
    judged: Deletion | None = None
    if with_deletion and len(read) > 1:
        judged = deletion(reader, measure, {word: values[word] for word in read})
    return Explanation(
        **about,
        texts=placed.texts,
        label=aim.label,
        probability=probability,
        method=method,
        words=tuple(
            WordShare(placed.words[word][0], *placed.words[word][1], values[word]) for word in read
        ),
        said=said,
        blank=blank,
        what=aim.what,
        steps=steps,
        span=aim.span,
        rest=rest,
        deletion=judged,
    )


def refuse_unfit(name: str, task: Task, model: Any, method: str) -> None:
    """Refuse what cannot be explained, before anything is computed."""
    if method not in METHODS:
        raise RunError(f"method: there is no {method!r}", hint=f"take {', '.join(METHODS)}")
    if task.aims is None:
        raise RunError(
            f"{name} has learnt {task.summary}, which is not explained word by word",
            hint="labels, numbers, spans and answers are; %attention shows what any model looks at",
        )
    if method == "attention-rollout":
        refuse_without_attention(model, name)
    elif getattr(unwrapped(model).config, "is_encoder_decoder", False):
        raise ModelError(
            f"{name} reads its text in an encoder and once more in a decoder, so that a word has "
            "two places where it does something",
            hint="take an encoder (BERT), a decoder (GPT), or scratch-lstm, -gru, -cnn or -bag",
        )
