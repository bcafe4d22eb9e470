import pytest

from nbtune.errors import RunError
from nbtune.magics.forms.around import surroundings
from nbtune.magics.forms.asking import explainer, looker
from nbtune.recipe import Recipe
from nbtune.testing import topic_rows


@pytest.fixture
def around():
    return surroundings({"df": topic_rows(12)})


def test_what_is_wrong_here_is_said_by_setting(around):
    wrong = around.look(Recipe(data="dg", model="nolm"))
    assert set(wrong) == {"data", "model"}
    assert "DataFrames here: df" in wrong["data"]
    assert "no column 'txt'" in around.look(Recipe(data="df", text="txt"))["text"]
    assert around.look(Recipe(data="df", model="scratch-transformer")) == {}


def test_facts_tell_rows_labels_and_model(around):
    rows, model = around.facts(Recipe(data="df", model="scratch-transformer"))
    assert "12 rows" in rows
    assert "labels from 'label'" in rows
    assert "from nothing" in model


def test_words_come_from_the_notebook(around):
    assert "df" in around.words("data", "")
    assert around.words("text", "data: df") == ["text", "label"]


def test_the_panel_opens_and_its_cell_becomes_the_next_one(cell):
    assert "%nbtune panel" in cell.mistake("%nbtune cell")
    panel = cell("%nbtune panel predict").value
    assert panel.box.selected_index == 2
    panel.form.fields["seed"].control.value = "7"
    assert "seed: 7" in repr(panel)
    cell("%nbtune cell")
    assert cell.shell.rl_next_input == "%%finetune run\nseed: 7"
    assert "only the panel" in cell.mistake("%nbtune doctor predict")


def test_pages_ask_a_copy_of_the_model_of_a_run_and_models_at_hand(cell):
    cell("%%finetune topics --data df\nmodel: ./tiny\nmax_steps: 1\nbaseline: false")
    run = cell["topics"]
    find = {"topics": run}.__getitem__
    (one,) = explainer(find)("topics", "a furry mammal")
    assert one.label == run.predict(["a furry mammal"])[0]
    look = looker(find)
    assert look("topics", "a furry mammal", 1, 2, "furry").head == 1
    with pytest.raises(RunError, match="no layer 9"):
        look("topics", "a furry mammal", 9, None, None)


def test_a_saved_panel_says_how_to_open_it(cell):
    bundle = cell("%nbtune panel").value._repr_mimebundle_()
    assert "%nbtune panel" in bundle["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in bundle
