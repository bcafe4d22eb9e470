"""Which runs can be compared, and by which score."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from nbtune.errors import RunError, did_you_mean
from nbtune.records import COSTS, OF_TOKENS, UNRANKED
from nbtune.results.run import Run

_NOTHING: frozenset[str] = frozenset()


def refuse_unfit(runs: Sequence[Run], cost: str) -> None:
    """Refuse runs that have no model, or that were asked different things.

    Raises
    ------
    RunError
    """
    names = [run.name for run in runs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise RunError(f"{twice[0]} is named twice", hint="name each run once")
    if len(runs) < 2:
        raise RunError("one run is nothing to compare", hint="name two or more; %runs lists them")
    if cost not in COSTS:
        raise RunError(f"there is no cost {cost!r}", hint=did_you_mean(cost, tuple(COSTS)))
    if untrained := [run.name for run in runs if not run.folder.model_path.is_dir()]:
        raise RunError(
            f"{', '.join(untrained)}: no model yet",
            hint=f"go on with it: %resume {untrained[0]}",
        )
    if told := _apart(runs, lambda run: f"{run.task.summary} ({run.task.name})"):
        raise RunError(
            f"the runs have learnt different things: {told}",
            hint="only runs of one task can be compared; %runs sets all of them side by side",
        )
    inputs = {run.name: _inputs(run) for run in runs}
    if len(set(inputs.values())) > 1:
        told = ", ".join(f"{name} from {' and '.join(own)}" for name, own in inputs.items())
        raise RunError(
            f"the runs learnt from other columns: {told}",
            hint="only runs that are asked the same can be compared",
        )
    for run in runs[1:]:
        if other := sorted(set(run.labels) ^ set(runs[0].labels)):
            raise RunError(
                f"{runs[0].name} and {run.name} know different labels: {', '.join(other[:5])}",
                hint="only runs with the same labels can be compared",
            )


def _inputs(run: Run) -> tuple[str, ...]:
    """Return what a run reads of a labelled row: text, text_pair, image.

    Rows of other tasks say the same in several shapes, such as chats, or prompts and answers.
    """
    columns, rows = run.folder.about["columns"], run.task.rows
    if rows.targets != ("label",):
        return ()
    return tuple(role for role in rows.inputs if columns.get(role) is not None)


def _apart(runs: Sequence[Run], what: Callable[[Run], str]) -> str:
    """Say who is which, where not all are the same; nothing where they are."""
    found: dict[str, list[str]] = {}
    for run in runs:
        found.setdefault(what(run), []).append(run.name)
    if len(found) == 1:
        return ""
    return "; ".join(f"{', '.join(names)}: {one}" for one, names in found.items())


def deciding(
    runs: Sequence[Run], metric: str | None
) -> tuple[str, frozenset[str], tuple[str, ...]]:
    """Return the score that decides, those that mean nothing between these runs, and notes.

    Raises
    ------
    RunError
        When there is no such score, or none that can be compared.
    """
    task = runs[0].task
    refuse_score(runs[0], metric)
    per_token = OF_TOKENS.intersection(task.scores)
    first = _pieces(runs[0]) if per_token else ""
    others = [run.name for run in runs[1:] if per_token and _pieces(run) != first]
    if not others:
        return metric or task.decides, _NOTHING, ()
    rest = [name for name in task.scores if name not in per_token | UNRANKED]
    why = f"{runs[0].name} and {', '.join(others)} cut texts into other tokens"
    wanted = metric or task.decides
    if not rest or metric in per_token:
        raise RunError(
            f"{wanted} is a score a token, and {why}",
            hint=f"take another score: {rest[0]}" if rest else "train them from the same model",
        )
    told = "" if wanted in rest else f", so that {rest[0]} decides"
    names = " and ".join(sorted(per_token))
    return (
        wanted if wanted in rest else rest[0],
        per_token,
        (f"{why}: {names} cannot be compared{told}",),
    )


def refuse_score(run: Run, metric: str | None) -> None:
    """Refuse a score that the task of a run has not, or of which more is no better.

    Raises
    ------
    RunError
    """
    ranked = [name for name in run.task.scores if name not in UNRANKED]
    if metric is not None and metric not in ranked:
        raise RunError(
            f"there is no score {metric!r} to decide by: {run.name} has learnt {run.task.summary}",
            hint=f"{did_you_mean(metric, ranked)} ({', '.join(ranked)})",
        )


def _pieces(run: Run) -> str:
    """Return into what a run cuts texts, as text; nothing where its tokenizer does not say."""
    file = run.folder.model_path / "tokenizer.json"
    if not file.is_file():
        return ""
    model: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))["model"]
    return json.dumps([model.get(part) for part in ("type", "vocab", "merges")])
