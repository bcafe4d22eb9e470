"""A comparison of runs as tables, in HTML, Markdown and text."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence

from nbtune.panels.html import duration, ends, number, render, size, weights
from nbtune.panels.markdown import escaped
from nbtune.plots.texts import short
from nbtune.records import ComparisonRecord, Contender, PairTest, Score

MOST_PAIRS = 21
MOST_SETTINGS = 8
SHOWN = ("f1_macro", "accuracy", "roc_auc", "log_loss")
"""Scores of one label a text; of other tasks the first ones are shown."""
MOST_SCORES = 5
COST_HEADS = ("time", "memory", "trained", "on disk")
PAIR_HEADS = ("pair", "difference", "p", "p, Holm", "better")
OF_RIGHT_ROWS = ("only one right", "McNemar")


def comparison_html(record: ComparisonRecord) -> str:
    """Return verdict, table of runs and table of pairs."""
    return render(
        "comparison.html.j2",
        record=record,
        names=[_starred(record, one) for one in record.contenders],
        settings=[
            (name, [short(one.settings[name], 40) for one in record.contenders])
            for name in _settings(record)
        ],
        scores=[
            (name, [_score(one, name) for one in record.contenders]) for name in _scores(record)
        ],
        costs=list(zip(COST_HEADS, zip(*map(_costs, record.contenders), strict=True), strict=True)),
        pair_heads=_pair_heads(record),
        pairs=_pairs(record),
    )


def comparison_text(record: ComparisonRecord) -> str:
    """Return the same as lines of at most 80 characters."""
    head = f"{len(record.contenders)} compared on {record.rows:,} {short(record.split, 20)} rows"
    lines = [*_wrapped(record.verdict), "", f"{head} (* on the Pareto front)"]
    lines += [line.rstrip() for line in _score_lines(record)]
    lines += ["", *(line.rstrip() for line in _cost_lines(record))]
    for one in record.contenders:
        told = ", ".join(f"{name} {one.settings[name]}" for name in _settings(record))
        if told:
            lines += _wrapped(f"{short(one.name, 24)}: {told}")
    lines += ["", *_pair_lines(record)]
    for note in record.notes:
        lines += _wrapped(note)
    return "\n".join(lines)


def comparison_markdown(record: ComparisonRecord) -> str:
    """Return both tables and the verdict; nothing from the data can become markup."""
    settings, scores = _settings(record), _scores(record)
    heads = ["run", *map(escaped, settings), *scores, *COST_HEADS]
    lines = [f"**{escaped(record.verdict)}**", "", *_markdown_head(heads)]
    for one in record.contenders:
        cells = [
            escaped(_starred(record, one)),
            *(escaped(one.settings[name]) for name in settings),
            *(" ".join(_score(one, name)) for name in scores),
            *_costs(one),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", *_markdown_head(_pair_heads(record))]
    lines += ["| " + " | ".join(map(escaped, cells)) + " |" for cells in _pairs(record)]
    for note in record.notes:
        lines += ["", escaped(note)]
    return "\n".join(lines)


def _markdown_head(heads: Sequence[str]) -> list[str]:
    return ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]


def _starred(record: ComparisonRecord, one: Contender) -> str:
    return f"{'★ ' if one.name in record.front else ''}{short(one.name, 60)}"


def _settings(record: ComparisonRecord) -> list[str]:
    return list(record.contenders[0].settings)[:MOST_SETTINGS]


def _scores(record: ComparisonRecord) -> list[str]:
    known = record.contenders[0].scores
    usual = SHOWN if "accuracy" in known else tuple(known)[:MOST_SCORES]
    return [record.metric, *(n for n in usual if n != record.metric and n in known)]


def _score(one: Contender, name: str) -> tuple[str, str]:
    """Return a score, and its interval with its spread over seeds where there is one."""
    score = one.scores[name]
    spread = f" ± {one.spread[name]:.3f}" if name in one.spread else ""
    return f"{number(score.value)}{spread}", _interval(score)


def _interval(score: Score) -> str:
    return "" if math.isnan(score.low) else ends(score)


def _costs(one: Contender) -> list[str]:
    memory = "–" if math.isnan(one.memory_bytes) else size(one.memory_bytes)
    trained = "–"
    if not math.isnan(one.trainable_parameters):
        trained = f"{weights(one.trainable_parameters)} of {weights(one.parameters)}"
    return [duration(one.seconds), memory, trained, size(one.size_bytes)]


def _has_right_rows(record: ComparisonRecord) -> bool:
    """Whether rows are right or wrong, and were counted for some pair."""
    return not all(math.isnan(pair.mcnemar) for pair in record.pairs)


def _pair_heads(record: ComparisonRecord) -> list[str]:
    return [*PAIR_HEADS, *(OF_RIGHT_ROWS if _has_right_rows(record) else ())]


def _pairs(record: ComparisonRecord) -> list[list[str]]:
    counted = _has_right_rows(record)
    return [
        [*_pair(pair), *(_right(pair) if counted else ())] for pair in record.pairs[:MOST_PAIRS]
    ]


def _pair(pair: PairTest) -> tuple[str, ...]:
    return (
        f"{short(pair.first, 40)} – {short(pair.second, 40)}",
        _gap(pair.difference),
        _p(pair.p_value),
        _p(pair.adjusted),
        "the first" if pair.is_shown else "not shown",
    )


def _right(pair: PairTest) -> tuple[str, str]:
    if math.isnan(pair.mcnemar):
        return "–", "–"
    return f"{pair.only_first:,} : {pair.only_second:,}", _p(pair.mcnemar)


def _gap(gap: Score) -> str:
    """Write a difference with its interval, with the digits that scores of its size have."""
    span = "" if math.isnan(gap.low) else f" ({_apart(gap.low)} to {_apart(gap.high)})"
    return f"{_apart(gap.value)}{span}"


def _apart(value: float) -> str:
    return f"{'+' if value >= 0 else ''}{number(value)}"


def _p(value: float) -> str:
    if math.isnan(value):
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(short(text), 80, subsequent_indent="    ")


def _score_lines(record: ComparisonRecord) -> Iterator[str]:
    shown = _scores(record)[:3]
    yield f"{'':<18}" + "".join(f"{name:>20}" for name in shown)
    for one in record.contenders:
        star = "*" if one.name in record.front else " "
        cells = (" ".join(_score(one, name)) if not one.spread else _score(one, name)[0]
                 for name in shown)  # fmt: skip
        yield f"{star}{short(one.name, 16):<17}" + "".join(f"{cell:>20}" for cell in cells)


def _cost_lines(record: ComparisonRecord) -> Iterator[str]:
    yield f"{'':<18}" + "".join(f"{head:>15}" for head in COST_HEADS)
    for one in record.contenders:
        cells = [duration(one.seconds), _costs(one)[1], _count_of(one), size(one.size_bytes)]
        yield f" {short(one.name, 16):<17}" + "".join(f"{cell:>15}" for cell in cells)


def _count_of(one: Contender) -> str:
    known = not math.isnan(one.trainable_parameters)
    return weights(one.trainable_parameters) if known else "–"


def _comparisons(record: ComparisonRecord) -> str:
    count = len(record.pairs)
    return f"{count} comparison{'s' * (count != 1)}"


def _pair_lines(record: ComparisonRecord) -> Iterator[str]:
    yield f"pairs, by {record.metric}; p allows for {_comparisons(record)}"
    for pair in record.pairs[:MOST_PAIRS]:
        _, gap, _, adjusted, better = _pair(pair)
        line = f"{short(pair.first, 24)} – {short(pair.second, 24)}: {gap}, p {adjusted}, {better}"
        yield from _wrapped(f"  {line}")
