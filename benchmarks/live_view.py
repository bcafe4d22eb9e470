"""What the live card costs a training, and how many bytes it sends.

    python benchmarks/live_view.py --quick

Trains the small Transformer on the topics in turns without a view and with the card, whose
messages go to a publisher that counts them. The share is measured inside the run as well, as
the processor time of everything that the view does.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from dataclasses import dataclass, field
from functools import partial
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from paired import alternate, machine, spread, table

import nbtune
from nbtune.events import Event, RunStarted, RunStopped
from nbtune.panels.live_card import CardView


@dataclass
class Sent:
    """Bytes of the messages that a front end would have got."""

    refreshes: list[int] = field(default_factory=list)
    final: list[int] = field(default_factory=list)
    is_closing: bool = False


class Counting(DisplayPublisher):
    """Publishes to nobody."""

    sent = Sent()

    def publish(self, data: dict[str, Any], metadata: Any = None, **_: Any) -> None:
        size = len(json.dumps(data).encode())
        (self.sent.final if self.sent.is_closing else self.sent.refreshes).append(size)


class TimedView(CardView):
    """The card, with a watch for its processor time while the model trains."""

    spent = 0.0
    is_training = False

    def __call__(self, event: Event) -> None:
        if isinstance(event, RunStarted | RunStopped):
            TimedView.is_training = isinstance(event, RunStarted)
        began = time.thread_time()
        super().__call__(event)
        if TimedView.is_training:
            TimedView.spent += time.thread_time() - began

    def close(self, *, tables: bool = True) -> None:
        Counting.sent.is_closing = True
        super().close(tables=tables)


@dataclass(frozen=True)
class Lap:
    """One training: seconds by the clock, processor seconds of all and of the view alone."""

    seconds: float
    cpu_seconds: float
    view_seconds: float
    sent: Sent


def train(rows: Any, options: argparse.Namespace, display: str, number: int) -> Lap:
    """Train once, and say what it took."""
    Counting.sent, TimedView.spent = Sent(), 0.0
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        run = nbtune.finetune(
            rows,
            model="scratch-transformer",
            num_train_epochs=options.epochs,
            baseline=False,
            test_size=0,
            seed=number,
            display=display,
            runs_dir=folder,
        )
        cpu = time.process_time() - began
        seconds = run.events[-1][1].seconds
    return Lap(seconds, cpu, TimedView.spent, Counting.sent)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="a minute's run that proves little")
    options = parser.parse_args()
    if options.quick:
        options.rows, options.epochs, options.rounds = 1000, 2, 2
    torch.set_num_threads(options.threads)
    shell = InteractiveShell.instance()
    shell.display_pub = Counting(parent=shell)
    nbtune.panels.live_card.CardView = TimedView
    rows = nbtune.datasets.load("topics").query("split == 'train'").head(options.rows)
    rows = rows[["text", "label"]]
    contenders = {
        "no view": partial(train, rows, options, "none"),
        "live card": partial(train, rows, options, "rich"),
    }
    warm = argparse.Namespace(epochs=1)
    for display in ("none", "rich"):  # imports and first calls, matplotlib's among them
        train(rows.head(200), warm, display, 0)
    print(report(alternate(contenders, options.rounds)))


def report(rounds: list[dict[str, Lap]]) -> str:
    """Return the figures as Markdown."""
    pairs = [(laps["live card"], laps["no view"]) for laps in rounds]
    cards = [card for card, _ in pairs]
    refreshes = [size for card in cards for size in card.sent.refreshes]
    return "\n".join(
        [
            machine("nbtune", "torch", "ipython"),
            "",
            table(
                ["live card", "median (range)"],
                [
                    [
                        "share of one core while training, %",
                        spread([100 * card.view_seconds / card.seconds for card in cards]),
                    ],
                    [
                        "time of the training, card / no view",
                        spread([card.seconds / plain.seconds for card, plain in pairs]),
                    ],
                    [
                        "processor time of the whole call with its final picture, card / no view",
                        spread([card.cpu_seconds / plain.cpu_seconds for card, plain in pairs]),
                    ],
                    [
                        "refreshes a second",
                        spread([len(card.sent.refreshes) / card.seconds for card in cards]),
                    ],
                    ["bytes a refresh", spread([float(size) for size in refreshes])],
                    ["bytes of the final card", spread([sum(card.sent.final) for card in cards])],
                    ["seconds of a training", spread([card.seconds for card in cards])],
                ],
            ),
        ]
    )


if __name__ == "__main__":
    main()
