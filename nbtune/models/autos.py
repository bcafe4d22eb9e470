"""The auto classes of transformers by their names, our own ones and our own models included."""

from __future__ import annotations

from typing import Any

import transformers

from nbtune.models import architectures, convolutions, pooled  # noqa: F401 - makes them known
from nbtune.models.towers import AutoModelForImageTextClassification

IMAGES, IMAGES_WITH_TEXT = (
    "AutoModelForImageClassification",
    "AutoModelForImageTextClassification",
)
_OURS = {IMAGES_WITH_TEXT: AutoModelForImageTextClassification}


def auto_class(head: str) -> Any:
    """Return what loads models with this head."""
    return _OURS.get(head) or getattr(transformers, head)
