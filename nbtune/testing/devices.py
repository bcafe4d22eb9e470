"""A step on a device that has shapes and no numbers, as a GPU has none before it is waited for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from nbtune.engine import stepping
from nbtune.engine.optimizing import make_optimizer
from nbtune.engine.stepping import Forward, Stepper
from nbtune.models.probing import find_packer
from nbtune.recipe import Recipe
from nbtune.tasks import Keep, Loss

ELSEWHERE = torch.device("meta")
_FUSED_WHERE = "torch.optim.optimizer._get_fused_kernels_supported_devices"
_MASKS = "transformers.masking_utils._ignore_{}_mask_sdpa"
"""With these transformers asks padded batches whether there is padding, for any who train."""


def check_step_elsewhere(
    model: Any, examples: Any, loss: Loss, recipe: Recipe, keep: Keep | None = None
) -> None:
    """Make a training step on a device that cannot be read back from.

    Torch's meta device knows of tensors what kind they are, and nothing more: a step that asks it
    for a number, which on a GPU would wait for everything before, fails, and so does one that
    mixes what is there with what is on the host.

    Parameters
    ----------
    model
        It is moved there, and of no more use.
    keep : callable, optional
        What the task keeps of logits that are too many.

    Raises
    ------
    AssertionError
        With what torch says of it; its cause shows where.
    """
    packer = find_packer(model)
    forward = Forward(model.to(ELSEWHERE), ELSEWHERE, "fp32", packer, keep=keep)
    optimizer = make_optimizer(model, recipe, 1e-3)
    rows = np.arange(min(8, len(examples.targets)))
    stepper = Stepper(
        forward, optimizer, loss, micro_rows=5, max_grad_norm=1.0, pad_id=0, tell=_fail
    )
    try:
        with _elsewhere(), forward.in_training(recipe.neftune_noise_alpha):
            stepper.update(stepper.look(examples, rows), 1e-3)
    except (RuntimeError, NotImplementedError) as error:
        raise AssertionError(f"a step waits for the device: {error}") from error


def _fail(what: str) -> None:
    raise AssertionError(what)


@contextmanager
def _elsewhere() -> Iterator[None]:
    """Let torch take the meta device for one that trains."""
    with ExitStack() as patches:
        patches.enter_context(patch.object(stepping, "own_modes", lambda _: torch.enable_grad()))
        patches.enter_context(patch.object(torch, "is_autocast_enabled", lambda *_: False))
        patches.enter_context(patch.object(stepping, "random_state", lambda _: {}))
        patches.enter_context(patch.object(stepping, "restore_random_state", lambda *_: None))
        patches.enter_context(patch(_FUSED_WHERE, lambda: ["cpu", ELSEWHERE.type]))
        for kind in ("causal", "bidirectional"):
            patches.enter_context(patch(_MASKS.format(kind), lambda *_, **__: False))
        yield
