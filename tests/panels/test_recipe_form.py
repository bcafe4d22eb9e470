import threading
import time

import pytest

from nbtune.errors import DataError
from nbtune.panels.recipe_form import FIRST, RecipeForm, Surroundings
from nbtune.recipe import COLUMN_ROLES, Recipe, from_yaml


def make(
    text="",
    name="run",
    look=lambda recipe: {},
    facts=lambda recipe: {},
    roles=lambda recipe: ("text", "label"),
    reckon=lambda recipe: [],
    estimate=lambda recipe, show: "<p>a minute</p>",
):
    words = {"data": ["df", "topics"], "model": ["minilm"]}
    around = Surroundings(
        lambda setting, _: words.get(setting, []),
        {"method": ["full"]},
        roles,
        look,
        facts,
        reckon,
        estimate,
    )
    return RecipeForm(around, name, text)


def problem(form, name):
    return form.fields[name].problem.value


def test_every_setting_of_a_recipe_has_a_field_with_its_help():
    form = make()
    names = {name.split(".")[0] for name in form.fields}
    assert names == set(Recipe.model_fields)
    assert all(field.control.tooltip for field in form.fields.values())
    assert all(field.control.description == name for name, field in form.fields.items())
    assert set(FIRST) < set(form.fields)


def test_the_first_page_has_the_columns_of_the_task_and_those_that_are_named():
    roles = {
        "text-classification": ("text", "label"),
        "question-answering": ("context", "question"),
    }
    form = make(roles=lambda recipe: roles[recipe.task])

    def shown():
        return [name for name in COLUMN_ROLES if form.fields[name].box.layout.display != "none"]

    assert shown() == ["text", "label"]
    form.fields["task"].control.value = "question-answering"
    assert shown() == ["context", "question"]
    form.text.value = "task: question-answering\nlabel: stars"
    assert shown() == ["label", "context", "question"]
    form.text.value = "num_train_epochs: -1"
    assert "label" not in shown()
    assert "context" in shown(), "those of the last recipe that could be read stay"


def test_a_field_writes_the_recipe_and_the_recipe_fills_the_fields():
    form = make("lr: 2e-5  # paper")
    assert form.fields["learning_rate"].control.value == "2e-5"
    form.fields["learning_rate"].control.value = "1e-4"
    form.fields["lora.r"].control.value = "4"
    form.fields["lora.use_dora"].control.value = "true"
    assert form.text.value == "lr: 1e-4  # paper\nlora:\n  r: 4\n  use_dora: true\n"
    form.fields["lora.r"].control.value = ""
    form.text.value = form.text.value.replace("1e-4", "3e-4")
    assert form.fields["learning_rate"].control.value == "3e-4"
    assert from_yaml(form.text.value).learning_rate == 3e-4


def test_fields_are_those_of_the_last_text_although_an_earlier_one_takes_longer():
    begun = threading.Event()

    def facts(recipe):
        if recipe.seed == 1:
            begun.set()
            time.sleep(0.2)
        return {}

    form = make(facts=facts)
    slow = threading.Thread(target=lambda: setattr(form.text, "value", "seed: 1"))
    slow.start()
    begun.wait(5)
    form.text.value = "seed: 2"
    slow.join()
    assert form.fields["seed"].control.value == "2"


def test_a_mistake_is_shown_at_its_field_and_goes_when_it_is_mended():
    form = make("seed: 1")
    form.fields["num_train_epochs"].control.value = "-1"
    assert "greater than 0" in problem(form, "num_train_epochs")
    assert "recipe line" not in problem(form, "num_train_epochs")
    assert form.fields["num_train_epochs"].problem.layout.display == "block"
    assert not problem(form, "seed")
    form.fields["num_train_epochs"].control.value = "2"
    assert form.fields["num_train_epochs"].problem.layout.display == "none"


def test_what_has_no_field_is_shown_below_the_text():
    form = make("modle: minilm")
    assert "did you mean" in form.problems.value
    form.text.value = "model: ["
    assert "recipe" in form.problems.value
    form.text.value = "ema_decay: 0.9\nswa_start: 3"
    assert "two means" in form.problems.value
    form.text.value = "model: minilm"
    assert not form.problems.value


