"""A real Jupyter kernel, spoken to as a front end does."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from jupyter_client.manager import KernelManager

from nbtune.testing import tiny_model_folder

VIEW = "application/vnd.jupyter.widget-view+json"
WIDGET_CONTROL = "jupyter.widget.control"
SETUP = """
import warnings
from nbtune.testing import topic_rows
df = topic_rows(60)
%load_ext nbtune
"""


@dataclass
class Heard:
    """What a kernel answered to one cell."""

    reply: dict[str, Any] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)

    @property
    def status(self) -> str:
        return str(self.reply["content"]["status"])

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        return [m["content"] for m in self.messages if m["msg_type"] in kinds]

    @property
    def text(self) -> str:
        streams = "".join(c["text"] for c in self.of("stream"))
        return streams + self._shown("text/plain")

    @property
    def html(self) -> str:
        return self._shown("text/html")

    def _shown(self, kind: str) -> str:
        shown = self.of("execute_result", "display_data", "update_display_data")
        return "\n".join(c["data"].get(kind, "") for c in shown)


class Kernel:
    """Starts cells, listens, interrupts, kills."""

    def __init__(self, folder: Any) -> None:
        self.folder = folder
        own = {"IPYTHONDIR": str(folder / "ipython"), "OMP_NUM_THREADS": "1"}
        inherited = {k: v for k, v in os.environ.items() if k != "NBTUNE_RUNS"}
        self.manager = KernelManager()
        self.manager.start_kernel(cwd=str(folder), env=inherited | own)
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def start(self, cell: str, *, headless: bool = False) -> str:
        return str(self.client.execute(cell, allow_stdin=not headless))

    def send(self, kind: str, content: dict[str, Any], **more: Any) -> str:
        """Send a message as a page does; returns its id."""
        message = self.client.session.msg(kind, content, **more)
        self.client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def listen(
        self, asked: str, until: Callable[[dict[str, Any]], bool], seconds: float = 120
    ) -> Heard:
        """Collect what is published for a cell, or for any, until what is waited for comes."""
        heard, end = Heard(), time.monotonic() + seconds
        while time.monotonic() < end:
            message = self.client.get_iopub_msg(timeout=seconds)
            if asked and message["parent_header"].get("msg_id") != asked:
                continue
            heard.messages.append(message)
            if until(message):
                return heard
        raise AssertionError(f"it did not come: {[m['msg_type'] for m in heard.messages][-9:]}")

    def finish(self, asked: str, seconds: float = 120) -> Heard:
        heard = self.listen(asked, self.is_idle, seconds)
        while True:
            reply = self.client.get_shell_msg(timeout=seconds)
            if reply["parent_header"].get("msg_id") == asked:
                heard.reply = reply
                return heard

    def run(self, cell: str, seconds: float = 120) -> Heard:
        return self.finish(self.start(cell), seconds)

    def starts_training(self, cell: str) -> str:
        """Start a cell and wait until its card shows that steps have been made."""
        asked = self.start(cell)
        self.listen(asked, self.trains)
        return asked

    @staticmethod
    def is_idle(message: dict[str, Any]) -> bool:
        state = message["content"].get("execution_state")
        return message["msg_type"] == "status" and state == "idle"

    @staticmethod
    def trains(message: dict[str, Any]) -> bool:
        text = message["content"].get("data", {}).get("text/plain", "")
        return "step " in text and "rows/s" in text

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


class Page:
    """A page that draws widgets and sends what a person does to them.

    It follows what a kernel publishes. ``widgets`` are their states by comm, ``box`` the comm of
    what is displayed; without ``answers`` it never says that it draws it.
    """

    def __init__(self, kernel: Any, *, answers: bool = True) -> None:
        self.kernel, self.answers = kernel, answers
        self.widgets: dict[str, dict[str, Any]] = {}
        self.closed: set[str] = set()
        self.messages: list[dict[str, Any]] = []
        self.shown: dict[str, Any] = {}
        self.box = self.asked = ""

    def take(self, seconds: float = 60) -> dict[str, Any]:
        """Take one message in."""
        message = self.kernel.client.get_iopub_msg(timeout=seconds)
        self.messages.append(message)
        content = message["content"]
        match message["msg_type"]:
            case "comm_open":
                self.widgets[content["comm_id"]] = dict(content["data"].get("state", {}))
            case "comm_msg" if "state" in content["data"]:
                self.widgets.setdefault(content["comm_id"], {}).update(content["data"]["state"])
            case "comm_close":
                self.closed.add(content["comm_id"])
            case "display_data" | "update_display_data":
                self.shown = content["data"]
                if VIEW in self.shown and not self.box:
                    self.box = self.shown[VIEW]["model_id"]
                    if self.answers:
                        self.draw(1)
        return message

    def until(self, so: Callable[[], Any], seconds: float = 20) -> float:
        """Take messages in until something is so; returns the seconds it took."""
        began = time.monotonic()
        while not so():
            assert time.monotonic() - began < seconds, "it did not come about"
            self.take(seconds)
        return time.monotonic() - began

    def find(self, label: str) -> str:
        """Return the newest widget with this description."""
        found = [comm for comm, state in self.widgets.items() if state.get("description") == label]
        assert found, f"no {label!r} among {[w.get('description') for w in self.widgets.values()]}"
        return found[-1]

    def has(self, label: str) -> bool:
        return any(state.get("description") == label for state in self.widgets.values())

    @property
    def html(self) -> str:
        """All the text of the widgets."""
        return "\n".join(str(state.get("value", "")) for state in self.widgets.values())

    @property
    def step(self) -> int:
        """The step that the card shows."""
        cards = [
            s["value"] for s in self.widgets.values() if "<span>step</span>" in str(s.get("value"))
        ]
        shown = cards[-1].split("<span>step</span>")[1].split("<")[0] if cards else "0"
        return int(shown.split("/")[0].replace(",", ""))

    def draw(self, views: int) -> str:
        return self.put(self.box, _view_count=views)

    def put(self, comm: str, **state: Any) -> str:
        data = {"method": "update", "state": state, "buffer_paths": []}
        return str(self.kernel.send("comm_msg", {"comm_id": comm, "data": data}))

    def type(self, label: str, text: Any) -> str:
        return self.put(self.find(label), value=text)

    def click(self, label: str) -> str:
        data = {"method": "custom", "content": {"event": "click"}}
        return str(self.kernel.send("comm_msg", {"comm_id": self.find(label), "data": data}))

    def load(self) -> None:
        """Ask what a page asks that is loaded anew."""
        comm = f"control-{time.monotonic()}"
        version = {"metadata": {"version": "1.0.0"}}
        self.kernel.send(
            "comm_open", {"comm_id": comm, "target_name": WIDGET_CONTROL, "data": {}}, **version
        )
        self.kernel.send("comm_msg", {"comm_id": comm, "data": {"method": "request_states"}})

    def heard(self, kind: str, parent: str = "") -> list[dict[str, Any]]:
        """Return the contents of the messages of a kind, of one request or of all."""
        return [
            m["content"]
            for m in self.messages
            if m["msg_type"] == kind and (not parent or m["parent_header"].get("msg_id") == parent)
        ]

    def ended(self, asked: str) -> bool:
        return any(c["execution_state"] == "idle" for c in self.heard("status", asked))


@pytest.fixture
def kernels(tmp_path) -> Iterator[Callable[[], Kernel]]:
    """Start kernels in the same folder; each has nbtune loaded and a frame ``df``."""
    tiny_model_folder(tmp_path / "tiny")
    started = []

    def start() -> Kernel:
        kernel = Kernel(tmp_path)
        started.append(kernel)
        assert kernel.run(SETUP).status == "ok"
        return kernel

    yield start
    for kernel in started:
        kernel.close()


@pytest.fixture
def kernel(kernels) -> Kernel:
    return kernels()


@pytest.fixture(scope="module")
def shared_kernel(tmp_path_factory) -> Iterator[Kernel]:
    """A kernel for all tests of a file, which must leave it as they found it."""
    folder = tmp_path_factory.mktemp("kernel")
    tiny_model_folder(folder / "tiny")
    kernel = Kernel(folder)
    assert kernel.run(SETUP).status == "ok"
    yield kernel
    kernel.close()


@pytest.fixture(scope="module")
def second_kernel(shared_kernel) -> Iterator[Kernel]:
    """Another one in the same folder, for all tests of a file as well."""
    kernel = Kernel(shared_kernel.folder)
    assert kernel.run(SETUP).status == "ok"
    yield kernel
    kernel.close()


@pytest.fixture
def draw(shared_kernel) -> Iterator[Callable[..., Page]]:
    """Open a page and run a cell on it that trains; what still trains at the end is stopped."""
    pages = []

    def start(
        cell: str, *, trains: bool = True, answers: bool = True, headless: bool = False
    ) -> Page:
        page = Page(shared_kernel, answers=answers)
        pages.append(page)
        page.asked = shared_kernel.start(cell, headless=headless)
        if trains:
            page.until(lambda: page.step > 0)
        return page

    yield start
    for page in pages:
        if not page.ended(page.asked):
            shared_kernel.manager.interrupt_kernel()
            page.until(lambda page=page: page.ended(page.asked))
