"""What the live card costs a training while JupyterLab shows it in Chromium, and what it sends.

    python benchmarks/live_page.py --quick

Trains the small Transformer in turns without a view and with the card, in a kernel whose page is
open in a browser. Read in the page: what comes over its web socket, when the first curve stands
there, when a click has changed the page. Read in the kernel: the processor time of the thread that
trains and of all others, and when a click was obeyed. Needs the test extra and Chromium.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paired import machine, spread, table

sys.path.append(str(Path(__file__).parents[1] / "tests" / "browser"))  # who drives JupyterLab
from conftest import CHROMIUM, FLAGS, Lab, open_notebook, start_server

SETUP = '''
import json, threading, time, nbtune, torch
from nbtune.events import Controlled, RunStarted, RunStopped, StepsDone
from nbtune.panels import live_card
from nbtune.panels.panel import Panel
from nbtune.results.telling import Teller
torch.set_num_threads(1)
topics = nbtune.datasets.load("topics").query("split == 'train'").head({rows})[["text", "label"]]
now, spent, depth, drawn = {{}}, [0.0], [0], []
def timed(function):
    """Add up the processor time of what the view does in the thread that trains."""
    def inner(*given, **named):
        if depth[0] or threading.current_thread() is not threading.main_thread():
            return function(*given, **named)
        depth[0], began = 1, time.thread_time()
        try:
            return function(*given, **named)
        finally:
            depth[0], spent[0] = 0, spent[0] + time.thread_time() - began
    return inner
refresh = live_card.CardView.refresh
def noted(card):
    """Note the processor time of each drawing, with what sends it."""
    began = time.thread_time()
    refresh(card)
    drawn.append(1000 * (time.thread_time() - began))
live_card.CardView.refresh = noted
live_card.CardView.__call__ = timed(live_card.CardView.__call__)
Panel.poll = timed(Panel.poll)
tell, panel_of = Teller.__call__, live_card._panel_of
def told(teller, event):
    if isinstance(event, RunStarted | RunStopped):
        now[type(event).__name__] = (
            time.time(), time.process_time(), time.thread_time(), spent[0], len(drawn))
    tell(teller, event)
Teller.__call__ = told
def train(name, display, epochs, comms=True):
    live_card._panel_of = panel_of if comms else lambda *_: None
    run = nbtune.finetune(
        topics, name, model="scratch-transformer", num_train_epochs=epochs, baseline=False,
        per_device_train_batch_size={batch}, test_size=0, display=display, fresh=True)
    began, ended = now["RunStarted"], now["RunStopped"]
    seconds, process, main, view, _ = (b - a for a, b in zip(began, ended))
    history = run.folder.history()
    print("FIGURES", json.dumps(dict(
        seconds=seconds, process=process, main=main, view=view, began=began[0], ended=ended[0],
        steps=history[-1][1].step, drawn=drawn[began[4] : ended[4]],
        told=next(at for at, event in history if isinstance(event, StepsDone)),
        controlled=[(at, event.action) for at, event in history
                    if isinstance(event, Controlled)])))
'''
FLAT = """
import time
from nbtune.events import StepsDone
from nbtune.panels.card import card_chart
from nbtune.panels.chart import Look
from nbtune.panels.curve import Curve
from nbtune.panels.state import RunView
from nbtune.testing import made_up_events
def view_of(points):
    view = RunView("r")
    for event in made_up_events()[:5]:
        view.apply(event)
    view.steps.extend(range(points))
    view.losses.extend(2.0 + (i % 97) / 97 for i in range(points))
    view.last = StepsDone(points, 1.0, 2.0, 1e-5, 1.0, 8, 80, 0.1, 0)
    return view
def refresh(points, beside):
    view, look = view_of(points), Look(beside=(Curve.of(view_of(points)),) * beside)
    card_chart(view, look)
    times = []
    for _ in range(20):
        began = time.thread_time()
        html = card_chart(view, look)
        times.append(1000 * (time.thread_time() - began))
    return sorted(times), len(html.encode())
