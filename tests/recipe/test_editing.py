import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbtune.errors import RecipeError
from nbtune.recipe import Recipe, from_yaml
from nbtune.recipe.editing import as_typed, put

TEXT = """# the best so far
model: minilm   # 22 M
lr: 2e-5
lora: {r: 4}

clean: [control, unicode]
"""


def test_one_setting_changes_and_all_else_stays_as_it_was_written():
    changed = put(TEXT, "learning_rate", "1e-4")
    assert changed == TEXT.replace("2e-5", "1e-4")
    assert put(changed, "learning_rate", "2e-5") == TEXT


def test_a_new_setting_comes_last_and_an_empty_one_goes():
    longer = put(TEXT, "max_length", "128")
    assert longer == TEXT + "max_length: 128\n"
    assert put(longer, "max_length", "  ") == TEXT
    assert put("seed: 3", "seed", "") == ""
    assert put("", "seed", "3") == "seed: 3\n"


def test_settings_of_a_group_are_found_by_all_their_names():
    assert from_yaml(put(TEXT, "lora.r", "16")).lora.r == 16
    assert put("lora_r: 8", "lora.r", "16") == "lora_r: 16\n"
    assert put("lora.r: 8", "lora.r", "16") == "lora.r: 16\n"
    assert from_yaml(put("", "lora.r", "16")).lora.r == 16
    assert put("seed: 1\nlora:\n  r: 4", "lora.r", "") == "seed: 1\n"


def test_values_come_back_as_they_were_typed():
    assert as_typed(TEXT) == {
        "model": "minilm",
        "learning_rate": "2e-5",
        "lora.r": "4",
        "clean": "[control, unicode]",
    }
    assert as_typed("") == {}
    assert as_typed("attention_dropout: null") == {"attention_dropout": "null"}


@pytest.mark.parametrize("text", ["model: [", "a: &x 1\nb: *x", "- list"])
def test_a_text_that_is_no_recipe_is_left_alone(text):
    with pytest.raises(RecipeError):
        put(text, "seed", "1")
    with pytest.raises(RecipeError):
        as_typed(text)


def test_a_value_that_is_no_yaml_is_refused():
    with pytest.raises(RecipeError, match="clean"):
        put(TEXT, "clean", "[control")


@given(st.sampled_from(["seed", "max_length", "per_device_train_batch_size"]), st.integers(2, 999))
def test_what_is_put_is_what_the_recipe_then_has(setting, value):
    recipe = from_yaml(put(TEXT, setting, str(value)))
    assert getattr(recipe, setting) == value
    assert as_typed(put(TEXT, setting, str(value)))[setting] == str(value)
    before = from_yaml(TEXT).model_dump()
    assert {**before, setting: value} == recipe.model_dump()


def test_errors_say_which_setting_they_are_about():
    with pytest.raises(RecipeError) as caught:
        from_yaml("learning_rate: -1\nlora: {r: 0}\nmodle: x\nema_decay: 0.9\nswa_start: 3")
    found = caught.value.by_setting
    assert set(found) == {"learning_rate", "lora.r", "modle"}
    assert "greater than 0" in found["learning_rate"]
    with pytest.raises(RecipeError) as caught:
        from_yaml("ema_decay: 0.9\nswa_start: 3")
    assert "two means" in caught.value.by_setting[""]
    assert Recipe()


def test_taking_one_setting_out_leaves_an_empty_one_of_another_in():
    text = "seed: 1\nlr_scheduler_kwargs: {}\n"
    assert put(text, "seed", "") == "lr_scheduler_kwargs: {}\n"


def test_a_switch_shows_as_the_setting_that_it_means_and_gives_way_to_it():
    assert as_typed("bf16: true\nuse_dora: true") == {"precision": "bf16", "lora.use_dora": "true"}
    assert as_typed("fp16: false") == {"precision": "fp32"}
    assert put("bf16: true\nseed: 1\n", "precision", "fp32") == "seed: 1\nprecision: fp32\n"
    assert put("bf16: true\nseed: 1\n", "precision", "") == "seed: 1\n"
