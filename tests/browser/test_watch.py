"""A run that trains beside the cells, watched from several of them and after a reload."""

import pytest

pytestmark = pytest.mark.browser

BESIDE = """import threading, time, nbtune
%load_ext nbtune
of = dict(model="scratch-transformer", max_train_samples=1200, num_train_epochs=200,
          baseline=False, display="none")
thread = threading.Thread(target=nbtune.finetune, args=("topics", "beside"), kwargs=of)
thread.start()
while not nbtune.list_runs("beside") or not nbtune.load("beside").history.size:
    time.sleep(0.05)  # a loop that never rests keeps the other thread from its imports"""
WATCH, NAME = "%watch beside", "nbtune.load('beside')"


def test_views_of_a_run_stay_in_step_and_come_back_after_a_reload(lab):
    lab = lab([BESIDE, WATCH, NAME, WATCH])
    lab.run(0)
    lab.done(0)
    lab.run(1)
    lab.run(2)
    lab.button("Pause", 1).click()
    lab.button("Resume", 2).wait_for()
    lab.wait(lambda: lab.step(1) == lab.step(2))
    lab.picture("watched-twice", 2)
    lab.button("Resume", 2).click()
    lab.button("Pause", 1).wait_for()
    lab.reload()
    lab.run(3)
    lab.button("Pause", 3).wait_for()
    at = lab.step(3)
    lab.wait(lambda: lab.step(3) > at)
    lab.picture("watched-after-reload", 3)
    lab.button("Stop and keep", 3).click()
    lab.wait(lambda: lab.cell(3).locator("img").count() == 1)
    lab.wait(lambda: "%resume beside@1" in lab.output(3))
    assert not lab.button("Pause", 3).count()
    book = lab.saved()
    assert "widgets" not in book["metadata"]
    kinds = {k for o in book["cells"][3]["outputs"] for k in o.get("data", {})}
    assert kinds <= {"text/plain", "text/html", "text/markdown", "image/png"}