def test_half_a_value_leaves_the_text_as_it_was():
    form = make("seed: 1")
    form.fields["clean"].control.value = "[control"
    assert form.text.value == "seed: 1"
    assert problem(form, "clean")
    form.fields["clean"].control.value = "[control]"
    assert from_yaml(form.text.value).clean == ("control",)


def test_the_notebook_around_has_a_say():
    form = make(look=lambda recipe: {"data": "no such rows"} if recipe.data else {})
    assert not problem(form, "data")
    form.fields["data"].control.value = "dg"
    assert "no such rows" in problem(form, "data")
    assert form.fields["data"].control.options == ("df", "topics")


def test_an_unknown_word_is_shown_although_the_menu_does_not_have_it():
    form = make("method: lorra")
    assert form.fields["method"].control.value == "lorra"
    assert "lorra" in problem(form, "method")


@pytest.mark.parametrize("name", ["my run", "", "<b>"])
def test_a_name_that_cannot_be_a_variable_is_said(name):
    assert "cannot be a variable" in make(name=name).problems.value


def test_the_cell_is_there_to_be_copied_and_nothing_in_it_is_markup():
    form = make("model: '<script>'", name="topics")
    assert form.cell == "%%finetune topics\nmodel: '<script>'"
    assert "<script>" not in form.foot.value
    assert "&lt;script&gt;" in form.foot.value
    assert make(name="topics").cell == "%%finetune topics\n# defaults"


def test_the_cell_to_be_copied_is_what_is_written_be_it_whole_or_not():
    form = make("seed: 1", name="topics")
    form.text.value = "seed: [2"
    assert "seed: [2" in form.foot.value
    assert "seed: 1" not in form.foot.value


def test_facts_about_rows_and_model_stand_at_their_fields_until_something_is_wrong_there():
    form = make(facts=lambda recipe: {"data": "12 <b>labels"})
    data = form.fields["data"]
    assert "12 &lt;b&gt;labels" in data.problem.value
    assert data.problem.layout.display == "block"
    form.text.value = "num_train_epochs: -1\ndata: df"
    assert "12" not in data.problem.value


def test_an_estimate_is_of_the_recipe_that_it_was_measured_for():
    asked = []

    def estimate(recipe, show):
        asked.append(recipe.seed)
        show("<p>half done</p>")
        if recipe.seed == 9:
            raise DataError("there are no rows", hint="name them")
        return "<p>a minute</p>"

    form = make("seed: 7", estimate=estimate)
    assert asked == []  # nothing is measured before one says so
    button = next(b for b in family(form.box) if getattr(b, "description", "") == "Estimate")
    button.click()
    assert (asked, form.cost.value) == ([7], "<p>a minute</p>")
    assert "Measured:" in form.age.value
    form.text.value = "seed: 8"
    assert "an earlier recipe" in form.age.value
    form.text.value = "seed: 7"
    assert "Measured:" in form.age.value
    form.text.value = "seed: 9"
    button.click()
    assert "there are no rows" in form.cost.value
    form.text.value = "sed: 9"
    button.click()
    assert "mend the recipe first" in form.cost.value
    assert asked == [7, 9]


def test_what_was_measured_is_shown_again_when_one_comes_back_to_its_recipe():
    form = make("seed: 7", estimate=lambda recipe, show: f"<p>seed {recipe.seed}</p>")
    button = next(b for b in family(form.box) if getattr(b, "description", "") == "Estimate")
    for seed in (7, 8):
        form.text.value = f"seed: {seed}"
        button.click()
    form.text.value = "seed: 7"
    assert form.cost.value == "<p>seed 7</p>"
    assert "Measured:" in form.age.value


def test_what_is_known_at_once_follows_the_recipe_after_a_pause_and_measures_nothing():
    asked, measured = [], []

    def reckon(recipe):
        asked.append(recipe.seed)
        return [("steps", f"{recipe.seed} <b>", "")]

    form = make("seed: 1", reckon=reckon, estimate=lambda *_: measured.append(1))
    for seed in (2, 3, 4):
        form.text.value = f"seed: {seed}"
    form._reckoning.wait()
    assert asked == [4], "while one types only the last is reckoned"
    assert "4 &lt;b&gt;" in form.reckoned.value
    assert "nothing of it measured" in form.reckoned.value
    form.text.value = "seed: [5"
    assert form.reckoned.value == "", "of half a recipe nothing is known"
    assert measured == []


def family(widget):
    for child in getattr(widget, "children", ()):
        yield child
        yield from family(child)
