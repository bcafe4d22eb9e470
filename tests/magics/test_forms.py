import pandas as pd
import pytest
from transformers import AutoModel

import nbtune
from nbtune import datasets
from nbtune.errors import DataError, RunError
from nbtune.magics.forms.around import surroundings
from nbtune.magics.forms.asking import explainer, looker, oracle_of
from nbtune.magics.forms.room import memory_for
from nbtune.methods import find_method
from nbtune.panels.try_it import BETWEEN, Asked
from nbtune.recipe import Recipe
from nbtune.tasks import find_task, task_names, task_of
from nbtune.testing import tiny_model_folder, topic_rows


@pytest.fixture
def around():
    return surroundings({"df": topic_rows(12)})


def test_what_is_wrong_here_is_said_by_setting(around):
    wrong = around.look(Recipe(data="dg", model="nolm"))
    assert set(wrong) == {"data", "model"}
    assert "DataFrames here: df" in wrong["data"]
    assert "no column 'txt'" in around.look(Recipe(data="df", text="txt"))["text"]
    assert around.look(Recipe(data="df", model="scratch-transformer")) == {}


def test_columns_of_every_role_are_looked_for_in_frames_files_and_rows_of_ours(around, tmp_path):
    file = tmp_path / "mails.csv"
    file.write_text("subject,body\nhi,there\n")
    for data in ("df", str(file), "people"):
        wrong = around.look(Recipe(data=data, task="question-answering", question="asked"))
        assert "the data has no column 'asked', but " in wrong["question"]
    assert "but subject, body" in around.look(Recipe(data=str(file), text="txt"))["text"]
    assert around.words("text", f"data: {file}") == ["subject", "body"]
    assert around.words("chosen", "data: people  # ours") == datasets.columns("people")


def test_the_columns_of_a_task_are_those_that_its_rows_have(around):
    assert around.roles(Recipe()) == ["text", "text_pair", "label"]
    assert around.roles(Recipe(task="preference-tuning"))[-2:] == ["chosen", "rejected"]
    assert "prompt" in around.roles(Recipe(task="text-generation"))


def test_facts_tell_rows_labels_and_model(around):
    told = around.facts(Recipe(data="df", model="scratch-transformer"))
    assert "12 rows" in told["data"]
    assert "labels from 'label'" in told["data"]
    assert "from nothing" in told["model"]
    assert set(around.facts(Recipe(data="dg", model="nolm"))) == set()


def test_memory_is_guessed_by_method_and_optimiser(around, tmp_path):
    folder = str(tiny_model_folder(tmp_path / "tiny"))
    weights = sum(one.numel() for one in AutoModel.from_pretrained(folder).parameters())
    told = {
        method: around.facts(Recipe(model=folder, method=method))["model"]
        for method in ("full", "head")
    }
    assert f"{weights / 1e6:,.1f} M weights" in told["full"]
    assert "only the head is trained" in told["head"]

    assert "it fits" in reckoned(around, model=folder)["memory"]

    def need(**settings):
        recipe = Recipe(**settings)
        return memory_for(weights, recipe, find_method(recipe.method))

    assert need() == 16 * weights, "weights, gradients and two moments, of 4 bytes each"
    assert need(optim="sgd") == 8 * weights
    assert need(method="head") < 1.1 * 4 * weights
    assert need(method="qlora") < need(method="lora") / 2


def reckoned(around, **settings):
    return {what: found for what, found, _ in around.reckon(Recipe(**settings))}


def test_steps_are_counted_as_rows_and_sizes_ask(around):
    told = reckoned(around, data="df", per_device_train_batch_size=4, num_train_epochs=3)
    assert told["steps"] == "9, of about 10 training rows", "12 rows, one each for test and later"
    assert told["time"] == "not known: Estimate measures some steps"
    assert "steps" not in reckoned(around, data="dg")
    assert reckoned(around, max_steps=7)["steps"] == "7, as the recipe says"
    ours = reckoned(around, data="topics", max_train_samples=160)
    assert ours["steps"] == "30, of about 160 training rows"
    nothing = reckoned(around, data="topics", model="scratch-transformer")
    assert "disk" not in nothing, "a model from nothing has no size yet"


