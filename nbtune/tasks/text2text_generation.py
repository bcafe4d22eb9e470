"""Any text that is made of another: questions, corrections, styles, forms."""

from __future__ import annotations

from nbtune.tasks.rewriting import rewriting_task

TASK = rewriting_task("text2text-generation", "texts made of texts", decides="rougeL")
