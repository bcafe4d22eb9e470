"""What a run will take, as an object with faces."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from nbtune.panels import findings as faces
from nbtune.panels.html import duration, percent, size
from nbtune.records import Estimate
from nbtune.results.pictured import Pictured

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class RunEstimate(Pictured):
    """Time, memory and disk that a run will take.

    Parameters
    ----------
    record : Estimate
        What was measured and reckoned.
    """

    def __init__(self, record: Estimate) -> None:
        self.record = record

    @property
    def seconds(self) -> float:
        """Seconds of training; NaN where memory would not do, so that nothing was measured."""
        return self.record.whole_seconds

    @property
    def memory_bytes(self) -> int:
        """Memory at the peak."""
        return self.record.peak_bytes

    @property
    def disk_bytes(self) -> int:
        """Disk that is taken at most."""
        return self.record.whole_disk_bytes

    @property
    def fits(self) -> bool:
        """Whether memory and disk will do."""
        return self.record.fits_memory and self.record.fits_disk

    @property
    def text(self) -> str:
        """The estimate as lines of at most 80 characters."""
        return faces.findings_text(self._rows())

    @property
    def html(self) -> str:
        """The same as a table."""
        return faces.findings_bundle(self._rows())["text/html"]

    def figure(self) -> Figure:
        """Return time and memory by their parts as a matplotlib figure."""
        from nbtune.plots.estimate import estimate_figure

        return estimate_figure(self.record)

    def _rows(self) -> list[faces.Row]:
        record = self.record
        share = record.trainable_parameters / max(1, record.parameters)
        rows = [
            ("time", self._time(), ""),
            (
                "memory",
                f"{size(record.peak_bytes)} at the peak, of {size(record.room_bytes)} there are: "
                + _parts(record.memory_bytes),
                "" if record.fits_memory else self._less_memory(),
            ),
            (
                "disk",
                f"{size(record.whole_disk_bytes)} at most, of {size(record.disk_room_bytes)} "
                f"free: {_parts(record.disk_bytes)}",
                "" if record.fits_disk else "%runs --purge and %runs --free make room",
            ),
            (
                "trained",
                f"{record.trainable_parameters:,} of {record.parameters:,} weights "
                f"({100 * share:.1f} %): {record.model}, method {record.method}",
                "",
            ),
            ("rows", self._lengths(), ""),
            ("measured", self._measured(), ""),
        ]
        return [*rows, *(("note", text, "") for text in record.notes)]

    def _lengths(self) -> str:
        record = self.record
        if not record.tokens:
            return f"{record.rows:,} images"
        cut = f"; {record.cut_rows:,} are cut" if record.cut_rows else ""
        return (
            f"{record.rows:,} of {record.tokens / max(1, record.rows):.1f} tokens on average"
            f"{cut}; {percent(record.padding_share)} of what is computed on is padding"
        )

    def _time(self) -> str:
        record = self.record
        if math.isnan(record.whole_seconds):
            return f"not known, for {record.steps:,} steps"
        step = 1000 * record.seconds["steps"] / record.steps
        parts = {name: value for name, value in record.seconds.items() if value >= 0.05}
        listed = ", ".join(f"{name} {duration(value)}" for name, value in parts.items())
        return (
            f"about {duration(record.whole_seconds)}{': ' * bool(parts)}{listed}; "
            f"{duration(record.epoch_seconds)} an epoch of {record.steps_per_epoch:,} steps "
            f"of {step:,.0f} ms"
        )

    def _less_memory(self) -> str:
        less = "" if self.record.method in ("lora", "head") else "method: lora, "
        return f"try {less}per_device_train_batch_size: 4, or gradient_checkpointing: true"

    def _measured(self) -> str:
        record = self.record
        where = f"on {record.device}, {record.precision}, {record.batching}"
        if not record.measured:
            return f"nothing; it would run {where}"
        sizes = [tokens for tokens, _ in record.measured]
        took = sum(seconds for _, seconds in record.measured)
        tokens = f" of {min(sizes):,} to {max(sizes):,} tokens" if record.tokens else ""
        return f"{len(sizes)} steps{tokens} in {duration(took)}, {where}"

    def _separate_figures(self) -> dict[str, Figure]:
        return {"estimate": self.figure()}

    @property
    def _brief(self) -> str:
        return f"{duration(self.seconds)}, {size(self.memory_bytes)}"

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return faces.findings_bundle(self._rows())


def _parts(amounts: dict[str, int]) -> str:
    return ", ".join(f"{name} {size(amount)}" for name, amount in amounts.items() if amount)
