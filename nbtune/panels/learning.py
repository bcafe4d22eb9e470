"""A learning curve, and scores over seeds, as tables in HTML, Markdown and text."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import groupby

from nbtune.panels.html import duration, ends, number, render
from nbtune.panels.markdown import escaped
from nbtune.plots.texts import short
from nbtune.records import CurvePoint, LearningCurveRecord, Score, SeedScores, SeedSpreadRecord

_CURVE = (9, 10, 22, 25, 14)
_SEEDS = (16, 22, 9, 15, 18)
"""Widths of the columns in text; those after the last are left out."""


def curve_html(record: LearningCurveRecord) -> str:
    """Return what there is to say, and the points."""
    return render(
        "learning_curve.html.j2", record=record, heads=_heads(record), lines=_lines(record)
    )


def curve_text(record: LearningCurveRecord) -> str:
    """Return the same as lines of at most 80 characters."""
    head = f"{short(record.run, 30)}: learning curve on {_rows(record)}"
    table = [_heads(record), *_lines(record)]
    return "\n".join([*textwrap.wrap(record.words, 80), "", head, *_aligned(table, _CURVE)])


def curve_markdown(record: LearningCurveRecord) -> str:
    """Return the same; nothing from the data can become markup."""
    return "\n".join([f"**{escaped(record.words)}**", "", *_table(_heads(record), _lines(record))])


def _heads(record: LearningCurveRecord) -> list[str]:
    return ["rows", "share", record.metric, short(record.rival, 40) or "baseline", "time"]


def _lines(record: LearningCurveRecord) -> list[list[str]]:
    """Return a line for each number of rows, the draws of it side by side."""
    most = record.points[-1].rows
    return [
        _line(rows, rows / most, list(points))
        for rows, points in groupby(record.points, key=lambda one: one.rows)
    ]


def _line(rows: int, share: float, points: Sequence[CurvePoint]) -> list[str]:
    one = len(points) == 1
    return [
        f"{rows:,}",
        f"{100 * share:.0f} %",
        _interval(points[0].score) if one else ", ".join(number(p.score.value) for p in points),
        ", ".join(number(point.rival) for point in points),
        duration(sum(point.seconds for point in points)),
    ]


def seeds_html(record: SeedSpreadRecord) -> str:
    """Return the verdict and the scores."""
    table = {"heads": _seed_heads(record), "lines": _seed_lines(record)}
    return render("seeds.html.j2", record=record, **table)


def seeds_text(record: SeedSpreadRecord) -> str:
    """Return the same as lines of at most 80 characters."""
    head = f"{short(record.run, 30)}: {len(record.runs)} seeds on {_rows(record)}"
    table = [_seed_heads(record), *_seed_lines(record)]
    return "\n".join([*textwrap.wrap(record.words, 80), "", head, *_aligned(table, _SEEDS)])


def seeds_markdown(record: SeedSpreadRecord) -> str:
    """Return the same; nothing from the data can become markup."""
    return "\n".join(
        [f"**{escaped(record.words)}**", "", *_table(_seed_heads(record), _seed_lines(record))]
    )


def _seed_heads(record: SeedSpreadRecord) -> list[str]:
    return [
        "score",
        "mean",
        "spread",
        "lowest–highest",
        short(record.rival, 40) or "baseline",
        "lead",
    ]


def _seed_lines(record: SeedSpreadRecord) -> list[list[str]]:
    return [_seed_line(one) for one in record.scores]


def _seed_line(one: SeedScores) -> list[str]:
    gap = one.gap
    span = f" ({gap.low:+.3f} to {gap.high:+.3f})" if gap.low == gap.low else ""
    return [
        one.name,
        _interval(one.mean),
        number(one.spread),
        ends(Score(one.mean.value, min(one.values), max(one.values))),
        number(one.rival),
        f"{gap.value:+.3f}{span}" if gap.value == gap.value else "–",
    ]


def _interval(score: Score) -> str:
    if score.low != score.low:
        return number(score.value)
    return f"{number(score.value)} {ends(score)}"


def _table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> list[str]:
    rows = ["| " + " | ".join(map(escaped, heads)) + " |", "|" + "---|" * len(heads)]
    return rows + ["| " + " | ".join(map(escaped, line)) + " |" for line in lines]


def _aligned(table: Sequence[Sequence[str]], widths: Sequence[int]) -> list[str]:
    return [
        "".join(f"{short(cell, w - 1):>{w}}" for cell, w in zip(line, widths, strict=False))
        for line in table
    ]


def _rows(record: LearningCurveRecord | SeedSpreadRecord) -> str:
    return f"{record.rows:,} {short(record.split, 20)} rows"
