"""Texts and what is made of them, as rows: summaries, translations, any other text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from nbtune.data.cleaning import clean_text, clean_texts
from nbtune.data.faults import Check, Faults, cells_of, check_text, checked_rows
from nbtune.data.rows import Found, Roles, Rows
from nbtune.data.texts import as_texts
from nbtune.errors import DataError, did_you_mean
from nbtune.recipe import Recipe

NAMES = {
    "source": ("source", "src", "source_text", "document", "article", "dialogue", "input",
               "input_text", "inputs", "body", "content", "text"),
    "target": ("target", "tgt", "target_text", "summary", "highlights", "abstract", "translation",
               "output", "output_text", "outputs", "headline", "title", "label"),
}  # fmt: skip
"""What columns are usually called, by role; the last ones are those of (texts, texts)."""
_PLAIN_IN = {
    "summarization": ({"document", "article", "dialogue", "text"}, {"summary", "highlights"}),
    "text2text-generation": ({"source"}, {"target"}),
}
_NAMES_OF_LANGUAGES = """
ar bg bn ca cs da de el en es et fa fi fr ga he hi hr hu id it ja ko lt lv ms mt nl no pl pt ro ru
sk sl sq sr sv sw ta th tr uk ur vi zh
arabic bulgarian chinese czech danish dutch english estonian finnish french german greek hebrew
hindi hungarian indonesian italian japanese korean latvian lithuanian norwegian persian polish
portuguese romanian russian slovak slovenian spanish swedish thai turkish ukrainian vietnamese
"""
LANGUAGES = frozenset(_NAMES_OF_LANGUAGES.split())
"""What columns are called that hold a language each."""
_NO_TEXTS = {"id", "idx", "index", "split"}
"""Columns beside the texts; ``id`` is Indonesian as well, where another language stands beside."""


def find(frame: pd.DataFrame, named: Roles) -> Found:
    """Find both columns: by their names, by their usual ones, or as the only two that there are.

    Raises
    ------
    DataError
        When columns are missing, or it is not plain which ones are meant.
    """
    roles = _columns(frame, named)
    free = [name for name in frame.columns if name not in roles.values()]
    texts = [name for name in free if _holds_texts(frame[name])]
    if not roles and len(texts) == 2:  # the first one is turned into the second
        roles = dict(zip(NAMES, texts, strict=True))
    if missing := [role for role in NAMES if role not in roles]:
        raise DataError(
            f"there is no column of {' and none of '.join(f'{role}s' for role in missing)}; "
            f"the data has {', '.join(frame.columns[:12])}",
            hint="name it: " + ", ".join(f"{role}: {_any(free)}" for role in missing),
        )
    if roles["source"] == roles["target"]:
        raise DataError(
            f"source and target are the same column, {roles['source']!r}",
            hint="name one of them otherwise",
        )
    return Found(roles, inferred=not {*NAMES} <= set(named))


def _any(names: Sequence[str]) -> str:
    return names[0] if names else "..."


def _columns(frame: pd.DataFrame, named: Roles) -> dict[str, Any]:
    columns = list(frame.columns)
    if wrong := {role: name for role, name in named.items() if name not in columns}:
        told = "; ".join(f"{role}: there is no column {name!r}" for role, name in wrong.items())
        raise DataError(
            f"{told}; the data has {', '.join(columns[:12])}",
            hint=did_you_mean(str(next(iter(wrong.values()))), columns),
        )
    roles = dict(named)
    spelled = {name.lower(): name for name in reversed(columns)}
    for role, usual in NAMES.items():
        free = [spelled[name] for name in usual if name in spelled]
        free = [name for name in free if name not in roles.values()]
        if role not in roles and free:
            roles[role] = free[0]
    return roles


def _holds_texts(column: pd.Series[Any]) -> bool:
    cells = cells_of(column.head(200).dropna())
    return bool(cells) and all(isinstance(cell, str) for cell in cells)


def task_meant(frame: pd.DataFrame) -> str | None:
    """Return the task that the columns of a frame can only be meant for; None where others can.

    Examples
    --------
    >>> task_meant(pd.DataFrame(columns=["id", "article", "highlights"]))
    'summarization'
    >>> task_meant(pd.DataFrame(columns=["text", "summary", "stars"]))
    >>> task_meant(pd.DataFrame(columns=["en", "fr"]))
    'translation'
    """
    there = {str(name).lower() for name in frame.columns} - _NO_TEXTS
    if len(there) == 2 and there <= LANGUAGES:
        return "translation"
    return next(
        (
            task
            for task, (sources, targets) in _PLAIN_IN.items()
            if len(there) == 2 and there & sources and there & targets
        ),
        None,
    )


def _usable(
    frame: pd.DataFrame, roles: Roles, recipe: Recipe, what: str
) -> tuple[pd.DataFrame, str]:
    def check(name: str) -> Check:
        return lambda cell: check_text(cell, lambda one: clean_text(one, recipe.clean), name)

    rows, notice = checked_rows(
        frame,
        {role: (cells_of(frame[str(roles[role])]), check(role)) for role in NAMES},
        hint=_hint(roles),
        drop_bad_rows=recipe.drop_bad_rows,
        what=what,
    )
    return rows, notice


def _hint(roles: Roles) -> Any:
    def hint(faults: Faults, left: bool) -> str:
        if left:
            return "mend them, or leave them out with drop_bad_rows: true"
        return f"no row is left; are {roles['source']!r} and {roles['target']!r} the right columns?"

    return hint


def _given(texts: Any, recipe: Recipe) -> pd.DataFrame:
    return pd.DataFrame({"source": clean_texts(as_texts(texts), recipe.clean)}, dtype=object)


def _unlabelled(frame: pd.DataFrame, roles: Roles, recipe: Recipe) -> pd.DataFrame:
    if (asked := roles.get("text")) is not None:  # %predict --text names any column of inputs
        found = _columns(frame, {"source": asked})
    else:
        found = _columns(frame, {"source": roles["source"]} if roles["source"] in frame else {})
    if "source" not in found and len(frame.columns) == 1:
        found["source"] = frame.columns[0]
    if "source" not in found:
        raise DataError(
            f"there is no column of sources; the data has {', '.join(frame.columns[:12])}",
            hint=f"name it: --text {_any(list(frame.columns))}",
        )
    return _given(list(frame[found["source"]]), recipe)


REWRITTEN = Rows(
    inputs=("source",),
    targets=("target",),
    find=find,
    usable=_usable,
    labels=lambda rows: (),
    labels_of=lambda rows: [()] * len(rows),
    strata=lambda rows: [""] * len(rows),
    texts=lambda rows: (
        [f"{a}\n{b}" for a, b in zip(rows["source"], rows["target"], strict=True)]
        if "target" in rows
        else list(rows["source"])
    ),
    given=_given,
    asked=lambda recipe: {"source": "a text, of which another is made"},
    unlabelled=_unlabelled,
    groups=lambda rows: list(rows["source"]),
)
