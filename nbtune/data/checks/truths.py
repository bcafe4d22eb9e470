"""What only rows of one task can have wrong: targets that copy, answers that leak, odd spans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from nbtune.data.checks.found import FEW_ROWS, SHOWN, Meant, beginning, respelled
from nbtune.data.checks.personal import mask
from nbtune.data.liked import LIKED
from nbtune.data.spans import OUTSIDE, spans_of, type_of
from nbtune.data.turns import answer_of, asked_of

Frames = Mapping[str, pd.DataFrame]
Starts = Mapping[str, int]
LONGER, SHORT = 3.0, 20
"""A target is far longer than its source with so many times its characters, and so many more."""
ONE_SIDED = 0.75
"""Preferred answers that are the longer ones so often teach length rather than quality."""


def asked(rows: pd.DataFrame) -> list[str]:
    """Return what each chat asks, up to its last answer."""
    return ["\n\n".join(turn["content"] for turn in asked_of(one)) for one in rows["messages"]]


def answered(rows: pd.DataFrame) -> list[str]:
    """Return the last answer of each chat."""
    return [answer_of(one) for one in rows["messages"]]


def of_rewritten(frames: Frames, starts: Starts) -> Iterator[Meant]:
    """Find targets that are their sources, and those that are far longer."""
    copied, longer = [], []
    shown: dict[str, list[str]] = {"copied": [], "longer": []}
    for split, rows in frames.items():
        pairs = zip(rows["source"], rows["target"], strict=True)
        for row, (source, target) in enumerate(pairs, starts[split]):
            if " ".join(source.split()).casefold() == " ".join(target.split()).casefold():
                copied.append(row)
                shown["copied"].append(source)
            elif len(target) > max(LONGER * len(source), len(source) + SHORT):
                longer.append(row)
                shown["longer"].append(f"{beginning(source)} → {beginning(target)}")
    if copied:
        what = "rows have a target equal to its source"
        yield Meant("copied_sources", "warning", copied, what, _masked(shown["copied"]))
    if longer:
        what = f"rows have a target more than {LONGER:g} times as long as its source"
        yield Meant("long_targets", "warning", longer, what, tuple(shown["longer"][:SHOWN]))


def of_answers(frames: Frames, starts: Starts) -> Iterator[Meant]:
    """Find contexts that are trained on and tested on, and answers that are all of a context."""
    held_out = {
        context
        for split, rows in frames.items()
        if split in ("validation", "test")
        for context in rows["context"]
    }
    if "train" in frames and held_out:
        contexts = list(frames["train"]["context"])
        rows = [row for row, one in enumerate(contexts, starts["train"]) if one in held_out]
        if rows:
            what = "training rows ask about a context that validation or test rows ask about too"
            shown = _masked([contexts[row - starts["train"]] for row in rows[:SHOWN]])
            yield Meant("context_overlap", "warning", rows, what, shown)
    whole, texts = [], []
    for split, frame in frames.items():
        pairs = zip(frame["context"], frame["answers"], strict=True)
        for row, (context, answers) in enumerate(pairs, starts[split]):
            if any(len(one) > 0.9 * len(context.strip()) for one in answers):
                whole.append(row)
                texts.append(context)
    if whole:
        what = "rows have an answer that is all of its context: nothing has to be found"
        yield Meant("whole_answers", "warning", whole, what, _masked(texts))


def of_tags(frames: Frames, starts: Starts) -> Iterator[Meant]:
    """Find types that are spelled in two ways, that hardly ever come, and rows without a span."""
    counts: Counter[str] = Counter()
    for tags in frames.get("train", next(iter(frames.values())))["tags"]:
        counts.update(span.type for span in spans_of(list(tags)))
    names = sorted(counts)
    odd = respelled(names, [counts[name] for name in names])
    rare = {name for name in names if counts[name] < FEW_ROWS}
    rows_of: dict[str, list[int]] = {"labels": [], "rare_labels": []}
    for split, frame in frames.items():
        for row, tags in enumerate(frame["tags"], starts[split]):
            there = {type_of(tag) for tag in tags} - {OUTSIDE}
            for check, wanted in (("labels", set(odd)), ("rare_labels", rare)):
                if there & wanted:
                    rows_of[check].append(row)
    if rows_of["labels"]:
        shown = tuple(f"{one} → {other}" for one, other in list(odd.items())[:SHOWN])
        what = "rows have a type of span that is another one spelled anew"
        fix = "write the tags of one type in one way"
        yield Meant("labels", "error", rows_of["labels"], what, shown, fix)
    if rows_of["rare_labels"]:
        what = f"rows have one of {len(rare)} types with fewer than {FEW_ROWS} spans to learn from"
        shown = tuple(sorted(rare)[:SHOWN])
        yield Meant("rare_labels", "warning", rows_of["rare_labels"], what, shown)


def of_labels(frames: Frames, starts: Starts) -> Iterator[Meant]:
    """Find labels that are spelled in two ways, and those that hardly ever come."""
    train = frames.get("train", next(iter(frames.values())))
    counts = Counter(label for labels in train["label"] for label in labels)
    names = sorted(counts)
    odd = respelled(names, [counts[name] for name in names])
    rare = {name for name in names if counts[name] < FEW_ROWS} - set(odd)
    told = (
        ("labels", "error", set(odd), "rows have a label that is another one spelled anew",
         [f"{one} → {other}" for one, other in odd.items()], "give such labels one spelling"),
        ("rare_labels", "warning", rare,
         f"rows have one of {len(rare)} labels with fewer than {FEW_ROWS} training rows",
         sorted(rare), ""),
    )  # fmt: skip
    for check, severity, wanted, what, shown, fix in told:
        rows = [
            row
            for split, frame in frames.items()
            for row, labels in enumerate(frame["label"], starts[split])
            if wanted & set(labels)
        ]
        if rows:
            yield Meant(check, severity, rows, what, tuple(shown[:SHOWN]), fix)


def of_relations(frames: Frames, starts: Starts) -> Iterator[Meant]:
    """Find the same of relations, of which a row has one."""
    single = {
        split: frame.assign(label=frame["label"].map(lambda label: (label,)))
        for split, frame in frames.items()
    }
    return of_labels(single, starts)


def of_chats(frames: Frames, starts: Starts) -> Iterator[Meant]:
    """Find answers that repeat what was asked."""
    rows, shown = [], []
    for split, frame in frames.items():
        for row, chat in enumerate(frame["messages"], starts[split]):
            before = [turn["content"].strip() for turn in asked_of(chat)]
            if before and answer_of(chat).strip() == before[-1]:
                rows.append(row)
                shown.append(before[-1])
    if rows:
        yield Meant("echoes", "warning", rows, "answers repeat what was asked", _masked(shown))


def of_preferences(frames: Frames, starts: Starts) -> Iterator[Meant]:
    """Find answers that are preferred for their length, or preferred and rejected."""
    train = frames.get("train", next(iter(frames.values())))
    longer = np.array([len(one) for one in train["chosen"]]) > np.array(
        [len(one) for one in train["rejected"]]
    )
    if len(train) >= 4 * FEW_ROWS and longer.mean() > ONE_SIDED:
        start = starts["train" if "train" in frames else next(iter(frames))]
        what = (
            f"of {len(train):,} preferred answers are longer than the rejected ones "
            f"({100 * longer.mean():.0f} %): length may be all that is learnt"
        )
        long_ones = np.flatnonzero(longer) + start
        preferred = train.loc[longer, ["chosen", "rejected"]].head(SHOWN).itertuples(index=False)
        pairs = tuple(f"{beginning(one)} ≻ {beginning(other)}" for one, other in preferred)
        fix = "%evaluate RUN has such a baseline"
        yield Meant("length_bias", "info", long_ones, what, pairs, fix)
    sides: dict[tuple[str, str], set[str]] = {}
    for frame in frames.values():
        for prompt, chosen, rejected in _judged(frame):
            sides.setdefault((prompt, chosen), set()).add("chosen")
            sides.setdefault((prompt, rejected), set()).add("rejected")
    rows, shown = [], []
    for split, frame in frames.items():
        for row, (prompt, *pair) in enumerate(_judged(frame), starts[split]):
            both = [one for one in pair if len(sides[prompt, one]) > 1]
            if both:
                rows.append(row)
                shown.append(both[0])
    if rows:
        what = "rows have an answer that is preferred here and rejected there, to the same prompt"
        yield Meant("both_sides", "error", rows, what, _masked(shown))


def of_liked(frames: Frames, starts: Starts) -> Iterator[Meant]:
    """Find answers that are liked here and not there, to the same prompt."""
    told: dict[str, set[bool]] = {}
    for frame in frames.values():
        for said, is_liked in zip(LIKED.texts(frame), frame["label"], strict=True):
            told.setdefault(said, set()).add(is_liked)
    rows, shown = [], []
    for split, frame in frames.items():
        for row, said in enumerate(LIKED.texts(frame), starts[split]):
            if len(told[said]) > 1:
                rows.append(row)
                shown.append(frame["completion"].iloc[row - starts[split]])
    if rows:
        what = "rows have an answer that is liked here and not liked there, to the same prompt"
        yield Meant("both_sides", "error", rows, what, _masked(shown))


def _judged(frame: pd.DataFrame) -> Iterator[tuple[str, str, str]]:
    prompts = ("\n\n".join(turn["content"] for turn in chat) for chat in frame["messages"])
    return zip(prompts, frame["chosen"], frame["rejected"], strict=True)


def _masked(texts: Sequence[Any]) -> tuple[str, ...]:
    return tuple(mask(str(text)) for text in texts[:SHOWN])
