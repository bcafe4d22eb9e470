"""An evaluation as tables, in HTML, Markdown and text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nbtune.panels.html import ends, number, percent, render
from nbtune.panels.markdown import escaped
from nbtune.panels.marked import marked_lines
from nbtune.panels.rewritten import pair_of
from nbtune.plots.texts import short
from nbtune.records import ClassScores, EvaluationRecord, Judged, Mistake, Score, worth
from nbtune.records.marking import near_marks

MOST_ERRORS = 10
MOST_CLASSES = 60
MOST_SLICES = 40
MOST_IN_TEXT = 20
WORST_IN_TEXT = 3
MOST_MISTAKES = 10
FEW_LABELS = 15
"""Up to so many labels the matrix itself says which are taken for which."""


def evaluation_html(record: EvaluationRecord) -> str:
    """Return score table, verdict, scores by label and the worst errors."""
    return render(
        "evaluation.html.j2",
        record=record,
        slices=record.slices,
        asked=record.slices.asked[:MOST_SLICES] if record.slices else (),
        said=_probabilities(record),
        names=list(record.scores),
        table=_lines(record),
        best={name: _best(record, name) for name in record.scores},
        classes=_worst(record, MOST_CLASSES),
        decided=record.decided[:MOST_CLASSES],
        mistakes=_mistakes(record),
        errors=record.errors[:MOST_ERRORS],
        columns=_columns(record),
        lines=marked_lines(record),
        what=_marked_parts(record),
        parts=_parts(record),
        **_rewritten(record),
        has_auc=_has_auc(record),
    )


def _lines(record: EvaluationRecord) -> list[Judged]:
    """Return the columns of the score table: what is judged first, many baselines need room."""
    unseen = list(record.lines[len(record.table) :])
    return [record.table[-1], *unseen, *record.table[-2::-1]]


def _rewritten(record: EvaluationRecord) -> dict[str, Any]:
    """Return what the table of written texts shows."""
    shown = [
        pair_of(one.source, one.target, one.output, one.row, one.score) for one in record.rewritten
    ]
    caption = "Rows from the worst to the best; all in .frame"
    return {"pairs": shown, "caption": caption, "measure": _measure(record), "is_judged": True}


def _measure(record: EvaluationRecord) -> str:
    """Return the score that texts have one by one."""
    return "rougeL" if record.decides == "perplexity" else record.decides


@dataclass(frozen=True)
class Parts:
    """What the rows of the second table are called, and what their last column counts."""

    by: str = "label"
    name: str = "label"
    counted: str = "rows"


def _columns(record: EvaluationRecord) -> tuple[str, str, str]:
    """Return what the columns of wrong rows are called."""
    if record.rewards is not None:
        return "prompt", "chosen", "preferred by the model"
    if any(one.image for one in record.errors):
        return "image", "true", "predicted"
    return "text", "true", "predicted"


def _parts(record: EvaluationRecord) -> Parts:
    if any(text.title for text in record.texts):
        return Parts("beginning of the question: words of the answers", "question", "questions")
    return Parts("type of span", "label", "spans") if record.texts else Parts()


def _marked_parts(record: EvaluationRecord) -> str:
    if record.decides == "perplexity":
        return "least expected words"
    return "answers" if any(text.title for text in record.texts) else "spans"


def evaluation_text(record: EvaluationRecord) -> str:
    """Return the same, with fewer labels and errors, as lines of at most 80 characters."""
    head = f"{short(record.run, 40)} on {record.rows:,} {short(record.split, 20)} rows"
    after = [line for text in _sentences(record) for line in textwrap.wrap(short(text), 80)]
    lines = (_score_lines, _class_lines, _mistake_lines, _slice_lines, _error_lines)
    parts = (part(record) for part in lines)
    return "\n".join([head, *(line.rstrip() for part in parts for line in part), *after])


def evaluation_markdown(record: EvaluationRecord) -> str:
    """Return the score table and verdict; nothing from the data can become markup."""
    names = " | ".join(escaped(judged.name) for judged in record.lines)
    lines = [
        f"**{escaped(record.run)}** on {record.rows:,} {escaped(record.split)} rows",
        "",
        f"| score | {names} |",
        "|---|" + "---:|" * len(record.lines),
    ]
    for score in record.scores:
        cells = " | ".join(_interval(judged.scores[score]) for judged in record.lines)
        lines.append(f"| {score} | {cells} |")
    return "\n".join([*lines, *(f"\n{escaped(text)}" for text in _sentences(record))])


def _sentences(record: EvaluationRecord) -> list[str]:
    """Return what is said below the tables."""
    slices = record.slices.words if record.slices else ""
    said = (*_probabilities(record), slices, record.verdict, record.leak, record.left_out)
    return [text for text in said if text]


def _probabilities(record: EvaluationRecord) -> list[str]:
    """Return what is said of the probabilities: thresholds, calibration, the likeliest labels."""
    said = _thresholds(record)
    said += [record.calibration.words] if record.calibration else []
    if record.top_k:
        shown = [k for k in (1, 2, 3, 5, 10) if k <= len(record.top_k)]
        shares = ", ".join(f"{k}: {number(record.top_k[k - 1].value)}" for k in shown)
        said.append(f"The true label is among the k likeliest (top-k accuracy): {shares}.")
    return said


def _thresholds(record: EvaluationRecord) -> list[str]:
    """Return what is said of thresholds that somebody chose."""
    decided = record.decided
    if not decided:
        return []
    left = len(record.operating) - len(decided)
    many = len(record.labels) > 2
    said = [point.words for point in decided[:WORST_IN_TEXT]]
    if more := len(decided) - len(said):
        said.append(f"So are {more} more labels by thresholds of their own.")
    if many and left:
        said.append(f"{left} labels keep their default.")
    said.append(f"%evaluate {record.run} --threshold default takes it back.")
    return [" ".join(said)]


def _score_lines(record: EvaluationRecord) -> Iterator[str]:
    shown = record.lines[-3:]
    yield " " * 16 + "".join(f"{short(judged.name, 20):>21}" for judged in shown)
    for score in record.scores:
        yield f"{score:<16}" + "".join(f" {_interval(j.scores[score]):>20}" for j in shown)


def _class_lines(record: EvaluationRecord) -> Iterator[str]:
    worst = _worst(record, MOST_IN_TEXT)
    if not worst:
        return
    some = len(worst) < len(record.classes)
    name = _parts(record).name
    title = f"worst {len(worst)} of {len(record.classes)} {name}s" if some else name
    has_auc = _has_auc(record)
    auc = f"{'AUC':>7}" if has_auc else ""
    yield f"{title:<26}{'precision':>10}{'recall':>8}{'F1, 95 %':>20}{auc}{'rows':>9}"
    for one in worst:
        scores = f"{number(one.precision.value):>10}{number(one.recall.value):>8}"
        area = f"{number(one.roc_auc.value):>7}" if has_auc else ""
        f1 = _interval(one.f1)
        yield f"{short(one.label, 25):<26}{scores}{f1:>20}{area}{one.support:>9,}"


def _has_auc(record: EvaluationRecord) -> bool:
    return any(one.roc_auc.value == one.roc_auc.value for one in record.classes)


def _mistakes(record: EvaluationRecord) -> list[Mistake]:
    """Return the commonest mistakes, where there are too many labels to find them in a matrix."""
    found = record.confusion
    return found.mistakes[:MOST_MISTAKES] if found and len(found.labels) > FEW_LABELS else []


def _mistake_lines(record: EvaluationRecord) -> Iterator[str]:
    shown = _mistakes(record)
    if shown:
        yield f"{'taken for another label':<62}{'of its':>9}{'rows':>9}"
    for one in shown:
        pair = f"{short(one.true, 29)} for {short(one.predicted, 28)}"
        yield f"{pair:<62}{percent(one.share):>9}{one.count:>9,}"


def _slice_lines(record: EvaluationRecord) -> Iterator[str]:
    if record.slices is None:
        return
    shown = [*record.slices.asked[:MOST_IN_TEXT], *record.slices.worst]
    if shown:
        yield f"{'slice':<40}{record.slices.measure:>21}{'others':>9}{'rows':>9}"
    for one in shown:
        scores = f"{_interval(one.score):>21}{number(one.rest):>9}"
        yield f"{short(one.name, 39):<40}{scores}{one.rows:>9,}"


def _error_lines(record: EvaluationRecord) -> Iterator[str]:
    if record.rewritten:
        yield "written worst"
    for one in record.rewritten[:WORST_IN_TEXT]:
        yield f"  row {one.row}, {_measure(record)} {number(one.score)}: {short(one.source, 50)}"
        yield f"    target: {short(one.target, 68)}"
        yield f"    output: {short(one.output, 68)}"
    worst = record.errors[:WORST_IN_TEXT]
    if worst:
        yield "furthest off" if record.scatter else "most confidently wrong"
    for error in worst:
        if record.scatter:
            yield f"  row {error.row}: {error.target} taken for {error.prediction}"
            yield f"    {short(error.text, 76)}"
            continue
        longest = 30 if record.texts else 20
        labels = f"{short(error.target, longest)} taken for {short(error.prediction, longest)}"
        yield f"  row {error.row}, {percent(error.probability)} sure: {labels}"
        if error.text:
            yield f"    {short(near_marks(error.text, 76), 76)}"


def _worst(record: EvaluationRecord, most: int) -> list[ClassScores]:
    """Return the labels with the lowest F1, in their order; those without rows last."""
    ranked = sorted(record.classes, key=lambda one: (not one.support, one.f1.value))[:most]
    return [one for one in record.classes if one in ranked]


def _interval(score: Score) -> str:
    if score.low != score.low:
        return number(score.value)
    return f"{number(score.value)} {ends(score)}"


def _best(record: EvaluationRecord, name: str) -> Judged | None:
    """Return who has the best score; nobody where all have the same."""
    found = [worth(name, judged.scores[name].value) for judged in record.table]
    if len(found) > 1 and len(set(found)) == 1:
        return None
    return record.table[found.index(max(found))]
