"""Padding left out: the rows of a batch run through the model as one long row.

The inner model sees ``(1, tokens)`` instead of ``(rows, longest)``; only attention looks at the
rows one by one, in groups of similar length. Heads are untouched: they get the hidden states
back in the padded shape. Updates are those of the padded batch, padding costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import AttentionInterface

from nbtune.models import varlen
from nbtune.models.attending import attend
from nbtune.models.frozen import Frozen, Reached
from nbtune.models.narrowing import Narrow

NAME = "nbtune_packed"
SHORT = 32
"""Rows up to this many tokens share a group: more groups would cost more than the padding."""
SIMILAR = 0.75
"""Rows of a group are at least this share of its longest row."""
FILLED_TO = 32
_OTHER_ATTENTION = ("position_bias", "s_aux", "sinks", "softcap")


def filled(tokens: int) -> int:
    """Return with how many tokens so many are run in 16 bits on a CPU.

    oneDNN compiles every product anew for each size, which takes as long as two steps; of sizes
    that are a sixteenth apart a run meets a few.
    """
    apart = max(FILLED_TO, 1 << max(0, tokens.bit_length() - 5))
    return -(-tokens // apart) * apart


@dataclass(frozen=True)
class Group:
    """Neighbouring rows of similar length, and how many tokens they have together.

    ``gather`` of shape (rows, longest) points at their tokens, ``real`` picks the slots that hold
    one and ``mask`` hides the others; all None when the rows are equally long.
    """

    tokens: int
    rows: int
    longest: int
    gather: Tensor | None = None
    real: Tensor | None = None
    mask: Tensor | None = None


@dataclass(frozen=True)
class Layout:
    """Where each token of the long row stands in the padded batch, flattened.

    ``order``, and ``rows`` on the device, are the rows of the batch in the order in which the
    long row has them, of so many ``tokens``; each begins there at ``starts``.
    """

    order: list[int]
    tokens: list[int]
    rows: Tensor
    starts: Tensor
    places: Tensor
    positions: Tensor

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The rows in groups of similar length."""
        return tuple(_groups(self.tokens, self.rows.device))

    @cached_property
    def bounds(self) -> Tensor:
        """Where each row begins and the last one ends, int32, of shape (rows + 1,)."""
        ends = self.starts.new_tensor([sum(self.tokens)])
        return torch.cat([self.starts, ends]).int()


def plan(lengths: Sequence[int], width: int, device: torch.device) -> Layout:
    """Lay out rows of these lengths, longest first.

    Parameters
    ----------
    lengths : sequence of int
        Tokens of each row of a right-padded batch.
    width : int
        Its padded width.
    """
    order = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    ordered = [lengths[row] for row in order]
    rows, tokens = torch.tensor(order), torch.tensor(ordered)
    starts = tokens.cumsum(0) - tokens
    positions = torch.arange(sum(ordered)) - starts.repeat_interleave(tokens)
    places = positions + (rows * width).repeat_interleave(tokens)
    return Layout(
        order,
        ordered,
        rows.to(device, non_blocking=True),
        starts.to(device, non_blocking=True),
        places.to(device, non_blocking=True),
        positions[None].to(device, non_blocking=True),
    )


def _groups(lengths: list[int], device: torch.device) -> Iterator[Group]:
    first = 0
    while first < len(lengths):
        longest, last = lengths[first], first
        floor = 0 if longest <= SHORT else SIMILAR * longest
        while last < len(lengths) and lengths[last] >= floor:
            last += 1
        members = torch.tensor(lengths[first:last])
        group = Group(int(members.sum()), last - first, longest)
        yield group if lengths[last - 1] == longest else _uneven(group, members, device)
        first = last


