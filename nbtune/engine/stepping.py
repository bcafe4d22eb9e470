"""One optimiser step: forward, backward, clip, update; as small pieces as memory allows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nbtune.data.batches import Batch, Encoded, Indices, make_batch
from nbtune.data.ragged import IGNORED
from nbtune.engine.device import (
    autocast,
    own_modes,
    ran_out_of_memory,
    random_state,
    restore_random_state,
)
from nbtune.engine.optimizing import set_rate
from nbtune.errors import NbtuneError
from nbtune.models.decoders import decoder_inputs, rewrites
from nbtune.models.dropout import cheap_dropout
from nbtune.models.embedding import row_gradients
from nbtune.models.heads import hide_padding, logits_of, pooling_in
from nbtune.models.lean_lora import lean_lora
from nbtune.models.noise import noisy_embeddings
from nbtune.models.packing import Packer, packing
from nbtune.models.places import only_at
from nbtune.tasks import Keep, Loss

FINITE = {known: torch.tensor(known) for known in (False, True)}
"""What a CPU found of a step's numbers, as tensors that are made once."""


class OutOfMemoryError(NbtuneError):
    """Not even one row at a time fits into memory."""


@dataclass
class Forward:
    """How a batch goes through the model: where, in which format, packed or padded.

    ``lengths`` are the tokens of each row that went last. With ``keep``, which says what is kept
    of logits that are too many, the head is asked where there is a target and nowhere else.
    """

    model: Any
    device: torch.device
    precision: str
    packer: Packer | None
    lengths: Sequence[int] = ()
    keep: Keep | None = None

    def __call__(self, batch: Batch) -> Tensor:
        """Return the logits of a batch, of shape (rows, labels) or (rows, longest, labels).

        With ``keep`` they are of shape (targets, labels).
        """
        inputs = {
            name: tensor.to(self.device, non_blocking=True) for name, tensor in batch.inputs.items()
        }
        if self.keep is not None and rewrites(self.model):
            inputs |= decoder_inputs(self.model, batch.targets.to(self.device, non_blocking=True))
        self.lengths = batch.lengths
        if self.packer is not None:
            self.packer.lengths, self.packer.states = batch.lengths, batch.states
        with autocast(self.device, self.precision), self._asked(batch):
            output = self.model(**inputs)
        logits = logits_of(output, inputs.get("attention_mask"), pooling_in(self.model))
        if self.keep is not None:
            return logits.flatten(0, 1)
        if logits.dim() == 2:
            return logits
        # Virtual tokens stand before each row; nothing is asked of them.
        own = logits[:, -inputs["input_ids"].shape[1] :]
        return hide_padding(output, own, inputs["attention_mask"])

    def _asked(self, batch: Batch) -> AbstractContextManager[None]:
        if self.keep is None:
            return nullcontext()
        places = (batch.targets.flatten() != IGNORED).nonzero()[:, 0]
        width = batch.targets.shape[1]
        return only_at(self.model, width, places.to(self.device, non_blocking=True))

    @contextmanager
    def in_training(self, noise_alpha: float | None) -> Iterator[None]:
        """Let the model make training steps inside this block, and leave it as it was.

        Parameters
        ----------
        noise_alpha : float, optional
            Strength of NEFTune's noise; None for without.
        """
        with (
            own_modes(self.device),
            lean_lora(self.model),  # before the packer, which may run such a layer twice
            packing(self.model, self.packer),
            row_gradients(self.model),
            noisy_embeddings(self.model, noise_alpha, lambda: self.lengths),
            cheap_dropout(self.model),
        ):
            yield


@dataclass(frozen=True)
class Pass:
    """What the rows of a step said; their gradients lie in the parameters.

    ``loss`` is the mean over all of them and stays on the device until it is read; so do the
    ``logits``, of which there are some only where rows have margins.
    """

    rows: Indices
    tokens: int
    loss: Tensor
    logits: tuple[Tensor, ...] = ()


@dataclass(frozen=True)
class Step:
    """A step that was made; ``gradient_norm`` and ``updated`` stay on the device until read.

    ``updated`` is false where a number was not finite and the weights were left as they were.
    """

    seen: Pass
    rate: float
    gradient_norm: Tensor
    updated: Tensor


