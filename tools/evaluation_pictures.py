"""Draw evaluations of 2, 20 and 200 labels on a light and a dark ground, to look at.

    python tools/evaluation_pictures.py docs/pictures

Writes ``evaluation-2.png``, ``evaluation-20.png`` and ``evaluation-200.png``: on white, and below
on the ground of JupyterLab's dark theme. Models and rows are made up.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image

import nbtune
from nbtune.plots.png import to_png
from nbtune.records import EvaluationRecord

GROUNDS = ("#ffffff", "#111111")
LABELS = {2: 600, 20: 4_000, 200: 20_000}
"""How many rows there are for so many labels."""
WIDTH = 768
COLOURS = 128
TWO = ("ham", "spam")


def names_of(labels: int) -> tuple[str, ...]:
    """Name labels of different lengths, as real ones are; some have letters of other scripts."""
    long = ("card arrival", "пин-код", "$fees$ of a transfer", "заявка", "top up by cash or cheque")
    return (
        TWO
        if labels == len(TWO)
        else tuple(
            f"{long[i % len(long)]} {i}" if i % 3 == 0 else f"topic {i}" for i in range(labels)
        )
    )


def record_of(labels: int) -> EvaluationRecord:
    """Judge guesses of which some labels, and some pairs of labels, are harder than others."""
    rng = np.random.default_rng(labels)
    rows, names = LABELS[labels], names_of(labels)
    share = rng.dirichlet(np.full(labels, 2.0)) if labels > len(TWO) else np.array([0.7, 0.3])
    true = rng.choice(labels, size=rows, p=share)
    ease = rng.uniform(0.5, 4.0, labels)
    said = {}
    for name, skill in (("TF-IDF + logistic regression", 0.6), ("tuned", 1.0)):
        logits = rng.normal(size=(rows, labels))
        logits[np.arange(rows), true] += skill * (ease[true] + 0.4 * np.log(labels))
        alike = (true + 1) % labels
        logits[np.arange(rows), alike] += 1.5 * (true % 4 == 0)
        odds = np.exp(logits)
        said[name] = odds / odds.sum(axis=1, keepdims=True)
    own = said.pop("tuned")
    return nbtune.Evaluation.from_predictions(
        true, own, labels=names, baselines=said, name="tuned"
    ).record


def on_grounds(png: bytes) -> bytes:
    """Return a picture above and below itself, on a light and on a dark ground."""
    picture = Image.open(io.BytesIO(png)).convert("RGBA")
    height = round(picture.height * WIDTH / picture.width)
    picture = picture.resize((WIDTH, height), Image.Resampling.LANCZOS)
    sheet = Image.new("RGB", (WIDTH, len(GROUNDS) * height))
    for place, colour in enumerate(GROUNDS):
        ground = Image.new("RGBA", picture.size, colour)
        sheet.paste(Image.alpha_composite(ground, picture).convert("RGB"), (0, place * height))
    stream = io.BytesIO()
    sheet.quantize(COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(
        stream, "PNG", optimize=True
    )
    return stream.getvalue()


def main(folder: str) -> None:
    """Draw them into a folder."""
    for labels in LABELS:
        figure = nbtune.Evaluation(record_of(labels)).figure()
        file = Path(folder) / f"evaluation-{labels}.png"
        file.write_bytes(on_grounds(to_png(figure, dpi=150)))
        print(f"{file}: {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
