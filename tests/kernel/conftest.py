"""A real Jupyter kernel, spoken to as a front end does."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from jupyter_client.manager import KernelManager

from nbtune.testing import tiny_model_folder

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
        self.manager = KernelManager()
        self.manager.start_kernel(cwd=str(folder))
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def start(self, cell: str) -> str:
        return str(self.client.execute(cell, allow_stdin=True))

    def listen(
        self, asked: str, until: Callable[[dict[str, Any]], bool], seconds: float = 120
    ) -> Heard:
        """Collect what is published for a cell until a message is the one waited for."""
        heard, end = Heard(), time.monotonic() + seconds
        while time.monotonic() < end:
            message = self.client.get_iopub_msg(timeout=seconds)
            if message["parent_header"].get("msg_id") != asked:
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


@pytest.fixture
def kernels(tmp_path, monkeypatch) -> Iterator[Callable[[], Kernel]]:
    """Start kernels in the same folder; each has nbtune loaded and a frame ``df``."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("NBTUNE_RUNS", raising=False)
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
