"""Rows of a run explained word by word, and images patch by patch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
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
from nbtune.records import PATCH, Deletion, Explanation, WordShare
from nbtune.tasks import Aim, Known, Task, task_of
from nbtune.understanding.attending import attention_rollout, refuse_without_attention
from nbtune.understanding.deletion import deletion
from nbtune.understanding.gradients import Method, gradient_x_input, integrated_gradients
from nbtune.understanding.picturing import PictureReader
from nbtune.understanding.placing import Placed, place, placed
from nbtune.understanding.reader import Asked, Reader, Together, blank_token, still

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
    model = model.to(device)
    words = getattr(tokenizer, "tokenizer", tokenizer)  # what images are read with has one, or none
    found: list[Explanation] = []
    targets = list(rows["label"]) if "label" in rows else [""] * len(rows)
    with still(model, device):
        asked = _asked(task, model, tokenizer, longest, known, rows, label)
        for row, aims in enumerate(asked.aims):
            if progress is not None:
                progress(row, len(rows))
            for aim in aims:
                about = {
                    "run": name,
                    "row": int(rows["row"].iloc[row]) if "row" in rows else row,
                    "target": targets[row] if isinstance(targets[row], str) else "",
                    "cut": _is_cut(asked, aim, row),
                }
                read = _read(asked, aim, task, rows, model, words, longest)
                found.append(_explain(about, aim, read, method, with_deletion))
    if progress is not None:
        progress(len(rows), len(rows))
    return found


@dataclass(frozen=True)
class _Asked:
    """What is to be explained of rows; ``texts`` by example, where these are not the rows' own."""

    examples: InMemory
    aims: list[list[Aim]]
    texts: list[tuple[str, ...]] | None = None


def _asked(
    task: Task,
    model: Any,
    tokenizer: Any,
    longest: int,
    known: Known,
    rows: pd.DataFrame,
    label: str | None,
) -> _Asked:
    if task.sayings is not None:
        with torch.no_grad():
            said = task.sayings(model, rows, known, longest, label)
        return _Asked(said.examples, said.aims, said.texts)
    assert task.aims is not None  # noqa: S101
    examples: InMemory = task.encode(rows, tokenizer, longest, known)
    forward = Forward(model, find_device(), "fp32", None)
    logits = predict_logits(forward, examples, tokenizer.pad_token_id)
    return _Asked(examples, task.aims(logits, rows, examples, known, label))


def _is_cut(asked: _Asked, aim: Aim, row: int) -> bool:
    examples = asked.examples
    is_cut = examples.cut is not None and bool(examples.cut[aim.example])
    if examples.rows is None or asked.texts is not None or aim.beside is not None:
        return is_cut
    return is_cut or int(np.count_nonzero(examples.rows == row)) > 1  # one of its windows


