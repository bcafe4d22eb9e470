"""What can be explained of logits, as tasks put it together."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from nbtune.errors import RunError, did_you_mean

ABOVE = "logit, less the mean of the others,"


def above_the_rest(logits: Tensor, label: int) -> Tensor:
    """Return the logit of a label less the mean of the others, of shape (...,).

    A softmax does not change when all logits rise together, so what raises them all says nothing.
    """
    own = logits[..., label].float()
    others = logits.shape[-1] - 1
    return own if not others else own - (logits.float().sum(-1) - own) / others


def number_of(label: str, labels: Sequence[str]) -> int:
    """Return the number of a label.

    Raises
    ------
    RunError
        When there is none of that name.
    """
    if label not in labels:
        raise RunError(f"label: the run knows no {label!r}", hint=did_you_mean(label, labels))
    return list(labels).index(label)