def _uneven(group: Group, lengths: Tensor, device: torch.device) -> Group:
    slots = torch.arange(group.longest)
    real = slots[None] < lengths[:, None]
    starts = lengths.cumsum(0) - lengths
    gather = torch.where(real, starts[:, None] + slots[None], 0)
    return replace(
        group,
        gather=gather.to(device, non_blocking=True),
        real=real.flatten().nonzero()[:, 0].to(device, non_blocking=True),
        mask=real[:, None, None].to(device, non_blocking=True),
    )


def packed_attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    is_causal: bool | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """Attend within each row of the long row; registered with transformers as ``NAME``.

    ``query``, ``key`` and ``value`` have the shape (1, heads, tokens, width).

    Raises
    ------
    NotImplementedError
        When the model wants more of its attention than this, such as a cap.
    """
    if asked := [name for name in _OTHER_ATTENTION if others.get(name) is not None]:
        raise NotImplementedError(f"packed attention knows no {asked[0]}")
    packer: Packer = module.nbtune_packer
    packer.calls += 1
    causal = bool(getattr(module, "is_causal", False) if is_causal is None else is_causal)
    queries, keys, values = (tensor[0].transpose(0, 1) for tensor in (query, key, value))
    if (window := others.get("sliding_window")) is not None:
        packer.windows.add(window)
    every = None if packer.narrow is None else packer.narrow.states_for(module)
    if is_narrow := every is not None:
        keys, values = (states[0].view(states.shape[1], -1, query.shape[-1]) for states in every)
    layout = packer.layout
    # The kernel takes a narrow query for the last token of its row, which matters to windows only.
    if varlen.suits(queries, dropout) and (window is None or not is_narrow):
        mixed = varlen.attend(
            queries,
            keys,
            values,
            layout.bounds,
            layout.tokens[0],
            scale=scaling,
            causal=causal and not is_narrow,
            window=window,
            is_narrow=is_narrow,
        )
        return mixed[None], None
    mixed = _group_by_group(
        layout.groups,
        queries,
        keys,
        values,
        dropout=dropout,
        scale=scaling,
        causal=causal,
        window=window,
        is_narrow=is_narrow,
    )
    return _with_zeros(mixed, 0 if is_narrow else len(queries) - len(mixed))[None], None


def _group_by_group(
    groups: Sequence[Group],
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    *,
    dropout: float,
    scale: float | None,
    causal: bool,
    window: int | None,
    is_narrow: bool,
) -> Tensor:
    """Attend within the rows of one group after the other; see `varlen.attend` for the shapes."""
    parts, sizes = [], [group.tokens for group in groups]
    pieces = zip(
        groups,
        _split(queries, [group.rows for group in groups] if is_narrow else sizes),
        _split(keys, sizes),
        _split(values, sizes),
        strict=True,
    )
    for group, asking, seen, told in pieces:
        # A causal row never looks at the padding behind it, so it needs no mask for it.
        is_plain = causal and not is_narrow and (window is None or group.longest <= window)
        mixed = attend(
            asking[:, None].transpose(1, 2) if is_narrow else _by_row(group, asking),
            _by_row(group, seen),
            _by_row(group, told),
            mask=None if is_plain else _mask(group, window, causal, is_narrow, queries.device),
            dropout=dropout,
            scale=scale,
            causal=is_plain,
        )
        flat = mixed.transpose(1, 2).flatten(0, 1)
        whole = is_narrow or group.real is None
        parts.append(flat if whole else _Unpad.apply(flat, group.real))  # type: ignore[no-untyped-call]
    return torch.cat(parts)


def _with_zeros(tokens: Tensor, count: int) -> Tensor:
    """Return tokens of shape (tokens, ...) with so many of zeros behind them."""
    return torch.cat([tokens, tokens.new_zeros(count, *tokens.shape[1:])]) if count else tokens


