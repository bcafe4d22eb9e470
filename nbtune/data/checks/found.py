"""Findings: what a scan says of each check, with examples and a line that mends it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbtune.data.checks.languages import guess_language
from nbtune.data.checks.personal import KINDS, mask
from nbtune.data.checks.same import HELD_OUT, contradictions, copies, leaks, near_copies
from nbtune.data.checks.scan import SIGNS, Scan
from nbtune.data.faults import is_missing
from nbtune.events import Progress
from nbtune.records import SEVERITIES, DataFinding

Rows = Any
"""Numbers of rows, as a list or an array."""
SHOWN = 3
LOOKED_AT_FOR_LANGUAGE = 20_000
UNEQUAL = 5.0
"""So many times the rows of the rarest label has the most frequent one, to be worth a weight."""
FEW_ROWS = 5
_MIXED = 0.02
_BEGINNING = 70
_AROUND = 60
_LONGEST_CELL = 4_000


@dataclass(frozen=True)
class Meant:
    """What one check found: which rows mending changes or leaves out, and how it is told."""

    check: str
    severity: str
    rows: Rows
    what: str
    examples: tuple[str, ...] = ()
    fix: str = ""
    """Empty where ``nbtune.mend`` mends it."""
    pictures: tuple[str, ...] = ()

    def finding(self, total: int, mending: str) -> DataFinding:
        """Return it as a record; ``mending`` is the line with ``CHECK`` for the check's name."""
        fix = self.fix or mending.replace("CHECK", self.check)
        return DataFinding(
            self.check, self.severity, len(self.rows), total, self.what, self.examples, fix,
            self.pictures,
        )  # fmt: skip


def look(
    scan: Scan,
    progress: Progress = lambda done, total: None,
    *,
    languages: bool = True,
    has_labels: bool = True,
    has_near: bool = True,
    conflict: tuple[str, str] | None = None,
) -> list[Meant]:
    """Return what there is to say, the gravest first; ``languages`` takes longest.

    Parameters
    ----------
    has_labels : bool
        Whether what is true of rows are labels, of which some can be rare or spelled anew.
    has_near : bool
        Whether texts that are almost the same are looked for; of pairs that share a text they
        never are.
    conflict : tuple of str, optional
        How grave it is that a text has several truths, and what that is called.
    """
    conflict = conflict or ("error", f"rows have {_a(scan.noun)} that has other labels too")
    has_near = has_near and scan.text_pair is None
    found = [
        *_unusable(scan),
        *_leaks(scan),
        *_contradictions(scan, *conflict),
        *_signs(scan),
        *_copies(scan, ", text and label" if has_labels and scan.called is None else ""),
        *(_near(scan, progress) if has_near else ()),
        *(_labels(scan) if has_labels else ()),
        *(_languages(scan) if languages else ()),
    ]
    return sorted(found, key=lambda one: SEVERITIES.index(one.severity))


def _unusable(scan: Scan) -> Iterator[Meant]:
    rows = sorted({row for found in scan.faults.values() for row in found})
    if rows:
        parts = [f"{len(found):,} with {fault}" for fault, found in scan.faults.items()]
        what = f"rows cannot be used: {', '.join(parts)}"
        columns = [*scan.text_columns, scan.label]
        shown = [
            as_given({name: scan.cell_of(row, name) for name in columns}) for row in rows[:SHOWN]
        ]
        yield Meant("unusable", "error", rows, what, tuple(shown))


def as_given(cells: Mapping[str, Any]) -> str:
    """Return the cells of a row as they were given, each shortened."""
    return ", ".join(f"{name}: {_written(cell)}" for name, cell in cells.items())


def _written(cell: Any) -> str:
    if is_missing(cell):
        return "missing"
    plain = cell.item() if isinstance(cell, np.generic) else cell
    return beginning(repr(plain)[:_LONGEST_CELL])


def _leaks(scan: Scan) -> Iterator[Meant]:
    rows = leaks(scan)
    if len(rows):
        plural = "images" if scan.called else "texts"
        what = f"training {plural} are validation or test {plural} too, and flatter the scores"
        yield Meant("overlap", "error", rows, what, _texts(scan, rows))


