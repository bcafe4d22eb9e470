"""Small models for images, with or without a text, that start from nothing."""

from __future__ import annotations

from typing import Any

import transformers

from nbtune.errors import ModelError
from nbtune.models.autos import IMAGES
from nbtune.models.convolutions import ConvolutionConfig
from nbtune.models.processors import Processor, new_processor
from nbtune.models.scratch import HEAD_WIDTH, POSITIONS, SIZES, new_tokenizer
from nbtune.models.sources import SCRATCH

ACROSS = 8
"""A Transformer sees an image as so many patches in each direction."""
KINDS = {
    "AutoModelForImageClassification": ("scratch-cnn", SCRATCH),
    "AutoModelForImageTextClassification": (SCRATCH,),
}
"""Which of our models there are for a head."""


def new_image_config(
    processor: Processor | None, names: dict[str, Any], model: str, size: str, head: str
) -> Any:
    """Describe a model for images that starts from nothing.

    Parameters
    ----------
    processor : Processor, optional
        What makes the images; without it the model is a sketch of one.
    names, model, size
        As for `nbtune.models.scratch.new_config`; ``scratch-cnn`` is a convolutional network,
        ``scratch-transformer`` like ViT or, with texts, like CLIP.

    Raises
    ------
    ModelError
        When the model is none for images.
    """
    if model not in KINDS[head]:
        both = "" if head == IMAGES else " with a text"
        raise ModelError(
            f"model: {model} does not read images{both}",
            hint=f"take model: {' or '.join(KINDS[head])}",
        )
    made = processor or Processor(new_processor([]), None if head == IMAGES else new_tokenizer([]))
    layers, width = SIZES[size]
    if model != SCRATCH:
        return ConvolutionConfig(
            hidden_size=width, num_hidden_layers=layers.bit_length() + 1, **names
        )
    side = made.shape[1]
    tower = {
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": width // HEAD_WIDTH,
        "intermediate_size": 4 * width,
    }
    eye = {**tower, "image_size": side, "patch_size": max(1, side // ACROSS)}
    if head == IMAGES:
        return transformers.ViTConfig(**eye, **names)
    words = made.tokenizer
    text = {
        **tower,
        "vocab_size": len(words),
        "max_position_embeddings": POSITIONS,
        "pad_token_id": words.pad_token_id,
        "bos_token_id": words.cls_token_id,
        "eos_token_id": words.sep_token_id,
    }
    return transformers.CLIPConfig(
        text_config=text, vision_config=eye, projection_dim=width, **names
    )
