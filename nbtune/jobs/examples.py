"""Rows of a run become examples on disk, once; what is learnt of a few is shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nbtune.events import DataReady, Emit, EvaluationProgress, PhaseStarted, Previewed, Progress
from nbtune.jobs.folders import read_rows
from nbtune.jobs.previewing import PREVIEWED, preview_of
from nbtune.jobs.trained import Trained, asking
from nbtune.recipe import Recipe
from nbtune.runs import RunFolder
from nbtune.tasks import Task, task_of

if TYPE_CHECKING:
    import pandas as pd

    from nbtune.data.batches import InMemory
    from nbtune.data.encoding import Examples


def tokenise(folder: RunFolder, task: Task, trained: Trained, emit: Emit) -> dict[str, Examples]:
    """Return the examples of each split, which are made where they are not there already."""
    from nbtune.data.encoding import length_report, open_examples, write_examples
    from nbtune.data.preparing import label_counts

    def encoder(split: str) -> Callable[[pd.DataFrame], InMemory]:
        encode = task.encode
        if split == "train" and task.encode_training is not None:
            encode = task.encode_training
        return lambda rows: encode(rows, trained.tokenizer, trained.max_length, trained.known)

    def progress(split: str) -> Progress:
        return lambda done, total: emit(EvaluationProgress(split, done, total))

    examples: dict[str, Examples] = {}
    made = set()
    for split in ("train", "validation"):
        place = folder.path / "tokens" / split
        if split not in folder.about["rows"]:
            continue
        if place.is_dir():
            examples[split] = open_examples(place)
            continue
        made.add(split)
        examples[split] = write_examples(
            read_rows(folder, split),
            encoder(split),
            len(trained.tokenizer),
            place,
            progress(split),
            at_once=task.rows.at_once,
        )
    # Rows that lie in files are not needed once they are tokenised.
    if task.preview is not None and (task.rows.opened is None or "train" in made):
        emit(_preview(folder, task, trained, examples["train"]))
    emit(
        DataReady(
            dict(folder.about["rows"]),
            label_counts(read_rows(folder, "train"), folder.about["labels"], task.rows),
            length_report(examples["train"]),
        )
    )
    return examples


def _preview(folder: RunFolder, task: Task, trained: Trained, train: Examples) -> Previewed:
    """Return what is learnt of the first rows, and of the longest where some are cut."""
    import numpy as np

    rows = read_rows(folder, "train")
    numbers = np.arange(len(train)) if train.rows is None else np.asarray(train.rows)
    is_cut = np.asarray(train.cut)
    longest = [int(numbers[is_cut][train.lengths[is_cut].argmax()])] if is_cut.any() else []
    shown = [*longest, *(row for row in range(len(rows)) if row not in longest)][:PREVIEWED]
    own = rows.iloc[sorted(shown)]
    found = preview_of(own, task, trained.tokenizer, trained.max_length)
    return Previewed(found.rows, found.pieces, found.pictures)


def asked_before(
    folder: RunFolder, recipe: Recipe, trained: Trained, split: str, emit: Emit
) -> Examples:
    """Return the examples of a split with what the model says of them before it is trained.

    It is asked once: a second model need not be kept, nor an adapter be switched off and on.
    """
    from nbtune.data.encoding import open_examples, write_beside
    from nbtune.engine.inference import predict_logits

    place, task = folder.path / "tokens" / split, task_of(recipe)
    examples = open_examples(place)
    if examples.beside is not None or task.reference is None:
        return examples

    def progress(done: int, total: int) -> None:
        emit(EvaluationProgress(split, done, total))

    emit(PhaseStarted("asking the model before training"))
    with asking(trained, recipe) as forward:
        kept = predict_logits(forward, examples, trained.tokenizer.pad_token_id, progress)
    return write_beside(place, task.reference(kept, read_rows(folder, split)))