def _contradictions(scan: Scan, severity: str, called: str) -> Iterator[Meant]:
    groups = contradictions(scan)
    if groups:
        rows = np.sort(np.concatenate(groups))
        what = f"{called} ({len(groups):,} of them)"
        shown = [f"{mask(scan.name_of(g[0]))} → {_names(scan, g)}" for g in groups[:SHOWN]]
        yield Meant("conflicts", severity, rows, what, tuple(shown))


def _signs(scan: Scan) -> Iterator[Meant]:
    told = {
        "encoding": ("error", "texts were read in the wrong encoding", ""),
        "lost_characters": ("warning", "texts have lost characters (�), which nothing brings back",
                            ""),
        "markup": ("warning", "texts hold HTML tags or entities",
                   "clean: [control, unicode, whitespace, markup]"),
    }  # fmt: skip
    for sign, (severity, what, fix) in told.items():
        if rows := scan.signs.get(sign):
            yield Meant(sign, severity, rows, what + scan.searched, _with(scan, rows, [sign]), fix)
    rows = sorted({row for kind in KINDS for row in scan.signs.get(kind, ())})
    if rows:
        kinds = [f"{len(found):,} with {kind}" for kind in KINDS if (found := scan.signs.get(kind))]
        what = f"texts hold personal data: {', '.join(kinds)}{scan.searched}"
        yield Meant("personal", "warning", rows, what, _with(scan, rows, [*KINDS]))


def _copies(scan: Scan, of_what: str) -> Iterator[Meant]:
    rows = copies(scan)
    if len(rows):
        what = f"{scan.training}rows are copies of an earlier one{of_what}"
        yield Meant("duplicates", "warning", rows, what, _texts(scan, rows))


def _near(scan: Scan, progress: Progress) -> Iterator[Meant]:
    pairs, complete = near_copies(scan, progress)
    more = scan.searched
    more += "" if complete else " (there are more: not all pairs were compared)"
    own, held_out = scan.among([scan.learnt]), scan.among(HELD_OUT)
    inside = [pair for pair in pairs if own[pair[0]] and own[pair[1]]]
    either_way = [one for a, b in pairs for one in ((a, b), (b, a))]
    crossing = [(a, b) for a, b in either_way if own[a] and held_out[b] and not own[b]]
    if scan.learnt != "train":
        crossing = []
    if crossing:
        rows = sorted({pair[0] for pair in crossing})
        what = f"training texts are almost the same as a validation or test text{more}"
        yield Meant("near_overlap", "warning", rows, what, _pairs(scan, crossing))
    if inside:
        rows = sorted({pair[1] for pair in inside})
        what = f"{scan.training}texts are almost the same as an earlier one{more}"
        yield Meant("near_duplicates", "info", rows, what, _pairs(scan, inside))


def _labels(scan: Scan) -> Iterator[Meant]:
    rows = scan.rows_of(scan.learnt)
    names = scan.label_names
    given = scan.labels[rows]
    counts = np.bincount(given[given >= 0], minlength=len(names))
    if odd_names := respelled(names, counts):
        odd = np.flatnonzero(np.isin(scan.labels, [names.index(name) for name in odd_names]))
        shown = tuple(f"{one} → {other}" for one, other in list(odd_names.items())[:SHOWN])
        yield Meant("labels", "error", odd, "rows have a label that is another one spelled anew",
                    shown)  # fmt: skip
    rare = [name for name, count in zip(names, counts, strict=True) if 0 < count < FEW_ROWS]
    if rare:
        few = np.flatnonzero(np.isin(scan.labels, [names.index(name) for name in rare]))
        one = f"one of {len(rare):,} labels" if len(rare) > 1 else "a label"
        what = f"rows have {one} with fewer than {FEW_ROWS} {scan.training}rows"
        yield Meant("rare_labels", "warning", few, what, tuple(rare[:SHOWN]))
    counts = np.where(
        np.isin(names, list(odd_names)), 0, counts
    )  # those are no labels of their own
    there = counts[counts >= FEW_ROWS]
    if len(there) > 1 and there.max() > UNEQUAL * there.min():
        rarest = names[int(np.argmin(np.where(counts >= FEW_ROWS, counts, there.max())))]
        least = np.flatnonzero(given == names.index(rarest)) + rows.start
        what = (
            f"rows only have the label {rarest}; the most frequent one has {there.max():,}, "
            f"{there.max() / there.min():.1f} times as many"
        )
        shown = _texts(scan, least)
        yield Meant("imbalance", "info", least, what, shown, "class_weight: balanced")


