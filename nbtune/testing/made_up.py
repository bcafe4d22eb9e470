"""What runs tell and leave behind, made up."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from nbtune import events
from nbtune.evaluation.bootstrap import weighted_labels
from nbtune.evaluation.classification import judge
from nbtune.evaluation.comparison import judge_pairs, sample, score_contender, verdict
from nbtune.records import ComparisonRecord, Contender, Course, EvaluationRecord


def guesses(
    rows: int = 120, labels: int = 3, seed: int = 0, skill: float = 0.8
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Make up targets of shape (rows,) and probabilities of shape (rows, labels) for them.

    The probabilities are coarse, so that some are equal; with few rows some labels have none.
    In a share ``skill`` of the rows the true label has more weight, in the others it is chance.
    """
    rng = np.random.default_rng(seed)
    targets = rng.integers(labels, size=rows)
    weights = rng.integers(1, 6, size=(rows, labels)).astype(float)
    known = np.flatnonzero(rng.random(rows) < skill)
    weights[known, targets[known]] += rng.integers(2, labels + 2, size=len(known))
    return targets, weights / weights.sum(axis=1, keepdims=True)


@cache
def made_up_record(
    labels: int | tuple[str, ...] = 3, rows: int = 120, seed: int = 0, baseline: bool = True
) -> EvaluationRecord:
    """Judge `guesses` beside worse ones."""
    names = [f"label {i}" for i in range(labels)] if isinstance(labels, int) else labels
    targets, good = guesses(rows, len(names), seed)
    worse = guesses(rows, len(names), seed, skill=0.6)[1]
    texts = [f"text of row {i}" for i in range(rows)]
    baselines = {"TF-IDF + logistic regression": worse} if baseline else None
    return judge("topics@1", "test", names, targets, good, baselines=baselines, texts=texts)


@cache
def made_up_comparison(names: tuple[str, ...] = ("full@1", "lora@1", "head@1")) -> ComparisonRecord:
    """Compare `guesses` of less and less skill, as if each came from a cheaper run."""
    targets = guesses(200, 3)[0]
    course = (0.5, 1.0, 2.0), (1.1, 0.8, 0.5)
    said = [guesses(200, 3, 0, 0.9 - 0.15 * i)[1] for i in range(len(names))]
    scored = [
        score_contender(name, [sample(weighted_labels(targets, own), 200)], 200)
        for name, own in zip(names, said, strict=True)
    ]
    contenders = [
        Contender(
            one.name, (one.name,), {"method": one.name}, one.scores, one.spread,
            300.0 / 4**i, 900e6 / 2**i, 22.7e6, 22.7e6 / 10**i, 90e6 / 9**i,
            (Course(one.name, *course, *course),),
        )
        for i, one in enumerate(scored)
    ]  # fmt: skip
    pairs = judge_pairs(scored, "f1_macro", 200)
    words = verdict(pairs, "f1_macro", 200)
    return ComparisonRecord(
        "test", 200, "f1_macro", "seconds", tuple(contenders), pairs, words, ("a note",)
    )


def made_up_events(
    reports: int = 40, epochs: int = 4, reason: str = "finished", message: str = ""
) -> list[events.Event]:
    """Tell what a run would have told: ten steps a report, a falling loss, a score an epoch."""
    total = 10 * reports
    told: list[events.Event] = [
        events.PhaseStarted("loading model"),
        events.DataReady(
            {"train": total * 16 // epochs, "validation": 300},
            {"animal": total * 8 // epochs, "food": total * 8 // epochs},
            {"median": 10.0, "p95": 24.0, "max": 41.0, "truncated": 0.0},
        ),
        events.BaselineScored("majority", "validation", {"f1_macro": 0.08, "accuracy": 0.17}),
        events.PhaseStarted("training"),
        events.RunStarted(
            0, total, total // epochs, "text-classification", "minilm", "full",
            22_713_216, 22_713_216, "cpu", "fp32", "packed", "f1_macro",
        ),
    ]  # fmt: skip
    rng = np.random.default_rng(0)
    for report in range(1, reports + 1):
        step, share = 10 * report, report / reports
        loss = 0.3 + 2.2 * float(np.exp(-4 * share)) + 0.1 * float(rng.normal())
        rate = 2e-5 * (1 - share)
        told.append(
            events.StepsDone(step, share * epochs, loss, rate, 1.0, 160, 1900, 0.5, 700 << 20)
        )
        if report * epochs % reports < epochs:
            scores = {"f1_macro": 0.6 + 0.25 * share, "accuracy": 0.62 + 0.25 * share}
            told.append(
                events.Evaluated(step, share * epochs, "validation", loss, scores, 1.0, True)
            )
    return [*told, events.RunStopped(total, reason, total, message, reports * 0.5)]
