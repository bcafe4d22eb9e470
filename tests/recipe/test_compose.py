import pytest

from nbtune.errors import RecipeError
from nbtune.recipe import Recipe, compose, from_yaml, overrides, settings_layer, to_yaml, yaml_layer
from nbtune.recipe.compose import choices


def test_text_file_keywords_and_set_give_the_same_recipe(tmp_path):
    from nbtune.recipe import read_file

    text = "learning_rate: 2e-5\nnum_train_epochs: 2\nlora:\n  r: 4\n"
    (tmp_path / "recipe.yaml").write_text(text)
    keywords = {"learning_rate": 2e-5, "num_train_epochs": 2, "lora": {"r": 4}}
    pairs = ["learning_rate=2e-5", "num_train_epochs=2", "lora.r=4"]
    recipes = {
        compose(yaml_layer(text)).recipe.model_dump_json(),
        compose(read_file(tmp_path / "recipe.yaml")).recipe.model_dump_json(),
        compose(settings_layer("argument", keywords)).recipe.model_dump_json(),
        compose(overrides(pairs)).recipe.model_dump_json(),
    }
    assert len(recipes) == 1


def test_later_layers_win_and_say_so():
    resolved = compose(
        settings_layer("%config", {"seed": 1, "learning_rate": 1e-4}),
        yaml_layer("seed: 2\nmodel: minilm", "cell", first_line=2),
        overrides(["seed=3"]),
    )
    assert resolved.recipe.seed == 3
    assert resolved.rows() == [
        ("model", "minilm", "cell line 3"),
        ("learning_rate", "0.0001", "%config"),
        ("seed", "3", "--set"),
    ]


def test_names_from_other_tools_are_taken_and_echoed():
    resolved = compose(
        yaml_layer("lr: 1e-3\nepochs: 2\nbatch_size: 8\nlora_r: 4\nbf16: true\nwarmup_ratio: 0.1")
    )
    recipe = resolved.recipe
    assert (recipe.learning_rate, recipe.num_train_epochs) == (1e-3, 2)
    assert (recipe.per_device_train_batch_size, recipe.lora.r) == (8, 4)
    assert (recipe.precision, recipe.warmup_steps) == ("bf16", 0.1)
    assert "lr is learning_rate" in resolved.renamed


def test_all_mistakes_are_named_at_once_with_line_value_and_nearest_name():
    text = "learning_rat: 3\nlr_scheduler_type: cosin\nseed: x\nlora:\n  rank: 3\nepochs: -1\n"
    with pytest.raises(RecipeError) as caught:
        compose(yaml_layer(text, "cell", first_line=2))
    lines = str(caught.value).splitlines()
    assert lines[0] == "cell line 2: unknown setting 'learning_rat'; did you mean 'learning_rate'?"
    assert any(x.startswith("cell line 3: lr_scheduler_type is 'cosin'") for x in lines)
    assert any("did you mean 'cosine'?" in x for x in lines)
    assert any(x.startswith("cell line 4: seed is 'x'") for x in lines)
    assert any("unknown setting 'lora.rank'" in x and "line 6" in x for x in lines)
    assert any(x.startswith("cell line 7: num_train_epochs is -1") for x in lines)


def test_a_setting_given_under_two_names_is_refused():
    with pytest.raises(RecipeError, match=r"lr and learning_rate|learning_rate and lr"):
        from_yaml("lr: 1e-3\nlearning_rate: 1e-4")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("eval_strategy: steps", "needs eval_steps"),
        ("eval_strategy: no\nearly_stopping_patience: 2", "needs an eval_strategy"),
        ("lora: 3", "lora is 3"),
        ("clean: [polish]", "clean is 'polish'"),
        ("learning_rate: .inf", "learning_rate is inf"),
    ],
)
def test_settings_that_cannot_work_are_refused(text, complaint):
    with pytest.raises(RecipeError, match=complaint):
        from_yaml(text)


def test_eval_steps_alone_means_by_steps():
    assert from_yaml("eval_steps: 50").eval_strategy == "steps"


def test_a_recipe_never_changes():
    with pytest.raises(ValueError, match="frozen"):
        Recipe().seed = 3


def test_every_setting_has_a_description():
    assert [n for n, info in Recipe.model_fields.items() if not info.description] == []


def test_choices_are_read_from_the_declaration():
    assert choices(Recipe.model_fields["batching"]) == ["packed", "padded"]
    assert choices(Recipe.model_fields["seed"]) == []


def test_only_what_was_changed_is_written():
    assert to_yaml(Recipe(seed=7)) == "seed: 7\n"
    assert to_yaml(Recipe()) == ""
