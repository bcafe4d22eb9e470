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
    "baseline: false\neval_strategy: no"
)

STEERED = "print(*[e.setting or e.action for _, e in long.events if hasattr(e, 'setting')])"


def written(folder, *cells):
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    book.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(book, folder / "app.ipynb")


def test_every_control_acts_in_notebook_7_while_a_cell_trains(notebook7, record_property):
    notebook = notebook7([PANEL, TRAIN, STEERED])
    notebook.run(0)
    notebook.done(0)
    notebook.run(1)
    card = notebook.cell(1).locator(".nbt-live")

    def press(name):
        card.get_by_role("button", name=name).click()

    def put(label, text):
        card.get_by_label(label, exact=True).fill(text)
        card.get_by_label(label, exact=True).press("Enter")

    card.get_by_text("running", exact=True).first.wait_for(timeout=120_000)
    notebook.wait(lambda: notebook.step(1) > 10)
    seen, wait = notebook.latency(1)
    record_property("Notebook 7, ms from a click until the page shows it", seen)
    assert wait < 0.5, seen
    slider = card.locator(".noUi-handle").first
    at = slider.get_attribute("aria-valuenow")
    put("learning rate", "5e-4")
    put("epochs in all", "400")
    notebook.wait(lambda: slider.get_attribute("aria-valuenow") != at)
    slider.press("PageUp")  # arrows go to the notebook here, which moves by them
    rate = card.get_by_label("learning rate", exact=True)
    notebook.wait(lambda: rate.input_value() != "0.0005")
    press("Save")
    press("Evaluate")
    at = notebook.step(1)
    notebook.wait(lambda: notebook.step(1) > at + 20)
    press("Stop and keep")
    notebook.done(1)
    assert "stopped by hand" in notebook.output(1)
    assert not card.count()
    notebook.run(2)
    notebook.done(2)
    done = notebook.output(2).split()
    assert set(done) == {
        "pause", "resume", "learning_rate", "num_train_epochs", "save", "evaluate"
    }, done  # fmt: skip


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
