"""What a model attends to, in HTML, Markdown and text."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nbtune.panels.heads import head_map
from nbtune.panels.html import number, render
from nbtune.panels.markdown import escaped
from nbtune.panels.patches import FOR, Patch
from nbtune.plots.texts import short
from nbtune.records import AttentionRecord, Steps

NAME = 14
"""Characters of a token that are shown."""
VALUES, VALUES_IN_TEXT = 4, 2
"""Numbers of a value that are shown."""
WITH_NUMBERS = 16
"""Up to so many tokens their weights are written into the matrix."""
FAINTEST = 0.03
MOST_LAYERS, MOST_HEADS = 12, 16
DARK = 0.2
"""From this weight on a cell is dark enough for white numbers; below, grey ones are read."""
MOST_NAMED = 3
"""Up to so many heads that do the same are named."""
LINES_WIDTH, LINE_HEIGHT, COLUMN = 300, 20, 96


@dataclass(frozen=True)
class StepRow:
    """A line of the three steps."""

    token: str
    product: str
    score: str
    weight: str
    width: float
    values: tuple[str, ...]
    is_own: bool = False


@dataclass(frozen=True)
class Cell:
    """A cell of a matrix: where it is, how deep, and what is written there."""

    x: float
    y: float
    shade: float
    words: str
    is_dark: bool


def attention_html(record: AttentionRecord) -> str:
    """Return three steps, who looks at whom, and the map of all heads."""
    tokens = [short(token, NAME) for token in record.tokens]
    size = max(16, min(28, 420 // len(tokens)))
    layers = _some(record.layers, MOST_LAYERS, record.layer)
    heads = _some(record.heads, MOST_HEADS, record.head)
    return render(
        "attention.html.j2",
        record=record,
        tokens=tokens,
        head=head_of(record),
        token=tokens[record.token],
        steps=record.steps,
        rows=_rows(record, VALUES) if record.steps else [],
        total=_total(record.steps, VALUES) if record.steps else (),
        values=min(VALUES, record.steps.width if record.steps else 0),
        others=_others(record),
        size=size,
        side=size * len(tokens),
        cells=list(_cells(record, size)),
        lines=list(_lines(record)),
        map=head_map(record, layers, heads),
        layers=layers,
        heads=heads,
        lines_width=LINES_WIDTH,
        lines_height=LINE_HEIGHT * len(tokens) + 24,
        line_height=LINE_HEIGHT,
        column=COLUMN,
        patterns=patterns_of(record),
        some=_left_out(record, layers, heads),
        alone=ALONE,
        patches=_patches(record),
    )


def _patches(record: AttentionRecord) -> list[Patch]:
    """Return the patches that the token shown looks at."""
    most = max(record.looked_at, default=0.0) or 1.0
    wide = record.grid[1] if record.grid else 1
    return [
        Patch(at % wide, at // wide, FOR, round(0.75 * weight / most, 2))
        for at, weight in enumerate(record.looked_at)
        if weight > FAINTEST * most
    ]


def head_of(record: AttentionRecord) -> str:
    """Return which head is shown."""
    return f"layer {record.layer + 1} of {record.layers}, head {record.head + 1} of {record.heads}"


def _others(record: AttentionRecord) -> str:
    """Return what is not shown of a long text."""
    told = []
    if record.left_out:
        told.append(f"{record.left_out:,} tokens are left out, those that all heads look at least")
    if record.cut:
        told.append("the text is longer than the model reads")
    return "; ".join(told)


def _left_out(record: AttentionRecord, layers: Sequence[int], heads: Sequence[int]) -> str:
    if len(layers) == record.layers and len(heads) == record.heads:
        return ""
    return f"; {len(layers)} of {record.layers} layers and {len(heads)} of {record.heads} heads"


def _some(count: int, most: int, wanted: int) -> list[int]:
    """Return at most so many numbers below ``count``, evenly, the wanted one among them."""
    if count <= most:
        return list(range(count))
    even = {round(i * (count - 1) / (most - 1)) for i in range(most)}
    nearest = min(even, key=lambda one: abs(one - wanted))
    return sorted((even - {nearest}) | {wanted})


def _rows(record: AttentionRecord, count: int) -> Iterator[StepRow]:
    steps = record.steps
    assert steps is not None  # noqa: S101
    most = max(steps.weights) or 1.0
    for at, token in enumerate(record.tokens):
        hidden = math.isinf(steps.scores[at]) or math.isnan(steps.scores[at])
        yield StepRow(
            short(token, 30),
            "–" if hidden else _plain(steps.products[at]),
            "hidden" if hidden else _plain(steps.scores[at]),
            "0" if hidden else number(steps.weights[at]),
            100 * steps.weights[at] / most,
            tuple(_plain(one) for one in steps.values[at][:count]),
            at == record.token,
        )


def _total(steps: Steps, count: int) -> tuple[str, ...]:
    return tuple(_plain(one) for one in steps.result[:count])


def _plain(value: float) -> str:
    return number(value, 2).replace("-0.00", "0.00").replace("-", "\N{MINUS SIGN}")


def _cells(record: AttentionRecord, size: float) -> Iterator[Cell]:
    written = len(record.tokens) <= WITH_NUMBERS
    for row, weights in enumerate(record.shown):
        for column, weight in enumerate(weights):
            if weight >= FAINTEST:
                words = f"{100 * weight:.0f}" if written and weight >= 0.05 else ""
                is_dark = weight >= DARK
                shade = 0.62 + 0.38 * weight if is_dark else weight
                yield Cell(column * size, row * size, round(shade, 2), words, is_dark)


def _lines(record: AttentionRecord) -> Iterator[tuple[float, float, float, bool]]:
    """Yield left and right height, depth, and whether a line is of the token that is shown."""
    for row, weights in enumerate(record.shown):
        for column, weight in enumerate(weights):
            if weight >= 2 * FAINTEST:
                ends = (22 + LINE_HEIGHT * (at + 0.4) for at in (row, column))
                yield (*ends, round(max(0.2, weight), 2), row == record.token)  # type: ignore[misc]


PATTERNS = ("itself", "the token before", "the token after", "tokens of no text", "other tokens")


def _pattern(record: AttentionRecord, layer: int, head: int) -> str:
    """Return what a head looks at most, on average over the tokens of the text."""
    sums = dict.fromkeys(PATTERNS, 0.0)
    rows = [at for at, special in enumerate(record.is_special) if not special]
    for row in rows:
        for column, weight in enumerate(record.weights[layer][head][row]):
            distance = column - row
            name = {0: PATTERNS[0], -1: PATTERNS[1], 1: PATTERNS[2]}.get(distance, PATTERNS[4])
            sums[PATTERNS[3] if record.is_special[column] else name] += weight
    return max(sums, key=lambda name: sums[name])


def patterns_of(record: AttentionRecord) -> str:
    """Return what all the heads look at most, in a sentence; the rarer kinds of heads are named."""
    found: dict[str, list[str]] = {name: [] for name in PATTERNS}
    for layer in range(record.layers):
        for head in range(record.heads):
            found[_pattern(record, layer, head)].append(f"layer {layer + 1}, head {head + 1}")
    told = []
    for name, own in found.items():
        named = f" ({'; '.join(own)})" if len(own) <= MOST_NAMED and name in PATTERNS[:3] else ""
        told += [f"{name} in {len(own)}{named}"] if own else []
    special = [t for t, one in zip(record.tokens, record.is_special, strict=True) if one]
    named = f" ({', '.join(dict.fromkeys(special))})" if special else ""
    words = ", ".join(told).replace("tokens of no text", f"tokens of no text{named}")
    return f"What words look at most in {record.layers * record.heads} heads: {words}."


def attention_text(record: AttentionRecord) -> str:
    """Return the three steps as lines of at most 80 characters."""
    token = short(record.tokens[record.token], NAME)
    lines = textwrap.wrap(f"{short(record.model, 30)}, {head_of(record)}: {short(record.why)}", 80)
    if record.steps is None:
        lines += ["", *textwrap.wrap(ALONE, 80)]
        weights = record.shown[record.token]
        for at in sorted(range(len(weights)), key=lambda one: -weights[one])[:10]:
            lines.append(f"  {short(record.tokens[at], 20):<20} {number(weights[at]):>8}")
        return "\n".join([*lines, "", *textwrap.wrap(patterns_of(record), 80)])
    lines += ["", *textwrap.wrap(
        f"From {token!r}: its query times each key; that times {record.steps.scale:.3g}, and the "
        "softmax; the values added up by weight", 80
    )]  # fmt: skip
    lines.append(f"  {'token':<16}{'q·k':>9}{'score':>9}{'weight':>9}  {'':<10}  value")
    for row in _rows(record, VALUES_IN_TEXT):
        bar = "#" * round(row.width / 10)
        values = " ".join(f"{one:>7}" for one in row.values)
        lines.append(
            f"  {short(row.token, 15):<16}{row.product:>9}{row.score:>9}{row.weight:>9}  {bar:<10}"
            f"{values} ..."
        )
    total = " ".join(f"{one:>7}" for one in _total(record.steps, VALUES_IN_TEXT))
    lines.append(f"  {'weighted sum':<53}{'':<2}{total} ...")
    told = [*([_others(record)] if _others(record) else []), patterns_of(record)]
    return "\n".join([*lines, "", *(line for one in told for line in textwrap.wrap(one, 80))])


ALONE = (
    "This model adds terms of its own to its attention, so that its three steps cannot be told; "
    "these are the weights it comes to."
)


def attention_markdown(record: AttentionRecord) -> str:
    """Return the three steps as a table."""
    lines = [f"**{escaped(record.model)}**, {head_of(record)}: {escaped(record.why)}", ""]
    lines += ["| token | q·k | score | weight |", "|---|---:|---:|---:|"]
    if record.steps is None:
        weights = record.shown[record.token]
        rows = [(t, "–", "–", number(w)) for t, w in zip(record.tokens, weights, strict=True)]
    else:
        rows = [(r.token, r.product, r.score, r.weight) for r in _rows(record, 0)]
    lines += [f"| {escaped(token)} | {' | '.join(cells)} |" for token, *cells in rows]
    return "\n".join([*lines, "", escaped(patterns_of(record))])
