"""Which kinds of models are made for a task, and what to say of those that are not."""

from __future__ import annotations

from typing import Any

from nbtune.errors import ModelError
from nbtune.models.autos import auto_class
from nbtune.models.decoders import CAN_BE_BOTH
from nbtune.models.sources import ModelSource

REWRITES = "AutoModelForSeq2SeqLM"
_WELL_KNOWN = (
    "albert", "bart", "bert", "camembert", "deberta-v2", "distilbert", "electra", "gemma2", "gpt2",
    "llama", "marian", "mbart", "mistral", "modernbert", "mpnet", "mt5", "pegasus", "qwen2",
    "qwen3", "roberta", "t5", "xlm-roberta",
    "vit", "clip", "deit", "swin", "resnet", "convnext", "dinov2", "beit", "siglip",
)  # fmt: skip


def refuse_unfit(source: ModelSource, config: Any, head: str) -> None:
    """Refuse a model that is not made for a task.

    Raises
    ------
    ModelError
        Saying why, and which ones are.
    """
    if (why := _why_unfit(config, head)) is None:
        return
    what, instead = why
    raise ModelError(
        f"model: {source.name!r} is a {config.model_type} model, which {what}", hint=instead
    )


def _why_unfit(config: Any, head: str) -> tuple[str, str] | None:
    """Return why no model of this configuration gets this head, and what would; None if it does."""
    if type(config) not in auto_class(head)._model_mapping and not becomes_both(config, head):
        return f"has no head for this task ({head.removeprefix('AutoModelFor')})", _that_fit(head)
    if head != "AutoModelForCausalLM":
        return None
    if config.is_encoder_decoder:
        return (
            "reads one text and writes another",
            "to go on with a text take a decoder, such as gpt2 or scratch-decoder",
        )
    if _looks_ahead(config):
        return (
            "sees the words that it would have to foretell",
            "take a decoder, such as gpt2 or scratch-decoder; or task: fill-mask, for which it is "
            "made",
        )
    return None


def _that_fit(head: str) -> str:
    """Name kinds of models that get this head, as they come."""
    kinds = {kind.model_type: kind for kind in auto_class(head)._model_mapping}
    can = [
        name
        for name in sorted(kinds.keys() & set(_WELL_KNOWN))
        if _why_unfit(kinds[name](), head) is None
    ]
    encoders = f"; made of encoders: {', '.join(CAN_BE_BOTH)}" if head == REWRITES else ""
    return f"kinds that have one: {', '.join(can)}{encoders}"


def _looks_ahead(config: Any) -> bool:
    """Whether words see those behind them: in encoders, unless they are told to be decoders."""
    could = not config.model_type.startswith("gpt_neox")  # a decoder whatever it is told
    return could and getattr(config, "is_decoder", None) is False


def becomes_both(config: Any, head: str) -> bool:
    """Whether this is an encoder that a decoder is made of as well."""
    return head == REWRITES and config.model_type in CAN_BE_BOTH
