"""A model that is asked about one row again and again, with other embeddings in place of words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from nbtune.data.batches import Batch, InMemory, make_batch
from nbtune.engine.device import own_modes
from nbtune.engine.stepping import Forward
from nbtune.errors import ModelError
from nbtune.models.layers import unwrapped

TOKENS_AT_ONCE = 4096
Score = Callable[[Tensor], Tensor]
"""Logits of shape (rows, ...) to one number a row."""


class Reader:
    """One row of tokens, which a model reads with embeddings of our choice.

    The ids that go in stay those of the row, so that whatever else the model takes from them, such
    as positions or where a row ends, stays as it is.

    Parameters
    ----------
    example : int
        Which of the examples is read.
    words : sequence of int
        Which word each token is part of, -1 for none: such tokens are never blanked out.
    blank_id : int
        The token that stands for no word.

    Attributes
    ----------
    states : Tensor
        Embeddings of the row, of shape (tokens, width).
    blanks : Tensor
        The same with every word blanked out.
    """

    def __init__(
        self,
        model: Any,
        device: torch.device,
        examples: InMemory,
        example: int,
        words: Sequence[int],
        blank_id: int,
    ) -> None:
        self.forward = Forward(model, device, "fp32", None)
        self.model, self.device = model, device
        self.examples, self.example = examples, example
        self.table = unwrapped(model).get_input_embeddings()
        self.words = torch.tensor(words, device=device)
        seen: list[Tensor] = []

        def see(own: Tensor) -> Tensor:
            seen.append(own)
            return own

        with torch.no_grad(), self._embedding(see):
            self.logits = self.forward(self._batch(1))
            blank = self.table(torch.tensor([[blank_id]], device=device))[0]
        if not seen:
            raise ModelError(
                f"{type(unwrapped(model)).__name__} does not look words up in its table",
                hint="explain a run of another kind of model",
            )
        self.states = seen[0][0]
        self.blanks = torch.where((self.words >= 0)[:, None], blank, self.states)

    def ask(self, states: Tensor) -> Tensor:
        """Return the logits for the row with other embeddings, of shape (rows, tokens, width)."""
        parts = []
        for chunk in torch.split(states, max(1, TOKENS_AT_ONCE // states.shape[1])):
            with self._embedding(lambda own, chunk=chunk: chunk):  # type: ignore[misc]
                parts.append(self.forward(self._batch(len(chunk))))
        return torch.cat(parts)

    def without(self, words: Sequence[Sequence[int]]) -> Tensor:
        """Return the logits for the row without some of its words, one list of words a row."""
        blank = torch.stack(
            [torch.isin(self.words, torch.tensor(own, device=self.device)) for own in words]
        )
        with torch.no_grad():
            return self.ask(torch.where(blank[..., None], self.blanks, self.states))

    def _batch(self, rows: int) -> Batch:
        return make_batch(self.examples, [self.example] * rows, 0)  # type: ignore[arg-type]

    @contextmanager
    def _embedding(self, change: Callable[[Tensor], Tensor]) -> Iterator[None]:
        """Change what the table gives for the tokens of the row; virtual ones stand before them."""
        length = len(self.words)

        def hook(table: Any, inputs: Any, found: Tensor) -> Tensor | None:
            if found.shape[1] < length:
                return None
            changed = change(found[:, -length:])
            return torch.cat([found[:, :-length], changed.to(found.dtype)], dim=1)

        handle = self.table.register_forward_hook(hook)
        try:
            yield
        finally:
            handle.remove()


@contextmanager
def still(model: Any, device: torch.device) -> Iterator[None]:
    """Keep dropout off and gradients at hand inside this block."""
    training = model.training
    recurrent = any(isinstance(part, nn.RNNBase) for part in model.modules())
    model.eval()
    try:
        with ExitStack() as stack:
            stack.enter_context(own_modes(device))
            if recurrent:  # whose fast kernels give gradients only while they train
                stack.enter_context(torch.backends.cudnn.flags(enabled=False))
            yield
    finally:
        model.train(training)


def blank_token(tokenizer: Any) -> tuple[int, str]:
    """Return the id and the name of the token that stands for no word."""
    for name in ("mask_token", "pad_token", "unk_token"):
        if (token := getattr(tokenizer, name, None)) is not None:
            return int(getattr(tokenizer, f"{name}_id")), str(token)
    raise ModelError(
        "the tokenizer has no token that stands for no word",
        hint="set tokenizer.pad_token",
    )
