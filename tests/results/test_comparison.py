import shutil

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import nbtune
from nbtune.errors import RunError
from nbtune.results import judging
from nbtune.results.differences import differences
from nbtune.results.judging import said_of
from nbtune.testing import tiny_model_folder, tiny_tokenizer, topic_rows
from nbtune.testing.rows import TOPICS


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("comparison")


@pytest.fixture(scope="module")
def train(trained, place):
    def finetune(name, rows=None, **settings):
        usual = {
            "model": trained.recipe.settings.model,
            "num_train_epochs": 1,
            "learning_rate": 1e-3,
            "baseline": False,
        }
        return nbtune.finetune(
            topic_rows(150) if rows is None else rows,
            name,
            runs_dir=place / "runs",
            display="none",
            **(usual | settings),
        )

    return finetune


@pytest.fixture(scope="module")
def frozen(train):
    return train("frozen", method="head", num_train_epochs=2)


@pytest.fixture(scope="module")
def compared(trained, frozen):
    return nbtune.compare(trained, frozen, display="none")


def test_only_settings_that_differ_are_shown(compared, trained, frozen):
    full = next(one for one in compared.record.contenders if one.name == trained.name)
    assert full.settings == {
        "method": "full",
        "learning_rate": "0.003",
        "num_train_epochs": "3",
    }
    assert compared.frame.loc[frozen.name, "method"] == "head"


def test_scores_are_those_of_evaluate(compared, trained):
    judged = nbtune.evaluate(trained)
    found = compared.scores.loc[trained.name]["value"]
    for name, value in judged.metrics.items():
        assert found[name] == pytest.approx(value, abs=1e-6), name


def test_costs_are_told(compared, trained, frozen):
    frame = compared.frame
    assert frame.loc[trained.name, "trainable_parameters"] == trained.parameters.trainable
    assert frame.loc[frozen.name, "trainable_parameters"] < trained.parameters.trainable
    assert (frame[["seconds", "memory_bytes", "size_bytes"]] > 0).all(axis=None)
    assert frame["pareto"].any()


def test_the_pair_counts_rows_that_only_one_has_right(compared, trained, frozen):
    pair = compared.pairs.iloc[0]
    rows = nbtune.evaluate(trained).frame
    runs = {run.name: run.predict(rows["text"]) == rows["label"] for run in (trained, frozen)}
    first, second = (np.asarray(runs[pair[side]]) for side in ("first", "second"))
    assert pair["only_first"] == (first & ~second).sum()
    assert pair["only_second"] == (second & ~first).sum()


def test_its_faces_are_text_and_tables_only(compared):
    faces = compared._repr_mimebundle_()
    assert set(faces) == {"text/plain", "text/markdown", "text/html"}
    assert max(map(len, faces["text/plain"].splitlines())) <= 80
    assert isinstance(compared.figure(), Figure)
    assert repr(compared).startswith("<Comparison of ")
    assert "nan" not in faces["text/html"]


def test_runs_that_differ_in_their_seed_only_are_one(train):
    rows = topic_rows(150)
    rows["split"] = ["test" if i % 5 == 0 else "train" for i in range(150)]
    seeds = [train(f"seed_{seed}", rows, seed=seed) for seed in (1, 2)]
    other = train("faster", rows, learning_rate=5e-3)
    found = nbtune.compare(*seeds, other, display="none").record
    group = next(one for one in found.contenders if len(one.runs) == 2)
    assert group.runs == ("seed_1@1", "seed_2@1")
    assert group.name == "seed_1@1 +1 seed"
    assert group.settings["seed"] == "1, 2"
    assert len(group.courses) == 2
    assert group.spread["accuracy"] >= 0
    alone = nbtune.compare(*seeds, display="none").record
    assert alone.verdict.startswith("The runs differ in their seed only")
    assert not alone.pairs