print("FIGURES", json.dumps([(p, b, *refresh(p, b)) for b in (0, 5) for p in {points}]))
"""
POINTS = (400, 10_000, 100_000)
FIRST_CURVE = """() => {
  window.nbtFirst = 0;
  const look = () => {
    const line = document.querySelector('svg.nbt-chart polyline');
    if (line && line.getAttribute('points')) window.nbtFirst = Date.now();
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""
"""Note when the training loss has points, in a frame that the browser paints."""
WHEN_CLICKED = """() => document.addEventListener('click', () => {
  window.nbtClicked = Date.now(); window.nbtSeen = 0;
  const look = () => document.querySelector(window.nbtAwaited) ?
    window.nbtSeen = Date.now() : requestAnimationFrame(look);
  requestAnimationFrame(look);
}, true)"""
ICONS = {"Pause": ".fa-play", "Resume": ".fa-pause"}
"""What stands in the page when such a click was obeyed: the button has become the other one."""


@dataclass
class Wire:
    """Bytes that came over the page's web sockets, with the time of each message."""

    came: list[tuple[float, int]] = field(default_factory=list)

    def watch(self, page: Any) -> None:
        page.on("websocket", lambda socket: socket.on("framereceived", self._take))

    def _take(self, payload: str | bytes) -> None:
        self.came.append((time.time(), len(payload)))

    def rate(self, began: float, ended: float) -> float:
        """Return bytes a second between two times."""
        return sum(size for at, size in self.came if began <= at < ended) / (ended - began)


@dataclass
class Lap:
    """One training, as the kernel told it, and what the page saw."""

    figures: dict[str, Any]
    first_curve: float
    wire: float

    def __getitem__(self, name: str) -> Any:
        return self.figures[name]

    @property
    def others(self) -> float:
        """Processor seconds a second of all threads but the one that trains."""
        return float((self["process"] - self["main"]) / self["seconds"])


class Bench:
    """A notebook in a page; each cell is run once, from top to bottom."""

    def __init__(self, lab: Lab, wire: Wire) -> None:
        self.lab, self.wire, self.number = lab, wire, 0

    def next(self) -> str:
        """Run the next cell to its end, and return what it put out."""
        self.begin()
        return self.end()

    def begin(self) -> None:
        self.lab.run(self.number)

    def end(self) -> str:
        while not self.lab.prompt(self.number).strip("[]: ").isdigit():
            self.lab.page.wait_for_timeout(100)  # so that messages are noted as they come
        told = self.lab.output(self.number)
        self.number += 1
        return told

    def lap(self) -> Lap:
        self.lab.page.evaluate(FIRST_CURVE)
        told = _figures(self.next())
        first = self.lab.page.evaluate("window.nbtFirst") / 1000
        return Lap(told, first, self.wire.rate(told["began"], told["ended"]))


def _figures(output: str) -> Any:
    return json.loads(output.split("FIGURES ")[1].split("\n")[0])


def clicks(bench: Bench, times: int) -> dict[str, list[float]]:
    """Click *Pause* and *Resume* while it trains; seconds until obeyed, and until seen."""
    page, cell = bench.lab.page, bench.number
    page.evaluate(WHEN_CLICKED)
    bench.begin()
    bench.lab.wait(lambda: bench.lab.step(cell) > 20)
    noted = []
    for _ in range(times):
        for name, icon in ICONS.items():
            page.evaluate("icon => { window.nbtAwaited = icon }", f".nbt-live {icon}")
            bench.lab.button(name, cell).click()
            page.wait_for_function("window.nbtSeen > 0")
            noted.append(page.evaluate("[window.nbtClicked / 1000, window.nbtSeen / 1000]"))
            page.wait_for_timeout(700)
    bench.lab.button("Stop and keep", cell).click()
    told = _figures(bench.end())
    obeyed = [at for at, action in told["controlled"] if action in ("pause", "resume")]
    pairs = list(zip(obeyed, noted, strict=True))
    return {
        "obeyed": [at - clicked for at, (clicked, _) in pairs],
        "seen": [seen - clicked for _, (clicked, seen) in pairs],
        "step": [told["seconds"] / told["steps"]],
    }


def cells_of(options: argparse.Namespace) -> list[str]:
    """Return the cells of the notebook, in the order in which `measure` runs them."""
    epochs = options.epochs
    order = [("none", "rich")[:: -1 if number % 2 else 1] for number in range(options.rounds)]
    laps = [f"train('run', '{display}', {epochs})" for pair in order for display in pair]
    return [
        SETUP.format(rows=options.rows, batch=options.batch),
        "train('run', 'none', 1)",
        "train('run', 'rich', 1)",  # imports and first calls, matplotlib's among them
        *laps,
        f"train('run', 'rich', {epochs}, comms=False)",
        "train('run', 'rich', 500)",
        FLAT.format(points=POINTS),
    ]


def measure(options: argparse.Namespace, folder: Path) -> str:
    from playwright.sync_api import sync_playwright

    wire, server = Wire(), start_server(folder)
    try:
        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            page = browser.new_page(viewport={"width": 1100, "height": 1000})
            wire.watch(page)
            bench = Bench(open_notebook(page, server, "live", cells_of(options)), wire)
            bench.next()
            for _ in range(2):
                bench.lap()
            pairs = []
            for number in range(options.rounds):
                both = [bench.lap(), bench.lap()]
                pairs.append(both[:: -1 if number % 2 else 1])
            without_comms = bench.lap()
            clicked = clicks(bench, options.clicks)
            flat = _figures(bench.next())
            saved = [
                len(json.dumps(cell["outputs"]))
                for cell in bench.lab.saved()["cells"]
                if "'rich'" in "".join(cell["source"])
            ]
            browser.close()
    finally:
        server.end_kernels()
        server.process.terminate()
        server.process.wait(15)
    return report(pairs, without_comms, clicked, flat, saved)


def report(
    pairs: list[list[Lap]],
    without_comms: Lap,
    clicked: dict[str, list[float]],
    flat: list[tuple[int, int, list[float], int]],
    saved: list[int],
) -> str:
    """Return the figures as Markdown."""
    cards = [card for _, card in pairs]
    view = [100 * card["view"] / (card["main"] - card["view"]) for card in cards]
    others = [
        100 * (card.others - plain.others) * card["seconds"] / (card["main"] - card["view"])
        for plain, card in pairs
    ]
    rows: list[list[object]] = [
        ["steps a second", spread([card["steps"] / card["seconds"] for card in cards])],
        [
            "seconds for a processor second of the training thread",
            spread([card["seconds"] / card["main"] for card in cards]),
        ],
        ["drawings a second", spread([len(card["drawn"]) / card["seconds"] for card in cards])],
        ["processor ms of a drawing, sent", spread([ms for card in cards for ms in card["drawn"]])],
        ["bytes a second to the page", spread([card.wire for card in cards])],
        ["the same in a page without comms", round(without_comms.wire)],
        ["s from the start of the first step to the curve", _waits(cards, "began")],
        ["s from the first report of steps to the curve", _waits(cards, "told")],
        ["ms from a click until it is obeyed", spread([1000 * s for s in clicked["obeyed"]])],
        ["ms from a click until the page shows it", spread([1000 * s for s in clicked["seen"]])],
        ["ms of a step then", 1000 * clicked["step"][0]],
        ["view in the training thread, % of its work", spread(view)],
        ["other threads of the kernel, beside those without a view, %", spread(others)],
        ["both, %", spread([a + b for a, b in zip(view, others, strict=True)])],
        ["processor time of a step, card / no view", _ratio(pairs, "process")],
        ["time of a step by the clock, card / no view", _ratio(pairs, "seconds")],
        ["bytes of a saved card", spread([float(size) for size in saved])],
    ]
    rows += [
        [f"ms to draw {points:,} points, {beside} runs below", f"{spread(ms)}, {size:,} bytes"]
        for points, beside, ms, size in flat
    ]
    head = ["live card in JupyterLab", "median (range)"]
    versions = machine("nbtune", "torch", "ipykernel", "ipywidgets", "jupyterlab")
    return "\n".join([versions, "", table(head, rows)])


def _waits(cards: list[Lap], since: str) -> object:
    return spread([card.first_curve - card[since] for card in cards])


def _ratio(pairs: list[list[Lap]], what: str) -> object:
    return spread(
        [card[what] / card["steps"] / (plain[what] / plain["steps"]) for plain, card in pairs]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--clicks", type=int, default=10)
    parser.add_argument("--quick", action="store_true", help="two minutes that prove little")
    options = parser.parse_args()
    if options.quick:
        options.rows, options.epochs, options.rounds, options.clicks = 800, 2, 1, 3
    with tempfile.TemporaryDirectory() as folder:
        print(measure(options, Path(folder)))


if __name__ == "__main__":
    main()
