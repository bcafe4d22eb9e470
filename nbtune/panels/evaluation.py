"""An evaluation as tables, in HTML, Markdown and text."""

from __future__ import annotations

import textwrap

from nbtune.panels.card import escaped, short
from nbtune.panels.html import number, render
from nbtune.records import EvaluationRecord, Judged, Score

LONGEST_TEXT = 180
MOST_ERRORS = 10
MOST_CLASSES = 60


def evaluation_html(record: EvaluationRecord) -> str:
    """Return score table, verdict, scores by label and the worst errors."""
    return render(
        "evaluation.html.j2",
        record=record,
        names=list(record.scores),
        best={name: _best(record, name) for name in record.scores},
        classes=record.classes[:MOST_CLASSES],
        hidden_classes=max(0, len(record.classes) - MOST_CLASSES),
        errors=[(row, short(row.text, LONGEST_TEXT)) for row in record.errors[:MOST_ERRORS]],
    )


def evaluation_text(record: EvaluationRecord) -> str:
    """Return the same as lines of at most 80 characters."""
    lines = [f"{short(record.run, 40)} on {record.rows:,} {record.split} rows"]
    names = [short(judged.name, 20) for judged in record.table]
    lines.append(" " * 16 + "".join(f"{name:>21}" for name in names[-3:]))
    for score in record.scores:
        cells = "".join(f"{_interval(j.scores[score]):>21}" for j in record.table[-3:])
        lines.append(f"{score:<16}{cells}")
    return "\n".join([*lines, *textwrap.wrap(record.verdict, 80)])


def evaluation_markdown(record: EvaluationRecord) -> str:
    """Return the score table and verdict; nothing from the data can become markup."""
    names = " | ".join(escaped(judged.name) for judged in record.table)
    lines = [
        f"**{escaped(record.run)}** on {record.rows:,} {record.split} rows",
        "",
        f"| score | {names} |",
        "|---|" + "---:|" * len(record.table),
    ]
    for score in record.scores:
        cells = " | ".join(_interval(judged.scores[score]) for judged in record.table)
        lines.append(f"| {score} | {cells} |")
    return "\n".join([*lines, "", escaped(record.verdict)])


def _interval(score: Score) -> str:
    if score.low != score.low:
        return number(score.value)
    return f"{number(score.value)} {score.low:.3f}–{score.high:.3f}"


def _best(record: EvaluationRecord, name: str) -> Judged:
    def value(judged: Judged) -> float:
        found = judged.scores[name].value
        return float("-inf") if found != found else -found if name == "log_loss" else found

    return max(record.table, key=value)
