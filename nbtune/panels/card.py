"""The card of a run: live with its chart, final as plain tables, and both as text."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from markupsafe import Markup

from nbtune.events import Estimated, RunStopped
from nbtune.panels.changed import changed_html, changed_lines
from nbtune.panels.chart import PLAIN, Look, loss_chart
from nbtune.panels.curve import legend
from nbtune.panels.diagnosis import diagnosis
from nbtune.panels.glance import glance_html
from nbtune.panels.html import duration, number, render, size, weights
from nbtune.panels.markdown import escaped
from nbtune.panels.preview import preview_html, preview_lines
from nbtune.panels.state import RunView
from nbtune.plots.texts import short
from nbtune.records import worth

SHOWN = (
    "f1_macro", "accuracy", "roc_auc", "log_loss", "subset_accuracy", "lrap", "rmse", "spearman",
    "quadratic_kappa", "mae",
    "rougeL", "chrf", "bleu", "exact_match", "length_ratio", "span_f1", "span_precision",
    "span_recall", "word_accuracy", "perplexity",
    "bits_per_byte", "token_accuracy", "reward_accuracy", "reward_margin", "chosen_reward",
    "rejected_reward",
)  # fmt: skip
"""Scores of the table, after the one that picks the weights; the first four that there are."""
MOST_SCORES = 4
MOST_EVALUATIONS = 4
MOST_NOTICES = 6
LONGEST_NOTICE = 400
LONGEST_NAME = 80


def card_html(view: RunView) -> str:
    """Return the live card."""
    return "".join([card_style(), card_course(view), card_rest(view), glance_html(view)])


def card_style() -> str:
    """Return the style of all that nbtune shows; once on a page is enough."""
    return render("style.html.j2")


def card_course(view: RunView, look: Look = PLAIN) -> str:
    """Return what each step changes: state, figures and chart, as one message to a page."""
    return card_top(view) + card_chart(view, look)


def card_top(view: RunView) -> str:
    """Return the state and the figures of the live card, without its style."""
    return render(
        "card_top.html.j2",
        **_head(view),
        step=view.step,
        total=view.start.total_steps if view.start else 0,
        percent_done=round(100 * view.share, 1),
        facts=_figures(view),
    )


def card_chart(view: RunView, look: Look = PLAIN) -> str:
    """Return the chart of the live card, which is drawn anew with each refresh."""
    return render(
        "card_chart.html.j2",
        chart=Markup(loss_chart(view, look)),  # noqa: S704 - made by a template that escapes
        beside=legend(look.beside, view.step),
    )


def card_rest(view: RunView) -> str:
    """Return scores and notices of the live card, without their style."""
    return render(
        "card_rest.html.j2",
        scores=_scores(view),
        preview=Markup(preview_html(view.preview)),  # noqa: S704 - a template that escapes, too
        notices=_notices(view),
    )


def final_html(view: RunView) -> str:
    """Return the card of a run that has ended: tables only, which every viewer keeps."""
    return render(
        "final.html.j2",
        **_head(view),
        message=short(view.stop.message, LONGEST_NOTICE) if view.stop else "",
        scores=_scores(view),
        verdict=verdict(view),
        diagnosis=diagnosis(view),
        next_step=_next_step(view),
        facts=_facts(view),
        preview=Markup(preview_html(view.preview)),  # noqa: S704 - a template that escapes
        changed=Markup(changed_html(view)),  # noqa: S704 - a template that escapes
        notices=_notices(view),
    )


def card_text(view: RunView) -> str:
    """Return the card as lines of at most 80 characters."""
    head = f"{short(view.title, 40)}: {short(view.words, 38)}"
    lines = [head]
    lines += [f"  {name}: {short(value, 76 - len(name))}" for name, value in _facts(view)]
    scores = _scores(view)
    if scores["rows"]:
        widths = [max(11, len(name) + 1) for name in scores["names"]]
        lines.append(f"  {'':<32}" + _in_columns(scores["names"], widths))
        for row in scores["rows"]:
            cells = _in_columns(map(number, row["cells"]), widths)
            lines.append(f"  {short(row['name'], 32):<32}{cells}")
    ending = short(view.stop.message, LONGEST_NOTICE) if view.stop else ""
    lines += [*changed_lines(view), *preview_lines(view.preview)]
    for text in (ending, verdict(view), _diagnosed(view), " ".join(_next_step(view))):
        lines += textwrap.wrap(text, 80, initial_indent="  ", subsequent_indent="  ")
    return "\n".join(lines)


def _in_columns(cells: Iterable[str], widths: Iterable[int]) -> str:
    return "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))


def card_markdown(view: RunView) -> str:
    """Return the card as Markdown; nothing from the data can become markup."""
    scores = _scores(view)
    lines = [f"**{escaped(view.title)}**: {escaped(view.words)}", ""]
    if scores["rows"]:
        lines += [
            "| model | " + " | ".join(scores["names"]) + " |",
            "|---|" + "---:|" * len(scores["names"]),
        ]
        for row in scores["rows"]:
            cells = " | ".join(number(value) for value in row["cells"])
            lines.append(f"| {escaped(row['name'])} | {cells} |")
        lines.append("")
    lines += [f"- {name}: {escaped(value)}" for name, value in _facts(view)]
    ending = view.stop.message if view.stop else ""
    for text in (ending, verdict(view), _diagnosed(view), " ".join(_next_step(view))):
        lines += ["", escaped(text)] if text else []
    return "\n".join(lines)


def verdict(view: RunView) -> str:
    """Say where the model stands on the validation rows; empty without a model or a baseline.

    It claims no more than it knows: there is no interval here, and the weights were picked by
    their score on these very rows.
    """
    best = view.best
    if best is None or not view.baselines or view.stop is None:
        return ""
    metric = _shared_metric(view, best.scores)
    ours = best.scores.get(metric, math.nan)
    rival = max(view.baselines, key=lambda scored: _worth(scored.scores, metric))
    theirs = rival.scores.get(metric, math.nan)
    gap = worth(metric, round(ours, 3)) - worth(metric, round(theirs, 3))
    word = "ahead of" if gap > 0 else "behind" if gap < 0 else "level with"
    name = short(view.start.model if view.start else view.title, LONGEST_NAME)
    return (
        f"On the validation rows {name} is {word} {short(rival.name, LONGEST_NAME)}: {metric} "
        f"{number(ours)} to {number(theirs)}. %evaluate says whether that is more than chance."
    )


def _shared_metric(view: RunView, ours: Mapping[str, float]) -> str:
    """Return the score that picks the weights, or else the first one that baselines have as well.

    Who writes no word of its own foretells none, and has no perplexity.
    """
    theirs = list(view.baselines[0].scores)
    both = [name for name in (view.metric, *theirs) if name in ours and name in theirs]
    return both[0] if both else "f1_macro"


def _worth(scores: Mapping[str, float], metric: str) -> float:
    return worth(metric, scores.get(metric, math.nan))


def status_line(view: RunView) -> str:
    """Return one line of at most 79 characters, for a terminal."""
    if view.start is None or view.last is None:
        return short(f"{view.title}: {view.words}{'' if view.stop else ' ...'}", 79)
    parts = [
        f"{short(view.title, 20)}: step {view.step}/{view.start.total_steps}",
        f"loss {number(view.last.loss)}",
        f"{number(view.rows_per_second, 0)} rows/s",
        f"{duration(view.seconds_left)} left",
    ]
    return short(" · ".join(parts), 79)


def _head(view: RunView) -> dict[str, Any]:
    start = view.start
    what = f"{start.model} · {start.method} · {start.task}" if start else ""
    return {
        "title": short(view.title, LONGEST_NAME),
        "status": view.status,
        "words": short(view.words, LONGEST_NAME),
        "what": short(what, LONGEST_NAME),
    }


def _figures(view: RunView) -> list[tuple[str, str]]:
    """Return the figures of the live card: always the same eight, so that nothing jumps."""
    start, last = view.start, view.last
    total = f" / {start.total_steps:,}" if start else ""
    return [
        ("step", f"{view.step:,}{total}"),
        ("epoch", number(last.epoch, 2) if last else "–"),
        ("loss", number(last.loss, 4) if last else "–"),
        ("learning rate", f"{last.learning_rate:.3g}" if last else "–"),
        ("rows / s", _rate(view.rows_per_second)),
        ("tokens / s", _rate(view.tokens_per_second if _has_tokens(view) else None)),
        ("time left", duration(view.seconds_left)),
        ("memory", size(last.memory_bytes) if last else "–"),
    ]


def _has_tokens(view: RunView) -> bool:
    """Whether rows are made of tokens, and not of images alone."""
    return view.data is None or "median" in view.data.tokens


def _rate(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def _facts(view: RunView) -> list[tuple[str, str]]:
    facts: list[tuple[str, str]] = []
    if view.data:
        rows = ", ".join(f"{count:,} {split}" for split, count in view.data.rows.items())
        tokens = view.data.tokens
        labels = f"; {len(view.data.labels)} labels" if view.data.labels else ""
        gone = tokens.get("targets_cut", 0)
        lost = f", {gone:,.0f} target tokens" if gone else ""
        facts.append(("rows", f"{rows}{labels}"))
        if "height" in tokens:
            facts.append(("images", f"{tokens['height']:.0f} × {tokens['width']:.0f} pixels each"))
        if "median" in tokens:
            facts.append(
                (
                    "length",
                    f"median {tokens['median']:.0f}, 95 % {tokens['p95']:.0f}, longest "
                    f"{tokens['max']:.0f} tokens; {tokens['truncated']:.0f} rows cut{lost}",
                )
            )
    if start := view.start:
        share = start.trainable_parameters / max(1, start.parameters)
        trained = (
            f"{weights(start.trainable_parameters)} of {weights(start.parameters)} weights "
            f"({100 * share:.1f} %)"
        )
        facts.append(("model", start.model))
        facts.append(("trained", f"{start.method}: {trained}"))
        facts.append(("computed", f"on {start.device}, {start.precision}, {start.batching}"))
        facts.append(("steps", f"{view.step:,} of {start.total_steps:,}"))
    if view.stop and view.stop.best_step is not None:
        facts.append(("weights kept", f"step {view.stop.best_step:,}"))
    if view.stop and view.stop.seconds:
        facts.append(("time", duration(view.stop.seconds)))
    if view.estimate is not None:
        facts.append(("estimated", _estimated(view.estimate, view.stop)))
    return [(name, short(value, LONGEST_NAME)) for name, value in facts]


def _estimated(estimate: Estimated, stop: RunStopped | None) -> str:
    """Say what was reckoned, and of a finished run how wrong that was."""
    parts = [(duration(estimate.seconds), estimate.seconds, stop.seconds if stop else 0.0)]
    parts += [
        (size(estimate.memory_bytes), estimate.memory_bytes, stop.memory_bytes if stop else 0)
    ]
    if stop is None or stop.reason != "finished":
        return " and ".join(text for text, _, _ in parts)
    return " and ".join(
        f"{text} ({_off(reckoned, real)})" if real and reckoned == reckoned else text
        for text, reckoned, real in parts
    )


def _off(reckoned: float, real: float) -> str:
    """Say how far a guess was off.

    Examples
    --------
    >>> _off(110, 100), _off(96, 100), _off(100.2, 100)
    ('10 % too much', '4 % too little', 'right')
    """
    share = round(100 * (reckoned / real - 1))
    return f"{abs(share)} % too {'much' if share > 0 else 'little'}" if share else "right"


def _scores(view: RunView) -> dict[str, Any]:
    """Return the table: baselines, then the last evaluations with the best one among them."""
    best = view.best
    shown = view.evaluations[-MOST_EVALUATIONS:]
    if best is not None and best not in shown:
        shown = [best, *shown[1:]]
    model = short(view.start.model if view.start else "model", LONGEST_NAME)
    # A baseline may be one of other scores only, which are those of %evaluate.
    lines = [
        (short(one.name, LONGEST_NAME), "baseline", one.scores)
        for one in view.baselines
        if not view.metric or not math.isnan(one.scores.get(view.metric, 0.0))
    ]
    for event in shown:
        note = "best" if event is best else ""
        lines.append((f"{model}, epoch {event.epoch:.3g}", note, event.scores))
    there = {name for _, _, scores in lines for name in scores}
    first = [view.metric] if view.metric in there else []
    others = [name for name in SHOWN if name in there and name not in first]
    names = [*first, *others][:MOST_SCORES]
    rows = [
        {"name": name, "note": note, "cells": [scores.get(name) for name in names]}
        for name, note, scores in lines
    ]
    return {"caption": "Scores on the validation rows", "names": names, "rows": rows}


def _diagnosed(view: RunView) -> str:
    words, trying = diagnosis(view)
    return f"{words} Try: {trying}" if words else ""


def _next_step(view: RunView) -> tuple[str, str]:
    """Return what to do now as words and a command, both empty when there is nothing."""
    if view.stop is None:
        return "", ""
    name = short(view.title, LONGEST_NAME)
    if view.stop.reason in ("interrupted", "killed"):
        return "Go on:", f"%resume {name}"
    if view.stop.reason == "failed":
        again = view.stop.best_step is not None
        return ("Once mended, go on:", f"%resume {name}") if again else ("", "")
    return "Next:", f"%evaluate {name}"


def _notices(view: RunView) -> list[dict[str, str]]:
    kept = view.notices[-MOST_NOTICES:]
    return [{"text": short(n.text, LONGEST_NOTICE), "level": n.level} for n in kept]
