"""Tiny models, tokenizers and rows, made on the spot: for our tests and those of plug-ins."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import transformers

from nbtune import events
from nbtune.data.batches import InMemory
from nbtune.evaluation.classification import judge
from nbtune.methods import Method
from nbtune.models.loading import load_model
from nbtune.models.scratch import new_tokenizer
from nbtune.models.sources import ModelSource
from nbtune.recipe import Recipe
from nbtune.records import EvaluationRecord
from nbtune.tasks import Task

_WORDS = {
    "animal": "small furry mammal with sharp teeth living in northern forests",
    "food": "sweet baked dish made of flour butter sugar and fruit",
    "place": "large city in the south on a river near the sea",
}
_SMALL: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
}


def topic_rows(rows: int = 60, labels: int = 3, seed: int = 0) -> pd.DataFrame:
    """Make short texts whose label can be learnt from their words.

    Returns
    -------
    DataFrame
        Columns ``text`` and ``label``, the labels in turn.
    """
    rng = np.random.default_rng(seed)
    names = list(_WORDS)[:labels]
    chosen = [names[i % labels] for i in range(rows)]
    texts = [
        " ".join(rng.choice(_WORDS[name].split(), size=rng.integers(3, 9)))
        + f" {rng.integers(0, 10_000)}"  # so that no two rows are the same
        for name in chosen
    ]
    return pd.DataFrame({"text": texts, "label": chosen})


def tiny_tokenizer(texts: Sequence[str] | None = None) -> Any:
    """Train a tokenizer of at most some hundred words on the texts."""
    return new_tokenizer(list(texts) if texts is not None else list(topic_rows(200)["text"]))


def tiny_config(kind: str, vocabulary: int, labels: int = 3) -> Any:
    """Return the configuration of a model of two layers of width 32, by ``model_type``."""
    names: dict[str, dict[str, Any]] = {
        "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64},
        "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 4},
        **{kind: {**_SMALL, "num_key_value_heads": 2} for kind in ("llama", "qwen2", "qwen3")},
        "electra": {**_SMALL, "embedding_size": 32},
    }
    special = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
    return transformers.AutoConfig.for_model(
        kind, vocab_size=vocabulary, num_labels=labels, **special, **names.get(kind, _SMALL)
    )


def tiny_model_folder(folder: Path, kind: str = "bert", seed: int = 0) -> Path:
    """Write a tiny model of this kind with a tokenizer, as ``from_pretrained`` reads them."""
    tokenizer = tiny_tokenizer()
    torch.manual_seed(seed)
    model = transformers.AutoModelForSequenceClassification.from_config(
        tiny_config(kind, len(tokenizer))
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def tiny_model(kind: str = "bert", labels: int = 3, seed: int = 0) -> Any:
    """Make a tiny model of this kind in memory, with random weights drawn from the seed."""
    torch.manual_seed(seed)
    return transformers.AutoModelForSequenceClassification.from_config(
        tiny_config(kind, len(tiny_tokenizer()), labels)
    )


def encode(frame: pd.DataFrame, tokenizer: Any, max_length: int = 64) -> InMemory:
    """Tokenise rows in memory; labels become ids in sorted order."""
    labels = sorted(set(frame["label"]))
    ids = tokenizer(list(frame["text"]), truncation=True, max_length=max_length)["input_ids"]
    return InMemory([list(row) for row in ids], np.array([labels.index(x) for x in frame["label"]]))


def guesses(
    rows: int = 120, labels: int = 3, seed: int = 0, skill: float = 0.8
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Make up targets of shape (rows,) and probabilities of shape (rows, labels) for them.

    The probabilities are coarse, so that some are equal; with few rows some labels have none.
    In a share ``skill`` of the rows the true label has more weight, in the others it is chance.
    """
    rng = np.random.default_rng(seed)
    targets = rng.integers(labels, size=rows)
    weights = rng.integers(1, 6, size=(rows, labels)).astype(float)
    known = np.flatnonzero(rng.random(rows) < skill)
    weights[known, targets[known]] += rng.integers(2, labels + 2, size=len(known))
    return targets, weights / weights.sum(axis=1, keepdims=True)


