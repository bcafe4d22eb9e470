"""Rows that were looked through as tables, in HTML and text."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from nbtune.panels.html import percent, render
from nbtune.plots.texts import short
from nbtune.records import Correction, ReviewedRow
from nbtune.records.marking import near_marks

MOST_CORRECTIONS = 20
WORST_IN_TEXT = 5


def review_html(
    name: str,
    words: str,
    rows: Sequence[ReviewedRow],
    corrections: Sequence[Correction],
    images: Sequence[str],
    note: str = "",
    *,
    relabels: bool = True,
) -> str:
    """Return some rows with what is seen of their images, and what was corrected last."""
    return render(
        "review.html.j2",
        name=name,
        words=words,
        note=note,
        relabels=relabels,
        rows=list(zip(rows, images, strict=True)),
        corrections=corrections[-MOST_CORRECTIONS:],
        more=max(0, len(corrections) - MOST_CORRECTIONS),
    )


def review_text(words: str, rows: Sequence[ReviewedRow], note: str = "") -> str:
    """Return the same, with fewer rows, as lines of at most 80 characters."""
    lines = [short(words, 80), *textwrap.wrap(note, 80)]
    for one in rows[:WORST_IN_TEXT]:
        doubt = ", label in doubt" if one.is_suspect else ""
        known = one.probability == one.probability
        sure = f", {percent(one.probability)} sure" if known else ""
        lines.append(
            f"  row {one.row}{sure}: {short(one.label, 16)} taken for "
            f"{short(one.prediction, 16)}{doubt}"
        )
        lines.append(f"    {short(near_marks(one.text, 76), 76)}")
    return "\n".join(lines)
