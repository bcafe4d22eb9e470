"""Runs explained, by their texts and their own rows."""

import pandas as pd
import pytest

import nbtune
from nbtune.errors import DataError, ModelError, RunError
from nbtune.jobs.folders import read_rows
from nbtune.testing import topic_rows

TEXT = "a small furry <b>mammal</b>"


def test_words_are_told_for_what_is_predicted(run):
    found = nbtune.explain(run, TEXT, display="none")
    (one,) = found
    assert one.label == run.predict([TEXT])[0]
    assert one.probability == pytest.approx(run.predict_proba([TEXT]).max(), abs=1e-5)
    assert list(found.frame["word"]) == ["a", "small", "furry", "<", "b", ">", "mammal", "<", "/",
                                         "b", ">"]  # fmt: skip
    assert found.frame["share"].abs().sum() == pytest.approx(1)
    assert one == type(one).from_json(one.to_json())


def test_texts_frames_and_rows_of_the_run_are_explained(run):
    texts = ["furry mammal", "sweet cake"]
    by_texts = nbtune.explain(run, texts, display="none").frame
    by_frame = nbtune.explain(run, pd.DataFrame({"text": texts}), display="none").frame
    pd.testing.assert_frame_equal(by_texts, by_frame)
    own = read_rows(run.folder, "test").iloc[0]
    (one,) = nbtune.explain(run, rows=int(own["row"]), label="food", display="none")
    assert (one.row, one.texts, one.target, one.label) == (
        own["row"], (own["text"],), own["label"], "food",
    )  # fmt: skip
    train = int(read_rows(run.folder, "train")["row"].iloc[0])
    with pytest.raises(DataError, match=rf"row {train}: none of the test rows(.|\n)*such as"):
        nbtune.explain(run, rows=[train], display="none")
    assert nbtune.explain(run, rows=[train], split="train", display="none")[0].row == train


def test_the_newest_run_is_asked_where_none_is_named(run):
    root = run.folder.path.parent
    found = nbtune.explain(None, "furry", runs_dir=root, display="none")
    assert found[0].run == run.name
    assert nbtune.attention(None, "furry mammal", runs_dir=root).record.model == run.name
    with pytest.raises(RunError, match="no run with a model yet"):
        nbtune.explain(None, "furry", runs_dir=root / "none")


def test_attention_of_a_run_and_of_a_model_that_nobody_trained(run):
    text = "small furry mammal with sharp teeth"
    found = nbtune.attention(run, text, layer=1, head=2)
    assert (found.layer, found.head) == (1, 2)
    assert found.weights().sum(axis=1).to_list() == pytest.approx([1] * len(found.tokens))
    assert found.steps["weight"].sum() == pytest.approx(1)
    drawn, whole = found.figure().axes
    assert [label.get_text() for label in drawn.get_yticklabels()] == found.tokens
    assert len(whole.get_yticks()) * len(whole.get_xticks()) == 2 * 4
    assert found._pictures() == [], "the page has drawings of its own"
    model = run.recipe.settings.model
    other = nbtune.attention(None, text, model=model)
    assert other.tokens == found.tokens
    with pytest.raises(ModelError, match="starts from nothing"):
        nbtune.attention(None, text, model="scratch-lstm")
    with pytest.raises(DataError, match="not a text"):
        nbtune.attention(run, 3)


@pytest.mark.parametrize("method", ["lora", "prompt-tuning", "prefix-tuning"])
def test_adapters_and_virtual_tokens_are_explained_and_looked_through(run, method, tmp_path):
    tuned = nbtune.finetune(
        topic_rows(40), "tuned", model=run.recipe.settings.model, method=method, max_steps=1,
        runs_dir=tmp_path, display="none", baseline=False,
    )  # fmt: skip
    (one,) = nbtune.explain(tuned, "small furry mammal", display="none")
    size = sum(abs(word.value) for word in one.words)
    assert one.sum == pytest.approx(one.difference, abs=0.02 * size)
    (rolled,) = nbtune.explain(tuned, "small furry", method="attention-rollout", display="none")
    assert 0 < rolled.sum <= 1 + 1e-6
    found = nbtune.attention(tuned, "small furry mammal")
    assert found.weights().sum(axis=1).to_list() == pytest.approx([1] * len(found.tokens))
