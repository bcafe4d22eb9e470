"""What a run costs, from a few of its own steps: the shortest, the longest, some in between."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from nbtune.data.batches import Encoded, Indices, row_order, some, step_rows, widths
from nbtune.engine import state
from nbtune.engine.caching import check_room, with_states
from nbtune.engine.determinism import host_random_state
from nbtune.engine.device import random_state
from nbtune.engine.inference import TOKENS_AT_ONCE, predict_logits
from nbtune.engine.job import Job
from nbtune.engine.memory import begin_peak, give_back, memory_bytes, peak_bytes, room_bytes
from nbtune.engine.optimizing import make_optimizer
from nbtune.engine.state import Progress, moving_tensors
from nbtune.engine.stepping import Stepper
from nbtune.models.packing import filled
from nbtune.runs import CheckpointStore

MEASURED_STEPS = 8
MOST_SECONDS = 20.0
"""After so long only what is still unknown is measured."""
WRITTEN_BYTES = 1 << 29
"""A larger checkpoint is not made for this, only a part of it."""
MOST_SIZES = 110
"""Of so many sizes of a batch oneDNN keeps what it compiles: its caches hold 1,024 products, and a
layer of an encoder has some nine, forwards and backwards."""
SAFE_SHARE = 0.9
"""No step is tried that is reckoned to take more than this share of the free memory."""


@dataclass
class Costs:
    """What was measured.

    Attributes
    ----------
    steps : list of (int, float)
        Tokens of a step, padding included, and its seconds; where products are compiled for each
        size of a batch, once they are.
    sizes : ndarray
        Tokens of the steps of an epoch that the run makes, padding included.
    padding : float
        By how many times padding makes those steps larger, 1 for none.
    memory : dict
        Bytes by part; they add up to the peak.
    frozen_seconds, evaluation_seconds : float
        Of running frozen layers over all rows once, and of one evaluation.
    write_rate : float
        Bytes a second that a checkpoint is written with, synced and verified.
    moving_bytes, state_bytes, frozen_bytes : int
        Of the trained weights, of all that a checkpoint holds, and of what frozen layers say.
    peak : int
        The most memory in use while frozen layers ran.
    compiled_bytes : int
        What is compiled for each new size of a batch, and kept.
    compiling_seconds : float
        What compiling takes for each new size of a batch.
    known : set of int
        The sizes of batches that were measured, where products are compiled for them.
    new_sizes : int
        How many others the run will meet.
    """

    steps: list[tuple[int, float]] = field(default_factory=list)
    sizes: np.ndarray[Any, Any] = field(default_factory=lambda: np.zeros(0))
    padding: float = 1.0
    memory: dict[str, int] = field(default_factory=dict)
    frozen_seconds: float = 0.0
    evaluation_seconds: float = 0.0
    write_rate: float = math.inf
    moving_bytes: int = 0
    state_bytes: int = 0
    frozen_bytes: int = 0
    peak: int = 0
    compiled_bytes: int = 0
    compiling_seconds: float = 0.0
    known: set[int] = field(default_factory=set)
    new_sizes: int = 0

    @property
    def step_seconds(self) -> float:
        """Mean seconds of a step of an epoch; NaN where none could be made."""
        if not self.steps:
            return math.nan
        return float(np.mean(_line(self.steps)(self.sizes)))


def measure(job: Job, place: Path, progress: Callable[[int, int], None]) -> Costs:
    """Make some steps of a job, an evaluation of some rows, and a write to the disk.

    A step that would take more memory than there is, is not made: what it takes is reckoned from
    a smaller one. The model of the job is changed.

    Parameters
    ----------
    place : Path
        A folder on the disk that the run will write to.
    progress : callable
        Called with measurements done and those there are.
    """
    costs, device = Costs(), job.forward.device
    total = MEASURED_STEPS + 2
    steps = _steps_of(job, min(job.steps_per_epoch, job.total_steps))
    costs.sizes = np.array([_size(job, rows) for rows in steps])
    without = sum(int(widths(job.train)[rows].sum()) for rows in steps)
    costs.padding = float(costs.sizes.sum() / without) if without else 1.0
    own = _bytes(job.forward.model.parameters()) + _bytes(job.forward.model.buffers())
    moving = list(moving_tensors(job.forward.model).values())
    costs.moving_bytes = _bytes(moving)
    costs.memory = {
        "Python and rows": max(0, memory_bytes(device) - own),
        "weights": own,
        "gradients": _bytes(p for p in job.forward.model.parameters() if p.requires_grad),
        "optimizer": 2 * costs.moving_bytes,
    }
    with _trying(job) as stepper:
        _steps(job, stepper, steps, costs, place, lambda done: progress(done, total))
        if costs.steps:
            costs.memory["optimizer"] = _bytes(_tensors(stepper.optimizer))
        costs.state_bytes = costs.moving_bytes + costs.memory["optimizer"]
        if job.recipe.ema_decay is not None or job.recipe.swa_start is not None:
            costs.memory["mean of weights"] = costs.moving_bytes
            costs.state_bytes += costs.moving_bytes
        if costs.steps and job.validation is not None:
            costs.evaluation_seconds = _evaluation_seconds(job, place)
        progress(total - 1, total)
        costs.write_rate = _write_rate(stepper, costs, place)
    if costs.steps:
        known = sum(costs.memory.values())
        costs.memory["activations"] = max(0, max(costs.peak, peak_bytes(device)) - known)
        if _compiles(job):
            costs.new_sizes = len(_sizes_of_run(job) - costs.known)
            kept = max(0, min(costs.new_sizes, MOST_SIZES - len(costs.known)))
            costs.memory["compiled for batches"] = kept * costs.compiled_bytes
    progress(total, total)
    return costs


def _tensors(optimizer: torch.optim.Optimizer) -> Iterator[Tensor]:
    for own in optimizer.state.values():
        yield from (value for value in own.values() if isinstance(value, Tensor))


@contextmanager
def _trying(job: Job) -> Iterator[Stepper]:
    """Make steps inside this block that leave nothing in memory."""
    forward, recipe = job.forward, job.recipe
    stepper = Stepper(
        forward,
        make_optimizer(forward.model, recipe, job.learning_rate),
        job.loss,
        micro_rows=recipe.per_device_train_batch_size,
        max_grad_norm=recipe.max_grad_norm,
        pad_id=job.pad_id,
        tell=lambda text: None,
    )
    with forward.in_training(recipe.neftune_noise_alpha):
        forward.model.train()
        try:
            yield stepper
        finally:
            stepper.let_go()
            forward.model.eval()


def _steps(
    job: Job,
    stepper: Stepper,
    steps: list[Indices],
    costs: Costs,
    place: Path,
    progress: Callable[[int], None],
) -> None:
    """Make steps of every size, the shortest first, and see what they take."""
    device, began = job.forward.device, time.monotonic()
    order = np.argsort(costs.sizes, kind="stable")
    picked = order[np.linspace(0, len(order) - 1, min(MEASURED_STEPS, len(order))).astype(int)]
    rows = np.concatenate([steps[i] for i in picked])
    ends = np.cumsum([len(steps[i]) for i in picked])
    train: Encoded = some(job.train, rows)
    if _runs_frozen_once(job):
        train = _with_states(job, train, costs, place)
    local = [np.arange(end - len(steps[i]), end) for i, end in zip(picked, ends, strict=True)]

    def make(number: int) -> float:
        start = time.perf_counter()
        float(stepper.update(stepper.look(train, local[number]), 0.0).gradient_norm)  # waits
        return time.perf_counter() - start

    if not _ends_fit(device, costs, [costs.sizes[i] for i in (picked[0], picked[-1])], make):
        return
    compiled = [_compiled_sizes(job, steps[i]) for i in picked]
    costs.known = compiled[0] | compiled[-1]
    # From both ends inwards: with a model so slow that time is up, the ends are known.
    inwards = sorted(range(len(picked)), key=lambda i: min(i, len(picked) - 1 - i))
    before, added, compiling = 0, 0, 0.0
    for done, number in enumerate(inwards, 1):
        seconds = make(number)
        if fresh := compiled[number] - costs.known:
            first, seconds = seconds, make(number)
            compiling += max(0.0, first - seconds)
            added += len(fresh)
            costs.known |= fresh
        costs.steps.append((int(costs.sizes[picked[number]]), seconds))
        if done == 2:  # what comes now is no larger than what was
            give_back(device)
            before = memory_bytes(device)
        progress(done)
        if done >= 2 and time.monotonic() - began > MOST_SECONDS:
            break
    if added:
        give_back(device)
        costs.compiled_bytes = max(0, memory_bytes(device) - before) // added
        costs.compiling_seconds = compiling / added


def _ends_fit(
    device: torch.device, costs: Costs, sizes: list[int], make: Callable[[int], float]
) -> bool:
    """Make the shortest and the longest of the measured steps, where there is room for them.

    Where there is none, the activations are those of the longest one, as far as they are known.
    """
    known = sum(costs.memory.values())
    if not costs.memory["gradients"] + costs.memory["optimizer"] < SAFE_SHARE * room_bytes(device):
        return False
    begin_peak(device)
    make(0)
    make(0)  # the first one also sets things up
    small, large = (max(1, int(size)) for size in sizes)
    taken = max(0, peak_bytes(device) - known)
    costs.memory["activations"] = int(taken * large / small)
    if costs.memory["activations"] - taken > SAFE_SHARE * room_bytes(device):
        return False
    costs.memory["activations"] = 0
    make(-1)
    return True


def _compiles(job: Job) -> bool:
    """Tell whether products are compiled for each size of a batch: oneDNN's in 16 bits are."""
    return job.forward.device.type == "cpu" and job.forward.precision == "bf16"


