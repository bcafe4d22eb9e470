"""The course of the learning rate: a function of where the run stands, as ``Trainer`` has it.

Nothing is remembered between two steps, so a run that goes back or on takes the same course.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from nbtune.errors import did_you_mean

Count = Annotated[int, Field(ge=1)]
NotNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Shape = Literal["linear", "cosine", "1-sqrt"]


@dataclass(frozen=True)
class At:
    """Where a run stands before a step.

    Attributes
    ----------
    step, total, warmup : int
        Steps done, of the whole run, and those with a rising rate.
    rate : float
        The highest rate.
    scores : sequence of float or None
        Of the evaluations so far, None where one was no number.
    lower_is_better : bool
        Whether these are losses.
    """

    step: int
    total: int
    warmup: int = 0
    rate: float = 1.0
    scores: Sequence[float | None] = ()
    lower_is_better: bool = False

    @property
    def progress(self) -> float:
        """The share that is done of the steps after the warm-up."""
        return (self.step - self.warmup) / max(1, self.total - self.warmup)


def rate_factor(kind: str, options: Mapping[str, Any], at: At) -> float:
    """Return what the highest rate is multiplied by, for ``lr_scheduler_type`` and ``_kwargs``.

    Examples
    --------
    >>> [rate_factor("linear", {}, At(step, total=6, warmup=2)) for step in range(6)]
    [0.0, 0.5, 1.0, 0.75, 0.5, 0.25]
    """
    if at.step < at.warmup and kind not in START_BY_THEMSELVES:
        return at.step / at.warmup
    return SCHEDULES[kind](at, **options)


def constant(at: At) -> float:
    """Stay."""
    return 1.0


def linear(at: At) -> float:
    """Fall in a line to 0."""
    return max(0.0, 1 - at.progress)


def cosine(at: At, *, num_cycles: Positive = 0.5) -> float:
    """Fall as a cosine to 0; more than half a cycle rises again."""
    return _half_cosine(2 * num_cycles * at.progress)


def cosine_with_restarts(at: At, *, num_cycles: Count = 1) -> float:
    """Fall as half a cosine to 0, several times (Loshchilov and Hutter 2017)."""
    return 0.0 if at.progress >= 1 else _half_cosine(num_cycles * at.progress % 1.0)


def cosine_with_min_lr(
    at: At,
    *,
    num_cycles: Positive = 0.5,
    min_lr: NotNegative | None = None,
    min_lr_rate: Share | None = None,
) -> float:
    """Fall as a cosine to ``min_lr``, or to a share of the rate, a tenth if none is named."""
    return _between(_lowest(at, min_lr, min_lr_rate), _half_cosine(2 * num_cycles * at.progress))


def cosine_warmup_with_min_lr(
    at: At,
    *,
    num_cycles: Positive = 0.5,
    min_lr: NotNegative | None = None,
    min_lr_rate: Share | None = None,
    warmup_lr_rate: Share | None = None,
) -> float:
    """Do so without a step at a rate of 0: the warm-up begins at a share of the rate."""
    if at.step < at.warmup:
        if warmup_lr_rate is None:
            return (at.step + 1) / at.warmup
        return _between(warmup_lr_rate, at.step / max(1, at.warmup - 1))
    progress = (at.step - at.warmup + 1) / max(1, at.total - at.warmup)
    return _between(_lowest(at, min_lr, min_lr_rate), _half_cosine(2 * num_cycles * progress))


def polynomial(at: At, *, lr_end: NotNegative = 1e-7, power: Positive = 1.0) -> float:
    """Fall to ``lr_end`` with a power of what is left to do."""
    return _between(_lowest(at, lr_end), max(0.0, 1 - at.progress) ** power)


def inverse_sqrt(at: At, *, timescale: Count | None = None) -> float:
    """Fall with the root of the steps (Vaswani et al. 2017, section 5.3)."""
    scale = timescale or at.warmup or 10_000
    return 1 / math.sqrt((at.step - at.warmup + scale) / scale)


def warmup_stable_decay(
    at: At,
    *,
    num_decay_steps: NotNegative = 0.1,
    num_stable_steps: Annotated[int, Field(ge=0)] | None = None,
    warmup_type: Shape = "linear",
    decay_type: Shape = "cosine",
    min_lr_ratio: Share = 0.0,
    num_cycles: Positive = 0.5,
) -> float:
    """Stay, and fall over the last steps; below 1 they are a share of all (Hu et al. 2024)."""
    falling = math.ceil(at.total * num_decay_steps) if num_decay_steps < 1 else num_decay_steps
    stable = at.total - at.warmup - falling if num_stable_steps is None else num_stable_steps
    if at.step < at.warmup:
        return _between(min_lr_ratio, _shape(warmup_type, 1 - at.step / at.warmup))
    if at.step < at.warmup + stable:
        return 1.0
    if at.step >= at.warmup + stable + falling:
        return min_lr_ratio
    progress = (at.step - at.warmup - stable) / falling
    return _between(min_lr_ratio, _shape(decay_type, progress, num_cycles))


def one_cycle(
    at: At,
    *,
    pct_start: Share = 0.3,
    anneal_strategy: Literal["cos", "linear"] = "cos",
    div_factor: Annotated[float, Field(ge=1)] = 25.0,
    final_div_factor: Annotated[float, Field(ge=1)] = 1e4,
    three_phase: bool = False,
) -> float:
    """Rise for a share of the steps, then fall far below the start (Smith and Topin 2018).

    As torch's ``OneCycleLR`` without its cycle of the momentum; ``warmup_steps`` are not asked.
    """
    first, last, top = 1 / div_factor, 1 / div_factor / final_div_factor, pct_start * at.total - 1
    phases = [(top, first, 1.0), (at.total - 1, 1.0, last)]
    if three_phase:
        phases[1:] = [(2 * top, 1.0, first), (at.total - 1, first, last)]
    began = 0.0
    for end, low, high in phases:
        if at.step <= end:
            share = (at.step - began) / (end - began) if end > began else 1.0
            return _between(
                high, _half_cosine(share) if anneal_strategy == "cos" else 1 - share, low
            )
        began = end
    return last


def reduce_lr_on_plateau(
    at: At,
    *,
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.1,
    patience: Annotated[int, Field(ge=0)] = 10,
    threshold: NotNegative = 1e-4,
    threshold_mode: Literal["rel", "abs"] = "rel",
    cooldown: Annotated[int, Field(ge=0)] = 0,
    min_lr: NotNegative = 0.0,
    eps: NotNegative = 1e-8,
) -> float:
    """Fall by ``factor`` after more than ``patience`` evaluations without a better score.

    As torch's ``ReduceLROnPlateau``; what is better, the score itself says.
    """
    sign = -1 if at.lower_is_better else 1
    best, bad, cooling, rate = -sign * math.inf, 0, 0, at.rate
    for score in at.scores:
        bar = best * (1 + sign * threshold) if threshold_mode == "rel" else best + sign * threshold
        if score is not None and sign * score > sign * bar:
            best, bad = score, 0
        else:
            bad += 1
        if cooling:
            cooling, bad = cooling - 1, 0
        if bad > patience:
            lower = max(rate * factor, min_lr)
            rate = lower if rate - lower > eps else rate
            cooling, bad = cooldown, 0
    return rate / at.rate


SCHEDULES: dict[str, Callable[..., float]] = {
    "linear": linear,
    "cosine": cosine,
    "cosine_with_restarts": cosine_with_restarts,
    "cosine_with_min_lr": cosine_with_min_lr,
    "cosine_warmup_with_min_lr": cosine_warmup_with_min_lr,
    "polynomial": polynomial,
    "constant": constant,
    "constant_with_warmup": constant,
    "inverse_sqrt": inverse_sqrt,
    "warmup_stable_decay": warmup_stable_decay,
    "reduce_lr_on_plateau": reduce_lr_on_plateau,
    "one_cycle": one_cycle,
}
"""What follows the warm-up, by the names of ``transformers.SchedulerType`` and ``one_cycle``."""

START_BY_THEMSELVES = frozenset(
    {"constant", "cosine_warmup_with_min_lr", "reduce_lr_on_plateau", "one_cycle"}
    | {"warmup_stable_decay"}
)
WITHOUT_WARMUP = START_BY_THEMSELVES - {"cosine_warmup_with_min_lr", "warmup_stable_decay"}


def options_of(kind: str) -> type[BaseModel]:
    """Return the model of a schedule's options: their names, types and ranges."""
    return _options(SCHEDULES[kind])


