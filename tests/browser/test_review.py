import json

import pytest

pytestmark = pytest.mark.browser

SETUP = """import nbtune, pandas as pd
%load_ext nbtune
from nbtune.testing import tiny_model_folder, topic_rows
model = str(tiny_model_folder('model'))
rows = topic_rows(240)
rows.loc[[3, 40, 77], 'label'] = ['food', 'place', 'animal']
rows.loc[5, 'text'] += ' <img src=x onerror="document.title=1">'"""
TRAIN = "%%finetune topics --data rows\nmodel: $model\nlearning_rate: 3e-3\nnum_train_epochs: 6"


def test_rows_are_corrected_with_mouse_and_keys_and_trained_on(lab):
    lab = lab([SETUP, TRAIN, "%review topics --split train", "print(1)"])
    for number in range(3):
        lab.run(number)
        lab.done(number)
    panel = lab.cell(2)
    matrix = panel.locator(".nbt-matrix")
    lab.wait(lambda: matrix.get_by_role("button").count() > 3)
    lab.picture("review", 2)
    matrix.get_by_title("place taken for food").click()
    lab.wait(lambda: "of place taken for food" in lab.output(2))
    listed = panel.locator("select[multiple]")
    listed.locator("option").first.click()
    lab.wait(lambda: "loss" in lab.output(2))
    panel.get_by_label("label", exact=True).select_option("food")
    panel.get_by_title("Give the chosen rows this label").click()
    made = (
        lab.root / lab.name.replace("notebook.ipynb", "") / "nbtune-runs/topics@1/corrections.jsonl"
    )
    lab.wait(made.is_file)
    lab.wait(lambda: "relabelled" in lab.output(2))
    matrix.get_by_role("button", name="all rows").click()
    # By keys alone: choose the first row, go on to the buttons, delete it, and undo.
    lab.wait(lambda: listed.locator("option").count() > 100)
    listed.focus()
    lab.page.keyboard.press("Home")
    lab.wait(lambda: "loss" in lab.output(2))
    delete = panel.get_by_title("Leave the chosen rows out")
    for _ in range(8):
        lab.page.keyboard.press("Tab")
        if delete.evaluate("button => button === document.activeElement"):
            break
    lab.page.keyboard.press("Enter")
    lab.wait(lambda: "1 deleted" in lab.output(2))
    lab.picture("review-corrected", 2)
    panel.get_by_title("Take the last change back").click()
    lab.wait(lambda: "1 deleted" not in lab.output(2))
    assert [json.loads(line)["action"] for line in made.read_text().splitlines()] == ["relabel"]
    # A point of a curve: the rows at or above its threshold.
    panel.get_by_label("curve of", exact=True).select_option("food")
    points = panel.locator(".nbt-curve").first.locator("button")
    lab.wait(lambda: points.count() > 3)
    told = points.nth(1).get_attribute("title")
    points.nth(1).click()
    lab.wait(lambda: "with p(food) ≥" in lab.output(2))
    assert listed.locator("option").count() == int(told.split("more: ")[1].split(" row")[0])
    lab.picture("review-curve", 2)
    points.nth(1).click()
    lab.wait(lambda: "with p(food) ≥" not in lab.output(2))
    panel.get_by_label("search", exact=True).fill("onerror")
    lab.wait(lambda: listed.locator("option").count() == 1)
    listed.locator("option").first.click()
    lab.wait(lambda: "<img src=x" in lab.output(2))
    panel.get_by_title("Which words speak for what is predicted").click()
    lab.wait(lambda: "Blue words speak for" in lab.output(2))
    lab.picture("review-why", 2)
    assert lab.page.title() != "1", "what a row says is never run"
    panel.get_by_title("The cell that trains on them").click()
    lab.wait(lambda: panel.locator(".nbt-recipe textarea").is_visible())
    written = panel.locator(".nbt-recipe textarea").input_value()
    lab.cell(3).locator(".cm-content").first.fill(written)
    lab.run(3)
    lab.done(3)
    assert "corrections: 1 relabelled" in lab.output(3)
    saved = lab.saved()
    html = "".join(saved["cells"][2]["outputs"][-1]["data"]["text/html"])
    assert "Labels most in doubt" in html, "what is read without a kernel"
    assert "widgets" not in saved["metadata"]
