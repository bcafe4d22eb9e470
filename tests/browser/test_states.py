"""A picture of each state that a run shows; ``tools/keep_pictures.py`` makes them documentation."""

import pytest

pytestmark = pytest.mark.browser

SETUP = """import nbtune
%load_ext nbtune
topics = nbtune.datasets.load("topics")
few = topics[topics["label"].isin(["animal", "food", "person", "place"])]"""  # learnt in seconds
TRAIN = (
    "%%finetune {name} --data few\nmodel: scratch-transformer\nmax_train_samples: {rows}\n"
    "num_train_epochs: {epochs}\nlearning_rate: {rate}"
)
CELLS = [
    SETUP,
    TRAIN.format(name="long", rows=1200, epochs=60, rate="1e-3"),
    TRAIN.format(name="short", rows=400, epochs=4, rate="3e-3"),
    TRAIN.format(name="shorter", rows=400, epochs=2, rate="1e-3"),
    "%compare short shorter",
    "%nbtune panel runs",
]
TOLD = """
from nbtune.events import Notice
from nbtune.panels.live_card import CardView
from nbtune.testing import made_up_events
events = made_up_events(reason="failed", message="the loss is not a number at step 400")
events.insert(12, Notice("loss spike at step 90: rows 17, 204 and 311", "warning"))
for title, told in (("warning", events[:25]), ("failed", events)):
    card = CardView(title)
    card.catch_up(told)
    if title == "failed":
        card.close()
"""


def state(lab, cell):
    """Return how the card of a cell stands, empty before there is one."""
    card = lab.cell(cell).locator('[data-nbtune="card"]')
    return card.first.get_attribute("data-status") if card.count() else ""


def button(lab, name, cell):
    return lab.cell(cell).locator(".jp-Cell-outputArea").get_by_role("button", name=name)


def test_each_state_of_a_run_has_its_picture(lab):
    lab = lab(CELLS)
    lab.page.set_viewport_size({"width": 900, "height": 1400})
    lab.run(0)
    lab.run(1)
    lab.wait(lambda: state(lab, 1) == "starting")
    lab.portrait("starting", 1)
    lab.wait(lambda: lab.cell(1).locator("circle").count() > 4, 120)  # some evaluations
    lab.portrait("running", 1)
    button(lab, "Pause", 1).click()
    button(lab, "Resume", 1).wait_for()
    lab.portrait("paused", 1)
    button(lab, "Stop and keep", 1).click()
    lab.done(1)
    for cell in (2, 3, 4):
        lab.run(cell)
        lab.done(cell)
    assert state(lab, 2) == "finished"
    lab.portrait("finished", 2)
    assert "short" in lab.output(4)
    lab.portrait("compared", 4)
    lab.run(5)
    listed = lab.cell(5).locator(".nbt-runs select").last  # the first is that of the data
    listed.wait_for()
    listed.select_option(index=[1, 2])
    button(lab, "Compare", 5).click()
    lab.cell(5).locator('[data-nbtune="comparison"]').wait_for(timeout=60_000)
    lab.portrait("runs", 5)
    listed.select_option(index=[2])
    button(lab, "Delete", 5).click()
    button(lab, "Undo", 5).wait_for()
    assert listed.locator("option").count() == 2
    button(lab, "Undo", 5).click()
    lab.wait(lambda: listed.locator("option").count() == 3)


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_cards_fit_a_narrow_and_a_wide_page(lab, theme):
    lab = lab([TOLD], theme=theme)
    lab.run(0)
    lab.done(0)
    for width in (1600, 600):
        lab.page.set_viewport_size({"width": width, "height": 1300})
        page = lab.cell(0).locator(".jp-Cell-outputArea").bounding_box()
        for card in lab.cell(0).locator("[data-nbtune]").all():
            box = card.bounding_box()
            assert box["x"] + box["width"] <= page["x"] + page["width"] + 1
        lab.picture(f"cards-{theme.split()[1].lower()}-{width}", 0)
    if theme == "JupyterLab Light":
        lab.page.set_viewport_size({"width": 900, "height": 1400})
        outputs = lab.cell(0).locator(".jp-OutputArea-child")
        outputs.nth(0).screenshot(path=str(lab.picture("state-warning")))
        outputs.last.screenshot(path=str(lab.picture("state-failed")))
