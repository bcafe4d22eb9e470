"""What each method trained is found again by another process, counted, and merged."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
import transformers

import nbtune
from nbtune.errors import RecipeError, RunError
from nbtune.events import RunStarted
from nbtune.methods import method_names
from nbtune.testing import tiny_model_folder, topic_rows

TEXTS = list(topic_rows(12, seed=5)["text"])
NAMES = method_names()
LOAD = """
import json, sys
import nbtune
texts, place, names = json.loads(sys.argv[1])
found = {name: nbtune.load(name, runs_dir=place).predict_proba(texts).tolist() for name in names}
print(json.dumps(found))
"""


def called(method):
    return method.replace("-", "_")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("methods")


@pytest.fixture(scope="module")
def runs(place):
    """One short run of each method."""
    torch.set_num_threads(1)
    model = str(tiny_model_folder(place / "model"))
    return {
        method: nbtune.finetune(
            topic_rows(48),
            called(method),
            model=model,
            method=method,
            num_virtual_tokens=4,
            learning_rate=1e-2,
            max_steps=6,
            eval_steps=3,
            test_size=0,
            baseline=False,
            runs_dir=place / "runs",
            display="none",
        )
        for method in NAMES
    }


@pytest.fixture(scope="module")
def answers(runs):
    return {method: run.predict_proba(TEXTS) for method, run in runs.items()}


def test_another_process_gives_the_same_answers(runs, answers, place):
    names = [called(method) for method in runs]
    words = json.dumps([TEXTS, str(place / "runs"), names])
    done = subprocess.run(
        [sys.executable, "-c", LOAD, words], check=True, capture_output=True, text=True
    )
    found = json.loads(done.stdout.splitlines()[-1])
    for method, expected in answers.items():
        np.testing.assert_allclose(found[called(method)], expected, atol=1e-5, err_msg=method)


@pytest.mark.parametrize("method", NAMES)
def test_the_table_of_parameters_says_what_the_run_told(runs, method):
    run = runs[method]
    told = next(event for _, event in run.events if isinstance(event, RunStarted))
    assert run.parameters.trainable == told.trainable_parameters
    assert run.parameters.total == told.parameters
    assert told.batching == "packed"
    bundle = run.parameters._repr_mimebundle_()
    assert bundle.keys() == {"text/plain", "text/markdown", "text/html"}
    assert f"{told.trainable_parameters:,}" in bundle["text/html"]
    assert run.parameters.frame["trainable"].sum() == told.trainable_parameters


@pytest.mark.parametrize("method", [n for n in NAMES if n in ("lora", "qlora", "ia3", "head")])
def test_a_merged_model_is_a_plain_one_that_gives_the_same_answers(runs, answers, method, tmp_path):
    run = nbtune.Run(runs[method].folder)
    folder = run.save(tmp_path / "plain", merged=True)
    assert not (folder / "adapter_config.json").exists()
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.no_grad():
        rows = run.tokenizer(TEXTS, padding=True, return_tensors="pt")
        found = model(**rows).logits.softmax(-1).numpy()
    np.testing.assert_allclose(found, answers[method], atol=1e-5)
    np.testing.assert_allclose(run.predict_proba(TEXTS), answers[method], atol=1e-5)


def test_virtual_tokens_are_no_part_of_the_weights(runs):
    with pytest.raises(RunError) as caught:
        runs["p-tuning"].merged_model()
    assert str(caught.value) == (
        "p_tuning@1: what method p-tuning learnt is no part of the weights\n"
        "  save it without merged; merging goes with lora, qlora and ia3"
    )


def test_virtual_tokens_take_places_from_the_longest_row(runs):
    longest = {method: run.trained.max_length for method, run in runs.items()}
    limit = runs["full"].model.config.max_position_embeddings
    recipe = runs["full"].recipe.settings
    assert longest["full"] == min(recipe.max_length, limit)
    assert longest["prompt-tuning"] == min(recipe.max_length, limit - 4)


def test_virtual_tokens_must_leave_room_for_texts(tmp_path):
    with pytest.raises(RecipeError, match=r"num_virtual_tokens: 600 leave no room .* 512 places"):
        nbtune.finetune(
            topic_rows(30),
            model=str(tiny_model_folder(tmp_path / "m")),
            method="prompt-tuning",
            num_virtual_tokens=600,
            runs_dir=tmp_path / "runs",
            display="none",
        )


def test_without_bitsandbytes_qlora_is_refused_before_anything_is_loaded(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(RecipeError) as caught:
        nbtune.finetune(topic_rows(30), model="minilm", method="qlora", runs_dir=tmp_path / "runs")
    assert str(caught.value) == (
        "method qlora needs the package bitsandbytes, which is not installed\n"
        "  pip install 'nbtune[quant]'"
    )
    assert not (tmp_path / "runs").exists()


def test_freezing_more_layers_than_there_are_is_said_with_their_number(tmp_path):
    with pytest.raises(RecipeError, match="freeze: 9 layers are more than the 2 of"):
        nbtune.finetune(
            topic_rows(30),
            model=str(tiny_model_folder(tmp_path / "m")),
            freeze=9,
            runs_dir=tmp_path / "runs",
            display="none",
        )
