"""JupyterLab in a real browser, driven as a person would."""

import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import nbformat
import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
PICTURES = Path(__file__).parents[2] / "test-artifacts"
SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    # Cells out of sight stay in the page, so that they can be asked.
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
}


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    if not CHROMIUM:
        if os.environ.get("NBTUNE_REQUIRE_ALL"):
            pytest.fail("Chromium is missing; .ci/test installs it")
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class Lab:
    """One notebook, open in JupyterLab."""

    def __init__(self, page: Any, address: str, root: Path, workspace: str) -> None:
        self.page, self.address, self.root = page, address, root
        self.workspace = workspace
        self.name = ""

    def open(self, name: str) -> None:
        """Open a notebook and wait until its kernel is ready."""
        self.name = name
        self.page.goto(
            f"{self.address}/lab/workspaces/{self.workspace}/tree/{name}", timeout=120_000
        )
        self.ready()

    def ready(self) -> None:
        self.page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=120_000)
        self.page.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status="idle"]')

    def reload(self) -> None:
        """Save and load the page anew, in the middle of whatever runs."""
        self.save()
        self.page.reload()
        self.page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=120_000)

    def open_again(self) -> None:
        """Open the notebook in the page that there is now, in the middle of whatever runs."""
        self.page.goto(
            f"{self.address}/lab/workspaces/{self.workspace}/tree/{self.name}", timeout=120_000
        )
        self.page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=120_000)

    def beside(self) -> "Lab":
        """Open the notebook, as it was last saved, in a second tab of the browser."""
        page = self.page.context.new_page()
        other = Lab(page, self.address, self.root, f"{self.workspace}-second")
        other.name = self.name
        other.open_again()
        return other

    def save(self) -> None:
        file = self.root / self.name
        before = file.stat().st_mtime_ns
        self.page.keyboard.press("Control+s")
        # It is cut to nothing first, and then written.
        self.wait(lambda: file.stat().st_mtime_ns > before and file.stat().st_size, 20)
        self.wait(lambda: file.read_text().rstrip().endswith("}"), 20)

    def cell(self, number: int) -> Any:
        return self.page.locator(".jp-Notebook .jp-CodeCell").nth(number)

    def run(self, number: int) -> None:
        """Start a cell with Shift+Enter; a page that still settles may swallow the first one."""
        before = self.prompt(number)
        for _ in range(5):
            self.dismiss()
            self.cell(number).locator(".cm-content").first.click(position={"x": 5, "y": 5})
            self.page.keyboard.press("Shift+Enter")
            end = time.monotonic() + 3
            while time.monotonic() < end:
                now = self.prompt(number)  # nothing at all while the cell is drawn anew
                if "*" in now or (now != before and now.strip("[]: ").isdigit()):
                    return
                time.sleep(0.05)
        raise AssertionError(f"cell {number} does not start")

    def prompt(self, number: int) -> str:
        found: str = self.cell(number).locator(".jp-InputArea-prompt").first.inner_text()
        return found.strip()

    def done(self, number: int, seconds: float = 300) -> None:
        """Wait until a cell has a number for a prompt."""
        self.wait(lambda: self.prompt(number).strip("[]: ").isdigit(), seconds)

    def wait(self, so: Callable[[], bool], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not so():
            if time.monotonic() > end:
                self.picture("timed-out")
                raise AssertionError("it did not come about")
            time.sleep(0.1)

    def output(self, number: int) -> str:
        return str(self.cell(number).locator(".jp-OutputArea").first.inner_text())

    def button(self, name: str, number: int) -> Any:
        """Return a button of the card below a cell."""
        return self.cell(number).get_by_role("button", name=name)

    def step(self, number: int) -> int:
        """Return the step that the card below a cell shows."""
        shown = self.cell(number).locator('[data-nbtune="card"] .nbt-facts div').first
        return int(shown.inner_text().split("\n")[-1].split("/")[0].replace(",", ""))

    def click(self, name: str, becomes: str, number: int) -> float:
        """Click on a button and return the seconds until another one stands in the page."""
        self.button(name, number).click()
        began = time.monotonic()
        self.button(becomes, number).wait_for(timeout=20_000)
        return time.monotonic() - began

    def latency(self, number: int) -> tuple[str, float]:
        """Pause and go on eight times; returns in words, and the median in seconds, how long."""
        at, began = self.step(number), time.monotonic()
        self.wait(lambda: self.step(number) > at + 10)
        a_step = (time.monotonic() - began) / (self.step(number) - at)
        ways = [("Pause", "Resume"), ("Resume", "Pause")] * 4
        waits = [self.click(*way, number) for way in ways]
        middle = statistics.median(waits)
        seen = f"{1000 * middle:.0f} of {', '.join(f'{1000 * wait:.0f}' for wait in waits)}"
        return f"{seen}; a step {1000 * a_step:.0f}", middle

    def restart_kernel(self) -> None:
        """Restart the kernel, and agree to it."""
        self.page.locator('[data-command="notebook:restart-kernel"]').first.click()
        self.page.locator(".jp-Dialog .jp-mod-accept").click()
        self.page.locator(".jp-Dialog").wait_for(state="detached")
        self.ready()

    def is_busy(self) -> bool:
        """Ask the server, since a page that has just been loaded does not know yet."""
        kernels = json.load(urlopen(f"{self.address}/api/kernels", timeout=10))
        return any(kernel["execution_state"] == "busy" for kernel in kernels)

    def interrupt_until_idle(self, seconds: float = 90) -> None:
        """Interrupt again where a page that is just loading had no kernel to interrupt yet."""
        end = time.monotonic() + seconds
        while self.is_busy():
            assert time.monotonic() < end, "the kernel stays busy"
            self.interrupt()
            patience = time.monotonic() + 8
            while self.is_busy() and time.monotonic() < patience:
                time.sleep(0.2)

    def dismiss(self) -> None:
        """Agree to what JupyterLab asks or complains of, such as a kernel not yet connected."""
        for button in self.page.locator(".jp-Dialog .jp-mod-accept").all():
            self.picture("dialog")
            button.click()

    def interrupt(self) -> None:
        self.dismiss()
        self.page.locator('[data-command="notebook:interrupt-kernel"]').first.click()

    def picture(self, name: str, number: int | None = None) -> Path:
        """Leave a screenshot among the test's artefacts, scrolled to a cell."""
        PICTURES.mkdir(exist_ok=True)
        if number is not None:
            self.cell(number).scroll_into_view_if_needed()
        file = PICTURES / f"{name}.png"
        self.page.screenshot(path=str(file))
        return file

    def portrait(self, name: str, number: int) -> None:
        """Leave a picture of what a cell shows, for ``tools/keep_pictures.py``."""
        self.page.wait_for_timeout(1000)  # on a busy machine a page is drawn some time after
        self.cut_out(f"state-{name}", number)

    def cut_out(self, name: str, number: int) -> None:
        """Leave a picture of what a cell shows, and of nothing else."""
        PICTURES.mkdir(exist_ok=True)
        output = self.cell(number).locator(".jp-Cell-outputArea")
        output.screenshot(path=str(PICTURES / f"{name}.png"))

    def wear(self, theme: str) -> None:
        """Change the theme of the page that is open."""
        self.page.evaluate(
            "theme => jupyterapp.commands.execute('apputils:change-theme', {theme})", theme
        )
        self.wait(lambda: self.page.locator(f"body[data-jp-theme-name='{theme}']").count() == 1)

    def saved(self) -> Any:
        self.save()
        return json.loads((self.root / self.name).read_text())


@dataclass
class Server:
    """JupyterLab with settings of its own, away from the user's."""

    process: subprocess.Popen[bytes]
    address: str
    home: Path

    def set(self, theme: str) -> None:
        """Write the settings; a page reads them when it is opened."""
        settings = SETTINGS | {"@jupyterlab/apputils-extension/themes": {"theme": theme}}
        for name, value in settings.items():
            file = self.home / "settings" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(value))

    def end_kernels(self) -> None:
        for kernel in json.load(urlopen(f"{self.address}/api/kernels", timeout=5)):
            end = Request(f"{self.address}/api/kernels/{kernel['id']}", method="DELETE")
            urlopen(end, timeout=10)


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[Server]:
    """One server for all tests; each has a folder, a page and a kernel of its own."""
    started = start_server(tmp_path_factory.mktemp("lab"))
    yield started
    started.end_kernels()
    started.process.terminate()
    started.process.wait(15)