@dataclass(frozen=True)
class _Read:
    """What is asked again and again, and its pieces: patches of an image first, then words."""

    reader: Asked
    placed: Placed
    blank: str
    picture: str = ""
    grid: tuple[int, ...] = ()

    @property
    def pieces(self) -> list[tuple[int, int, int]]:
        """Part, start and end of each piece, as `nbtune.records.WordShare` has them."""
        high, wide = self.grid or (0, 0)
        patches = [(PATCH, 1 + at // wide, 1 + at % wide) for at in range(high * wide)]
        return [*patches, *((part, start, end) for part, (start, end) in self.placed.words)]


def _read(
    asked: _Asked,
    aim: Aim,
    task: Task,
    rows: pd.DataFrame,
    model: Any,
    tokenizer: Any,
    longest: int,
) -> _Read:
    device, examples = find_device(), asked.examples

    def reader(example: int, own: Placed) -> Reader:
        keep = None if task.sayings is None else task.keep
        return Reader(model, device, examples, example, own.of_token, blank_id, keep)

    def placed_of(example: int, only: int | None = None) -> Placed:
        if asked.texts is not None:
            assert examples.spans is not None  # noqa: S101
            parts = [(0, (int(a), int(b))) for a, b in examples.spans.row(example)]
            return placed(asked.texts[example], parts)
        return place(task, rows, examples, example, tokenizer, longest, only)

    if task.reads == "images" and not len(examples.ids[aim.example]):
        return _pictured(PictureReader(model, device, examples, aim.example), Placed((), (), []))
    blank_id, blank = blank_token(tokenizer)
    if aim.beside is None:
        own = placed_of(aim.example)
        if task.reads == "images":
            text = reader(aim.example, own)
            seen = PictureReader(model, device, examples, aim.example, text)
            return _pictured(seen, own, f" or {blank}")
        return _Read(reader(aim.example, own), own, blank)
    both = [placed_of(aim.example, 0), placed_of(aim.beside, 1)]
    members = [reader(aim.example, both[0]), reader(aim.beside, both[1])]
    return _Read(Together(members), both[0], blank)


def _pictured(reader: PictureReader, own: Placed, also: str = "") -> _Read:
    return _Read(reader, own, f"its mean colour{also}", reader.picture, reader.grid)


def _explain(
    about: Mapping[str, Any], aim: Aim, read: _Read, method: str, with_deletion: bool
) -> Explanation:
    """Return what words do for one aim; ``about`` says which run and row it is of."""
    reader, pieces = read.reader, read.pieces
    by_token, steps = METHODS[method](reader, aim.score)
    values, rest = [0.0] * len(pieces), 0.0
    for piece, value in zip(reader.words.tolist(), by_token.tolist(), strict=True):
        if piece >= 0:
            values[piece] += value
        else:
            rest += value
    seen = {piece for piece in reader.words.tolist() if piece >= 0}
    measure = aim.chance or aim.score
    with torch.no_grad():
        logits = reader.ask(torch.stack([reader.states, reader.blanks]))
        said, blank = aim.score(logits).tolist()
        probability = float("nan") if aim.chance is None else float(aim.chance(logits)[0])
    judged: Deletion | None = None
    if with_deletion and len(seen) > 1:
        judged = deletion(reader, measure, {piece: values[piece] for piece in sorted(seen)})
    return Explanation(
        **about,
        texts=read.placed.texts,
        label=aim.label,
        probability=probability,
        method=method,
        words=tuple(
            WordShare(part, start, end, values[at])
            for at, (part, start, end) in enumerate(pieces)
            if at in seen
        ),
        said=said,
        blank=blank,
        blank_word=read.blank,
        what=aim.what,
        steps=steps,
        span=aim.span,
        rest=rest,
        deletion=judged,
        picture=read.picture,
        grid=read.grid,
    )


def refuse_unfit(name: str, task: Task, model: Any, method: str) -> None:
    """Refuse what cannot be explained, before anything is computed."""
    if method not in METHODS:
        raise RunError(f"method: there is no {method!r}", hint=f"take {', '.join(METHODS)}")
    if not task.is_explained:
        raise RunError(
            f"{name} has learnt {task.summary}, which is not explained piece by piece",
            hint="labels, numbers, spans, answers and what is written are; so are labels of "
            "images; %attention shows what any model looks at",
        )
    if method == "attention-rollout":
        refuse_without_attention(model, name)
        _refuse_rollout(name, task)
    elif task.reads != "rewriting" and getattr(
        unwrapped(model).config, "is_encoder_decoder", False
    ):
        raise ModelError(
            f"{name} reads its text in an encoder and once more in a decoder, so that a word has "
            "two places where it does something",
            hint="take an encoder (BERT), a decoder (GPT), or scratch-lstm, -gru, -cnn or -bag",
        )


def _refuse_rollout(name: str, task: Task) -> None:
    """Refuse to follow attention where what is asked is no single row of tokens."""
    what = ""
    if task.reads == "images" and "text" in task.rows.inputs:
        what = "an image and its text are read by two models"
    if task.shown is not None and task.sayings is None:
        what = "both texts of a pair are read each by itself"
    if what:
        raise ModelError(
            f"{name}: attention cannot be followed from end to end, as {what}",
            hint="take integrated-gradients or gradient-x-input",
        )
