"""What the columns of a frame can only be meant for."""

from __future__ import annotations

import pandas as pd

from nbtune.data import relations, rewritten
from nbtune.data.chats import is_chat
from nbtune.data.columns import LABEL_NAMES, TEXT_NAMES
from nbtune.data.liked import is_liked
from nbtune.data.span_lists import read_spans

_ANSWERS = {"answers", "answer", "answer_text"}
_WORDS, _TAGS = {"tokens", "words"}, {"tags", "ner_tags", "pos_tags", "labels", "ner"}


def task_meant(frame: pd.DataFrame) -> str | None:
    """Return the task that the columns of a frame can only be meant for; None where others can.

    Examples
    --------
    >>> task_meant(pd.DataFrame(columns=["id", "article", "highlights"]))
    'summarization'
    >>> task_meant(pd.DataFrame(columns=["text", "head", "tail", "label"]))
    'relation-extraction'
    >>> task_meant(pd.DataFrame(columns=["tokens", "ner_tags"]))
    'token-classification'
    >>> task_meant(pd.DataFrame({"prompt": ["Hi"], "completion": ["No!"], "label": [False]}))
    'preference-tuning'
    >>> task_meant(pd.DataFrame({"text": ["Ada runs"], "label": [[[0, 3, "PER"]]]}))
    'token-classification'
    >>> task_meant(pd.DataFrame(columns=["text", "summary", "stars"]))
    """
    if relations.is_meant(frame):
        return "relation-extraction"
    names = {str(name).lower() for name in frame.columns}
    if "text" in names and _holds_spans(frame):
        return "token-classification"
    if not (names & set(TEXT_NAMES) and names & set(LABEL_NAMES)):
        if {"chosen", "rejected"} <= names or is_liked(frame):
            return "preference-tuning"
        if {"question", "context"} <= names and names & _ANSWERS:
            return "question-answering"
        if (names & _WORDS and names & _TAGS) or (
            "text" in names and names & {"spans", "entities"}
        ):
            return "token-classification"
        if "question" not in names and is_chat(frame, {}):  # a few answers may be labels
            return "text-generation"
    return rewritten.task_meant(frame)


def _holds_spans(frame: pd.DataFrame) -> bool:
    """Whether what could be labels are spans of characters, as tools that mark texts write them."""
    named = [name for name in ("label", "labels") if name in frame]
    found = [read_spans(cell) for name in named for cell in frame[name].head(50)]
    return any(found) and 2 * found.count(None) < len(found)
