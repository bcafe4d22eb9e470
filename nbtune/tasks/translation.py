"""A text in another language."""

from __future__ import annotations

from nbtune.tasks.rewriting import rewriting_task

TASK = rewriting_task("translation", "translations of texts", decides="chrf")