def test_runs_of_different_test_rows_are_scored_on_those_they_share(train, trained, place):
    rows = topic_rows(300)
    rows["split"] = ["test" if i < 120 else "train" for i in range(300)]
    other = rows.copy()
    other.loc[:59, "split"] = "train"  # these the second run has seen
    one, two = train("one", rows), train("two", other)
    found = nbtune.compare(one, two, display="none").record
    assert (found.split, found.rows) == ("shared test", 60)
    assert "their test rows differ: scored again on the 60" in found.notes[0]


def test_too_few_shared_rows_are_refused(trained, train):
    other = train("elsewhere", topic_rows(150, seed=4))
    with pytest.raises(RunError, match="share 0 that none has seen") as refused:
        nbtune.compare(trained, other, display="none")
    assert "--data held_out_df" in refused.value.hint


def test_rows_of_ones_own_lose_what_a_run_has_seen(trained, frozen):
    seen, new = topic_rows(150), topic_rows(40, seed=9)
    rows = nbtune.compare(trained, frozen, data=new, display="none").record
    assert (rows.split, rows.rows) == ("data", 40)
    mixed = [*seen.to_dict("records"), *new.to_dict("records")]
    found = nbtune.compare(trained, frozen, data=mixed, display="none").record
    held_out = trained.folder.about["rows"]["test"]
    assert found.rows == 40 + held_out
    assert found.notes == (f"left out {150 - held_out} rows that a run has seen in training",)
    with pytest.raises(RunError, match="every row is one that a run has seen"):
        nbtune.compare(
            trained, frozen, data=seen[seen["text"].isin(train_texts(trained))], display="none"
        )


def train_texts(run):
    from nbtune.jobs.folders import read_rows

    return set(read_rows(run.folder, "train")["text"])


def test_what_cannot_be_compared_is_refused(trained, frozen, train, place):
    two = train("two_labels", topic_rows(60, labels=2))
    cases = [
        ((trained,), {}, "one run is nothing to compare"),
        ((trained, trained), {}, "topics@1 is named twice"),
        ((trained, two), {}, "know different labels: place"),
        ((trained, frozen), {"metric": "f1"}, "there is no score 'f1' to decide by"),
        ((trained, frozen), {"cost": "time"}, "there is no cost 'time'"),
    ]
    for runs, options, told in cases:
        with pytest.raises(RunError, match=told):
            nbtune.compare(*runs, display="none", **options)


def test_kept_predictions_serve_and_old_ones_do_not(trained, frozen, monkeypatch):
    nbtune.evaluate(trained)
    asked = []

    def spy(run, rows, progress=None):
        asked.append(run.name)
        return said_of(run, rows, progress)

    monkeypatch.setattr(judging, "said_of", spy)
    for run in (trained, frozen):
        for file in (run.folder.path / "evaluations").glob("*.resampled*"):
            file.unlink()
    first = nbtune.compare(trained, frozen, display="none")
    assert asked == [frozen.name], "the other was evaluated before"
    again = nbtune.compare(trained, frozen, display="none")
    assert asked == [frozen.name], "what was found is kept"
    assert again.text == first.text
    for run in (trained, frozen):
        for file in run.folder.model_path.iterdir():
            file.touch()
    nbtune.compare(trained, frozen, display="none")
    assert sorted(asked[1:]) == sorted([trained.name, frozen.name])


