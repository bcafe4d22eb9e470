"""A language is learnt from files that are never in memory together."""

import numpy as np
import pandas as pd
import pytest

import nbtune
from nbtune.data import stretches
from nbtune.errors import DataError, RecipeError
from nbtune.events import EvaluationProgress, Notice, PhaseStarted
from nbtune.jobs.folders import read_rows
from nbtune.panels.state import fold
from nbtune.recipe import Recipe, from_yaml
from nbtune.tasks import task_of

LINES = [f"the {a} cat sees the {b} dog {i}\n" for i in range(30) for a, b in ("xy", "yx")]


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    """Write a few files, of which a stretch is some lines."""
    monkeypatch.setattr(stretches, "LENGTH", 100)
    folder = tmp_path / "corpus"
    folder.mkdir()
    for part in range(3):
        (folder / f"{part}.txt").write_text("".join(LINES[part * 20 : part * 20 + 20]))
    return folder


def train(source, folder, **settings):
    usual = {"model": "scratch-transformer", "size": "tiny", "max_length": 16, "streaming": True}
    return nbtune.finetune(
        source, "lm", runs_dir=folder / "runs", display="none", **usual | settings
    )


@pytest.mark.parametrize("packing", [True, False])
@pytest.mark.parametrize("task", ["text-generation", "fill-mask"])
def test_a_folder_is_learnt_judged_and_asked_like_any_text(corpus, tmp_path, task, packing):
    settings = {"task": task, "packing": packing, "max_steps": 3, "validation_size": 4}
    run = train(corpus, tmp_path, test_size=3, **settings)
    assert run.status == "finished"
    assert "text" not in read_rows(run.folder, "train")
    judged = nbtune.evaluate(run, display="none").record
    assert judged.rows == 3
    assert {one.name for one in judged.table} >= {"scratch-transformer before training"}
    asked = "the x cat" if task == "text-generation" else "the [MASK] cat"
    assert nbtune.load("lm", runs_dir=tmp_path / "runs").predict([asked])
    assert nbtune.evaluate(run, pd.DataFrame({"text": LINES[:4]}), display="none").record.rows == 4
    assert train(corpus, tmp_path, test_size=3, **settings).name == run.name, "trained once"


def test_its_tokens_are_those_of_the_same_rows_in_memory(corpus, tmp_path):
    settings = {"task": "text-generation", "validation_size": 0, "test_size": 0, "max_steps": 1}
    run = train(corpus, tmp_path, **settings)
    recipe = from_yaml(run.folder.recipe_text)
    kind = task_of(recipe).rows
    opened = kind.opened(read_rows(run.folder, "train"))
    assert "".join(opened["text"]) == "".join(LINES)
    in_memory = task_of(recipe.model_copy(update={"streaming": False}))
    trained = nbtune.jobs.trained.load_trained(run.folder)
    expected = in_memory.encode_training(opened, trained.tokenizer, 16, trained.known)
    written = np.load(run.folder.path / "tokens" / "train" / "ids.npy")
    assert written.tolist() == [token for own in expected.ids for token in own]
    assert not (run.folder.path / "tokens" / "train" / "spans.npy").exists()


def test_a_run_goes_on_after_its_files_are_gone_once_they_are_tokenised(corpus, tmp_path):
    run = train(corpus, tmp_path, task="text-generation", num_train_epochs=1)
    for file in corpus.glob("*.txt"):
        file.unlink()
    again = nbtune.resume(run, num_train_epochs=2, display="none")
    assert again.status == "finished"


def test_of_many_stretches_few_are_held_out(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr("nbtune.tasks.streaming.HELD_OUT", 2)
    run = train(corpus, tmp_path, task="text-generation", max_steps=1)
    assert run.folder.about["rows"]["validation"] == 2
    assert run.folder.about["rows"]["test"] == 2


def test_an_estimate_tokenises_a_sample_and_reckons_with_all(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(stretches, "SAMPLED", 5)
    settings = {"task": "text-generation", "validation_size": 0, "test_size": 0,
                "num_train_epochs": 2, "batch_size": 2}  # fmt: skip
    run = train(corpus, tmp_path, **settings)
    rows = len(np.load(run.folder.path / "tokens" / "train" / "cut.npy"))
    found = nbtune.estimate(
        corpus, model="scratch-transformer", size="tiny", max_length=16, streaming=True,
        runs_dir=tmp_path / "runs", display="none", **settings,
    ).record  # fmt: skip
    assert found.rows == pytest.approx(rows, rel=0.15)
    assert found.steps == pytest.approx(2 * rows / 2, rel=0.15)
    assert found.tokens == pytest.approx(16 * rows, rel=0.15)
    stretches_of_all = len(read_rows(run.folder, "train"))
    assert f"reckoned from 5 of {stretches_of_all} stretches of text" in found.notes[0]


def test_what_is_not_learnt_from_files_is_refused(corpus, tmp_path):
    with pytest.raises(RecipeError) as caught:
        train(corpus, tmp_path, task="text-classification")
    assert str(caught.value) == (
        "streaming: text-classification does not read files piece by piece\n"
        "  task: fill-mask or task: text-generation; or leave streaming out"
    )
    with pytest.raises(DataError, match="the data is a DataFrame, and only files of text"):
        train(pd.DataFrame({"text": LINES}), tmp_path, task="fill-mask")


def test_how_far_tokenising_has_come_is_said():
    view = fold("lm", [(0.0, PhaseStarted("tokenising"))])
    view.apply(EvaluationProgress("train", 64, 256))
    assert view.words == "tokenising train rows: 25%"
    view.apply(EvaluationProgress("train", 256, 256))
    assert view.words == "tokenising"


def test_without_streaming_nothing_of_a_task_changes():
    assert task_of(Recipe(task="fill-mask")).rows is task_of(Recipe(task="text-generation")).rows


def test_no_more_is_tokenised_than_counted_steps_take_several_times_over(
    corpus, tmp_path, monkeypatch
):
    monkeypatch.setattr("nbtune.tasks.streaming.LENGTH", 100)
    monkeypatch.setattr("nbtune.tasks.streaming.SAMPLED", 4)
    few = {"task": "text-generation", "batch_size": 1, "validation_size": 2, "test_size": 0}
    run = train(corpus, tmp_path, max_steps=2, **few)
    assert run.folder.about["rows"]["train"] == 6  # 4 * 2 steps of 16 tokens of 4 letters
    whole = len(stretches.read_stretches(corpus)["train"])
    told = f"6 of {whole} rows are read, more than 2 steps take; "
    told += f"max_train_samples: {whole} reads all"
    assert told in [one.text for _, one in run.events if isinstance(one, Notice)]
    again = train(corpus, tmp_path, max_steps=2, max_train_samples=whole, **few)
    assert again.folder.about["rows"]["train"] == whole - 2
