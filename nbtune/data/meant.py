"""What the columns of a frame can only be meant for."""

from __future__ import annotations

import pandas as pd

from nbtune.data import relations, rewritten


def task_meant(frame: pd.DataFrame) -> str | None:
    """Return the task that the columns of a frame can only be meant for; None where others can.

    Examples
    --------
    >>> task_meant(pd.DataFrame(columns=["id", "article", "highlights"]))
    'summarization'
    >>> task_meant(pd.DataFrame(columns=["text", "head", "tail", "label"]))
    'relation-extraction'
    >>> task_meant(pd.DataFrame(columns=["text", "summary", "stars"]))
    """
    return "relation-extraction" if relations.is_meant(frame) else rewritten.task_meant(frame)