@pytest.mark.usefixtures("own_folder")
def test_time_is_that_of_a_run_whose_steps_were_alike(tmp_path):
    folder = str(tiny_model_folder(tmp_path / "tiny"))
    run = nbtune.finetune(topic_rows(60), "before", model=folder, max_steps=4, baseline=False)
    around = surroundings({"df": topic_rows(60)})
    told = reckoned(around, data="df", model=folder)["time"]
    assert f"as in {run.name}; Estimate measures it" in told
    assert "not known" in reckoned(around, data="df", model=folder, method="head")["time"]


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


def test_every_control_of_every_page_has_a_name_for_who_hears_the_page(cell):
    def family(widget):
        for child in getattr(widget, "children", ()):
            yield child
            yield from family(child)

    controls = [
        one
        for one in family(cell("%nbtune panel").value.box)
        if one.has_trait("disabled")  # what can be used
    ]
    assert len(controls) > 100
    unnamed = [one for one in controls if not one.description and not one.tooltip]
    assert unnamed == []  # the tooltip of a control without description is its name


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


def test_a_run_is_asked_about_a_text_and_about_rows_that_are_kept(cell, tmp_path):
    cell("%%finetune topics --data df\nmodel: ./tiny\nmax_steps: 1\nbaseline: false")
    run = cell["topics"]
    oracle = oracle_of(cell.shell.user_ns, list, {"topics": run}.__getitem__)
    assert oracle.about("topics") == Asked({"text": "a text"})
    found = dict(oracle.ask("topics", "a furry mammal"))
    assert max(found, key=found.get) == run.predict(["a furry mammal"])[0]
    stack, bars = oracle.stack, []
    frame = stack.ask("topics", "df", "", bars.append)
    assert len(frame) == len(cell["df"])
    assert "is a variable now" in stack.keep(frame, "labelled")
    assert cell["labelled"] is frame
    with pytest.raises(DataError, match="'df' is a variable"):
        stack.keep(frame, "df")
    file = tmp_path / "labelled.jsonl"
    assert "is written" in stack.keep(frame, str(file))
    with pytest.raises(DataError, match="is there already"):
        stack.keep(frame, str(file))
    with pytest.raises(DataError, match="cannot write"):
        stack.keep(frame, str(tmp_path / "no" / "labelled.csv"))
    with pytest.raises(DataError, match="neither a variable nor a file"):
        stack.keep(frame, "labelled.xls")
    cell(stack.line("topics", "df", "text", "answers"))
    assert cell["answers"].equals(frame)
    again = tmp_path / "again.csv"
    cell(stack.line("topics", "df", "", str(again)))
    assert len(pd.read_csv(again)) == len(frame)


def test_every_task_says_what_it_is_asked_about():
    seen = set()
    for name in task_names():
        task = find_task(name)
        for kind in (task, *(make() for make in task.problem_types.values())):
            asked = kind.rows.asked(Recipe(task=name))
            assert set(asked) <= {*kind.rows.inputs, "text"}
            seen |= set(asked)
    assert seen == {"text", "image", "prompt", "question", "context", "source"}


@pytest.mark.parametrize(
    ("recipe", "parts"),
    [
        (Recipe(text_pair="b"), ["a cat", "a dog"]),
        (Recipe(task="question-answering"), ["Who sat?", "A cat sat."]),
        (Recipe(task="token-classification", predicate="verb"), ["A cat [E1] sat [/E1] there."]),
        (Recipe(task="relation-extraction"), ["A [E1] cat [/E1] on a [E2] mat [/E2]"]),
        (Recipe(task="summarization"), ["A cat sat."]),
        (Recipe(task="preference-tuning"), ["Who sat?"]),
    ],
)
def test_what_is_asked_in_parts_is_read_as_one_text(recipe, parts):
    rows = task_of(recipe).rows
    assert len(rows.asked(recipe)) == len(parts)
    assert len(rows.given([BETWEEN.join(parts)], recipe)) == 1


def test_a_saved_panel_says_how_to_open_it(cell):
    bundle = cell("%nbtune panel").value._repr_mimebundle_()
    assert "%nbtune panel" in bundle["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in bundle