def respelled(names: Sequence[str], counts: Any) -> dict[str, str]:
    """Return labels that differ from a more frequent one in case or white space only."""
    ranked = sorted(range(len(names)), key=lambda i: -counts[i])
    first: dict[str, str] = {}
    found = {}
    for i in ranked:
        plain = " ".join(names[i].casefold().replace("_", " ").replace("-", " ").split())
        if first.setdefault(plain, names[i]) != names[i]:
            found[names[i]] = first[plain]
    return found


def languages_of(scan: Scan, rows: Iterable[int]) -> list[str]:
    """Guess the language of some rows."""
    return [guess_language(scan.text_of(row)) for row in rows]


def _languages(scan: Scan) -> Iterator[Meant]:
    rows = np.flatnonzero(scan.hashes)
    if len(rows) > LOOKED_AT_FOR_LANGUAGE:
        rows = np.sort(np.random.default_rng(0).choice(rows, LOOKED_AT_FOR_LANGUAGE, False))
    guesses = languages_of(scan, rows)
    told = Counter(guess for guess in guesses if guess)
    if len(told) < 2:
        return
    main = told.most_common(1)[0][0]
    other = [row for row, guess in zip(rows, guesses, strict=True) if guess not in ("", main)]
    if len(other) < _MIXED * sum(told.values()):
        return
    shares = ", ".join(f"{name} {100 * n / sum(told.values()):.0f} %"
                       for name, n in told.most_common(4))  # fmt: skip
    what = (
        f"texts seem not to be {main} (of {len(rows):,} looked at, {sum(told.values()):,} could "
        f"be guessed by small words and letters: {shares})"
    )
    yield Meant("languages", "info", other, what, _texts(scan, other))


def _a(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _texts(scan: Scan, rows: Rows) -> tuple[str, ...]:
    # Whatever a text is shown for, what is personal in it is not.
    return tuple(mask(scan.name_of(int(row))) for row in rows[:SHOWN])


def _with(scan: Scan, rows: Rows, signs: Sequence[str]) -> tuple[str, ...]:
    """Return what stands around the first of some signs, with nothing personal in it."""
    return tuple(_around(scan.all_of(int(row)), signs) for row in rows[:SHOWN])


def _around(text: str, signs: Sequence[str]) -> str:
    hits = [
        match.span()
        for pattern, is_meant in (SIGNS[sign] for sign in signs)
        for match in pattern.finditer(text)
        if is_meant(match[0])
    ]
    if len(text) <= 2 * _AROUND or not hits:
        return mask(text)
    first, last = min(hits)
    # What is personal is masked before anything is cut, lest half of it stay.
    before, after = mask(text[:first]), mask(text[last:])
    begins, ends = before[-_AROUND:], after[:_AROUND]
    return (
        f"{'…' * (len(begins) < len(before))}{begins}{mask(text[first:last])}"
        f"{ends}{'…' * (len(ends) < len(after))}"
    )


def _pairs(scan: Scan, pairs: Sequence[tuple[int, int]]) -> tuple[str, ...]:
    return tuple(
        f"{beginning(scan.text_of(one))} ≈ {beginning(scan.text_of(other))}"
        for one, other in pairs[:SHOWN]
    )


def beginning(text: str) -> str:
    """Return where a text begins, with nothing personal in it."""
    masked = mask(text)
    return masked if len(masked) <= _BEGINNING else f"{masked[:_BEGINNING]}…"


def _names(scan: Scan, rows: Rows) -> str:
    counts = Counter(scan.label_of(int(row)) for row in rows)
    return ", ".join(f"{beginning(name)} ({n})" for name, n in counts.most_common(3))
