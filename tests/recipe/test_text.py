import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbtune.errors import RecipeError
from nbtune.recipe import Lora, Recipe, from_yaml, read_file, to_yaml, yaml_layer

names = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=20)
recipes = st.builds(
    Recipe,
    model=st.none() | names,
    data=st.none() | names,
    text=st.none() | names,
    learning_rate=st.none() | st.floats(1e-9, 1),
    num_train_epochs=st.floats(0.01, 100),
    max_steps=st.none() | st.integers(1, 10**9),
    seed=st.integers(0, 2**32 - 1),
    optim=st.sampled_from(["adamw_torch_fused", "adamw_torch", "sgd"]),
    clean=st.lists(st.sampled_from(["control", "unicode", "whitespace", "markup"])).map(tuple),
    lora=st.builds(
        Lora,
        r=st.integers(1, 1024),
        target_modules=st.just("all-linear") | st.lists(names, min_size=1).map(tuple),
    ),
    attention_dropout=st.none() | st.floats(0, 0.99),
    eval_strategy=st.sampled_from(["epoch", "no"]),
    drop_bad_rows=st.booleans(),
)


@given(recipes)
def test_a_recipe_survives_being_written_and_read(recipe):
    assert from_yaml(to_yaml(recipe)) == recipe


@given(recipes)
def test_a_recipe_survives_with_its_defaults_written_out(recipe):
    assert from_yaml(to_yaml(recipe, defaults=True)) == recipe


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text):
    """Whatever is typed is a recipe or a recipe error, and nothing else is raised."""
    with contextlib.suppress(RecipeError):
        from_yaml(text)


def test_numbers_and_words_read_as_in_a_paper():
    values = yaml_layer("a: 3e-4\nb: no\nc: 12:30\nd: 007\ne: 1e-5").values
    assert values["a"] == 3e-4
    assert values["b"] == "no"
    assert values["c"] == "12:30"
    assert values["e"] == 1e-5


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: &x 1\nb: *x", "line 1: anchors"),
        ("seed: !!python/name:os.system 1", "line 1"),
        ("[1, 2]", "a recipe is a list of"),
        ("seed: 1\nseed: 2", "line 2: found duplicate key"),
        ("seed: [", "line 1"),
        ("a: " + "[" * 30 + "]" * 30, "nested too deep"),
        ("a: " + "[" * 5000, "cell"),
        ("# " + "x" * 70_000, "longer than 64 kB"),
        ("seed: 1\n\tmodel: x", "line 2"),
    ],
)
def test_what_is_not_a_plain_recipe_is_refused_with_its_line(text, complaint):
    with pytest.raises(RecipeError, match=complaint):
        yaml_layer(text)


def test_an_empty_text_is_an_empty_recipe():
    assert from_yaml("") == Recipe()
    assert from_yaml("# only a comment\n") == Recipe()


def test_a_missing_file_names_those_that_are_there(tmp_path):
    (tmp_path / "spam.yaml").write_text("seed: 1")
    with pytest.raises(RecipeError, match=r"recipes there: spam\.yaml"):
        read_file(tmp_path / "spma.yaml")


def test_a_file_may_not_run_code(tmp_path):
    (tmp_path / "spam.yaml").write_text("seed: ${__import__('os').getpid()}")
    with pytest.raises(RecipeError, match="would run code"):
        read_file(tmp_path / "spam.yaml")
