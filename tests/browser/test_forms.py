import pytest

pytestmark = pytest.mark.browser

SETUP = "import nbtune\n%load_ext nbtune\ntopics = nbtune.datasets.load('topics')"
FOUR = "\nfour = topics[topics['label'].isin(['animal', 'food', 'person', 'place'])]"
TRAIN = (
    "%%finetune small --data four\nmodel: scratch-transformer\nmax_train_samples: 400\n"
    "num_train_epochs: 4\nlearning_rate: 3e-3"
)


def field(lab, name):
    return lab.cell(1).get_by_label(name, exact=True).first  # of the page Train


def recipe(lab):
    return lab.cell(1).locator(".nbt-recipe textarea")


def test_a_form_writes_a_cell_that_trains(lab):
    lab = lab([SETUP, "%nbtune panel", "%nbtune cell"])
    lab.run(0)
    lab.done(0)
    lab.run(1)
    field(lab, "data").fill("topics")
    lab.wait(lambda: "data: topics" in recipe(lab).input_value())
    lab.wait(lambda: "12 labels from 'label'" in lab.output(1))
    field(lab, "learning_rate").fill("fast")
    lab.wait(lambda: "learning_rate is 'fast'" in lab.output(1))
    lab.picture("form-mistake", 1)
    field(lab, "learning_rate").fill("1e-3")
    lab.wait(lambda: "learning_rate is" not in lab.output(1))
    field(lab, "method").select_option("head")
    lab.wait(lambda: "method: head" in recipe(lab).input_value())
    recipe(lab).fill(
        "data: topics\nmodel: scratch-transformer  # small\n"
        "max_train_samples: 300\nnum_train_epochs: 1\n"
    )
    lab.wait(lambda: field(lab, "num_train_epochs").input_value() == "1")
    assert field(lab, "method").input_value() == "default: full"
    lab.portrait("train", 1)
    lab.run(2)
    lab.done(2)
    lab.wait(lambda: "# small" in lab.cell(2).locator(".cm-content").inner_text())
    lab.run(2)
    lab.done(2)
    assert "finished" in lab.output(2)


def test_a_run_answers_while_one_types(lab):
    few = "few = topics[topics['label'] == 'animal'].head(30)[['text']]"
    lab = lab([f"{SETUP}{FOUR}\n{few}", TRAIN, "%nbtune panel predict"])
    lab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    lab.page.set_viewport_size({"width": 1000, "height": 1400})
    lab.run(0)
    lab.done(0)
    lab.run(1)
    lab.done(1)
    lab.run(2)
    box = lab.cell(2).locator("textarea[placeholder='a text']")
    box.fill("a small furry animal")
    lab.wait(lambda: "probabilities" in lab.output(2))
    first = lab.output(2)
    box.fill("a town <b>in France</b>")
    lab.wait(lambda: lab.output(2) != first)
    lab.wait(lambda: "speak for" in lab.output(2))
    lab.picture("try-it", 2)
    copied(lab, "Copy", '%predict small@1 "a town <b>in France</b>"')
    lab.cell(2).get_by_text("Many at once").click()
    lab.cell(2).get_by_placeholder("a frame, or a file by its path").fill("few")
    lab.cell(2).get_by_role("button", name="Predict").last.click()
    lab.wait(lambda: "The first 10 of 30 rows" in lab.output(2))
    lab.portrait("predict", 2)
    lab.cell(2).get_by_placeholder("labelled, or labelled.csv").fill("labelled.csv")
    lab.cell(2).get_by_role("button", name="Keep").click()
    lab.wait(lambda: "labelled.csv is written: 30 rows" in lab.output(2))
    assert "answers = %predict small@1 --data few" in lab.output(2)
    lab.cell(2).get_by_role("tab", name="Attention").click()
    lab.cell(2).get_by_label("sentence", exact=True).fill("a <b>small furry</b> animal")
    lab.wait(lambda: "Three steps, for" in lab.output(2))
    lab.cell(2).get_by_label("layer", exact=True).select_option("1")
    lab.wait(lambda: "of all heads asked for" in lab.output(2))
    assert "layer 1 of 2" in lab.output(2)
    lab.picture("attention", 2)


def copied(lab, button, text):
    """Press a button that copies, and read what it copied where it says that it did."""
    shown = lab.page.locator(".nbt-button:visible").filter(has_text=button).first
    shown.click()
    lab.wait(lambda: lab.page.locator(".nbt-button:visible").first.inner_text() == "Copied")
    assert lab.page.evaluate("navigator.clipboard.readText()") == text


def test_a_cell_is_copied_with_and_without_a_clipboard(lab):
    lab = lab([SETUP, "%nbtune panel"])
    lab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    lab.run(0)
    lab.done(0)
    lab.run(1)
    lab.wait(lambda: recipe(lab).is_visible())
    recipe(lab).fill("data: topics\nseed: 3")
    lab.wait(lambda: field(lab, "seed").input_value() == "3")
    copied(lab, "Copy the cell", "%%finetune run\ndata: topics\nseed: 3")
    recipe(lab).fill("data: topics\nseed: 4")
    lab.wait(lambda: field(lab, "seed").input_value() == "4")
    # A page that came over plain http has none; what was selected is copied all the same.
    lab.page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    button = lab.page.locator(".nbt-button:visible").first
    button.click()
    lab.wait(lambda: button.inner_text() == "Copied")
    assert "seed: 4" in lab.page.evaluate("getSelection().toString()")


PLANTED = """import pandas as pd
some = topics.head(600)
twice = some.head(30).assign(label=["food", "plant"] * 15)
mails = pd.DataFrame({"text": ["write to jane@example.org <b>soon</b>"], "label": ["person"]})
df = pd.concat([some, some.tail(20), twice, mails], ignore_index=True)[["text", "label"]]
%nbtune panel data"""


def test_rows_are_looked_at_mended_and_put_into_the_recipe(lab):
    lab = lab([SETUP, PLANTED])
    lab.run(0)
    lab.done(0)
    lab.run(1)
    lab.wait(lambda: lab.cell(1).get_by_role("button", name="Look").is_visible())
    lab.cell(1).get_by_placeholder("a variable, a file, topics").fill("df")
    press(lab, "Look")
    lab.wait(lambda: "df: 651 rows" in lab.output(1))
    lab.cell(1).locator(".nbt-runs select").first.select_option(index=0)
    lab.wait(lambda: "label" in lab.cell(1).locator("[data-nbtune=data-found]").inner_text())
    lab.picture("data-page", 1)
    press(lab, "Mend")
    lab.wait(lambda: "df_mended has" in lab.output(1))
    lab.portrait("data", 1)
    press(lab, "Train on these")
    lab.wait(lambda: "the recipe on the page Train" in lab.output(1))
    lab.cell(1).get_by_role("tab", name="Train").click()
    lab.wait(lambda: "data: df_mended" in recipe(lab).input_value())
    recipe(lab).fill("data: df_mended\nmodel: scratch-transformer\nnum_train_epochs: 1\n")
    press(lab, "Estimate")
    lab.wait(lambda: "an epoch of" in lab.output(1))
    lab.picture("form-estimate", 1)


def press(lab, name):
    lab.cell(1).get_by_role("button", name=name).first.click()