def _mask(
    group: Group, window: int | None, causal: bool, is_narrow: bool, device: torch.device
) -> Tensor | None:
    """Return which keys each query sees, of shape (rows or 1, 1, queries or 1, longest)."""
    if window is None or group.longest <= window:
        return group.mask
    slots = torch.arange(group.longest, device=device)
    distance = slots[:, None] - slots[None]
    near = (distance < window) & (distance >= 0 if causal else -distance < window)
    near = near[None, None, :1] if is_narrow else near[None, None]
    if group.mask is None:
        return near
    # Padding sees itself: a query that saw nothing would give numbers that are none.
    return near & group.mask | (distance == 0)[None, None, : near.shape[2]]


def _split(tokens: Tensor, sizes: list[int]) -> tuple[Tensor, ...]:
    """Return tokens in pieces of these sizes, without those of no row behind them.

    The way back of one split lays the pieces side by side; that of as many slices adds up as many
    tensors of all tokens.
    """
    return torch.split(tokens, [*sizes, len(tokens) - sum(sizes)])[:-1]


def _by_row(group: Group, tokens: Tensor) -> Tensor:
    """Return the tokens of a group's rows as (rows, heads, longest, width)."""
    if group.gather is not None and group.real is not None:
        tokens = _Pad.apply(tokens, group.gather.flatten(), group.real)  # type: ignore[no-untyped-call]
    return tokens.reshape(group.rows, group.longest, *tokens.shape[1:]).transpose(1, 2)


class _Pad(torch.autograd.Function):
    """Tokens into the slots of their rows.

    Slots without a token get no gradient, masked as they are, so that the way back only picks
    the others; torch would add up all slots one by one, which takes longer than the attention.
    """

    @staticmethod
    def forward(ctx: Any, tokens: Tensor, gather: Tensor, real: Tensor) -> Tensor:
        ctx.save_for_backward(real)
        return tokens.index_select(0, gather)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return gradients[0].index_select(0, ctx.saved_tensors[0]), None, None


class _Unpad(torch.autograd.Function):
    """Slots that hold a token, back in line."""

    @staticmethod
    def forward(ctx: Any, slots: Tensor, real: Tensor) -> Tensor:
        ctx.save_for_backward(real)
        ctx.slots = len(slots)
        return slots.index_select(0, real)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        padded = gradients[0].new_zeros(ctx.slots, *gradients[0].shape[1:])
        return padded.index_copy_(0, ctx.saved_tensors[0], gradients[0]), None


AttentionInterface.register(NAME, packed_attention)