@pytest.fixture
def lab(chromium, server, request) -> Iterator[Callable[..., Lab]]:
    """Open JupyterLab on a notebook with these cells; ``theme`` may be dark."""
    contexts, name = [], re.sub(r"\W+", "-", request.node.name)

    def make(cells: list[str], *, theme: str = "JupyterLab Light") -> Lab:
        contexts.append(chromium.new_context(viewport={"width": 1100, "height": 1000}))
        return open_notebook(contexts[-1].new_page(), server, name, cells, theme)

    yield make
    for context in contexts:
        context.close()
    server.end_kernels()


@pytest.fixture
def notebook7(chromium, server) -> Iterator[Callable[[list[str]], Lab]]:
    """Open Notebook 7 on a notebook with these cells."""
    pages = []

    def make(cells: list[str]) -> Lab:
        pages.append(chromium.new_page())
        file = write_notebook(server, "notebook7", cells)
        pages[-1].goto(f"{server.address}/notebooks/{file}", timeout=120_000)
        opened = Lab(pages[-1], server.address, server.home / "work", "notebook7")
        opened.ready()
        return opened

    yield make
    for page in pages:
        page.close()
    server.end_kernels()


def open_notebook(
    page: Any, server: Server, name: str, cells: list[str], theme: str = "JupyterLab Light"
) -> Lab:
    """Write a notebook with these cells, and open it in a page; returns when it hears keys."""
    file = write_notebook(server, name, cells)
    server.set(theme)
    opened = Lab(page, server.address, server.home / "work", name)
    page.on("dialog", lambda dialog: dialog.accept())
    opened.open(file)
    side_bar = page.locator("#jp-left-stack")
    opened.wait(side_bar.is_visible)  # before that the page does not hear the keys
    page.keyboard.press("Control+b")  # it is not what we look at
    opened.wait(side_bar.is_hidden)
    return opened


