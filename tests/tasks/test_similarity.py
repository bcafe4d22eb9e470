"""Bi-encoders: how alike two texts are, by the cosine of vectors that stand by themselves."""

import numpy as np
import pandas as pd
import pytest
import torch
import transformers
from torch.nn import functional

import nbtune
from nbtune.errors import DataError, RecipeError, RunError
from nbtune.models.sentences import pooling_of
from nbtune.models.sources import find_model
from nbtune.recipe import Recipe
from nbtune.tasks import Known, find_task, task_of
from nbtune.testing import (
    check_task,
    tiny_model_folder,
    tiny_sentence_encoder,
    tiny_tokenizer,
    topic_rows,
)

SETTINGS = {"problem_type": "regression", "pair_encoding": "bi-encoder"}
NUMBERS, LABELS = task_of(Recipe(**SETTINGS)), task_of(Recipe(pair_encoding="bi-encoder"))


def pairs(rows=120):
    """Make pairs of which those about one topic are alike, 0 to 5."""
    one = topic_rows(rows)
    other = one.sample(frac=1, random_state=1)
    alike = one["label"].to_numpy() == other["label"].to_numpy()
    texts = {"sentence1": one["text"].to_numpy(), "sentence2": other["text"].to_numpy()}
    return pd.DataFrame({**texts, "score": 5.0 * alike, "label": np.where(alike, "same", "other")})


ROWS = pairs()


def usable(task, label):
    named = {"label": label}
    rows, _ = task.rows.usable(ROWS, task.rows.find(ROWS, named).roles, Recipe(), "data")
    return rows.head(24)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("pairs")


@pytest.fixture(scope="module")
def train(place):
    model = str(tiny_model_folder(place / "model"))

    def train(name="alike", **settings):
        usual = {
            "pair_encoding": "bi-encoder",
            "num_train_epochs": 6,
            "learning_rate": 3e-3,
            "model": model,
        }
        return nbtune.finetune(
            ROWS, name, **usual | settings, runs_dir=place / "runs", display="none"
        )

    return train


@pytest.fixture(scope="module")
def run(train):
    return train(problem_type="regression", label="score")


def test_numbers_and_labels_can_be_learnt():
    check_task(NUMBERS, usable(NUMBERS, "score"))
    check_task(LABELS, usable(LABELS, "label"), "distilbert")


def test_the_loss_is_that_of_sentence_transformers():
    torch.manual_seed(0)
    vectors, wanted = torch.randn(6, 8), torch.tensor([0.2, 0.9, 0.5])
    # CosineSimilarityLoss: MSELoss()(cosine_similarity(a, b), label)
    cosines = functional.cosine_similarity(vectors[::2], vectors[1::2])
    expected = functional.mse_loss(cosines, wanted)
    loss = NUMBERS.loss(Recipe(), None, 0)
    targets = wanted.repeat_interleave(2)
    found = loss.sum(vectors, targets) / loss.count(targets.numpy())
    torch.testing.assert_close(found, expected)


def test_numbers_are_brought_to_where_cosines_are_and_back():
    rows = usable(NUMBERS, "score")
    assert NUMBERS.rows.scale(rows) == (0.0, 5.0)
    assert NUMBERS.rows.scale(rows.assign(label=rows["label"] / 5)) == (0.0, 1.0)
    known = Known(scale=(1.0, 4.0))
    examples = NUMBERS.encode(rows.assign(label=3.0), tiny_tokenizer(), 32, known)
    assert set(examples.targets.tolist()) == {0.5}
    same = np.repeat(np.eye(4)[[0]], 2, axis=0)
    assert NUMBERS.read(same, rows.head(1), examples, known).tolist() == [5.0]


def test_a_run_is_set_beside_tf_idf_and_its_own_beginning(run):
    record = nbtune.evaluate(run).record
    assert record.decides == "spearman"
    assert [judged.name for judged in record.table][:2] == ["mean", "TF-IDF cosine"]
    assert record.table[2].name.endswith("before training")
    scores = [judged.scores["spearman"].value for judged in record.table]
    assert scores[0] == 0
    assert scores[1] > 0.9  # topics have words of their own
    assert scores[-1] > scores[2]


