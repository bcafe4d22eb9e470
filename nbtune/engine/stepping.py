"""One optimiser step: forward, backward, clip, update; as small pieces as memory allows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nbtune.data.batches import Batch, Encoded, Indices, make_batch
from nbtune.engine.device import autocast
from nbtune.engine.optimizing import set_rate
from nbtune.errors import NbtuneError
from nbtune.models.packing import Packer
from nbtune.tasks import Loss


class OutOfMemoryError(NbtuneError):
    """Not even one row at a time fits into memory."""


@dataclass
class Forward:
    """How a batch goes through the model: where, in which format, packed or padded."""

    model: Any
    device: torch.device
    precision: str
    packer: Packer | None

    def __call__(self, batch: Batch) -> Tensor:
        """Return the logits of a batch, of shape (rows, labels)."""
        inputs = {
            name: tensor.to(self.device, non_blocking=True) for name, tensor in batch.inputs.items()
        }
        if self.packer is not None:
            self.packer.lengths = batch.lengths
        with autocast(self.device, self.precision):
            return self.model(**inputs).logits  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Step:
    """What one step did; ``loss`` and ``gradient_norm`` stay on the device until read."""

    loss: Tensor
    gradient_norm: Tensor
    updated: bool | Tensor
    tokens: int


class Stepper:
    """Makes optimiser steps; remembers the micro-batch that fits into memory.

    Parameters
    ----------
    micro_rows : int
        Rows that go through the model together, at first.
    tell : callable
        Takes a sentence for the user when the micro-batch had to shrink.
    """

    def __init__(
        self,
        forward: Forward,
        optimizer: torch.optim.Optimizer,
        loss: Loss,
        *,
        micro_rows: int,
        max_grad_norm: float,
        pad_id: int,
        tell: Callable[[str], None],
    ) -> None:
        self.forward = forward
        self.optimizer = optimizer
        self.loss = loss
        self.micro_rows = micro_rows
        self.max_grad_norm = max_grad_norm or math.inf
        self.pad_id = pad_id
        self.tell = tell
        self.scaler = torch.amp.GradScaler(forward.device.type, enabled=forward.precision == "fp16")
        self.parameters = [p for g in optimizer.param_groups for p in g["params"]]

    def step(self, examples: Encoded, rows: Indices, rate: float) -> Step:
        """Update the weights once from all of ``rows``, at this learning rate.

        When memory runs out the micro-batch is halved and the same step is made again, from the
        same weights and the same random state: the update is the one that was asked for.

        Raises
        ------
        OutOfMemoryError
            When a single row does not fit.
        """
        set_rate(self.optimizer, rate)
        while True:
            randomness = _random_state(self.forward.device)
            try:
                loss, tokens = self._gradients(examples, rows)
                break
            except RuntimeError as error:  # torch.OutOfMemoryError is one
                if not _is_memory(error):
                    raise
            self._shrink()
            _restore_random_state(self.forward.device, randomness)
        norm, updated = self._update()
        return Step(loss, norm, updated, tokens)

    def _gradients(self, examples: Encoded, rows: Indices) -> tuple[Tensor, int]:
        self.optimizer.zero_grad(set_to_none=True)
        count = self.loss.count(np.asarray(examples.targets[rows]))
        total, tokens = torch.zeros((), device=self.forward.device), 0
        for start in range(0, len(rows), self.micro_rows):
            batch = make_batch(examples, rows[start : start + self.micro_rows], self.pad_id)
            logits = self.forward(batch)
            wanted = batch.targets.to(self.forward.device, non_blocking=True)
            loss = self.loss.sum(logits, wanted) / count
            self.scaler.scale(loss).backward()
            total += loss.detach()
            tokens += sum(batch.lengths)
        return total, tokens

    def _update(self) -> tuple[Tensor, bool | Tensor]:
        """Clip and update, unless a gradient is not finite: then the weights stay as they are."""
        if self.scaler.is_enabled():
            self.scaler.unscale_(self.optimizer)
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.max_grad_norm)
        finite = torch.isfinite(norm)
        if self.scaler.is_enabled():
            self.scaler.step(self.optimizer)
            self.scaler.update()
            return norm, finite
        if norm.device.type == "cuda" and self.optimizer.defaults.get("fused"):
            # The fused kernel reads this on the device: no bad update, and nobody waits.
            self.optimizer.found_inf = (~finite).float()  # type: ignore[attr-defined]
            self.optimizer.step()
            return norm, finite
        updated = bool(finite)
        if updated:
            self.optimizer.step()
        return norm, updated

    def _shrink(self) -> None:
        if self.micro_rows == 1:
            raise OutOfMemoryError(
                "one row at a time does not fit into memory",
                hint="try a smaller max_length, method: lora, or gradient_checkpointing: true",
            )
        self.optimizer.zero_grad(set_to_none=True)
        if self.forward.device.type == "cuda":
            torch.cuda.empty_cache()
        self.micro_rows = -(-self.micro_rows // 2)
        self.tell(f"memory ran out: going on with {self.micro_rows} rows a micro-batch")


def _is_memory(error: RuntimeError) -> bool:
    words = str(error)
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in words


def _random_state(device: torch.device) -> list[Tensor]:
    states = [torch.get_rng_state()]
    if device.type == "cuda":
        states.append(torch.cuda.get_rng_state(device))
    return states


def _restore_random_state(device: torch.device, states: list[Tensor]) -> None:
    torch.set_rng_state(states[0])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states[1], device)


@contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """Switch dropout and gradients off inside this block."""
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(training)