def _with_states(job: Job, train: Encoded, costs: Costs, place: Path) -> Encoded:
    """Run the frozen layers over the measured rows, and reckon what all rows take."""
    packer, device = job.forward.packer, job.forward.device
    begin_peak(device)
    found = with_states(job.forward, train, job.pad_id, place / "states")
    # Batches as full as those of the run: small ones take longer a token, and less memory. The
    # first one also takes its memory from the system.
    with_states(job.forward, _enough(job.train, 1), job.pad_id, place / "warm")
    rows = _enough(job.train)
    began = time.perf_counter()
    with_states(job.forward, rows, job.pad_id, place / "timed")
    seconds = (time.perf_counter() - began) / int(np.sum(rows.lengths))
    costs.peak = peak_bytes(device)
    splits = [(job.train, job.stands_for)]
    splits += [] if job.validation is None else [(job.validation, 1.0)]
    costs.frozen_seconds = seconds * sum(
        int(np.sum(split.lengths)) * each for split, each in splits
    )
    share = found.flat.nbytes / len(found.flat)
    kept = packer is not None and packer.frozen is not None and packer.frozen.looked == "all"
    costs.frozen_bytes = int(
        share
        * sum((int(np.sum(s.lengths)) if kept else len(s.lengths)) * each for s, each in splits)
    )
    return found


