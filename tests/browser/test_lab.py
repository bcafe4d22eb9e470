import pytest

pytestmark = pytest.mark.browser

SETUP = "import nbtune\n%load_ext nbtune\ntopics = nbtune.datasets.load('topics')"
TRAIN = (
    "%%finetune scratch --data topics\nmodel: scratch-transformer\nmax_train_samples: 1200\n"
    "num_train_epochs: {epochs}"
)
SHORT, LONG = TRAIN.format(epochs=3), TRAIN.format(epochs=200)


def step(lab, cell):
    """Read the step that the live card shows, 0 before there is one."""
    shown = lab.cell(cell).locator('[data-nbtune="card"] .nbt-facts div').first
    if not shown.count():
        return 0
    return int(shown.inner_text().split("\n")[-1].split("/")[0].replace(",", ""))


def test_the_card_moves_then_becomes_a_picture_and_tables(lab):
    lab = lab([SETUP, SHORT, "%evaluate scratch", '%predict scratch "a small furry animal"'])
    lab.run(0)
    lab.done(0)
    lab.run(1)
    lab.wait(lambda: step(lab, 1) > 0)
    first = step(lab, 1)
    lab.picture("running", 1)
    lab.wait(lambda: step(lab, 1) > first)
    assert lab.cell(1).locator('[role="progressbar"]').get_attribute("aria-valuenow") != "0"
    lab.done(1)
    assert lab.cell(1).locator("img").count() == 1
    card = lab.cell(1).locator('[data-nbtune="card"]')
    assert card.get_attribute("data-status") == "finished"
    names = card.locator("tbody th").all_inner_texts()
    assert [name.split("\n")[0].replace(" baseline", "") for name in names[:2]] == [
        "majority",
        "TF-IDF + logistic regression",
    ]
    lab.picture("finished", 1)
    lab.run(2)
    lab.done(2)
    assert "loses to TF-IDF" in lab.output(2)
    lab.picture("evaluated", 2)
    lab.run(3)
    lab.done(3)
    assert "animal" in lab.output(3)
    book = lab.saved()
    assert "widgets" not in book["metadata"]
    kinds = {k for c in book["cells"] for o in c["outputs"] for k in o.get("data", {})}
    assert kinds <= {"text/plain", "text/html", "text/markdown", "image/png"}


def test_interrupt_pauses_and_the_same_cell_goes_on(lab):
    lab = lab([SETUP, LONG, "%resume scratch --epochs 8"])
    lab.run(0)
    lab.run(1)
    lab.wait(lambda: step(lab, 1) > 10)
    lab.interrupt()
    lab.done(1, 60)
    card = lab.cell(1).locator('[data-nbtune="card"]')
    assert card.get_attribute("data-status") == "paused"
    assert "%resume scratch@1" in lab.output(1)
    lab.picture("paused", 1)
    lab.run(1)
    lab.wait(lambda: "going on with it" in lab.output(1))
    lab.wait(lambda: step(lab, 1) > 20)
    lab.interrupt()
    lab.done(1, 60)
    lab.run(2)
    lab.done(2)
    lab.picture("resumed", 2)
    assert lab.cell(2).locator('[data-nbtune="card"]').get_attribute("data-status") == "finished"


def test_after_a_reload_the_run_is_still_there(lab):
    lab = lab([SETUP, LONG, "nbtune.load('scratch')"])
    lab.run(0)
    lab.run(1)
    lab.wait(lambda: step(lab, 1) > 10)
    lab.reload()
    lab.interrupt_until_idle()
    lab.run(2)
    lab.done(2)
    lab.picture("reloaded", 2)
    assert lab.cell(2).locator('[data-nbtune="card"]').get_attribute("data-status") == "paused"


def test_a_mistake_is_two_lines_on_a_dark_page_too(lab):
    lab = lab(
        [SETUP, "%%finetune scratch --data topic\nmodel: scratch", SHORT, "%evaluate scratch"],
        theme="JupyterLab Dark",
    )
    lab.run(0)
    lab.run(1)
    lab.wait(lambda: "UsageError" in lab.output(1))
    assert "Traceback" not in lab.output(1)
    lab.run(2)
    lab.wait(lambda: step(lab, 2) > 10)
    lab.picture("running-dark", 2)
    lab.done(2)
    lab.run(3)
    lab.done(3)
    lab.picture("evaluated-dark", 3)
    colour = "el => getComputedStyle(el).color"
    shown = lab.cell(3).locator('[data-nbtune="evaluation"] td').first.evaluate(colour)
    assert min(map(int, shown.split("(")[1].strip(")").split(",")[:3])) > 120, "light on dark"


def test_script_in_a_label_never_runs(lab):
    evil = "<img src=x onerror=document.title='owned'>"
    setup = SETUP + f"\ntopics['text'] += {evil!r}\ntopics['label'] += {evil!r}"
    lab = lab([setup, SHORT, "%evaluate scratch", "%runs"])
    for number in range(4):
        lab.run(number)
    lab.done(3)
    lab.picture("hostile", 2)
    assert "owned" not in lab.page.title()
    assert lab.cell(2).locator('[data-nbtune="evaluation"] img').count() == 0
