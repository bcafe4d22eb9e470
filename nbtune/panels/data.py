"""What is in a data set and what is wrong with it, in HTML, Markdown and text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from markupsafe import Markup

from nbtune.panels.html import percent, render
from nbtune.panels.markdown import escaped
from nbtune.panels.preview import preview_html, preview_lines
from nbtune.plots.texts import short
from nbtune.records import DataFinding, DataRecord, Lengths, Truncation

MOST_LABELS = 30
MOST_COLUMNS = 20
SIGNS = {"error": "✗", "warning": "!", "info": "i"}
SOUND = "Nothing was found that is wrong with these rows."


def data_html(record: DataRecord) -> str:
    """Return findings, columns, labels and the cost of each limit."""
    return render(
        "data.html.j2",
        record=record,
        rows=_rows(record),
        sound=SOUND,
        signs=SIGNS,
        most_columns=MOST_COLUMNS,
        labels=_labels(record),
        left_out=max(0, len(next(iter(record.labels.values()), ())) - MOST_LABELS),
        has_weights=bool(record.weights),
        unknown=_unknown,
        in_all=_in_all,
        parts=_parts,
        preview=Markup(preview_html(record.preview)),  # noqa: S704 - a template that escapes
        lengths=[
            (setting, one, [_point(point) for point in one.truncation])
            for setting, one in _limits(record)
        ],
    )


def data_text(record: DataRecord) -> str:
    """Return the same, labels shortened, as lines of at most 80 characters."""
    lines = [f"{short(record.name, 30)}: {_rows(record)}"[:80], *_column_lines(record), ""]
    if not record.findings:
        lines.append(SOUND)
    for finding in record.findings:
        lines += _finding_lines(finding)
    if record.origin:
        made = f"{short(record.name, 20)} is made by: {short(record.origin)}"
        lines += ["", *textwrap.wrap(made, 80, subsequent_indent="     ", break_on_hyphens=False)]
    if record.preview is not None:
        lines += ["", "what is learnt of the first rows", *preview_lines(record.preview)]
    return "\n".join([*lines, "", *_label_lines(record), *_length_lines(record)]).rstrip()


def data_markdown(record: DataRecord) -> str:
    """Return findings as a table; nothing from the data can become markup."""
    lines = [f"**{escaped(record.name)}**: {escaped(_rows(record))}", ""]
    if not record.findings:
        return "\n".join([*lines, SOUND])
    lines += ["| | rows | found | to do |", "|---|---:|---|---|"]
    for finding in record.findings:
        examples = "; ".join(escaped(short(one, 80)) for one in finding.examples)
        what = escaped(finding.what) + (f": {examples}" if examples else "")
        cells = (finding.severity, f"{finding.count:,}", what, escaped(finding.fix))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _rows(record: DataRecord) -> str:
    rows = ", ".join(f"{count:,} {short(split, 20)}" for split, count in record.rows.items())
    if record.task:
        return f"{rows} rows for {record.task.replace('_', ' ')}"
    return f"{rows} rows, {len(record.weights):,} labels"


def _labels(record: DataRecord) -> list[tuple[str, list[str], str]]:
    splits = list(record.labels.values())
    if not splits:
        return []
    return [
        (name, [f"{counts.get(name, 0):,}" for counts in splits], _weight(record, name))
        for name in list(splits[0])[:MOST_LABELS]
    ]


def _weight(record: DataRecord, name: str) -> str:
    return f"{record.weights[name]:.3g}" if name in record.weights else "–"


def _limits(record: DataRecord) -> list[tuple[str, Lengths]]:
    """Return the limits on tokens that there are by their settings."""
    found = {"max_length": record.lengths, "max_target_length": record.targets}
    return [(setting, one) for setting, one in found.items() if one is not None]


def _point(one: Truncation) -> tuple[str, ...]:
    learnt = () if one.learnt is None else (_share(one.learnt),)
    time = () if one.time is None else (percent(one.time),)
    return f"{one.max_length:,}", _share(one.rows), _share(one.tokens), *learnt, *time


def _in_all(record: DataRecord, one: Lengths) -> str:
    """Return how many tokens all rows have, about; nothing of records that do not tell."""
    if one.mean != one.mean:
        return ""
    rows = sum(record.rows.values())
    about = "" if one.looked_at == rows else "about "
    return f", {about}{one.mean * rows:,.0f} in all"


def _parts(one: Lengths) -> str:
    """Say what becomes of longer rows where no limit cuts any."""
    share = f"{_share(one.longer)} of the" if one.longer else "No"
    return (
        f"{share} rows are longer than max_length: {one.limit} and read in parts; nothing is lost"
    )


def _unknown(one: Lengths) -> str:
    return f"{_share(one.unknown)} of them unknown" if one.unknown else "none unknown"


def _share(value: float) -> str:
    return "0" if value == 0 else percent(value) if value > 0.1 else f"{100 * value:.2g} %"


def _finding_lines(finding: DataFinding) -> Iterator[str]:
    mark = {"error": "x", "warning": "!", "info": "i"}[finding.severity]
    told = f"{finding.count:,} {short(finding.what)}"
    yield from textwrap.wrap(told, 80, initial_indent=f"{mark} ", subsequent_indent="  ")
    for example in finding.examples:
        yield f"    {short(example, 76)}"
    yield from textwrap.wrap(
        f"-> {short(finding.fix)}",
        80,
        initial_indent="  ",
        subsequent_indent="     ",
        break_on_hyphens=False,
    )


def _column_lines(record: DataRecord) -> Iterator[str]:
    for one in record.columns[:MOST_COLUMNS]:
        role = f" ({one.role})" if one.role else ""
        name = f"{short(one.name, 27)}{role}"
        missing = f", {one.missing:,} missing" if one.missing else ""
        yield f"  {name:<36}{short(one.kind, 8):<9}{f'{one.distinct:,} different{missing}':>33}"


def _label_lines(record: DataRecord) -> Iterator[str]:
    if record.pictures is not None:
        yield from textwrap.wrap(record.pictures.words, 80)
    if record.numbers is not None:
        yield from textwrap.wrap(f"{short(record.numbers.name, 30)}: {record.numbers.words}", 80)
    splits = list(record.labels)[:3]
    if not splits:
        return
    weights = f"{'weight':>11}" if record.weights else ""
    head = "spans" if record.task == "token-classification" else "label"
    yield f"{head:<32}" + "".join(f"{short(split, 11):>12}" for split in splits) + weights
    for name, counts, weight in _labels(record)[:10]:
        last = f"{weight:>11}" if record.weights else ""
        yield f"{short(name, 31):<32}" + "".join(f"{c:>12}" for c in counts[:3]) + last


def _length_lines(record: DataRecord) -> Iterator[str]:
    for setting, found in _limits(record):
        yield ""
        yield from textwrap.wrap(
            f"tokens of {short(found.model, 40)}: median {found.median:.0f}, "
            f"95 % {found.p95:.0f}, longest {found.longest:,}{_in_all(record, found)}, "
            f"{_unknown(found)} ({found.looked_at:,} rows looked at)",
            80,
        )
        if not found.truncation:
            yield from textwrap.wrap(_parts(found), 80)
            continue
        has_learnt, has_time = (
            value is not None for value in (found.truncation[0].learnt, found.truncation[0].time)
        )
        heads = ["rows cut", "tokens lost", *["of the answers"] * has_learnt]
        heads += ["time of a step"] * has_time
        yield f"{setting:<18}" + "".join(f"{head:>15}" for head in heads)
        for one in found.truncation:
            limit, *cells = _point(one)
            yield f"{limit:<18}" + "".join(f"{cell:>15}" for cell in cells)
