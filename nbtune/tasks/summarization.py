"""The short of a text."""

from __future__ import annotations

from nbtune.tasks.rewriting import rewriting_task

TASK = rewriting_task("summarization", "summaries of texts", decides="rougeL")