class Stepper:
    """Makes optimiser steps; remembers the micro-batch that fits into memory.

    Parameters
    ----------
    micro_rows : int
        Rows that go through the model together, at first.
    tell : callable
        Takes a sentence for the user when the micro-batch had to shrink.
    interruptible : callable
        Makes a block that an interrupt may break off.
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
        interruptible: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self.forward = forward
        self.optimizer = optimizer
        self.loss = loss
        self.micro_rows = micro_rows
        self.max_grad_norm = max_grad_norm or math.inf
        self.pad_id = pad_id
        self.tell = tell
        self.interruptible = interruptible
        self.scaler = torch.amp.GradScaler(forward.device.type, enabled=forward.precision == "fp16")
        self.parameters = [p for g in optimizer.param_groups for p in g["params"]]

    def look(self, examples: Encoded, rows: Indices) -> Pass:
        """Compute the loss of these rows and its gradients; nothing moves yet.

        When memory runs out the micro-batch is halved and the same rows are looked at again,
        from the same random state: the gradients are those that were asked for. Whatever else
        ends this, an interrupt included, leaves no trace.

        Raises
        ------
        OutOfMemoryError
            When a single row does not fit.
        """
        randomness = random_state(self.forward.device)
        while True:
            try:
                with self.interruptible():
                    return self._gradients(examples, rows)
            except BaseException as error:
                self.clear()
                restore_random_state(self.forward.device, randomness)
                if not ran_out_of_memory(error):
                    raise
            # Out here the error is gone, and with it the activations that its frames held.
            self.shrink()

    def update(self, seen: Pass, rate: float) -> Step:
        """Clip the gradients and move the weights, unless a number is not finite."""
        set_rate(self.optimizer, rate)
        self.scaler.unscale_(self.optimizer)
        norm = torch.nn.utils.get_total_norm(
            [p.grad for p in self.parameters if p.grad is not None]
        )
        # A CPU knows already what these numbers are; a GPU is not asked.
        is_known = norm.device.type == "cpu"
        if not is_known or norm > self.max_grad_norm:
            torch.nn.utils.clip_grads_with_norm_(self.parameters, self.max_grad_norm, norm)
        finite = (
            FINITE[math.isfinite(norm) and math.isfinite(seen.loss)]
            if is_known
            else torch.isfinite(norm) & torch.isfinite(seen.loss)
        )
        if self.scaler.is_enabled():
            self.scaler.step(self.optimizer)
            self.scaler.update()
        elif not is_known and self.optimizer.defaults.get("fused"):
            # The fused kernel reads this on the device: no bad update, and nobody waits.
            self.optimizer.found_inf = (~finite).float()  # type: ignore[attr-defined]
            self.optimizer.step()
        elif finite:
            self.optimizer.step()
        return Step(seen, rate, norm, finite)

    def bad(self, steps: Sequence[Step]) -> list[bool]:
        """Tell which steps were left out; this waits for the device.

        Those that fp16 leaves out while it looks for the scale of its gradients do not count.
        """
        updated = torch.stack([step.updated for step in steps]).tolist()
        if self.scaler.is_enabled() and self.scaler.get_scale() >= 1:
            losses = torch.stack([step.seen.loss for step in steps])
            return torch.isfinite(losses).logical_not().tolist()
        return [not well for well in updated]

    def clear(self) -> None:
        """Drop the gradients."""
        for parameter in self.parameters:  # `zero_grad` tells torch's profiler, a tenth of a step
            parameter.grad = None

    def let_go(self) -> None:
        """Drop the gradients and what the optimiser remembers, which is most of a run's memory.

        Whoever watched the run may hold on to it, and a cycle of objects lives until it is found.
        """
        self.clear()
        self.optimizer.state.clear()

    def shrink(self) -> None:
        """Halve the micro-batch.

        Raises
        ------
        OutOfMemoryError
            When it is one row already.
        """
        if self.micro_rows == 1:
            raise OutOfMemoryError(
                "one row at a time does not fit into memory",
                hint="try a smaller max_length, method: lora, or gradient_checkpointing: true",
            )
        if self.forward.device.type == "cuda":
            torch.cuda.empty_cache()
        self.micro_rows = -(-self.micro_rows // 2)
        self.tell(f"memory ran out: going on with {self.micro_rows} rows a micro-batch")

    def _gradients(self, examples: Encoded, rows: Indices) -> Pass:
        self.clear()
        count = self.loss.count(np.asarray(examples.targets[rows]))
        losses, spoken, tokens = [], [], 0
        for start in range(0, len(rows), self.micro_rows):
            batch = make_batch(examples, rows[start : start + self.micro_rows], self.pad_id)
            logits = self.forward(batch)
            loss = total_loss(self.loss, logits, batch) / count
            torch.autograd.backward(self.scaler.scale(loss))
            losses.append(loss.detach())
            if self.loss.margin is not None:
                spoken.append(logits.detach())
            tokens += sum(batch.lengths)
        return Pass(rows, tokens, sum(losses[1:], losses[0]), tuple(spoken))


def total_loss(loss: Loss, logits: Tensor, batch: Batch) -> Tensor:
    """Return the summed loss of a batch of which these are the logits."""
    own = [batch.targets, *([] if batch.beside is None else [batch.beside])]
    return loss.sum(logits, *(each.to(logits.device, non_blocking=True) for each in own))


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
