"""Labelled data that ships with nbtune, so that everything can be tried with no download."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from nbtune.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = {
    "topics": ["text", "label", "split"],
    "addresses": ["tokens", "tags", "split"],
    "people": ["context", "question", "answer", "answer_start", "split"],
    "digits": ["image", "label", "split"],
}
DIGITS_TO_TEST = 360


def names() -> list[str]:
    """Return the names that `load` knows."""
    return list(_COLUMNS)


def columns(name: str) -> list[str]:
    """Return the columns of one of these, without loading it."""
    return list(_COLUMNS[name])


def load(name: str) -> pd.DataFrame:
    """Load a data set that ships with nbtune.

    ``topics``: definitions from WordNet 3.1 and what each one defines: animal, artifact, body,
    communication, event, feeling, food, person, place, plant, substance or time. 7,344 rows to
    train on and 1,836 to test with; half of the texts have at most 10 words.

    ``addresses``: addresses in the United States, as people write them, and which part of it each
    word is, as BIO tags of 29 types; 1,187 rows to train on and 300 to test with.

    ``people``: what WordNet 3.1 says of people, and questions after when they lived, their
    nationality and their profession, each answered by a piece of it; 4,228 questions on 1,600
    people to train on, 1,054 on 400 others to test with.

    ``digits``: 1,797 images of 8 by 8 pixels in 16 shades, each a digit that somebody wrote, from
    scikit-learn; the last 360 are to test with.

    Returns
    -------
    DataFrame
        Columns ``text`` and ``label``; or ``tokens`` and ``tags`` with spaces between them; or
        ``context``, ``question``, ``answer`` and ``answer_start``; or ``image`` (of Pillow) and
        ``label``; and ``split`` (``train`` or ``test``).

    Raises
    ------
    DataError
        When there is no data set of that name.

    Examples
    --------
    >>> sorted(load("topics").columns)
    ['label', 'split', 'text']
    """
    import pandas as pd

    if name not in _COLUMNS:
        raise DataError(f"there is no data set {name!r}", hint=did_you_mean(name, names()))
    if name == "digits":
        return _digits()
    place = resources.files("nbtune.datasets") / f"{name}.csv.xz"
    with resources.as_file(place) as file:
        # "None" and "NA" are words here, not missing values.
        frame = pd.read_csv(file, keep_default_na=False)
    return frame[_COLUMNS[name]]


def _digits() -> pd.DataFrame:
    import numpy as np
    import pandas as pd
    from PIL import Image
    from sklearn.datasets import load_digits

    found = load_digits()
    images = [Image.fromarray(np.round(one * (255 / 16)).astype(np.uint8)) for one in found.images]
    rows = len(images)
    return pd.DataFrame(
        {
            "image": pd.Series(images, dtype=object),
            "label": [str(digit) for digit in found.target],
            "split": ["test" if row >= rows - DIGITS_TO_TEST else "train" for row in range(rows)],
        }
    )
