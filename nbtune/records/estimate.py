"""What a run will take, before it begins: time, memory and disk, each by its parts."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field

from nbtune.records.plain import make, plain

LEAST_ROOM = 0.9
"""Above this share of what there is, memory and disk are called short."""


@dataclass(frozen=True)
class Estimate:
    """What a run will take.

    Attributes
    ----------
    steps, steps_per_epoch : int
        Optimiser steps of the whole run, and until every row was seen once.
    seconds, memory_bytes, disk_bytes : dict of str to number
        By part; of a part that was not measured, because memory would not have sufficed, the
        seconds are NaN and the bytes are reckoned from a smaller batch.
    room_bytes, disk_room_bytes : int
        Memory and disk that there are for all of it, what is in use for it now included.
    tokens, padded_tokens : int
        Tokens of an epoch, and how many are computed on, padding included; 0 of images alone.
    cut_rows, rows : int
        Training rows that are longer than ``max_length``, and all of them.
    measured : tuple of (int, float)
        The steps that were made for this: their tokens, padding included, and their seconds.
    """

    model: str
    method: str
    device: str
    precision: str
    batching: str
    parameters: int
    trainable_parameters: int
    steps: int
    steps_per_epoch: int
    tokens: int
    padded_tokens: int
    rows: int
    cut_rows: int
    room_bytes: int
    disk_room_bytes: int
    seconds: dict[str, float] = field(default_factory=dict)
    memory_bytes: dict[str, int] = field(default_factory=dict)
    disk_bytes: dict[str, int] = field(default_factory=dict)
    measured: tuple[tuple[int, float], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def whole_seconds(self) -> float:
        """Seconds of the whole run from its first step on; NaN where they could not be measured."""
        return math.fsum(self.seconds.values()) if self.seconds else math.nan

    @property
    def epoch_seconds(self) -> float:
        """Seconds of the steps of one epoch."""
        return self.seconds.get("steps", math.nan) * self.steps_per_epoch / self.steps

    @property
    def peak_bytes(self) -> int:
        """Memory at the peak."""
        return sum(self.memory_bytes.values())

    @property
    def whole_disk_bytes(self) -> int:
        """Disk that is taken at most while the run trains."""
        return sum(self.disk_bytes.values())

    @property
    def padding_share(self) -> float:
        """Share of what is computed on that is padding."""
        return 1 - self.tokens / self.padded_tokens if self.padded_tokens else 0.0

    @property
    def fits_memory(self) -> bool:
        """Whether memory will do."""
        return self.peak_bytes <= LEAST_ROOM * self.room_bytes

    @property
    def fits_disk(self) -> bool:
        """Whether the disk will do."""
        return self.whole_disk_bytes <= LEAST_ROOM * self.disk_room_bytes

    def to_json(self) -> str:
        """Write the estimate as JSON; numbers that are not known become null."""
        return json.dumps(plain(asdict(self)), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Estimate:
        """Read what `to_json` wrote; unknown fields are passed over."""
        values = json.loads(text)
        seconds = {k: math.nan if v is None else v for k, v in values["seconds"].items()}
        return make(cls, values | {"seconds": seconds})  # type: ignore[no-any-return]