def _runs_frozen_once(job: Job) -> bool:
    """Tell whether frozen layers run once, because the rows will be seen more often."""
    packer = job.forward.packer
    if job.states is None or packer is None or packer.frozen is None:
        return False
    if not job.sees_rows_again:
        return False
    splits = [job.train] if job.validation is None else [job.train, job.validation]
    try:
        check_room(job.forward, splits, job.states.parent)
    except OSError:
        return False
    return True


def _evaluation_seconds(job: Job, place: Path) -> float:
    """Score some validation rows; returns what all of them will take."""
    validation = job.validation
    assert validation is not None  # noqa: S101
    lengths = np.asarray(validation.lengths)
    rows = _enough(validation)
    part: Encoded = rows
    if _runs_frozen_once(job):
        part = with_states(job.forward, rows, job.pad_id, place / "validation")
    spoken = predict_logits(job.forward, part, job.pad_id)
    if isinstance(spoken, np.ndarray):  # what scores rows is imported by that, and takes memory
        job.score(job.read(spoken[np.arange(len(lengths)) % len(spoken)]))
    began = time.perf_counter()
    predict_logits(job.forward, part, job.pad_id)
    return (time.perf_counter() - began) * float(lengths.sum()) / float(np.sum(rows.lengths))


def _enough(examples: Encoded, batches: int = 2) -> Encoded:
    """Return rows of all lengths that fill some batches without gradients."""
    lengths = np.asarray(examples.lengths)
    mixed = np.random.default_rng(0).permutation(len(lengths))
    enough = int(np.searchsorted(np.cumsum(lengths[mixed]), batches * TOKENS_AT_ONCE)) + 1
    found: Encoded = some(examples, mixed[:enough])
    return found


