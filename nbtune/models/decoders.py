"""Models that read one text and write another: what their decoder is given, and how they start."""

from __future__ import annotations

from typing import Any

import torch
import transformers
from torch import Tensor

from nbtune.data.ragged import IGNORED
from nbtune.models.layers import unwrapped

CAN_BE_BOTH = ("bert", "camembert", "electra", "roberta", "xlm-roberta")
"""Encoders whose weights a decoder can begin with: what it lacks is attention to another text."""


def rewrites(model: Any) -> bool:
    """Whether a model reads one text and writes another."""
    return bool(getattr(unwrapped(model).config, "is_encoder_decoder", False))


def states_of(model: Any) -> Any:
    """Return the part whose states the head for words looks at."""
    inner = unwrapped(model)
    return (inner.get_decoder() if rewrites(model) else inner).base_model


def decoder_inputs(model: Any, targets: Tensor) -> dict[str, Any]:
    """Return what a decoder is given to foretell each target from those before it.

    Parameters
    ----------
    targets : Tensor
        Of shape (rows, longest), -100 where there are none.
    """
    if not targets.shape[1]:  # nothing is asked, but a decoder has to begin somewhere
        targets = torch.full_like(targets.new_empty(len(targets), 1), IGNORED)
    own = unwrapped(model)
    shift = getattr(own, "prepare_decoder_input_ids_from_labels", None)
    given = _behind_a_start(targets, own.config) if shift is None else shift(targets)
    # Padding stands behind the tokens, which never look that way: it needs no mask.
    return {"decoder_input_ids": given, "use_cache": False}


def _behind_a_start(targets: Tensor, config: Any) -> Tensor:
    """Return targets one place to the right, for models that do so only inside (M2M100, NLLB)."""
    start = torch.full_like(targets[:, :1], config.decoder_start_token_id)
    given = torch.cat([start, targets[:, :-1]], 1)
    return given.masked_fill(given == IGNORED, config.pad_token_id)


def warm_config(config: Any) -> Any:
    """Return the configuration of an encoder and a decoder that both begin as one encoder does."""
    decoder = type(config)(
        **{**config.to_diff_dict(), "is_decoder": True, "add_cross_attention": True}
    )
    both = transformers.EncoderDecoderConfig.from_encoder_decoder_configs(config, decoder)
    both.tie_word_embeddings = False  # each part ties its own
    return both


def warm_start(location: str, config: Any, revision: str | None) -> tuple[Any, dict[str, Any]]:
    """Make an encoder and a decoder of the weights of one encoder (Rothe et al. 2020).

    Attention from one to the other, and what the encoder lacks of a head for words, are drawn anew.

    Returns
    -------
    model, info
        ``info`` tells what ``from_pretrained`` tells of the encoder.
    """
    both = warm_config(config)
    settings = {"revision": revision, "trust_remote_code": False, "dtype": torch.float32}
    encoder, info = transformers.AutoModel.from_pretrained(
        location, config=both.encoder, output_loading_info=True, **settings
    )
    decoder = transformers.AutoModelForCausalLM.from_pretrained(
        location, config=both.decoder, **settings
    )
    return transformers.EncoderDecoderModel(config=both, encoder=encoder, decoder=decoder), info


def set_ends(model: Any, tokenizer: Any) -> None:
    """Tell a model which tokens begin and end what it writes; the model is changed in place."""
    config, end = model.config, end_of(tokenizer)
    if getattr(config, "decoder_start_token_id", None) is None:
        names = ("bos_token_id", "cls_token_id", "pad_token_id")
        starts = (getattr(tokenizer, name) for name in names)
        config.decoder_start_token_id = next(start for start in starts if start is not None)
    config.eos_token_id = end
    own = model.generation_config
    own.decoder_start_token_id, own.eos_token_id = config.decoder_start_token_id, end
    own.pad_token_id = tokenizer.pad_token_id


def end_of(tokenizer: Any) -> int | None:
    """Return the token that ends a text; None where a tokenizer has no such thing."""
    ends = (tokenizer.eos_token_id, tokenizer.sep_token_id)
    return next((int(end) for end in ends if end is not None), None)


def places_of_decoder(model: Any) -> int | None:
    """Return the longest text in tokens that a model can write; None where there is no limit."""
    config = unwrapped(model).config
    own = getattr(config, "decoder", None)
    found = getattr(own if own is not None else config, "max_position_embeddings", None)
    return None if found is None else int(found)
