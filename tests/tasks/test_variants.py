"""Texts with several labels, with numbers, and pairs: from a frame to a model that is loaded."""

import numpy as np
import pandas as pd
import pytest
import torch

import nbtune
from nbtune.engine.inference import predict_logits
from nbtune.engine.stepping import Forward
from nbtune.errors import DataError, RecipeError, RunError
from nbtune.models.heads import set_bias
from nbtune.models.loading import input_names
from nbtune.models.packing import packing
from nbtune.models.probing import find_packer
from nbtune.recipe import Recipe
from nbtune.tasks import Known, find_task, task_of
from nbtune.testing import check_task, tiny_model, tiny_model_folder, tiny_tokenizer, topic_rows

TASK = find_task("text-classification")
ONE = topic_rows(120)
BEFORE = ONE.shift(1, fill_value="")
SEVERAL = pd.DataFrame(
    {
        "text": ONE["text"] + " " + BEFORE["text"],
        "label": [
            sorted(set(pair) - {""}) for pair in zip(ONE["label"], BEFORE["label"], strict=True)
        ],
    }
)
LENGTHS = ONE.assign(label=[100.0 + 10.5 * len(text.split()) for text in ONE["text"]])
PAIRS = pd.DataFrame(
    {
        "premise": ONE["text"],
        "hypothesis": ONE["text"].sample(frac=1, random_state=0).to_numpy(),
        "label": ["same", "other"] * 60,
    }
)


@pytest.fixture
def train(tmp_path):
    model = str(tiny_model_folder(tmp_path / "model"))

    def train(frame, **settings):
        usual = {"num_train_epochs": 2, "learning_rate": 3e-3, "model": model}
        return nbtune.finetune(frame, "run", **usual | settings, runs_dir=tmp_path, display="none")

    return train


@pytest.mark.parametrize(
    ("kind", "rows"), [("multi_label_classification", SEVERAL), ("regression", LENGTHS)]
)
@pytest.mark.parametrize("model", ["bert", "llama"])
def test_every_variant_can_be_learnt(kind, rows, model):
    task = TASK.problem_types[kind]()
    check_task(task, rows.head(24).assign(row=range(24)), model)


@pytest.mark.parametrize(
    ("frame", "settings"),
    [
        (SEVERAL, {}),
        (SEVERAL.assign(label=SEVERAL["label"].map("|".join)),
         {"problem_type": "multi_label_classification"}),
        (LENGTHS, {"problem_type": "regression"}),
        (PAIRS, {}),
        (PAIRS, {"method": "lora"}),
        (SEVERAL, {"method": "head"}),
    ],
)  # fmt: skip
def test_a_run_says_the_same_when_it_is_read_from_its_folder(train, frame, settings):
    run = train(frame, **settings)
    ours, again = run, nbtune.Run(run.folder)
    rows = frame.head(6)
    pd.testing.assert_frame_equal(nbtune.predict(ours, rows), nbtune.predict(again, rows))
    assert ours.trained.known == again.trained.known
    judged = nbtune.evaluate(again, by="length")
    record = judged.record
    assert record.decides in run.metrics
    assert len(record.table) == 3
    measure = record.slices.measure
    assert judged.by[measure].notna().all(), "what rows score is known of each length"


def test_lists_are_taken_for_several_labels_and_the_recipe_says_so(train):
    run = train(SEVERAL)
    assert "problem_type: multi_label_classification" in run.recipe
    assert run.model.config.problem_type == "multi_label_classification"
    assert len(run.trained.known.thresholds) == 3
    assert run.predict(list(SEVERAL["text"][:4])).shape == (4, 3)
    with pytest.raises(RunError, match="accuracy does not suit it"):
        run.score(["a"], ["food"])


def test_fractions_are_never_learnt_unasked(train):
    with pytest.raises(DataError, match="to learn numbers, say so: problem_type: regression"):
        train(LENGTHS)


def test_numbers_come_back_in_their_own_size(train):
    run = train(LENGTHS, problem_type="regression")
    found = run.predict(list(LENGTHS["text"]))
    assert abs(found.mean() - LENGTHS["label"].mean()) < 20
    with pytest.raises(RunError, match="no labels with chances"):
        run.predict_proba(["a"])


def test_stars_are_judged_as_steps_and_rounded_where_they_are_asked_for(train):
    stars = LENGTHS.assign(label=[1 + len(text) % 5 for text in LENGTHS["text"]])
    kappa = {"metric_for_best_model": "quadratic_kappa"}
    run = nbtune.Run(train(stars, problem_type="regression", **kappa).folder)
    assert "quadratic_kappa" in run.metrics
    with pytest.raises(RecipeError, match="quadratic_kappa is no score of"):
        train(LENGTHS, problem_type="regression", **kappa)
    assert {"quadratic_kappa", "accuracy"} < {*nbtune.evaluate(run, stars).metrics}
    found = nbtune.predict(run, list(stars["text"].head(9)), display="none")
    assert set(found["rounded"]) <= {1, 2, 3, 4, 5}
    assert ((found["rounded"] - found["prediction"]).abs() <= 0.5).all()


def test_settings_that_mean_nothing_to_the_variant_are_refused(train):
    with pytest.raises(RecipeError, match="focal_gamma: of no use where any number of labels"):
        train(SEVERAL, focal_gamma=2)
    with pytest.raises(RecipeError, match="accuracy is no score of any number of labels"):
        train(SEVERAL, metric_for_best_model="accuracy")


def test_the_head_begins_at_the_log_odds_of_the_labels():
    task = TASK.problem_types["multi_label_classification"]()
    rows = SEVERAL.assign(row=range(len(SEVERAL)))
    bias = task.head_bias(rows, Known(("animal", "food", "place")))
    share = np.mean(["food" in labels for labels in SEVERAL["label"]])
    assert bias[1] == pytest.approx(np.log(share / (1 - share)), abs=0.02)
    model = tiny_model()
    set_bias(model, ["classifier"], bias)
    assert model.classifier.bias.tolist() == pytest.approx(bias.tolist())


def pairs_for(model):
    tokenizer = tiny_tokenizer()
    tokenizer.model_input_names = input_names(model, tokenizer)
    rows = PAIRS.rename(columns={"premise": "text", "hypothesis": "text_pair"}).head(9)
    return task_of(Recipe()).encode(rows, tokenizer, 32, Known(("other", "same")))


def test_a_pair_is_read_by_the_model_as_two_texts():
    first = len(tiny_tokenizer()(PAIRS["premise"][0])["input_ids"])
    types = pairs_for(tiny_model()).types.row(0).tolist()
    assert types == [0] * first + [1] * (len(types) - first)
    assert pairs_for(tiny_model("gpt2")).types is None


def test_packed_pairs_give_the_logits_of_padded_ones():
    model = tiny_model().eval()
    examples = pairs_for(model)
    packer, cpu = find_packer(model), torch.device("cpu")
    padded = predict_logits(Forward(model, cpu, "fp32", None), examples, 0)
    with packing(model, packer):
        packed = predict_logits(Forward(model, cpu, "fp32", packer), examples, 0)
    assert packed == pytest.approx(padded, abs=1e-5)


def test_one_text_where_pairs_were_learnt_is_refused(train):
    with pytest.raises(DataError, match="text 0 is 'alone', not a pair of texts"):
        nbtune.predict(train(PAIRS), "alone")
