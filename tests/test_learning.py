"""A recipe is trained on shares of the rows, and with other seeds."""

from types import SimpleNamespace

import pandas as pd
import pytest

import nbtune
from nbtune.api import learning
from nbtune.errors import RunError
from nbtune.jobs.folders import read_rows
from nbtune.records import LearningCurveRecord, SeedSpreadRecord
from nbtune.results.learning_curve import foretold
from nbtune.runs import RunStore
from nbtune.tasks import find_task
from nbtune.testing import tiny_model_folder, topic_rows

CURVE = {"shares": (0.25, 0.5), "draws": 1, "display": "none"}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_model_folder(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def run(own_folder, model):
    rows = topic_rows(160)
    return nbtune.finetune(rows, "topics", model=str(model), max_steps=2, test_size=40)


def texts(run, split="train"):
    return list(read_rows(run.folder, split)["text"])


def test_a_curve_is_trained_once_on_shares_that_lie_in_each_other(run, monkeypatch):
    curve = nbtune.learning_curve(run, **CURVE)
    rows = run.folder.about["rows"]["train"]
    assert list(curve.frame["rows"]) == [round(rows / 4), round(rows / 2), rows]
    small, half, whole = (nbtune.load(name) for name in curve.frame["run"])
    assert whole.name == run.name
    assert pd.Series(texts(small)).isin(texts(half)).all()
    assert pd.Series(texts(half)).isin(texts(whole)).all()
    assert texts(small, "test") == texts(whole, "test")
    assert curve.frame["f1_macro"].iloc[-1] == nbtune.evaluate(run).metrics["f1_macro"]
    assert LearningCurveRecord.from_json(curve.record.to_json()) == curve.record
    table = nbtune.list_runs()
    assert [row.run for row in table] == ["topics@1", "topics_25pct@1", "topics_50pct@1"]
    assert {row.tags for row in table[1:]} == {("learning-curve",)}
    assert "↳ topics_25pct@1" in repr(table)
    monkeypatch.setattr(learning, "work_here", lambda *_, **__: pytest.fail("trained again"))
    assert nbtune.learning_curve(run, **CURVE).record == curve.record


def test_an_interrupt_keeps_what_is_trained_and_the_same_call_goes_on(run, monkeypatch):
    train, trained = learning.work_here, []

    def once(folder, teller, **options):
        if trained:
            raise KeyboardInterrupt
        trained.append(folder.title)
        return train(folder, teller, **options)

    monkeypatch.setattr(learning, "work_here", once)
    curve = nbtune.learning_curve(run, **CURVE)
    assert len(curve.record.points) == 2
    assert curve.law is None
    assert curve.verdict.startswith("Trained so far: 1 of 2 runs; the same line goes on.")
    monkeypatch.setattr(learning, "work_here", train)
    assert len(nbtune.learning_curve(run, **CURVE).record.points) == 3
    assert len(RunStore().folders("topics_*")) == 2


def test_seeds_show_how_far_scores_move(run):
    spread = nbtune.seed_spread(run, 3, display="none")
    assert list(spread.frame["seed"]) == [42, 43, 44]
    values = spread.frame["f1_macro"]
    one = spread.record["f1_macro"]
    assert (one.mean.value, one.spread) == pytest.approx((values.mean(), values.std()))
    assert f"± {values.std():.3f}" in spread.verdict
    assert ("not shown" in spread.verdict) == (one.gap.low <= 0 <= one.gap.high)
    assert SeedSpreadRecord.from_json(spread.record.to_json()) == spread.record
    runs = [nbtune.load(name) for name in spread.frame.index]
    assert nbtune.compare(*runs, display="none").best == "topics@1 +2 seeds"


def test_all_that_makes_no_curve_is_named_at_once(run):
    with pytest.raises(RunError) as caught:
        nbtune.learning_curve(run, shares=[0.5, 1.5], draws=0, more=10**6, metric="f1_makro")
    said = str(caught.value)
    for part in ("1.5 is not between 0 and 1", "draws: 0", "more: 1,000,000", "'f1_makro'"):
        assert part in said
    with pytest.raises(RunError, match="seeds: 1 is not 2 to 50"):
        nbtune.seed_spread(run, 1)
    with pytest.raises(RunError, match=r"shares: 0\.05 of 104 rows are 5, fewer than 20"):
        nbtune.learning_curve(run, shares=[0.05, 0.5])


def test_numbers_have_a_curve_and_seeds_by_their_own_score(own_folder, model):
    rows = topic_rows(160)
    rows["label"] = [float(len(text.split())) for text in rows["text"]]
    own = {"problem_type": "regression", "max_steps": 2, "test_size": 40}
    run = nbtune.finetune(rows, "lengths", model=str(model), display="none", **own)
    curve = nbtune.learning_curve(run, **CURVE)
    assert curve.record.metric == "rmse"
    assert curve.frame["rmse"].iloc[-1] == nbtune.evaluate(run, display="none").metrics["rmse"]
    assert curve.record.rival == "TF-IDF + ridge regression"
    spread = nbtune.seed_spread(run, 2, display="none")
    assert {one.name for one in spread.record.scores} == set(run.task.scores)
    assert "rmse is" in spread.verdict
    read = SeedSpreadRecord.from_json(spread.record.to_json())
    assert read.to_json() == spread.record.to_json()
    assert spread.figure().axes[0].get_yticklabels()[0].get_text() == "rmse"


def test_a_score_a_token_makes_no_curve_where_each_share_has_its_own_tokens():
    def run(task):
        folder = SimpleNamespace(about={"model": "scratch-decoder"})
        return SimpleNamespace(task=find_task(task), folder=folder)

    assert foretold(run("text-generation"), None) == ("bits_per_byte", "")
    assert "tokens of its own" in foretold(run("fill-mask"), None)[1]
    assert "tokens of its own" in foretold(run("text-generation"), "perplexity")[1]
