"""How alike two texts are, told by the cosine of their vectors: a bi-encoder.

Each text is read by itself. Its vector is the mean of its tokens, or what else the encoder was made
to give; so it can be asked for vectors of any text, to search and to cluster. The loss is that of
sentence-transformers' CosineSimilarityLoss (Reimers and Gurevych 2019, the regression objective).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from torch import Tensor
from torch.nn import functional

from nbtune.data.alike import ALIKE, COSINES
from nbtune.data.batches import InMemory
from nbtune.data.encoding import encode_texts
from nbtune.data.grouped import Grouped
from nbtune.errors import RecipeError, RunError
from nbtune.models.heads import pooling_in
from nbtune.models.sentences import FLAGS, pooling_beside
from nbtune.recipe import Recipe
from nbtune.tasks import Aim, Baseline, Known, Loss
from nbtune.tasks.aims import number_of
from nbtune.tasks.regression import TASK as REGRESSION
from nbtune.tasks.regression import judge, numbers_of
from nbtune.tasks.text_classification import SINGLE, ids_of

Array = np.ndarray[Any, Any]
PAIR = 2
LEARN_VECTORS = ("full", "lora", "qlora", "bitfit", "ia3")


def encode(rows: pd.DataFrame, tokenizer: Any, max_length: int, known: Known) -> InMemory:
    """Tokenise both texts of each row, one after the other; targets are what cosines should be."""
    lowest, width = known.scale
    numbers = numbers_of(rows) if "label" in rows else np.full(len(rows), lowest)
    return encode_both(rows, (numbers - lowest) / width, tokenizer, max_length)


def encode_both(rows: pd.DataFrame, cosines: Array, tokenizer: Any, max_length: int) -> InMemory:
    """Tokenise both texts of each row, which should have this cosine."""
    texts = [text for pair in zip(rows["text"], rows["text_pair"], strict=True) for text in pair]
    targets = np.repeat(cosines, PAIR).astype(np.float32)
    found = encode_texts(texts, targets, tokenizer, max_length)
    return replace(found, rows=np.repeat(np.arange(len(rows)), PAIR))


def shown(examples: Any, known: Known, recipe: Recipe, is_training: bool) -> Any:
    """Return examples that are trained on in pairs, a row each."""
    return Grouped(examples, PAIR) if is_training else examples


def loss(recipe: Recipe, targets: Any, labels: int) -> Loss:
    """Return the squared error of cosines, the mean over pairs."""

    def total(vectors: Tensor, wanted: Tensor) -> Tensor:
        pairs = vectors.float().view(-1, PAIR, vectors.shape[-1])
        found = functional.cosine_similarity(pairs[:, 0], pairs[:, 1])
        return functional.mse_loss(found, wanted.float()[::PAIR], reduction="sum")

    return Loss(total, lambda wanted: len(wanted) / PAIR)


def cosines_of(vectors: Array) -> Array:
    """Return the cosine of each pair of vectors of length 1, of shape (rows,)."""
    pairs = vectors.astype(np.float64).reshape(-1, PAIR, vectors.shape[-1])
    return np.asarray((pairs[:, 0] * pairs[:, 1]).sum(axis=1))


def read(vectors: Array, rows: pd.DataFrame, examples: Any, known: Known) -> Array:
    """Return the numbers, of shape (rows,): cosines in the measure of the training rows."""
    lowest, width = known.scale
    return cosines_of(vectors) * width + lowest


def check(model: Any, recipe: Recipe) -> None:
    """Refuse methods that train no vectors, and models that give none.

    Raises
    ------
    RecipeError
    """
    if recipe.method not in LEARN_VECTORS:
        raise RecipeError(
            f"method {recipe.method}: a bi-encoder has no head, its vectors are what is learnt",
            hint=f"take one of {', '.join(LEARN_VECTORS)}",
        )
    if model.config.is_encoder_decoder:
        raise RecipeError(
            f"model: {recipe.model} reads one text and writes another, so it has no vectors",
            hint="take an encoder, such as minilm or bert",
        )


def fit(rows: pd.DataFrame, known: Known) -> Sequence[Baseline]:
    """Fit the mean, and the cosine of TF-IDF vectors."""
    from nbtune.evaluation.text_baselines import fit_similarity

    return fit_similarity(list(rows["text"]), list(rows["text_pair"]), numbers_of(rows))


def prepare(model: Any, tokenizer: Any) -> None:
    """Write into the configuration how the encoder was made to pool, in place."""
    if not hasattr(model.config, "pooling"):
        model.config.pooling = pooling_beside(model) or "mean"


def beside(model: Any) -> dict[str, Any]:
    """Return what sentence-transformers reads beside the weights: how tokens are pooled."""
    module = "sentence_transformers.models"
    return {
        "modules.json": [
            {"idx": 0, "name": "0", "path": "", "type": f"{module}.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": f"{module}.Pooling"},
        ],
        "1_Pooling/config.json": {
            "word_embedding_dimension": int(model.config.hidden_size),
            FLAGS[pooling_in(model)]: True,
        },
    }


def encode_labels(rows: pd.DataFrame, tokenizer: Any, max_length: int, known: Known) -> InMemory:
    """Tokenise both texts of each row; cosines of pairs that are alike should be 1, others 0."""
    ids = ids_of(rows, known) if "label" in rows else np.zeros(len(rows))
    is_second_alike = known.scale[1] > 0
    return encode_both(rows, ids if is_second_alike else 1 - ids, tokenizer, max_length)


def read_labels(vectors: Array, rows: pd.DataFrame, examples: Any, known: Known) -> Array:
    """Return the probabilities of two labels, of shape (rows, 2): a logistic of the cosine."""
    middle, width = known.scale
    second = expit((cosines_of(vectors) - middle) / width) if len(rows) else np.empty(0)
    return np.stack([1 - second, second], axis=1)


def settle_labels(rows: pd.DataFrame, said: Array, known: Known) -> Known:
    """Choose middle and width of the logistic on rows that were not trained on."""
    from nbtune.evaluation.calibration import fit_logistic

    middle, width = known.scale
    cosines = logit(np.clip(said[:, 1], 1e-12, 1 - 1e-12)) * width + middle
    return replace(known, scale=fit_logistic(cosines, ids_of(rows, known), known.scale))


def aims(
    logits: Any, rows: pd.DataFrame, examples: Any, known: Known, label: str | None
) -> list[list[Aim]]:
    """Return what speaks for both texts being alike: their cosine.

    Raises
    ------
    RunError
        When there is a label, which numbers have not.
    """
    if label is not None:
        raise RunError(
            f"label: the run has learnt numbers, and {label!r} is no label of it",
            hint="leave it out",
        )
    return [
        [Aim(PAIR * row, f"{value:.3g}", _cosine, what="cosine", beside=PAIR * row + 1)]
        for row, value in enumerate(read(logits, rows, examples, known))
    ]


def aims_of_labels(
    logits: Any, rows: pd.DataFrame, examples: Any, known: Known, label: str | None
) -> list[list[Aim]]:
    """Return what speaks for a label, by default the one that each pair is given."""
    from nbtune.evaluation.thresholds import given_labels

    said = read_labels(logits, rows, examples, known)
    given = given_labels(said, known.thresholds)
    own = given if label is None else [number_of(label, known.labels)] * len(rows)
    return [[_aim_of_label(row, int(one), known)] for row, one in enumerate(own)]


def _aim_of_label(row: int, label: int, known: Known) -> Aim:
    middle, width = known.scale
    sign = 1 if label else -1

    def chance(vectors: Tensor) -> Tensor:
        return (sign * (_cosine(vectors) - middle) / width).sigmoid()

    sign_of_cosine = sign if width > 0 else -sign
    return Aim(
        PAIR * row,
        known.labels[label],
        lambda vectors: sign_of_cosine * _cosine(vectors),
        chance,
        what="cosine" if sign_of_cosine > 0 else "cosine, its sign turned,",
        beside=PAIR * row + 1,
    )


def _cosine(vectors: Tensor) -> Tensor:
    """Return the cosines of vectors of shape (variants, 2, width)."""
    return functional.cosine_similarity(vectors[:, 0].float(), vectors[:, 1].float())


def fit_labels(rows: pd.DataFrame, known: Known) -> Sequence[Baseline]:
    """Fit majority, and a logistic of the cosine of TF-IDF vectors."""
    from nbtune.evaluation.text_baselines import fit_alike

    return fit_alike(list(rows["text"]), list(rows["text_pair"]), ids_of(rows, known))


_OF_PAIRS: dict[str, Any] = {
    "head": "AutoModel",
    "outputs": None,
    "shown": shown,
    "loss": loss,
    "scores_start": True,
    "beside": beside,
    "prepare": prepare,
    "check": check,
    "tuned": None,
}
LABELS = replace(
    SINGLE,
    summary="whether two texts are alike",
    rows=ALIKE,
    encode=encode_labels,
    read=read_labels,
    settle=settle_labels,
    metrics=("roc_auc", "f1_macro", "accuracy"),  # from where on pairs are alike is settled later
    decided_by="f1_macro",
    fit=fit_labels,
    without=("class_weight", "focal_gamma", "label_smoothing_factor", "train_sampling_strategy"),
    aims=aims_of_labels,
    **_OF_PAIRS,
)
TASK = replace(
    REGRESSION,
    summary="how alike two texts are",
    rows=COSINES,
    encode=encode,
    read=read,
    judge=partial(judge, decides="spearman"),  # what counts is the order of the pairs
    fit=fit,
    metrics=("spearman", "pearson", "rmse"),
    aims=aims,
    **_OF_PAIRS,
)