@cache
def made_up_record(
    labels: int | tuple[str, ...] = 3, rows: int = 120, seed: int = 0, baseline: bool = True
) -> EvaluationRecord:
    """Judge `guesses` beside worse ones."""
    names = [f"label {i}" for i in range(labels)] if isinstance(labels, int) else labels
    targets, good = guesses(rows, len(names), seed)
    worse = guesses(rows, len(names), seed, skill=0.6)[1]
    texts = [f"text of row {i}" for i in range(rows)]
    baselines = {"TF-IDF + logistic regression": worse} if baseline else None
    return judge("topics@1", "test", names, targets, good, baselines=baselines, texts=texts)


def made_up_events(
    reports: int = 40, epochs: int = 4, reason: str = "finished", message: str = ""
) -> list[events.Event]:
    """Tell what a run would have told: ten steps a report, a falling loss, a score an epoch."""
    total = 10 * reports
    told: list[events.Event] = [
        events.PhaseStarted("loading model"),
        events.DataReady(
            {"train": total * 16 // epochs, "validation": 300},
            {"animal": total * 8 // epochs, "food": total * 8 // epochs},
            {"median": 10.0, "p95": 24.0, "max": 41.0, "truncated": 0.0},
        ),
        events.BaselineScored("majority", "validation", {"f1_macro": 0.08, "accuracy": 0.17}),
        events.PhaseStarted("training"),
        events.RunStarted(
            0, total, total // epochs, "text-classification", "minilm", "full",
            22_713_216, 22_713_216, "cpu", "fp32", "packed", "f1_macro",
        ),
    ]  # fmt: skip
    rng = np.random.default_rng(0)
    for report in range(1, reports + 1):
        step, share = 10 * report, report / reports
        loss = 0.3 + 2.2 * float(np.exp(-4 * share)) + 0.1 * float(rng.normal())
        rate = 2e-5 * (1 - share)
        told.append(
            events.StepsDone(step, share * epochs, loss, rate, 1.0, 160, 1900, 0.5, 700 << 20)
        )
        if report * epochs % reports < epochs:
            scores = {"f1_macro": 0.6 + 0.25 * share, "accuracy": 0.62 + 0.25 * share}
            told.append(
                events.Evaluated(step, share * epochs, "validation", loss, scores, 1.0, True)
            )
    return [*told, events.RunStopped(total, reason, total, message, reports * 0.5)]


def check_method(method: Method) -> None:
    """Try a method on a tiny model: some weights move, and the head is among them.

    Raises
    ------
    AssertionError
        Saying what a method must do and this one does not.
    """
    recipe = Recipe(method=method.name) if method.name else Recipe()
    model = method.apply(tiny_model(), recipe)
    moving = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    if not any("classifier" in name for name in moving):
        raise AssertionError(f"method {method.name} does not train the head")
    if method.learning_rate <= 0:
        raise AssertionError(f"method {method.name} has no usual learning rate")


def check_task(task: Task) -> None:
    """Try a task on a tiny model: its loss falls within a few steps.

    Raises
    ------
    AssertionError
        Saying what a task must do and this one does not.
    """
    rows = encode(topic_rows(24), tiny_tokenizer())
    loss = task.loss(Recipe(), rows.targets, 3)
    logits = torch.zeros(24, 3, requires_grad=True)
    targets = torch.from_numpy(rows.targets)
    first = loss.sum(logits, targets) / loss.count(rows.targets)
    first.backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None  # noqa: S101
    second = loss.sum((logits - logits.grad).detach(), targets) / loss.count(rows.targets)
    if not second < first:
        raise AssertionError(f"the loss of task {task.name} does not fall along its gradient")
    if not task.metrics:
        raise AssertionError(f"task {task.name} names no metric to pick the best weights")


def saved_source(folder: Path) -> ModelSource:
    """Return the source of a model folder."""
    return ModelSource(str(folder), "local", str(folder))


__all__ = [
    "check_method",
    "check_task",
    "encode",
    "guesses",
    "load_model",
    "made_up_events",
    "made_up_record",
    "saved_source",
    "tiny_config",
    "tiny_model",
    "tiny_model_folder",
    "tiny_tokenizer",
    "topic_rows",
]