class Packer:
    """Lets one model run packed between `install` and `remove`.

    The model is called with padded inputs as ever; ``lengths`` is set before each call, and
    ``states`` where it is known what the frozen layers say about each row.

    Attributes
    ----------
    frozen : Frozen or None
        The layers that never change, where calling them once was seen to be enough.
    states : sequence of ndarray or None
        Of shape (tokens, width), float32, one a row.
    always_fills : bool
        Whether tokens are filled up on a CPU in every format, to see that the model does not mind.
    """

    def __init__(self, model: Any) -> None:
        outer = model.get_base_model() if hasattr(model, "get_base_model") else model
        self.inner = outer.base_model
        self.own_attention = self.inner.config._attn_implementation
        self.plain: Callable[..., Any] = self.inner.forward
        nothing = torch.empty(0, dtype=torch.long)
        self.layout = Layout([], [], nothing, nothing, nothing, nothing)
        self.calls = 0
        self.windows: set[int] = set()
        self.frozen: Frozen | None = None
        self.states: Sequence[np.ndarray[Any, Any]] | None = None
        self.recording = False
        self.always_fills = False
        self.narrow: Narrow | None = None
        self.lengths: Sequence[int] = ()
        self.shift = 0

    def install(self) -> None:
        """Change the model in place: its inner part now packs."""
        self.inner.forward = self._forward
        self.inner.config._attn_implementation = NAME
        # Some models look for padding in ids without a mask, and on a GPU that waits.
        self.inner.warn_if_padding_and_no_attention_mask = lambda *_: None
        for module in self.inner.modules():
            object.__setattr__(module, "nbtune_packer", self)

    @property
    def is_installed(self) -> bool:
        """Whether the model packs now."""
        return "nbtune_packer" in self.inner.__dict__

    def remove(self) -> None:
        """Change the model back to what it was."""
        for name in ("forward", "warn_if_padding_and_no_attention_mask"):
            self.inner.__dict__.pop(name, None)
        self.inner.config._attn_implementation = self.own_attention
        for module in self.inner.modules():
            module.__dict__.pop("nbtune_packer", None)

    def _forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, **others: Any
    ) -> Any:
        rows, width = input_ids.shape
        self.layout = layout = plan(self.lengths, width, input_ids.device)
        if self.narrow is not None:
            self.narrow.starts = layout.starts
        more = self._more(len(layout.places), input_ids.device)
        if (types := others.get("token_type_ids")) is not None:
            others["token_type_ids"] = _with_zeros(types.flatten()[layout.places], more)[None]
        positions = _with_zeros(layout.positions[0], more)[None] + self.shift
        others.update(position_ids=positions, return_dict=True)
        if "use_cache" in others:
            others["use_cache"] = False
        ids = _with_zeros(input_ids.flatten()[layout.places], more)[None]
        output = self._run(partial(self.plain, input_ids=ids, **others), more)
        hidden = output.last_hidden_state[0]
        if self.narrow is not None and len(hidden) < len(layout.places):
            places, width = layout.rows, 1
        else:
            places, hidden = layout.places, hidden[: len(layout.places)]
        padded = hidden.new_zeros(rows * width, hidden.shape[-1])
        padded = padded.index_copy(0, places, hidden).unflatten(0, (rows, width))
        output.last_hidden_state = padded
        if getattr(self.inner, "pooler", None) is not None:
            output.pooler_output = self.inner.pooler(padded)
        return output

    def _more(self, tokens: int, device: torch.device) -> int:
        """Return how many tokens of no row stand behind so many."""
        is_cpu = device.type == "cpu"
        fills = is_cpu and (self.always_fills or torch.is_autocast_enabled("cpu"))
        return filled(tokens) - tokens if fills else 0

    def _run(self, inner: Callable[[], Any], more: int) -> Any:
        if self.frozen is not None and self.recording:
            raise Reached(self.frozen.run(inner))
        if self.frozen is None or self.states is None:
            return inner()
        states = torch.from_numpy(np.concatenate([self.states[row] for row in self.layout.order]))
        return self.frozen.go_on(
            inner, _with_zeros(states, more)[None].to(self.layout.places.device)
        )

    def record(self, call: Callable[[], Any]) -> list[Tensor]:
        """Return what the frozen layers say about each row of the batch that ``call`` runs.

        The states have the shape (tokens, width), or (1, width) where the head looks at one token
        or at the mean.
        """
        assert self.frozen is not None  # noqa: S101
        self.recording = True
        try:
            call()
        except Reached as reached:
            lengths = [self.lengths[row] for row in self.layout.order]
            if reached.states.shape[1] < sum(lengths):  # the last layer is narrow
                lengths = [1] * len(lengths)
            own = torch.split(reached.states[0, : sum(lengths)].float(), lengths)
        finally:
            self.recording = False
        by_row = dict(zip(self.layout.order, own, strict=True))
        return [self.frozen.keep(by_row[row]) for row in range(len(by_row))]


@contextmanager
def unpacked(packer: Packer | None) -> Iterator[None]:
    """Let the model run as it is inside this block: what is written word by word is not packed."""
    if packer is None or not packer.is_installed:
        yield
        return
    packer.remove()
    try:
        yield
    finally:
        packer.install()


@contextmanager
def packing(model: Any, packer: Packer | None) -> Iterator[None]:
    """Run packed inside this block, where the model can."""
    if packer is None:
        yield
        return
    packer.install()
    try:
        with nullcontext() if packer.narrow is None else packer.narrow.at_work():
            yield
    finally:
        packer.remove()