@cache
def _options(schedule: Callable[..., float]) -> type[BaseModel]:
    hints = get_type_hints(schedule, include_extras=True)
    fields: dict[str, Any] = {
        name: (hints[name], parameter.default)
        for name, parameter in inspect.signature(schedule).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    config = ConfigDict(extra="forbid", allow_inf_nan=False)
    return create_model(schedule.__name__, __config__=config, **fields)


def check_options(kind: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options with the types that the schedule wants.

    Raises
    ------
    ValueError
        Names everything that is wrong with them, and the nearest known name.
    """
    model = options_of(kind)
    try:
        checked = model.model_validate(dict(options))
    except ValidationError as error:
        raise ValueError("; ".join(_problem(kind, d, model) for d in error.errors())) from None
    if {"min_lr", "min_lr_rate"} <= {name for name, v in checked if v is not None}:
        raise ValueError("min_lr and min_lr_rate say the same; keep one")
    return checked.model_dump(exclude_unset=True)


def _problem(kind: str, detail: Any, model: type[BaseModel]) -> str:
    name = str(detail["loc"][0])
    if detail["type"] == "extra_forbidden":
        known = model.model_fields
        hint = did_you_mean(name, known) if known else "it has no options"
        return f"{kind} knows no {name!r}: {hint}"
    message = detail["msg"]
    return f"{name} is {detail['input']!r}: {message[0].lower()}{message[1:]}"


def check_rate(kind: str, options: Mapping[str, Any], rate: float) -> None:
    """Refuse a lowest rate above the highest.

    Raises
    ------
    ValueError
        When the rate would rise where it should fall.
    """
    checked = options_of(kind).model_validate(dict(options))
    for name in ("lr_end", "min_lr"):
        lowest = getattr(checked, name, None)
        if lowest is not None and lowest >= rate:
            raise ValueError(f"{name} is {lowest:g}, which is not below the learning rate {rate:g}")


def _half_cosine(share: float) -> float:
    """Return 1 at a share of 0, and 0 at 1."""
    return 0.5 * (1.0 + math.cos(math.pi * share))


def _between(low: float, factor: float, high: float = 1.0) -> float:
    """Return ``low`` at a factor of 0, and ``high`` at 1."""
    return low + (high - low) * factor


def _lowest(at: At, min_lr: float | None, share: float | None = None) -> float:
    if min_lr is not None:
        return min(1.0, min_lr / at.rate)  # the rate may have been lowered since
    return 0.1 if share is None else share


def _shape(kind: str, share: float, num_cycles: float = 0.5) -> float:
    """Return how high a fall from 1 to 0 still is."""
    if kind == "linear":
        return 1 - share
    return _half_cosine(2 * num_cycles * share) if kind == "cosine" else 1 - math.sqrt(share)
