"""A model and its tokenizer, ready for a number of labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import transformers

from nbtune.errors import ModelError
from nbtune.models.scratch import new_model, new_tokenizer
from nbtune.models.sources import ModelSource

_DROPOUT_NAMES = ("attention_probs_dropout_prob", "attention_dropout", "attn_pdrop")


@dataclass(frozen=True)
class LoadedModel:
    """A model on the CPU in float32, its tokenizer, and what was noticed on the way.

    ``max_positions`` is the longest row in tokens that the model can take, None for no limit.
    """

    model: Any
    tokenizer: Any
    max_positions: int | None
    notices: tuple[str, ...] = ()


def load_tokenizer(source: ModelSource, texts: Sequence[str], revision: str | None = None) -> Any:
    """Load the tokenizer, or train one on the texts for a model that starts from nothing.

    Raises
    ------
    ModelError
        When there is none, or it has no token that could stand for padding.
    """
    if source.kind == "scratch":
        return new_tokenizer(texts)
    with quiet(), _named_failures(source, "tokenizer"):
        tokenizer = transformers.AutoTokenizer.from_pretrained(source.location, revision=revision)
    if tokenizer.pad_token is None:
        stand_in = tokenizer.eos_token or tokenizer.unk_token or tokenizer.bos_token
        if stand_in is None:
            raise ModelError(
                f"the tokenizer of {source.name!r} has no pad, end or unknown token",
                hint="set tokenizer.pad_token, save the tokenizer into the folder, and try again",
            )
        tokenizer.pad_token = stand_in
    tokenizer.padding_side = "right"
    return tokenizer


def load_model(
    source: ModelSource,
    tokenizer: Any,
    labels: Sequence[str],
    *,
    head: str = "AutoModelForSequenceClassification",
    seed: int = 42,
    attention_dropout: float | None = None,
    revision: str | None = None,
) -> LoadedModel:
    """Load weights under a head for these labels; new weights are drawn from ``seed``.

    Parameters
    ----------
    head : str
        The transformers auto class that adds the head.
    attention_dropout : float, optional
        Replaces the model's own dropout on attention weights.

    Raises
    ------
    ModelError
        When the weights cannot be loaded, are incomplete below the head, or do not fit the
        tokenizer.
    """
    torch.manual_seed(seed)
    names = {"id2label": dict(enumerate(labels)), "label2id": {n: i for i, n in enumerate(labels)}}
    if source.kind == "scratch":
        model, missing, mismatched = new_model(tokenizer, names), set(), set()
        _set_attention_dropout(model.config, attention_dropout)
    else:
        with quiet(), _named_failures(source, "model"):
            config = transformers.AutoConfig.from_pretrained(
                source.location, revision=revision, num_labels=len(labels), **names
            )
            _set_attention_dropout(config, attention_dropout)
            model, info = getattr(transformers, head).from_pretrained(
                source.location,
                revision=revision,
                config=config,
                dtype=torch.float32,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
            )
        missing, mismatched = set(info["missing_keys"]), info["mismatched_keys"]
    model.config.pad_token_id = tokenizer.pad_token_id
    _check_whole(source, model, missing)
    _check_vocabulary(source, model, tokenizer)
    notices = tuple(
        f"the saved head of {source.name} has another size; a new one is trained"
        for _ in list(mismatched)[:1]
    )
    return LoadedModel(model, tokenizer, _max_positions(model, tokenizer), notices)


def _set_attention_dropout(config: Any, value: float | None) -> None:
    for name in _DROPOUT_NAMES:
        if value is not None and isinstance(getattr(config, name, None), int | float):
            setattr(config, name, value)


def _check_whole(source: ModelSource, model: Any, missing: set[str]) -> None:
    inner = f"{model.base_model_prefix}."
    lost = sorted(k for k in missing if k.startswith(inner) and "pooler" not in k)
    if lost:
        raise ModelError(
            f"the weights of {source.name!r} are incomplete: {len(lost)} tensors are missing, "
            f"{lost[0]} first",
            hint="copy or download the model again",
        )


def _check_vocabulary(source: ModelSource, model: Any, tokenizer: Any) -> None:
    rows = model.get_input_embeddings().num_embeddings
    if len(tokenizer) > rows:
        raise ModelError(
            f"the tokenizer of {source.name!r} has {len(tokenizer)} tokens, "
            f"but the model knows {rows}",
            hint="use the tokenizer that belongs to the model",
        )


def _max_positions(model: Any, tokenizer: Any) -> int | None:
    limits = [tokenizer.model_max_length]
    for name, module in model.named_modules():
        if name.endswith(("position_embeddings", "wpe")) and isinstance(module, torch.nn.Embedding):
            shift = 0 if module.padding_idx is None else module.padding_idx + 1
            limits.append(module.num_embeddings - shift)
    if positions := getattr(model.config, "max_position_embeddings", None):
        limits.append(int(positions))
    shortest = min(limits)
    return int(shortest) if shortest < 1_000_000 else None


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the bars and load reports of transformers; we say what matters ourselves."""
    logging = transformers.utils.logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


@contextmanager
def _named_failures(source: ModelSource, what: str) -> Iterator[None]:
    try:
        yield
    except ModelError:
        raise
    except Exception as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(
            f"cannot load the {what} {source.name!r} from {source.location}: {first[:300]}",
            hint="check the name and the folder; models that need remote code are not loaded",
        ) from error
