"""A model that is asked about one row again and again, with other states in place of words."""

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
from nbtune.models.decoders import rewrites
from nbtune.models.layers import unwrapped
from nbtune.tasks import Keep

TOKENS_AT_ONCE = 4096
NUMBERS_AT_ONCE = 16_000_000
"""Of logits, where a head is as wide as a vocabulary."""
Score = Callable[[Tensor], Tensor]
"""Logits of shape (rows, ...) to one number a row."""


class Asked:
    """What a model is asked about again and again, with other states in place of its pieces.

    Attributes
    ----------
    states : Tensor
        Of the row, of shape (places, width).
    blanks : Tensor
        The same with every piece blanked out.
    words : Tensor of int
        Which piece each place is part of, a word or a patch of an image; -1 for none.
    """

    states: Tensor
    blanks: Tensor
    words: Tensor
    model: Any
    device: torch.device

    def ask(self, states: Tensor) -> Tensor:
        """Return the logits for the row with other states, of shape (rows, places, width)."""
        raise NotImplementedError

    def without(self, words: Sequence[Sequence[int]]) -> Tensor:
        """Return the logits for the row without some of its pieces, one list of them a row."""
        blank = torch.stack(
            [torch.isin(self.words, torch.tensor(own, device=self.device)) for own in words]
        )
        with torch.no_grad():
            return self.ask(torch.where(blank[..., None], self.blanks, self.states))


class Reader(Asked):
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
    keep : callable, optional
        Of a head as wide as a vocabulary, which is asked where the example has a target and
        nowhere else; see `nbtune.tasks.Keep`. Logits are then of shape (rows, targets, tokens).
    """

    def __init__(
        self,
        model: Any,
        device: torch.device,
        examples: InMemory,
        example: int,
        words: Sequence[int],
        blank_id: int,
        keep: Keep | None = None,
    ) -> None:
        self.forward = Forward(model, device, "fp32", None, keep=keep)
        self.model, self.device = model, device
        self.examples, self.example = examples, example
        own = unwrapped(model)
        # What writes has a table too, where it is not the same one.
        self.table = (own.get_encoder() if rewrites(model) else own).get_input_embeddings()
        self.words = torch.tensor(words, device=device)
        seen: list[Tensor] = []

        def see(own: Tensor) -> Tensor:
            seen.append(own)
            return own

        with torch.no_grad(), self.embedding(see):
            first = self.forward(self._batch(1))
            blank = self.table(torch.tensor([[blank_id]], device=device))[0]
        if not seen:
            raise ModelError(
                f"{type(unwrapped(model)).__name__} does not look words up in its table",
                hint="explain a run of another kind of model",
            )
        self.rows_at_once = max(
            1, min(TOKENS_AT_ONCE // len(words), NUMBERS_AT_ONCE // first.numel())
        )
        self.states = seen[0][0]
        self.blanks = torch.where((self.words >= 0)[:, None], blank, self.states)

    def ask(self, states: Tensor) -> Tensor:
        """Return the logits for the row with other embeddings, of shape (rows, tokens, width)."""
        parts = []
        for chunk in torch.split(states, self.rows_at_once):
            with self.embedding(lambda own, chunk=chunk: chunk):  # type: ignore[misc]
                logits = self.forward(self._batch(len(chunk)))
            parts.append(
                logits
                if self.forward.keep is None
                else logits.view(len(chunk), -1, logits.shape[-1])
            )
        return torch.cat(parts)

    def _batch(self, rows: int) -> Batch:
        return make_batch(self.examples, [self.example] * rows, 0)  # type: ignore[arg-type]

    @contextmanager
    def embedding(self, change: Callable[[Tensor], Tensor]) -> Iterator[None]:
        """Change what the table gives for the tokens of the row; virtual ones stand before them.

        It is asked for what is read first, and then, maybe, for what was written so far.
        """
        length, is_read = len(self.words), False

        def hook(table: Any, inputs: Any, found: Tensor) -> Tensor | None:
            nonlocal is_read
            if is_read or found.shape[1] < length:
                return None
            is_read = True
            changed = change(found[:, -length:])
            return torch.cat([found[:, :-length], changed.to(found.dtype)], dim=1)

        handle = self.table.register_forward_hook(hook)
        try:
            yield
        finally:
            handle.remove()


class Together(Asked):
    """Several rows that are read each by itself, and judged together, such as those of a pair.

    Logits are of shape (rows, members, ...).
    """

    def __init__(self, members: Sequence[Reader]) -> None:
        self.members = members
        self.model, self.device = members[0].model, members[0].device
        self.states = torch.cat([one.states for one in members])
        self.blanks = torch.cat([one.blanks for one in members])
        self.words = torch.cat([one.words for one in members])

    def ask(self, states: Tensor) -> Tensor:
        """Return what each row says with other embeddings."""
        parts = torch.split(states, [len(one.states) for one in self.members], dim=1)
        told = [one.ask(part) for one, part in zip(self.members, parts, strict=True)]
        return torch.stack(told, dim=1)


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
