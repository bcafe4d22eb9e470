"""Rows with a little to learn in them, and with faults that should be found."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

TOPICS = {
    "animal": "small furry mammal with sharp teeth living in northern forests",
    "food": "sweet baked dish made of flour butter sugar and fruit",
    "place": "large city in the south on a river near the sea",
}
_GERMAN = (
    "der die das und ist von mit den ein eine zu auf für nicht sich dem im als auch wird Katze "
    "Hund Haus Straße Garten Berg Wasser Brot Sommer Abend Fenster Schule Musik Reise Arbeit"
)


def topic_rows(rows: int = 60, labels: int = 3, seed: int = 0) -> pd.DataFrame:
    """Make short texts whose label can be learnt from their words.

    Returns
    -------
    DataFrame
        Columns ``text`` and ``label``, the labels in turn.
    """
    rng = np.random.default_rng(seed)
    names = list(TOPICS)[:labels]
    chosen = [names[i % labels] for i in range(rows)]
    texts = [
        " ".join(rng.choice(TOPICS[name].split(), size=rng.integers(3, 9)))
        + f" {rng.integers(0, 10_000)}"  # so that no two rows are the same
        for name in chosen
    ]
    return pd.DataFrame({"text": texts, "label": chosen})


def image_rows(rows: int = 24, labels: int = 3, seed: int = 0, side: int = 12) -> pd.DataFrame:
    """Make small images whose label can be learnt from their colour, and texts that say it as well.

    Returns
    -------
    DataFrame
        Columns ``image`` (of Pillow), ``caption`` and ``label``, the labels in turn.
    """
    from PIL import Image

    rng = np.random.default_rng(seed)
    texts = topic_rows(rows, labels, seed)
    images = []
    for row in range(rows):
        noise = rng.integers(0, 120, (side, side, 3))
        noise[:, :, row % labels] += 120
        images.append(Image.fromarray(noise.astype(np.uint8)))
    return pd.DataFrame(
        {
            "image": pd.Series(images, dtype=object),
            "caption": texts["text"],
            "label": texts["label"],
        }
    )


def plant_problems(
    train: pd.DataFrame, test: pd.DataFrame, count: int = 20, seed: int = 0
) -> tuple[pd.DataFrame, dict[str, list[int]]]:
    """Add rows to training rows that `nbtune.check_data` should find, ``count`` of each kind.

    Parameters
    ----------
    train, test : DataFrame
        Columns ``text`` and ``label``, with many different texts of 60 letters and more.

    Returns
    -------
    frame : DataFrame
        The training rows, and those that were added after them.
    planted : dict
        The places of the added rows by the check that should find them.
    """
    rng = np.random.default_rng(seed)
    own, held_out = (
        frame[frame["text"].str.len() > 60].drop_duplicates("text") for frame in (train, test)
    )
    mine, theirs = (
        iter(frame.sample(frac=1, random_state=seed)[["text", "label"]].to_numpy().tolist())
        for frame in (own, held_out)
    )
    labels = sorted(set(train["label"]))

    def almost(row: list[str]) -> list[str]:
        words = row[0].split()
        words[int(rng.integers(len(words)))] += "s"
        return [" ".join(words), row[1]]

    def with_piece(piece: str, label: str = "") -> list[str]:
        """Put a piece between halves of two texts, which is like neither of them."""
        (one, own_label), (other, _) = next(mine), next(mine)
        first, second = one.split(), other.split()
        words = [*first[: len(first) // 2], piece, *second[len(second) // 2 :]]
        return [" ".join(words), label or own_label]

    def contradicted(row: list[str]) -> list[str]:
        return [row[0], next(label for label in labels if label != row[1])]

    forms = ("{}.{}@mail.example.org", "+49 30 {}55 {}77", "4111 1111 1111 1111",
             "DE89 3704 0044 0532 0130 00")  # fmt: skip
    makers: dict[str, Callable[[int], list[str]]] = {
        "duplicates": lambda i: next(mine),
        "near_duplicates": lambda i: almost(next(mine)),
        "overlap": lambda i: next(theirs),
        "near_overlap": lambda i: almost(next(theirs)),
        "conflicts": lambda i: contradicted(next(mine)),
        "encoding": lambda i: with_piece("schön à la crème".encode().decode("latin-1")),
        "lost_characters": lambda i: with_piece("st\ufffdd"),
        "markup": lambda i: with_piece("<b>bold</b> &amp;"),
        "personal": lambda i: with_piece(forms[i % 4].format(100 + i, 200 + i)),
        "languages": lambda i: [" ".join(rng.choice(_GERMAN.split(), 14)), labels[0]],
        "labels": lambda i: with_piece("and", labels[1].upper()),
        "unusable": lambda i: [" ", labels[0]],
    }
    rows: list[list[str]] = []
    planted: dict[str, list[int]] = {}
    for check, make in makers.items():
        # A language is only told where it is no matter of a few rows.
        many = 15 * count if check == "languages" else count
        planted[check] = [len(train) + len(rows) + i for i in range(many)]
        rows += [make(i) for i in range(many)]
    added = pd.DataFrame(rows, columns=["text", "label"])
    return pd.concat([train[["text", "label"]], added], ignore_index=True), planted
