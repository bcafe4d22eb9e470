"""A short test of learning rates: what the loss does while the rate rises (Smith 2017, 3.3)."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import ExitStack

import numpy as np
import torch

from nbtune.data.batches import row_order, step_rows
from nbtune.engine.device import random_state, restore_random_state
from nbtune.engine.job import Job
from nbtune.engine.optimizing import make_optimizer
from nbtune.engine.stepping import Stepper

LOST = 0.5
"""The test ends once this share of what the loss had fallen is lost again."""


def try_rates(job: Job, rates: list[float], progress: Callable[[int, int], None]) -> list[float]:
    """Make one step of the job's training at each rate; returns the losses before these steps.

    There are fewer losses than rates where the loss rose again, or was no number any more. The
    model of the job is changed.
    """
    forward, recipe = job.forward, job.recipe
    model, device = forward.model, forward.device
    stepper = Stepper(
        forward,
        make_optimizer(model, recipe, job.learning_rate),
        job.loss,
        micro_rows=recipe.per_device_train_batch_size,
        max_grad_norm=recipe.max_grad_norm,
        pad_id=job.pad_id,
        tell=lambda text: None,
    )
    order = row_order(recipe.train_sampling_strategy, job.train, job.rows_per_step)
    rows = step_rows(recipe.seed, len(job.train.targets), job.rows_per_step, 0, order)
    losses: list[float] = []
    before = random_state(device)
    with ExitStack() as stack:
        stack.callback(restore_random_state, device, before)
        stack.enter_context(forward.in_training(recipe.neftune_noise_alpha))
        torch.manual_seed(recipe.seed)
        model.train()
        for done, rate in enumerate(rates, 1):
            step = stepper.update(stepper.look(job.train, next(rows)), rate)
            loss = float(step.seen.loss)
            if not math.isfinite(loss):
                break
            losses.append(loss)
            progress(done, len(rates))
            if _has_diverged(losses, len(rates) // 12):
                break
    return losses


def _has_diverged(losses: list[float], window: int) -> bool:
    """Tell whether the mean of the last losses is far above the lowest such mean so far."""
    if len(losses) < 2 * window:
        return False
    means = np.convolve(losses, np.ones(window) / window, mode="valid")
    fallen = max(means[0] - means.min(), LOST * means[0])
    return bool(means[-1] > means.min() + LOST * fallen)
