"""The card of a run: live with its chart, final as plain tables, and both as text."""

from __future__ import annotations

import textwrap
from typing import Any

from markupsafe import Markup

from nbtune.panels.chart import loss_chart
from nbtune.panels.html import duration, number, render, size
from nbtune.panels.state import RunView

SHOWN = ("f1_macro", "accuracy", "roc_auc", "log_loss")
MOST_NOTICES = 6
LONGEST_NOTICE = 400
LONGEST_NAME = 80


def card_html(view: RunView) -> str:
    """Return the live card."""
    return render(
        "card.html.j2",
        **_head(view),
        step=view.step,
        total=view.start.total_steps if view.start else 0,
        percent_done=round(100 * view.share, 1),
        facts=_figures(view),
        chart=Markup(loss_chart(view)),  # noqa: S704 - made by a template that escapes
        scores=_scores(view),
        notices=_notices(view),
    )


def final_html(view: RunView) -> str:
    """Return the card of a run that has ended: tables only, which every viewer keeps."""
    return render(
        "final.html.j2",
        **_head(view),
        message=short(view.stop.message) if view.stop else "",
        scores=_scores(view),
        verdict=verdict(view),
        next_step=_next_step(view),
        facts=_facts(view),
        notices=_notices(view),
    )


def card_text(view: RunView) -> str:
    """Return the card as lines of at most 80 characters."""
    head = f"{short(view.title, 40)}: {view.words}"
    lines = [head, *(f"  {name}: {value}" for name, value in _facts(view))]
    scores = _scores(view)
    if scores["rows"]:
        lines.append(f"  {'':<32}" + "".join(f"{name:>11}" for name in scores["names"]))
        for row in scores["rows"]:
            cells = "".join(f"{number(value):>11}" for value in row["cells"])
            lines.append(f"  {short(row['name'], 32):<32}{cells}")
    lines = [short(line, 80) for line in lines]
    for text in (view.stop.message if view.stop else "", verdict(view), _next_step(view)):
        lines += textwrap.wrap(text, 80, initial_indent="  ", subsequent_indent="  ")
    return "\n".join(lines)


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
    lines += [f"- {name}: {escaped(str(value))}" for name, value in _facts(view)]
    if verdict(view):
        lines += ["", escaped(verdict(view))]
    return "\n".join(lines)


def verdict(view: RunView) -> str:
    """Say who has the better score on the validation rows; empty without both sides."""
    best = view.best
    if best is None or not view.baselines or view.stop is None:
        return ""
    metric = view.metric if view.metric in best.scores else "f1_macro"
    rival = max(view.baselines, key=lambda scored: scored.scores.get(metric, 0.0))
    ours, theirs = best.scores[metric], rival.scores[metric]
    word = "beats" if ours > theirs else "loses to" if ours < theirs else "equals"
    name = view.start.model if view.start else view.title
    return f"{name} {word} {rival.name} on the validation rows: {metric} {ours:.3f}, {theirs:.3f}."


def status_line(view: RunView) -> str:
    """Return one line of at most 79 characters, for a terminal."""
    if view.start is None or view.last is None:
        return short(f"{view.title}: {view.words} ...", 79)
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
        "words": view.words,
        "what": short(what, LONGEST_NAME),
    }


def _figures(view: RunView) -> list[tuple[str, str]]:
    """Return the figures of the live card: always the same eight, so that nothing jumps."""
    start, last = view.start, view.last
    total = f" / {start.total_steps}" if start else ""
    return [
        ("step", f"{view.step}{total}"),
        ("epoch", number(last.epoch, 2) if last else "–"),
        ("loss", number(last.loss, 4) if last else "–"),
        ("learning rate", f"{last.learning_rate:.2e}" if last else "–"),
        ("rows / s", number(view.rows_per_second, 1)),
        ("tokens / s", number(view.tokens_per_second, 0)),
        ("time left", duration(view.seconds_left)),
        ("memory", size(last.memory_bytes) if last else "–"),
    ]


def _facts(view: RunView) -> list[tuple[str, str]]:
    facts: list[tuple[str, str]] = []
    if view.data:
        rows = ", ".join(f"{count:,} {split}" for split, count in view.data.rows.items())
        tokens = view.data.tokens
        facts.append(("rows", f"{rows}; {len(view.data.labels)} labels"))
        facts.append(
            (
                "length",
                f"median {tokens['median']:.0f}, 95 % {tokens['p95']:.0f}, longest "
                f"{tokens['max']:.0f} tokens; {tokens['truncated']:.0f} rows cut",
            )
        )
    if start := view.start:
        share = start.trainable_parameters / max(1, start.parameters)
        facts.append(("model", short(start.model, LONGEST_NAME)))
        facts.append(
            (
                "trained",
                f"{start.method}: {_count(start.trainable_parameters)} of "
                f"{_count(start.parameters)} weights ({100 * share:.1f} %)",
            )
        )
        facts.append(("computed", f"on {start.device}, {start.precision}, {start.batching}"))
        facts.append(("steps", f"{view.step} of {start.total_steps}"))
    if view.stop:
        if view.stop.best_step is not None:
            facts.append(("weights kept", f"step {view.stop.best_step}"))
        facts.append(("time", duration(view.stop.seconds)))
    return facts


def _count(parameters: int) -> str:
    if parameters >= 1_000_000:
        return f"{parameters / 1e6:.1f} M"
    return f"{parameters / 1e3:.1f} k" if parameters >= 1_000 else str(parameters)


def _scores(view: RunView) -> dict[str, Any]:
    rows = [
        {"name": scored.name, "note": "baseline", "scores": scored.scores, "own": False}
        for scored in view.baselines
    ]
    best = view.best
    shown = view.evaluations[-4:]
    if best is not None and best not in shown:
        shown = [best, *shown[1:]]
    for event in shown:
        name = f"{view.start.model if view.start else 'model'}, epoch {event.epoch:.3g}"
        note = "best" if event is best else ""
        rows.append({"name": name, "note": note, "scores": event.scores, "own": event is best})
    names = [name for name in SHOWN if any(name in row["scores"] for row in rows)]
    for row in rows:
        row["cells"] = [row["scores"].get(name) for name in names]
        row["name"] = short(row["name"], LONGEST_NAME)
    return {"caption": "Scores on the validation rows", "names": names, "rows": rows}


def _next_step(view: RunView) -> str:
    if view.stop is None:
        return ""
    name = view.title
    if view.stop.reason == "interrupted":
        return f"Go on: %resume {name}"
    if view.stop.reason == "failed":
        return f"Once mended, go on: %resume {name}" if view.stop.best_step else ""
    return f"Next: %evaluate {name}"


def _notices(view: RunView) -> list[dict[str, str]]:
    kept = view.notices[-MOST_NOTICES:]
    return [{"text": short(n.text, LONGEST_NOTICE), "level": n.level} for n in kept]


def short(text: str, longest: int = LONGEST_NOTICE) -> str:
    """Cut a text that is too long, and show that it was cut."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def escaped(text: str) -> str:
    """Make Markdown show a text as it is."""
    for sign in "\\`*_{}[]<>()#+!|~":
        text = text.replace(sign, f"\\{sign}" if sign not in "<>" else f"&#{ord(sign)};")
    return text.replace("\n", " ")
