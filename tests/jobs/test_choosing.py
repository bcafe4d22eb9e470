import pandas as pd
import pytest
import torch

import nbtune
from nbtune.data.preparing import prepare
from nbtune.errors import RecipeError
from nbtune.jobs.choosing import (
    advice,
    begin_at_run,
    check_layers,
    fill_in,
    find_source,
    seen_before,
    suit,
)
from nbtune.models.sources import find_model
from nbtune.recipe import OF_TASKS, Recipe
from nbtune.runs import RunStore
from nbtune.tasks import BUILTIN
from nbtune.testing import tiny_model_folder, topic_rows

MODEL = "scratch-transformer"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, ""),
        ({"method": "head"}, "as they were drawn at random"),
        ({"freeze": 1}, "as they were drawn at random"),
        ({"lr_scheduler_type": "constant", "warmup_steps": 5}, "has no warm-up"),
        ({"learning_rate": 5}, "learning_rate 5 is far above what usually suits"),
        ({"learning_rate": 2e-6}, "is far below"),
        ({"learning_rate": 2e-4}, ""),
        ({"train_sampling_strategy": "group_by_length"}, "no padding to save"),
        (
            {"train_sampling_strategy": "group_by_length", "batching": "padded"},
            "is no random draw",
        ),
    ],
)
def test_what_hardly_works_as_meant_is_said(settings, words):
    told = list(advice(Recipe(model=MODEL, **settings), find_model(MODEL)))
    assert words in " ".join(told)
    assert len(told) == bool(words)


def test_all_that_hardly_works_as_meant_is_said():
    recipe = Recipe(model=MODEL, method="head", doc_stride=64, whole_word_mask=True)
    told = list(advice(recipe, find_model(MODEL)))
    assert told[1:] == [
        "doc_stride does nothing in text-classification: it is for question-answering",
        "whole_word_mask does nothing in text-classification: it is for fill-mask",
    ]
    assert list(advice(Recipe(task="fill-mask", packing=True), find_model(MODEL))) == []


def test_settings_of_tasks_are_settings_and_their_tasks_are_tasks():
    assert set(OF_TASKS) <= set(Recipe.model_fields)
    assert {task for tasks in OF_TASKS.values() for task in tasks} <= set(BUILTIN)


def test_a_chosen_rate_is_written_into_the_recipe():
    source = find_model(MODEL)
    chosen = fill_in(Recipe(model=MODEL), source).learning_rate
    assert chosen == source.learning_rate
    assert fill_in(Recipe(model=MODEL, optim="sgd"), source).learning_rate > chosen
    assert fill_in(Recipe(model=MODEL, learning_rate=0.5), source).learning_rate == 0.5


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"freeze": 9}, "freeze: 9 layers are more than the 2 of"),
        (
            {"method": "lora", "lora": {"target_modules": ["qery", "zzz"]}},
            "lora.target_modules: the model has no layer 'qery', 'zzz'",
        ),
        ({"method": "lora", "freeze": 2}, "finds no linear layer"),
    ],
)
def test_layers_that_a_model_lacks_are_refused_before_its_weights_are_read(
    tmp_path, settings, said
):
    folder = tiny_model_folder(tmp_path / "m")
    for weights in folder.glob("*.safetensors"):
        weights.write_bytes(b"never read")
    with pytest.raises(RecipeError) as caught:
        nbtune.finetune(
            topic_rows(30),
            model=str(folder),
            **settings,
            runs_dir=tmp_path / "runs",
            display="none",
        )
    assert said in str(caught.value)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("work", [nbtune.finetune, nbtune.estimate, nbtune.lr_find])
@pytest.mark.parametrize("setting", [{"gradient_checkpointing": True}, {"freeze": 9}])
def test_what_a_model_from_nothing_cannot_do_is_refused(tmp_path, work, setting):
    name = next(iter(setting))
    with pytest.raises(RecipeError, match=f"^{name}: .*scratch-lstm"):
        work(topic_rows(30), model="scratch-lstm", **setting, runs_dir=tmp_path, display="none")


