"""What is in a data set, and what is wrong with it."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Any

from nbtune.records.plain import make, plain

SEVERITIES = ("error", "warning", "info")
"""From what makes scores or a model wrong, to what is good to know."""


@dataclass(frozen=True)
class DataFinding:
    """Something that was found in so many rows (``count`` of ``rows``).

    ``examples`` are at most three, with what is personal in them masked; ``fix`` is a line for the
    notebook, or a line for the recipe where it begins with a setting's name. ``pictures`` are small
    images of the examples, where rows are images.
    """

    check: str
    severity: str
    count: int
    rows: int
    what: str
    examples: tuple[str, ...]
    fix: str
    pictures: tuple[str, ...] = ()


@dataclass(frozen=True)
class DataColumn:
    """A column: its ``role`` (``text``, ``label`` or none), kind, missing and different values."""

    name: str
    role: str
    kind: str
    missing: int
    distinct: int


@dataclass(frozen=True)
class Truncation:
    """What one ``max_length`` costs: shares of rows cut and of tokens lost, and of the step time.

    ``time`` is the share of a step's work that is left, by the count of multiplications; it is
    computed, not measured, and None where texts are not all that is read. ``learnt`` is the share
    of the tokens to be learnt that are lost, where these follow what is asked.
    """

    max_length: int
    rows: float
    tokens: float
    time: float | None
    learnt: float | None = None


@dataclass(frozen=True)
class Lengths:
    """How many tokens the texts have, and what each limit would cost.

    ``counts`` has the rows between each two of ``edges``; ``looked_at`` rows were tokenised, all
    or a sample; ``unknown`` is the share of tokens that the tokenizer has no word for, ``mean`` the
    tokens of a text. Where texts are read in parts, and no limit costs anything, ``truncation`` is
    empty, and ``longer`` the share of rows above ``limit``.
    """

    model: str
    looked_at: int
    median: float
    p95: float
    longest: int
    unknown: float
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    truncation: tuple[Truncation, ...]
    mean: float = math.nan
    limit: int = 0
    longer: float = 0.0

    @classmethod
    def of(cls, values: dict[str, Any]) -> Lengths:
        """Make one of plain values."""
        points = tuple(make(Truncation, one) for one in values["truncation"])
        found: Lengths = make(cls, values | {"truncation": points})
        return found


@dataclass(frozen=True)
class Numbers:
    """How the numbers of a column ``name`` spread: ``counts`` between each two of ``edges``."""

    name: str
    low: float
    high: float
    mean: float
    deviation: float
    edges: tuple[float, ...]
    counts: dict[str, tuple[int, ...]]

    @property
    def words(self) -> str:
        """All but the histogram, in words."""
        return (
            f"numbers from {self.low:.4g} to {self.high:.4g}, mean {self.mean:.4g}, "
            f"standard deviation {self.deviation:.4g}"
        )


@dataclass(frozen=True)
class Pictures:
    """What images are like: least, middle and most pixels of each side, and rows by their kind.

    ``counts`` has the rows whose shorter side lies between each two of ``edges``.
    """

    widths: tuple[int, ...]
    heights: tuple[int, ...]
    kinds: dict[str, int]
    edges: tuple[float, ...]
    counts: tuple[int, ...]

    @property
    def words(self) -> str:
        """All but the histogram, in words."""
        kinds = "; ".join(f"{rows:,} {kind}" for kind, rows in self.kinds.items())
        return f"pixels in width {_spread(self.widths)}, in height {_spread(self.heights)}; {kinds}"


def _spread(sides: tuple[int, ...]) -> str:
    low, middle, high = sides
    return f"{low:,}" if low == high else f"{low:,} to {high:,} ({middle:,} in the middle)"


@dataclass(frozen=True)
class Preview:
    """What would be learnt of some rows, in pieces and pictures as `nbtune.events.Previewed`."""

    rows: tuple[int, ...]
    pieces: tuple[tuple[tuple[str, str], ...], ...]
    pictures: tuple[str, ...] = ()


@dataclass(frozen=True)
class DataRecord:
    """All that was found: rows by split, columns, labels by split, lengths, findings.

    ``weights`` are those that ``class_weight: balanced`` gives the labels; ``task`` is what rows
    are for where it is not one label a text, and ``labels`` are then those that a row can have
    several of, such as the types of its spans. ``numbers`` are there where numbers are learnt, and
    ``targets`` are the lengths of what is to be written, where it has a limit of its own;
    ``pictures`` say what images are like, ``preview`` what is learnt of some rows.
    """

    name: str
    rows: dict[str, int]
    columns: tuple[DataColumn, ...]
    labels: dict[str, dict[str, int]]
    weights: dict[str, float]
    lengths: Lengths | None
    findings: tuple[DataFinding, ...]
    seconds: float
    origin: str = ""
    task: str = ""
    numbers: Numbers | None = None
    targets: Lengths | None = None
    pictures: Pictures | None = None
    preview: Preview | None = None

    def to_json(self) -> str:
        """Write the record as JSON; NaN becomes null."""
        return json.dumps(plain(asdict(self)), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> DataRecord:
        """Read what `to_json` wrote; unknown fields are passed over."""
        values = json.loads(text)
        for name, kind in (("columns", DataColumn), ("findings", DataFinding)):
            values[name] = tuple(make(kind, one) for one in values[name])
        for name in ("lengths", "targets"):
            if values.get(name) is not None:
                values[name] = Lengths.of(values[name])
        if (numbers := values.get("numbers")) is not None:
            numbers["counts"] = {name: tuple(own) for name, own in numbers["counts"].items()}
            values["numbers"] = make(Numbers, numbers)
        if (pictures := values.get("pictures")) is not None:
            values["pictures"] = make(Pictures, pictures)
        if (preview := values.get("preview")) is not None:
            values["preview"] = make(Preview, preview)
        record: DataRecord = make(cls, values)
        return record
