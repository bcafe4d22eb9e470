"""Earlier runs under the live curve, and the seeds of a recipe in one chart."""

import pytest

pytestmark = pytest.mark.browser

SETUP = "import nbtune\n%load_ext nbtune"
TRAIN = (
    "%%finetune {name} --data topics\nmodel: scratch-transformer\nmax_train_samples: 800\n"
    "num_train_epochs: {epochs}\nlearning_rate: {rate}\nbaseline: false"
)
CELLS = [
    SETUP,
    TRAIN.format(name="slow", epochs=3, rate="3e-4"),
    TRAIN.format(name="quick", epochs=4, rate="3e-3"),
    TRAIN.format(name="live", epochs=60, rate="1e-3"),
    "%evaluate slow --seeds 3",
]


def test_earlier_runs_lie_under_the_live_curve_once_they_are_ticked(lab):
    lab = lab(CELLS)
    lab.page.set_viewport_size({"width": 900, "height": 1400})
    for cell in range(3):
        lab.run(cell)
        lab.done(cell)
    lab.run(3)
    lab.wait(lambda: lab.step(3) > 100)
    output = lab.cell(3).locator(".jp-Cell-outputArea")
    for name in ("slow@1", "quick@1"):
        output.get_by_label(name).check()
    legend = output.locator(".nbt-beside")
    lab.wait(lambda: legend.count() == 1 and "slow@1" in legend.inner_text())
    lab.wait(lambda: "quick@1" in legend.inner_text())
    lab.portrait("beside", 3)
    output.get_by_label("quick@1").uncheck()
    lab.wait(lambda: "quick@1" not in legend.inner_text())
    lab.button("Stop and keep", 3).click()
    lab.done(3)
    lab.run(4)
    series = lab.cell(4).locator("[data-nbtune=series]")
    lab.wait(lambda: series.count() == 1 and "slow_seed44@1" in series.inner_text(), 120)
    lab.wait(lambda: "slow_seed43@1" in lab.cell(4).locator(".nbt-beside").inner_text())
    lab.portrait("seeds", 4)
    lab.done(4)
    assert series.count() == 0, "the picture of all seeds takes its place"
