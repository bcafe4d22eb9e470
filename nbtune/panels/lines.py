"""A run in a terminal: one line that is rewritten, and lines that stay."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from typing import TextIO

from nbtune.calls import as_typed_here
from nbtune.events import (
    BaselineScored,
    Controlled,
    Evaluated,
    Event,
    LayersUnfrozen,
    Notice,
    PhaseStarted,
    Previewed,
    StepsDone,
)
from nbtune.panels.card import card_text, status_line
from nbtune.panels.chart import control_words
from nbtune.panels.display import REFRESHES_PER_SECOND
from nbtune.panels.html import number
from nbtune.panels.preview import preview_lines
from nbtune.panels.state import RunView

_SHOWN = (
    "f1_macro", "accuracy", "roc_auc", "perplexity", "rougeL", "chrf", "reward_accuracy",
    "reward_margin", "span_f1", "spearman", "rmse", "f1", "exact_match",
)  # fmt: skip


class LineView:
    """Lines for a terminal: one that is rewritten, and one that stays for each evaluation."""

    def __init__(self, title: str, stream: TextIO | None = None) -> None:
        self.view = RunView(title)
        self.stream = stream or sys.stderr
        self.rewrites = self.stream.isatty()
        self.drawn = 0.0

    def __call__(self, event: Event) -> None:
        """Take an event in, and write what is worth a line."""
        self.view.apply(event)
        match event:
            case PhaseStarted():
                self._stay(f"{event.phase} ...")
            case Notice():
                self._stay(f"{event.level}: {event.text}")
            case Previewed():
                self._stay("\n".join(preview_lines(event)))
            case Controlled():
                self._stay(f"after step {event.step}: {control_words(event)}")
            case BaselineScored():
                self._stay(f"{event.name}: {_scores(event.scores)}")
            case Evaluated():
                kept = " (best so far)" if event.best else ""
                self._stay(
                    f"epoch {event.epoch:.3g}: validation loss {number(event.loss)}, "
                    f"{_scores(event.scores)}{kept}"
                )
            case LayersUnfrozen():
                count = event.trainable_parameters
                self._stay(f"step {event.step:,}: one more layer is trained, {count:,} weights now")
            case StepsDone() if time.monotonic() - self.drawn >= 1 / REFRESHES_PER_SECOND:
                self._rewrite(status_line(self.view))

    def catch_up(self, events: Iterable[Event]) -> None:
        """Take in what happened before, and write one line of it."""
        for event in events:
            self.view.apply(event)
        self._stay(status_line(self.view))

    def close(self, *, tables: bool = True) -> None:
        """Write how it ended."""
        self._stay(card_text(self.view) if tables else status_line(self.view))

    def _stay(self, text: str) -> None:
        erase = "\r\x1b[2K" if self.rewrites else ""
        print(f"{erase}{as_typed_here(text)}", file=self.stream, flush=True)

    def _rewrite(self, text: str) -> None:
        self.drawn = time.monotonic()
        if self.rewrites:
            print(f"\r\x1b[2K{text}", end="", file=self.stream, flush=True)


def _scores(scores: dict[str, float]) -> str:
    shown = [name for name in _SHOWN if name in scores]
    return ", ".join(f"{name} {number(scores[name])}" for name in shown)
