"""What a model lends itself to is asked of the model: run both ways, it must say the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from nbtune.models.frozen import Frozen, Looked, lowest_trained
from nbtune.models.heads import is_headless, logits_of, pooling_in
from nbtune.models.narrowing import Narrow
from nbtune.models.packing import Packer, packing

LENGTHS = (3, 40, 9)
"""Tokens of the rows that are run both ways; the longest is longer where attention has a window."""
WIDEST = 512
"""A wider window is not tried out: the model must be seen to ask for it."""
CLOSE = 1e-4
"""Largest difference that counts as none, as a share of the largest number."""


def find_packer(model: Any) -> Packer | None:
    """Return a packer whose results were seen to equal the padded ones, or None."""
    packer = Packer(model)
    is_all_head = packer.inner is model and not is_headless(model)
    if is_all_head or getattr(model, "main_input_name", "") == "pixel_values":
        return None
    pad = getattr(packer.inner.config, "pad_token_id", None)
    for shift in dict.fromkeys((0, 0 if pad is None else int(pad) + 1)):
        packer.shift = shift
        if _packs(model, packer):
            packer.narrow = narrow = Narrow(packer.inner)
            if narrow.layer is None or not _packs(model, packer):
                packer.narrow = None
            return packer
    return None


def _packs(model: Any, packer: Packer) -> bool:
    ids = _rows(model)
    try:
        with _untouched(model), torch.no_grad():
            expected = _logits(model, ids)
            packer.calls = 0
            with packing(model, packer), _filling(packer):
                found = _logits(model, ids, packer)
        # A model with an attention of its own never comes by, and mixes the rows unseen.
        window = _window(packer)
        seen = window <= WIDEST or window in packer.windows
        return _close(found, expected) and packer.calls > 0 and seen
    except Exception:  # noqa: BLE001 - whatever goes wrong, this model is run padded
        return False


def find_frozen(model: Any, packer: Packer) -> Frozen | None:
    """Return the layers that can be run once for all epochs, or None; ``packer`` is left as it was.

    Begun above them the model must give the same logits and the same gradients, of everything
    that is trained at the time of this call.
    """
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    frozen = lowest_trained(packer.inner)
    if frozen is None or not trained:
        return None
    looks: tuple[Looked, ...] = ("first", "last", "mean", "all") if frozen.is_all else ("all",)
    for frozen.looked in looks:
        packer.frozen = frozen
        try:
            if _goes_on(model, packer, trained):
                return frozen
        finally:
            packer.frozen = packer.states = None
    return None


def _goes_on(model: Any, packer: Packer, trained: Sequence[Tensor]) -> bool:
    assert packer.frozen is not None  # noqa: S101
    ids = _rows(model)
    try:
        with _untouched(model), packing(model, packer), _filling(packer):
            expected = _with_gradients(_logits(model, ids, packer), trained)
            with torch.no_grad():
                states = packer.record(lambda: _logits(model, ids, packer))
            packer.states = [own.cpu().numpy() for own in states]
            shorter = [packer.frozen.shorten(row) for row in ids]
            found = _with_gradients(_logits(model, shorter, packer), trained)
        return all(_close(a, b) for a, b in zip(found, expected, strict=True))
    except Exception:  # noqa: BLE001 - whatever goes wrong, this model is run whole
        return False


@contextmanager
def _filling(packer: Packer) -> Iterator[None]:
    """Let tokens of no row stand behind the others inside this block."""
    packer.always_fills = True
    try:
        yield
    finally:
        packer.always_fills = False


def _rows(model: Any) -> list[Tensor]:
    """Make rows of ids, none of them the padding."""
    highest = len(model.get_input_embeddings().weight)
    generator = torch.Generator().manual_seed(0)
    pad = _pad(model)
    window = _window(Packer(model))
    lengths = [*LENGTHS, window + 20] if 0 < window <= WIDEST else LENGTHS
    rows = [torch.randint(0, highest, (length,), generator=generator) for length in lengths]
    return [torch.where(row == pad, (pad + 1) % highest, row) for row in rows]


def _logits(model: Any, rows: Sequence[Tensor], packer: Packer | None = None) -> Tensor:
    ids = torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True, padding_value=_pad(model))
    lengths = [len(row) for row in rows]
    mask = (torch.arange(ids.shape[1])[None] < torch.tensor(lengths)[:, None]).long()
    if packer is not None:
        packer.lengths = lengths
    device = next(model.parameters()).device
    own = mask.to(device)
    output = model(input_ids=ids.to(device), attention_mask=own)
    logits = logits_of(output, own, pooling_in(model))
    if logits.dim() == 3 and logits.shape[1] >= mask.shape[1]:
        own = mask.to(device)[:, :, None]  # nobody reads what is said about padding
        return logits[:, -mask.shape[1] :] * own
    return logits


def _window(packer: Packer) -> int:
    """Return how far attention looks at most in some layer, 0 for without end."""
    config = packer.inner.config
    windows = (getattr(config, name, None) for name in ("sliding_window", "local_attention"))
    return max((int(window) for window in windows if window), default=0)


def _pad(model: Any) -> int:
    config = Packer(model).inner.config
    return int(config.pad_token_id or 0)


def _with_gradients(logits: Tensor, trained: Sequence[Tensor]) -> list[Tensor]:
    """Return logits and the gradients of some scalar of them; zeros where nothing arrives."""
    logits = logits.float()
    weights = torch.linspace(-1, 1, logits.numel(), device=logits.device).view(logits.shape)
    scalar = (logits * weights).sum()
    found = torch.autograd.grad(scalar, list(trained), allow_unused=True, materialize_grads=True)
    return [logits.detach(), *found]


def _close(found: Tensor, expected: Tensor) -> bool:
    if found.shape != expected.shape:
        return False
    return bool((found - expected).abs().max() <= CLOSE * expected.abs().max())


@contextmanager
def _untouched(model: Any) -> Iterator[None]:
    """Let the model be tried in this block, without dropout; random numbers stay where they are."""
    state, training = torch.get_rng_state(), model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)
        torch.set_rng_state(state)