def test_vectors_are_means_of_tokens_that_any_library_gives_from_the_saved_weights(run):
    texts = list(ROWS["sentence1"][:5])
    ours = run.embed(texts)
    tokenizer = transformers.AutoTokenizer.from_pretrained(run.folder.model_path)
    model = transformers.AutoModel.from_pretrained(run.folder.model_path).eval()
    inputs = tokenizer(texts, padding=True, return_tensors="pt")
    inputs.pop("token_type_ids", None)
    mask = inputs["attention_mask"][..., None]
    with torch.no_grad():
        states = model(**inputs).last_hidden_state
    expected = functional.normalize((states * mask).sum(1) / mask.sum(1))
    np.testing.assert_allclose(ours, expected.numpy(), atol=1e-5)
    assert pooling_of(find_model(str(run.folder.model_path))) == "mean"
    found = nbtune.predict(run, [(texts[0], texts[1])])
    assert found["prediction"].iloc[0] == pytest.approx(5 * float(ours[0] @ ours[1]), abs=1e-4)


def test_an_encoder_goes_on_pooling_as_it_was_made_to(train, place):
    made = tiny_sentence_encoder(place / "cls", "pooling_mode_cls_token")
    run = train("cls", problem_type="regression", label="score", model=str(made), max_steps=2)
    assert run.model.config.pooling == "cls"
    assert pooling_of(find_model(str(run.folder.model_path))) == "cls"
    again = nbtune.Run(run.folder)
    ours, text = again.embed(["sweet cake"])[0], again.tokenizer("sweet cake", return_tensors="pt")
    with torch.no_grad():
        first = again.model(input_ids=text["input_ids"]).last_hidden_state[0, 0]
    np.testing.assert_allclose(ours, functional.normalize(first, dim=0).numpy(), atol=1e-5)


@pytest.mark.parametrize("method", ["lora", "bitfit"])
def test_a_run_says_the_same_when_it_is_read_from_its_folder(train, method, place):
    run = train(method, problem_type="regression", label="score", method=method, max_steps=3)
    again = nbtune.Run(run.folder)
    np.testing.assert_allclose(run.embed(["sweet cake"]), again.embed(["sweet cake"]), atol=1e-6)
    pd.testing.assert_frame_equal(nbtune.predict(run, ROWS[:4]), nbtune.predict(again, ROWS[:4]))
    whole = run.save(place / f"{method}-whole", merged=True)
    assert pooling_of(find_model(str(whole))) == "mean"


def test_two_labels_become_probabilities_whichever_of_them_says_alike(train):
    run = train("labels", label="label")
    assert run.classes_.tolist() == ["other", "same"]
    again = nbtune.Run(run.folder)
    assert again.trained.known.scale == run.trained.known.scale != (0.5, 0.1)
    record = nbtune.evaluate(again).record
    assert record.table[-1].scores["roc_auc"].value > 0.8
    rows = usable(LABELS, "label")
    swapped = rows.assign(label=rows["label"].map({"same": "alike", "other": "else"}))
    assert LABELS.rows.scale(rows)[1] > 0 > LABELS.rows.scale(swapped)[1]
    known = Known(("alike", "else"), LABELS.rows.scale(swapped))
    examples = LABELS.encode(swapped, tiny_tokenizer(), 32, known)
    wanted = [float(label == "alike") for label in swapped["label"]]
    assert examples.targets[::2].tolist() == wanted
    same = np.repeat(np.eye(4)[[0]], 2, axis=0)
    assert LABELS.read(same, swapped.head(1), examples, known)[0, 0] > 0.9


def test_what_a_bi_encoder_cannot_learn_is_refused(train):
    with pytest.raises(RecipeError, match="method head: a bi-encoder has no head"):
        train(problem_type="regression", label="score", method="head")
    one = ROWS.drop(columns="sentence2").rename(columns={"sentence1": "text"})
    with pytest.raises(DataError, match="no column of second texts"):
        nbtune.finetune(one, "x", label="score", **SETTINGS, display="none")
    three = ROWS.assign(label=["a", "b", "c"] * 40)
    with pytest.raises(DataError, match=r"3 labels \(a, b, c\), but two texts are alike or not"):
        nbtune.finetune(three, "x", pair_encoding="bi-encoder", display="none")
    cross = train("cross", label="label", pair_encoding="cross-encoder", max_steps=2)
    with pytest.raises(RunError, match="its texts have no vectors"):
        cross.embed(["a"])
    with pytest.raises(DataError, match="text 1 is 3"):
        train(problem_type="regression", label="score").embed(["a", 3])


def test_pairs_are_read_as_one_text_unless_a_recipe_says_otherwise():
    assert task_of(Recipe(problem_type="regression")).head == "AutoModelForSequenceClassification"
    assert task_of(Recipe()).head == find_task("text-classification").head
