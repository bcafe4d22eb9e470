"""A run in the background: its cell ends, the page is loaded anew, its kernel restarted."""

import pytest

pytestmark = pytest.mark.browser

LOAD = "%load_ext nbtune"
FOUR = """import nbtune
topics = nbtune.datasets.load("topics")
four = topics[topics["label"].isin(["animal", "food", "person", "place"])]"""
RUN = """%%finetune long --data four --background
model: scratch-transformer
max_train_samples: 1200
num_train_epochs: 400
learning_rate: 2e-3
warmup_ratio: 0
baseline: false"""
WATCH = "%watch long"


def moves(lab, cell):
    at = lab.step(cell)
    lab.wait(lambda: lab.step(cell) > at)


def test_it_goes_on_through_a_reload_and_a_restart_and_is_stopped_by_a_button(lab):
    lab = lab([f"{LOAD}\n{FOUR}", RUN, "print('free for other work')", LOAD, WATCH])
    lab.page.set_viewport_size({"width": 900, "height": 1400})
    lab.run(0)
    lab.done(0)
    lab.run(1)
    lab.done(1, 60)
    lab.run(2)
    lab.wait(lambda: "free for other work" in lab.output(2), 5)
    lab.wait(lambda: lab.step(1) > 0)
    lab.picture("background-begun", 1)
    lab.reload()
    lab.button("Pause", 1).click()  # the same card, alive again
    lab.button("Resume", 1).click()
    lab.wait(lambda: lab.step(1) > 150)
    lab.portrait("background", 1)
    lab.picture("background-after-reload", 1)
    lab.restart_kernel()
    lab.run(3)
    lab.done(3)
    lab.run(4)
    moves(lab, 4)
    lab.picture("background-after-restart", 4)
    lab.button("Stop and keep", 4).click()
    lab.wait(lambda: lab.cell(4).locator("img").count() == 1)
    lab.wait(lambda: "%resume long@1" in lab.output(4))
    assert "widgets" not in lab.saved()["metadata"]
