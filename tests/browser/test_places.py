"""Pages other than JupyterLab's."""

import socket
import subprocess
import sys
import time
from urllib.error import HTTPError
from urllib.request import urlopen

import nbformat
import pytest

pytestmark = pytest.mark.browser
PANEL = "%load_ext nbtune\nimport nbtune\ntopics = nbtune.datasets.load('topics').head(300)\n"
TRAIN = (
    "%%finetune long --data topics\nmodel: scratch-transformer\nnum_train_epochs: 500\n"
    "baseline: false"
)


def written(folder, *cells):
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    book.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(book, folder / "app.ipynb")


def test_buttons_act_in_notebook_7_while_a_cell_trains(chromium, server):
    folder = server.home / "work" / "notebook7"
    folder.mkdir(parents=True)
    written(folder, PANEL, TRAIN)
    page = chromium.new_page()
    page.goto(f"{server.address}/notebooks/notebook7/app.ipynb", timeout=120_000)
    page.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status="idle"]', timeout=120_000)
    for cell in page.locator(".jp-CodeCell").all()[:2]:
        cell.locator(".cm-content").first.click(position={"x": 5, "y": 5})
        page.keyboard.press("Shift+Enter")
    page.wait_for_function("document.body.innerText.includes('running')", timeout=120_000)
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("button", name="Pause").wait_for()
    page.get_by_role("button", name="Stop and keep").click()
    page.get_by_text("stopped by hand").wait_for()
    page.get_by_role("button", name="Pause").wait_for(state="detached")
    server.end_kernels()
    page.close()


def test_the_panel_is_an_app_in_voila(chromium, tmp_path):
    written(tmp_path, PANEL + "%nbtune panel data")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "voila", "app.ipynb", "--no-browser", f"--port={port}"]
    with (tmp_path / "log").open("w") as log:
        voila = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log)
    try:
        until_it_answers(f"http://127.0.0.1:{port}/voila/static/none")
        page = chromium.new_page()
        page.goto(f"http://127.0.0.1:{port}/", timeout=120_000)
        page.get_by_placeholder("a variable, a file, topics").fill("topics", timeout=60_000)
        page.get_by_role("button", name="Look").click()
        page.get_by_text("topics: 300 rows").wait_for(timeout=60_000)
        page.close()
    finally:
        voila.terminate()
        voila.wait(30)


def until_it_answers(address, tries=240):
    for _ in range(tries):
        try:
            urlopen(address, timeout=2)
        except HTTPError:
            return
        except OSError:
            time.sleep(0.25)
    raise AssertionError("no answer")