def _write_rate(stepper: Stepper, costs: Costs, place: Path) -> float:
    """Make a checkpoint as runs do, or of a large model one of a part; returns bytes a second."""
    store, forward, size = CheckpointStore(place / "written"), stepper.forward, costs.state_bytes

    def write(folder: Path) -> None:
        if costs.steps and size <= WRITTEN_BYTES:
            randomness = random_state(forward.device) | host_random_state()
            state.save_state(
                folder, forward.model, stepper.optimizer, stepper.scaler, Progress(), randomness
            )
        else:
            zeros = torch.zeros(min(size, WRITTEN_BYTES), dtype=torch.uint8)
            save_file({"zeros": zeros}, folder / state.WEIGHTS)

    began = time.perf_counter()
    written = store.save(0, write).bytes
    return written / (time.perf_counter() - began)


def _steps_of(job: Job, steps: int) -> list[Indices]:
    """Return the rows of the first steps of a run; of a sample as often as it takes."""
    order = row_order(job.recipe.train_sampling_strategy, job.train, job.rows_per_step)
    rows = step_rows(job.recipe.seed, len(job.train.targets), job.rows_per_step, 0, order)
    return list(islice(rows, steps))


def _sizes_of_run(job: Job) -> set[int]:
    """Return the sizes of the batches of a run; of a long one enough of them."""
    steps = _steps_of(job, min(job.total_steps, 20 * MOST_SIZES))
    return {size for rows in steps for size in _compiled_sizes(job, rows)}


def _compiled_sizes(job: Job, rows: Indices) -> set[int]:
    """Return the sizes that a step has compiled: tokens of batches, those of no row included."""
    if not _compiles(job):
        return set()
    sizes = _micro_sizes(job, rows)
    return set(sizes if job.forward.packer is None else map(filled, sizes))


def _size(job: Job, rows: Indices) -> int:
    """Return the tokens that a step computes on, padding included."""
    return sum(_micro_sizes(job, rows))


def _micro_sizes(job: Job, rows: Indices) -> list[int]:
    """Return the tokens of each batch of a step, padding included."""
    lengths, micro = widths(job.train)[rows], job.recipe.per_device_train_batch_size
    parts = [lengths[start : start + micro] for start in range(0, len(lengths), micro)]
    if job.forward.packer is not None:
        return [int(part.sum()) for part in parts]
    return [int(part.max()) * len(part) for part in parts]


def _line(steps: list[tuple[int, float]]) -> Callable[[Any], Any]:
    """Return seconds by size: the straight line nearest to the steps, that never falls."""
    sizes, seconds = (np.array(column, dtype=float) for column in zip(*steps, strict=True))
    if len(set(sizes)) > 1:
        slope, start = np.polyfit(sizes, seconds, 1)
        if slope > 0 and start >= 0:
            return lambda size: start + slope * size
    return lambda size: size * (seconds.sum() / sizes.sum())


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