def pairs(rows):
    """Make pairs whose first texts are the same two again and again."""
    topics = topic_rows(rows)
    asked = ["is it food?", "is it an animal?"] * (rows // 2)
    return topics.assign(text=asked, text_pair=topics["text"])


@pytest.fixture(scope="module")
def pair_runs(train):
    rows = pairs(200)
    return [
        train("pairs_full", rows, text_pair="text_pair"),
        train("pairs_head", rows, text_pair="text_pair", method="head"),
    ]


def test_runs_on_pairs_are_compared_on_both_texts(pair_runs):
    compared = nbtune.compare(*pair_runs, display="none")
    for run in pair_runs:
        judged = nbtune.evaluate(run, display="none")
        found = compared.scores.loc[run.name]["value"]
        assert found["accuracy"] == pytest.approx(judged.metrics["accuracy"], abs=1e-6)


def test_a_pair_was_seen_only_if_both_of_its_texts_were(pair_runs):
    held_out = pairs(40).assign(text_pair=[f"something new, number {i}" for i in range(40)])
    assert nbtune.compare(*pair_runs, data=held_out, display="none").record.rows == 40


def test_runs_on_pairs_and_on_single_texts_are_not_compared(pair_runs, trained):
    with pytest.raises(RunError, match=r"pairs_full@1 from text and text_pair"):
        nbtune.compare(pair_runs[0], trained, display="none")


def test_runs_of_different_tasks_are_refused_by_what_they_learnt(trained, train):
    rows = topic_rows(60).assign(label=[["a", "b"], ["a"]] * 30)
    several = train("several_labels", rows)
    told = r"topics@1: one label per text .*; several_labels@1: any number of labels per text"
    with pytest.raises(RunError, match=told):
        nbtune.compare(trained, several, display="none")


SEVERAL = topic_rows(100).assign(
    label=[
        [name, "long"] if len(text) > 40 else [name] for text, name in topic_rows(100).to_numpy()
    ]
)
TAGGED = pd.DataFrame(
    {
        "tokens": [text.split() for text in topic_rows(100)["text"]],
        "tags": [
            [f"B-{name}" if word in TOPICS[name][:20] else "O" for word in text.split()]
            for text, name in topic_rows(100).to_numpy()
        ],
    }
)
ASKED = pd.DataFrame(
    {
        "context": topic_rows(60)["text"],
        "question": "which number is it?",
        "answers": [text.split()[-1] for text in topic_rows(60)["text"]],
    }
)


@pytest.mark.parametrize(
    ("task", "rows", "metric"),
    [
        ("text-classification", SEVERAL, "f1_micro"),
        ("token-classification", TAGGED, "span_f1"),
        ("question-answering", ASKED, "f1"),
    ],
)
def test_every_task_is_compared_by_its_main_score_with_the_scores_of_evaluate(
    train, task, rows, metric
):
    own = {"task": task, "max_steps": 2}
    name = task.replace("-", "_")
    runs = [train(f"{name}_{method}", rows, method=method, **own) for method in ("full", "bitfit")]
    found = nbtune.compare(*runs, display="none")
    assert found.record.metric == metric == runs[0].task.decides
    judged = nbtune.evaluate(runs[0], display="none")
    assert judged.record.decides == metric
    for score, value in judged.metrics.items():
        assert found.scores.loc[(runs[0].name, score), "value"] == pytest.approx(value, abs=1e-6)
    (pair,) = found.record.pairs
    assert np.isnan(pair.mcnemar), "there is no one label a row"
    assert "McNemar" not in found._repr_mimebundle_()["text/html"]
    assert max(map(len, found.text.splitlines())) <= 80
    assert isinstance(found.figure(), Figure)


def test_models_that_cut_texts_into_other_tokens_are_compared_by_the_byte(train, tmp_path):
    rows = topic_rows(100)[["text"]]
    words, letters = (tiny_model_folder(tmp_path / name, "gpt2") for name in ("words", "letters"))
    tiny_tokenizer(["another vocabulary"]).save_pretrained(letters)
    runs = [
        train(place.name, rows, task="text-generation", max_steps=2, model=str(place))
        for place in (words, letters)
    ]
    found = nbtune.compare(*runs, display="none").record
    assert found.metric == "bits_per_byte"
    assert set(found.contenders[0].scores) == {"bits_per_byte"}
    assert "cut texts into other tokens: perplexity and token_accuracy cannot" in found.notes[0]
    with pytest.raises(RunError, match="perplexity is a score a token, and words@1 and letters@1"):
        nbtune.compare(*runs, metric="perplexity", display="none")


def test_a_model_that_is_a_run_is_called_as_that_run(run, tmp_path):
    place = shutil.copytree(run.folder.path.parent, tmp_path / "runs")
    other = nbtune.finetune(
        topic_rows(150), "further", model="topics", max_steps=1, display="none", runs_dir=place
    )
    first, second = differences([[run], [other]])
    assert second["model"] == run.name
    assert first["model"] == run.recipe.settings.model
