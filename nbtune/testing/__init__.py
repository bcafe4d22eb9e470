"""Tiny models, tokenizers and rows, made on the spot: for our tests and those of plug-ins."""

from __future__ import annotations

from nbtune.testing.made_up import guesses, made_up_comparison, made_up_events, made_up_record
from nbtune.testing.methods import check_method
from nbtune.testing.models import (
    encode,
    saved_source,
    tiny_config,
    tiny_image_model_folder,
    tiny_model,
    tiny_model_folder,
    tiny_sentence_encoder,
    tiny_tokenizer,
)
from nbtune.testing.rows import image_rows, plant_problems, topic_rows
from nbtune.testing.tasks import check_task

__all__ = [
    "check_method",
    "check_task",
    "encode",
    "guesses",
    "image_rows",
    "made_up_comparison",
    "made_up_events",
    "made_up_record",
    "plant_problems",
    "saved_source",
    "tiny_config",
    "tiny_image_model_folder",
    "tiny_model",
    "tiny_model_folder",
    "tiny_sentence_encoder",
    "tiny_tokenizer",
    "topic_rows",
]