def write_notebook(server: Server, name: str, cells: list[str]) -> str:
    """Write a notebook into a folder of its own; returns its path for the server."""
    folder = server.home / "work" / name
    folder.mkdir(parents=True, exist_ok=True)
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    book.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(book, folder / "notebook.ipynb")
    return f"{name}/notebook.ipynb"


def start_server(home: Path) -> Server:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (home / "work").mkdir()
    own = {
        "JUPYTERLAB_SETTINGS_DIR": home / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces",
        "JUPYTER_RUNTIME_DIR": home / "runtime",
        "IPYTHONDIR": home / "ipython",
        "OMP_NUM_THREADS": "1",
    }
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1",
        f"--port={port}", "--IdentityProvider.token=", "--ServerApp.disable_check_xsrf=True",
        "--expose-app-in-browser",
        f"--ServerApp.root_dir={home / 'work'}",
    ]  # fmt: skip
    env = {k: v for k, v in os.environ.items() if k != "NBTUNE_RUNS"}
    log = (home / "server.log").open("w")
    process = subprocess.Popen(
        command, stdout=log, stderr=log, env=env | {k: str(v) for k, v in own.items()}
    )
    server = Server(process, f"http://127.0.0.1:{port}", home)
    server.set("JupyterLab Light")
    for _ in range(240):
        try:
            urlopen(f"{server.address}/api/status", timeout=2)
            return server
        except OSError:
            time.sleep(0.25)
    process.terminate()
    raise AssertionError((home / "server.log").read_text()[-2000:])