@pytest.mark.parametrize("method", ["full", "head", "bitfit", "lora", "ia3", "prefix-tuning"])
def test_layers_that_are_there_are_let_through(tmp_path, method):
    folder = tiny_model_folder(tmp_path / "m")
    check_layers(Recipe(model=str(folder), method=method, freeze=1), find_model(str(folder)))


def test_the_model_of_a_run_is_suited_by_what_suited_its_own(tmp_path):
    one = nbtune.finetune(
        topic_rows(30), "one", model="scratch-bag", size="tiny", runs_dir=tmp_path, display="none"
    )
    two = nbtune.finetune(topic_rows(40), "two", model="one", runs_dir=tmp_path, display="none")
    assert two.recipe.settings.learning_rate == one.recipe.settings.learning_rate == 1e-2
    assert find_source(str(two.folder.model_path)).learning_rate == 1e-2
    (one.folder.path / "run.json").unlink()
    assert find_source(str(two.folder.model_path)).learning_rate is None


def test_a_run_that_is_called_like_a_model_of_ours_does_not_stand_for_it(tmp_path):
    settings = {"model": "scratch-bag", "size": "tiny", "num_train_epochs": 1}
    nbtune.finetune(topic_rows(30), "scratch-cnn", **settings, runs_dir=tmp_path, display="none")
    recipe = Recipe(model="scratch-cnn")
    assert begin_at_run(recipe, RunStore(tmp_path), "other") == recipe


def test_a_rate_is_looked_for_from_the_weights_of_a_run(tmp_path):
    place = {"runs_dir": tmp_path, "display": "none"}
    nbtune.finetune(topic_rows(30), "one", model="scratch-bag", size="tiny", max_steps=1, **place)
    drawn = torch.get_rng_state()
    found = nbtune.lr_find(topic_rows(60), model="one", num_training=20, **place)
    assert found.record.usual == 1e-2
    assert torch.equal(torch.get_rng_state(), drawn), "the notebook's own numbers are left alone"


def test_a_file_of_rows_beside_the_notebook_is_no_run_that_lent_its_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    rows = topic_rows(30)
    rows.to_parquet(tmp_path / "data" / "train.parquet")
    for name in ("minilm", None, "model"):
        recipe = Recipe(model=name)
        assert seen_before(recipe, prepare(recipe, rows, suit=suit)) == ""


def test_weights_of_a_run_are_taken_for_a_task_with_other_columns(tmp_path):
    sentences = [f"the {thing} is in room {n}" for n, thing in enumerate(["cup", "cat"] * 15)]
    learnt = nbtune.finetune(
        pd.DataFrame({"text": sentences}),
        "language",
        task="fill-mask",
        model="scratch-transformer",
        size="tiny",
        max_steps=1,
        runs_dir=tmp_path,
        display="none",
    )
    questions = pd.DataFrame(
        {"question": [f"where is it {n}" for n in range(30)], "context": sentences,
         "answers": [text.split("in ")[1] for text in sentences]}
    )  # fmt: skip
    recipe = Recipe(task="question-answering", model=str(learnt.folder.model_path))
    assert seen_before(recipe, prepare(recipe, questions, suit=suit)) == ""


def test_a_size_that_does_nothing_is_said(tmp_path):
    own = str(tiny_model_folder(tmp_path / "m"))
    assert "size: base does nothing" in next(
        advice(Recipe(model=own, size="base"), find_model(own))
    )
    assert not list(advice(Recipe(model=own), find_model(own)))
    assert not list(advice(Recipe(model=MODEL, size="base"), find_model(MODEL)))


def test_a_model_without_linear_layers_is_told_what_trains_it():
    with pytest.raises(RecipeError) as caught:
        check_layers(Recipe(model="scratch-lstm", method="lora"), find_model("scratch-lstm"))
    assert caught.value.problem == "method lora finds no linear layer in scratch-lstm"
    assert caught.value.hint == "take method: full or head"
