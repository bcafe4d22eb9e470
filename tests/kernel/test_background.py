"""A run in the background, as a notebook sees it: its cell ends, and it outlives kernels."""

import time

import pytest

pytestmark = pytest.mark.kernel
CELL = "%%finetune {name} --background --data df\nmodel: ./tiny\nbaseline: false\n"
LONG = CELL + "num_train_epochs: 5000"
SHORT = CELL + "num_train_epochs: 2"


def ask(kernel, expression):
    heard = kernel.run(f"import nbtune; print({expression})")
    return "".join(stream["text"] for stream in heard.of("stream")).strip()


def test_it_outlives_an_interrupt_and_its_kernel_and_is_stopped_from_another(
    kernels, shared_kernel, draw
):
    first = kernels()
    first.folder = shared_kernel.folder
    first.run(f"import os; os.chdir({str(shared_kernel.folder)!r})")
    heard = first.run(LONG.format(name="outlives"))
    assert heard.status == "ok"
    assert "A process of its own" in heard.text
    assert len(heard.of("display_data")) == 2  # the card and the line below it, once
    first.manager.interrupt_kernel()
    assert ask(first, "nbtune.load('outlives').status") == "running"
    first.manager.shutdown_kernel()
    assert ask(shared_kernel, "nbtune.load('outlives').status") == "running"
    page = draw("%watch outlives")
    page.until(lambda: page.ended(page.asked))
    page.click("Pause")
    page.until(lambda: page.has("Resume"))
    page.click("Stop and keep")
    page.until(lambda: "image/png" in page.shown or "text/markdown" in page.shown)
    assert ask(shared_kernel, "nbtune.load('outlives').status") == "paused"


def test_lines_pause_it_let_it_go_on_and_stop_it(shared_kernel):
    kernel = shared_kernel
    kernel.run(LONG.format(name="steered"))
    assert kernel.run("%pause steered").status == "ok"
    assert ask(kernel, "nbtune.control('steered').status") == "paused"
    kernel.run("%resume steered")
    time.sleep(0.5)
    assert ask(kernel, "nbtune.control('steered').status") == "running"
    stopped = kernel.run("%stop steered")
    assert "steered@1: paused" in stopped.text
    assert "not training: it is paused" in kernel.run("%stop steered").text


def test_the_cell_that_is_run_again_shows_the_run_that_trains(shared_kernel):
    kernel = shared_kernel
    kernel.run(LONG.format(name="again"))
    heard = kernel.run(LONG.format(name="again"))
    assert "again@1 trains already" in heard.html
    assert ask(kernel, "nbtune.list_runs('again*').frame.run.tolist()") == "['again@1']"
    kernel.run("%stop again")


def test_where_nobody_watches_the_cell_lasts_as_long_as_the_run(shared_kernel):
    heard = shared_kernel.finish(
        shared_kernel.start(SHORT.format(name="headless") + "\n", headless=True)
    )
    assert heard.status == "ok"
    assert "headless@1: finished" in heard.text
    assert ask(shared_kernel, "headless.status") == "finished"


def test_where_nobody_watches_a_failure_is_the_failure_of_the_cell(shared_kernel):
    folder = shared_kernel.folder
    shared_kernel.run(
        "import shutil, pathlib; shutil.copytree('tiny', 'cut');"
        "pathlib.Path('cut/model.safetensors').write_bytes(b'cut')"
    )
    cell = SHORT.format(name="fails").replace("./tiny", "./cut")
    heard = shared_kernel.finish(shared_kernel.start(cell, headless=True))
    assert heard.status == "error"
    assert heard.reply["content"]["ename"] == "RunError"
    assert (folder / "nbtune-runs" / "fails@1" / "log.txt").stat().st_size
