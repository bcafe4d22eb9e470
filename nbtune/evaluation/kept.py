"""Baselines on disk: what is an array as safetensors, all else as JSON, and no pickle."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from safetensors.numpy import load_file, save_file
from sklearn.feature_extraction.text import TfidfVectorizer

Array = np.ndarray[Any, Any]
FEATURES = 200_000
_TABLE, _ARRAYS = "baselines.json", "baselines.safetensors"


class Kept:
    """A baseline that is a frozen dataclass of arrays and JSON-plain values, with a ``name``."""

    name: str
    kinds: ClassVar[dict[str, type[Kept]]] = {}

    def __init_subclass__(cls) -> None:
        Kept.kinds[cls.__name__] = cls

    def predict(self, rows: pd.DataFrame) -> Any:
        """Return what its task predicts for rows."""
        raise NotImplementedError


def save(folder: Path, baselines: Sequence[Any]) -> None:
    """Write baselines into a folder that is there."""
    arrays: dict[str, Array] = {}
    table = []
    for place, baseline in enumerate(baselines):
        values = {field.name: getattr(baseline, field.name) for field in fields(baseline)}
        own = {name for name, value in values.items() if isinstance(value, np.ndarray)}
        arrays |= {f"{place}.{name}": np.ascontiguousarray(values[name]) for name in own}
        plain = {name: value for name, value in values.items() if name not in own}
        table.append({"kind": type(baseline).__name__, "values": plain})
    save_file(arrays, folder / _ARRAYS)
    (folder / _TABLE).write_text(json.dumps(table), encoding="utf-8")


def load(folder: Path) -> tuple[Any, ...] | None:
    """Read what `save` wrote; None when it wrote nothing there."""
    if not (folder / _TABLE).is_file():
        return None
    import nbtune.evaluation.answer_baselines
    import nbtune.evaluation.chat_baselines
    import nbtune.evaluation.pixel_baselines
    import nbtune.evaluation.preference_baselines
    import nbtune.evaluation.relation_baselines
    import nbtune.evaluation.rewriting_baselines
    import nbtune.evaluation.text_baselines
    import nbtune.evaluation.word_baselines  # noqa: F401

    arrays = load_file(folder / _ARRAYS)
    table = json.loads((folder / _TABLE).read_text(encoding="utf-8"))
    found = []
    for place, entry in enumerate(table):
        own = f"{place}."
        mine = {key.removeprefix(own): v for key, v in arrays.items() if key.startswith(own)}
        found.append(Kept.kinds[entry["kind"]](**entry["values"], **mine))
    return tuple(found)


@dataclass(frozen=True)
class Tfidf:
    """Words and word pairs of texts, weighed by TF-IDF: ``idf`` by the place of a word."""

    words: dict[str, int]
    idf: Array

    def transform(self, texts: Sequence[str]) -> Any:
        """Return the features of shape (texts, words), sparse."""
        return self._vectorizer.transform(texts)

    @cached_property
    def _vectorizer(self) -> TfidfVectorizer:
        found = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, vocabulary=self.words)
        found.idf_ = self.idf
        return found


def fit_tfidf(texts: Sequence[str]) -> Tfidf | None:
    """Weigh the words of texts; None when there is not one word."""
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, max_features=FEATURES)
    try:
        vectorizer.fit(texts)
    except ValueError:
        return None
    words = {word: int(place) for word, place in vectorizer.vocabulary_.items()}
    return Tfidf(words, vectorizer.idf_)
