"""The toolbar, clicked on in a real page while the cell trains."""

import pytest

pytestmark = pytest.mark.browser

SETUP = "import nbtune\n%load_ext nbtune\ntopics = nbtune.datasets.load('topics')"
LONG = (
    "%%finetune scratch --data topics\nmodel: scratch-transformer\nmax_train_samples: 1200\n"
    "num_train_epochs: 200\nbaseline: false"
)
STEERED = (
    "print([(e.action, e.setting, e.value) for _, e in scratch.events if hasattr(e, 'setting')])"
)


def step(lab, cell=1):
    shown = lab.cell(cell).locator('[data-nbtune="card"] .nbt-facts div').first
    if not shown.count():
        return 0
    return int(shown.inner_text().split("\n")[-1].split("/")[0].replace(",", ""))


def button(lab, name, cell=1):
    return lab.cell(cell).get_by_role("button", name=name)  # its icon is part of its name


def begin(lab):
    lab.run(0)
    lab.done(0)
    lab.run(1)
    lab.wait(lambda: step(lab) > 10)
    button(lab, "Pause").wait_for()


def look_otherwise(lab):
    """Smooth the curve, change its scale, and read a loss under the pointer, while it trains."""
    chart = lab.cell(1).locator("svg.nbt-chart")
    smoothing = lab.cell(1).locator(".noUi-handle").nth(1)
    smoothing.focus()
    for _ in range(3):
        smoothing.press("PageUp")
    lab.wait(lambda: chart.locator('polyline[opacity=".4"]').count() == 1)
    lab.cell(1).get_by_label("log scale").check()
    found = []  # the chart is drawn anew all the time, and for a moment it is nowhere
    lab.wait(lambda: bool((box := chart.bounding_box()) and not found.append(box)))
    frame = found[0]
    lab.page.mouse.move(frame["x"] + 0.2 * frame["width"], frame["y"] + 0.5 * frame["height"])
    shown = "() => [...document.querySelectorAll('.nbt-at:hover text')].map(t => t.textContent)[0]"
    lab.wait(lambda: str(lab.page.evaluate(shown)).startswith("step "))
    lab.picture("looked-at-otherwise", 1)


def test_the_toolbar_steers_the_run_at_once(lab, record_property):
    lab = lab([SETUP, LONG, STEERED])
    begin(lab)
    seen, wait = lab.latency(1)
    record_property("JupyterLab, ms from a click until the page shows it", seen)
    assert wait < 0.5, seen
    lab.click("Pause", "Resume", 1)
    assert "paused" in lab.cell(1).locator(".nbt-state").inner_text()
    lab.picture("toolbar-paused", 1)
    rate = lab.cell(1).get_by_label("learning rate").first
    rate.fill("-3")
    rate.press("Enter")
    lab.cell(1).get_by_role("alert").wait_for()
    lab.picture("toolbar-refused", 1)
    rate.fill("5e-4")
    rate.press("Enter")
    lab.wait(lambda: rate.input_value() == "0.0005")
    handle = lab.cell(1).locator(".noUi-handle").first
    handle.focus()
    handle.press("ArrowRight")  # the keyboard reaches it
    lab.wait(lambda: rate.input_value() != "0.0005")
    epochs = lab.cell(1).get_by_label("epochs in all")
    epochs.fill("150")
    epochs.press("Enter")
    lab.click("Resume", "Pause", 1)
    button(lab, "Save").click()
    button(lab, "Evaluate").click()
    at = step(lab)
    lab.wait(lambda: step(lab) > at + 20)
    lab.picture("toolbar-running", 1)
    look_otherwise(lab)
    button(lab, "Stop and keep").click()
    lab.done(1, 60)
    assert lab.cell(1).locator("img").count() == 1
    assert not button(lab, "Pause").count()
    lab.run(2)
    lab.done(2)
    told = lab.output(2)
    assert "('change', 'learning_rate', 0.0005)" in told
    assert told.count("'learning_rate'") == 2
    assert "('change', 'num_train_epochs', 150.0)" in told
    assert "('save', '', None)" in told
    assert "('evaluate', '', None)" in told
    book = lab.saved()
    kinds = {k for c in book["cells"] for o in c["outputs"] for k in o.get("data", {})}
    assert kinds <= {"text/plain", "text/html", "text/markdown", "image/png"}
    assert "widgets" not in book["metadata"]


def test_a_page_loaded_in_mid_run_has_card_and_toolbar_again(lab):
    lab = lab([SETUP, LONG, STEERED])
    begin(lab)
    lab.reload()
    button(lab, "Pause").wait_for(timeout=60_000)
    at = step(lab)
    lab.wait(lambda: step(lab) > at)
    waited = lab.click("Pause", "Resume", 1)
    lab.picture("toolbar-after-reload", 1)
    assert waited < 2
    lab.click("Resume", "Pause", 1)
    button(lab, "Stop and keep").click()
    card = lab.cell(1).locator('[data-nbtune="card"]')
    lab.wait(lambda: card.get_attribute("data-status") == "paused")
    lab.picture("toolbar-ended-after-reload", 1)
    assert not button(lab, "Pause").is_visible()
    lab.run(2)
    lab.done(2)
    assert "pause" in lab.output(2)


def test_the_toolbar_reads_on_a_dark_page(lab):
    lab = lab([SETUP, LONG], theme="JupyterLab Dark")
    lab.page.set_viewport_size({"width": 700, "height": 1000})
    begin(lab)
    lab.picture("toolbar-dark", 1)
    box = lab.cell(1).locator(".jp-OutputArea").first.bounding_box()
    wide = button(lab, "Evaluate").bounding_box()
    assert wide["x"] + wide["width"] < box["x"] + box["width"]
    button(lab, "Stop and keep").click()
    lab.done(1, 60)


NAMED = (
    ("button", "Pause"),
    ("button", "Stop and keep"),
    ("button", "Save"),
    ("button", "Evaluate"),
    ("textbox", "learning rate"),
    ("slider", "rate"),
    ("textbox", "epochs in all"),
)


def test_the_toolbar_is_found_by_role_and_name_and_tab_goes_through_it_in_order(lab):
    lab = lab([SETUP, LONG])
    begin(lab)
    output = lab.cell(1).locator(".jp-Cell-outputArea")
    found = [output.get_by_role(role, name=name).first for role, name in NAMED]
    for one in found:
        assert one.is_visible()
    for end in ("from", "to"):
        assert output.get_by_role("slider", name=f"steps shown, %, {end}").is_visible()
    found[0].focus()
    for one in found[1:]:
        lab.page.keyboard.press("Tab")
        assert one.evaluate("one => one === document.activeElement"), one
    button(lab, "Stop and keep").press("Enter")
    lab.done(1)
