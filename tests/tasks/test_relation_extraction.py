import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
import transformers
from sklearn import metrics as sk

import nbtune
from nbtune.data.marks import MARKS
from nbtune.data.relations import RELATED
from nbtune.errors import RecipeError, RunError
from nbtune.evaluation.relations import weighted_scores
from nbtune.evaluation.tables import plain_scores
from nbtune.recipe import Recipe
from nbtune.tasks import find_task, task_of
from nbtune.testing import check_task, guesses, tiny_model_folder

TASK = find_task("relation-extraction")
BETWEEN = {"lives_in": "living in large", "eats": "sweet baked with", "no_relation": "south sea"}


def pairs(rows=120):
    """Make sentences in which the words between two nouns tell what relates them."""
    rng = np.random.default_rng(0)
    made = []
    for number in range(rows):
        kind = list(BETWEEN)[number % 3]
        head, tail = rng.choice(["mammal", "city", "cake", "river"], 2, replace=False)
        first = rng.choice(["small", "furry", "sharp", "northern", "teeth"])
        text = f"{first} {head} {BETWEEN[kind]} {tail} <b>"
        places = [(text.index(word), text.index(word) + len(word)) for word in (head, tail)]
        made.append({"text": text, "head": places[0], "tail": places[1], "relation": kind})
    return pd.DataFrame(made)


ROWS = pairs()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("relations")


@pytest.fixture(scope="module")
def train(place):
    model = str(tiny_model_folder(place / "model"))

    def train(method="full", **settings):
        usual = {
            "num_train_epochs": 15,
            "learning_rate": 3e-3,
            "per_device_train_batch_size": 8,
            "test_size": 0.3,
            "model": model,
            "method": method,
        }
        return nbtune.finetune(
            ROWS, method, **usual | settings, runs_dir=place / "runs", display="none"
        )

    return train


@pytest.fixture(scope="module")
def run(train):
    return train()


def test_every_kind_of_model_can_learn_it():
    rows, _ = RELATED.usable(ROWS.head(24), RELATED.find(ROWS, {}).roles, Recipe(), "data")
    check_task(TASK, rows, "distilbert")
    check_task(TASK, rows, "gpt2")


@pytest.mark.parametrize("none", [None, 1])
def test_scores_are_those_of_scikit_learn_without_the_label_of_no_relation(none):
    targets, said = guesses(150, 4, skill=0.5)
    given = said.argmax(axis=1)
    counted = [label for label in range(4) if label != none]
    found = plain_scores(weighted_scores(targets, said, none), len(targets))
    for average in ("micro", "macro"):
        expected = sk.f1_score(targets, given, labels=counted, average=average)
        assert found[f"f1_{average}"] == pytest.approx(expected)
    own = {"labels": counted, "average": "micro"}
    assert found["precision_micro"] == pytest.approx(sk.precision_score(targets, given, **own))
    assert found["recall_micro"] == pytest.approx(sk.recall_score(targets, given, **own))
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(targets, given))
    assert found["log_loss"] == pytest.approx(sk.log_loss(targets, said))


def test_the_task_is_seen_in_the_columns_and_the_label_of_no_relation_by_its_name(run):
    assert "task: relation-extraction" in run.recipe
    assert "none_label: no_relation" in run.recipe
    record = nbtune.evaluate(run).record
    assert record.decides == "f1_micro"
    assert "are of 2 relations, not 'no_relation'" in record.verdict
    assert [judged.name for judged in record.table][:2] == [
        "majority", "TF-IDF of the words at the spans",
    ]  # fmt: skip
    assert record.table[0].scores["f1_micro"].value <= 0.5
    assert record.table[1].scores["f1_micro"].value == 1
    assert record.scores["f1_micro"].value > 0.7
    assert record.confusion.labels == ("eats", "lives_in", "no_relation")


def test_the_label_of_no_relation_can_be_named_and_none_be_left_out():
    assert TASK.suited(ROWS, Recipe(none_label="eats")) == {}
    rows, _ = RELATED.usable(ROWS, RELATED.find(ROWS, {}).roles, Recipe(), "data")
    known = nbtune.tasks.Known(("eats", "lives_in", "no_relation"))
    said = np.tile([0.2, 0.2, 0.6], (len(rows), 1))
    for name, expected in (("", 1 / 3), ("no_relation", 0.0)):
        task = task_of(Recipe(task="relation-extraction", none_label=name))
        assert task.score(rows, said, known)["f1_micro"] == pytest.approx(expected)
    with pytest.raises(RecipeError, match="none_label: no row has the label 'nothing'"):
        TASK.suited(ROWS, Recipe(none_label="nothing"))


@pytest.mark.parametrize("method", ["lora", "head"])
def test_marks_are_saved_with_every_method(train, method, place):
    run = train(method, num_train_epochs=1)
    ids = run.tokenizer.convert_tokens_to_ids(list(MARKS))
    assert len(run.tokenizer) == max(ids) + 1
    again = nbtune.Run(run.folder)
    pd.testing.assert_frame_equal(nbtune.predict(run, ROWS[:6]), nbtune.predict(again, ROWS[:6]))
    table = again.trained.model.get_input_embeddings().weight
    assert len(table) == len(run.tokenizer)
    assert len({tuple(table[one].tolist()) for one in ids}) == 4
    merged = run.save(place / f"{method}-merged", merged=True)
    auto = transformers.AutoModelForSequenceClassification
    model, told = auto.from_pretrained(merged, output_loading_info=True)
    assert not any(told.values())
    text = "small [E1] city [/E1] living in large [E2] river [/E2]"
    inputs = transformers.AutoTokenizer.from_pretrained(merged)(text, return_tensors="pt")
    inputs.pop("token_type_ids", None)
    with torch.no_grad():
        logits = model.eval()(**inputs).logits / run.trained.known.temperature
    np.testing.assert_allclose(run.predict_proba([text]), logits.softmax(-1).numpy(), atol=1e-5)


def test_an_adapter_holds_the_marks_and_no_other_words(train):
    run = train("lora", num_train_epochs=1)
    from safetensors import safe_open

    with safe_open(run.folder.model_path / "adapter_model.safetensors", "np") as file:
        shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
    words = {name: shape for name, shape in shapes.items() if "embed" in name}
    assert list(words.values()) == [[4, 32]]


@pytest.mark.slow
def test_a_fresh_process_says_the_same(run, place):
    code = (
        "import sys, transformers, torch\n"
        "tokenizer = transformers.AutoTokenizer.from_pretrained(sys.argv[1])\n"
        "auto = transformers.AutoModelForSequenceClassification\n"
        "model = auto.from_pretrained(sys.argv[1]).eval()\n"
        "inputs = tokenizer(sys.argv[2], return_tensors='pt')\n"
        "inputs.pop('token_type_ids', None)\n"
        "print(model(**inputs).logits.softmax(-1).tolist())\n"
    )
    text = "small [E1] city [/E1] living in large [E2] river [/E2]"
    command = [sys.executable, "-c", code, str(run.folder.model_path), text]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = np.array(eval(said.strip().splitlines()[-1]))  # noqa: S307
    # With the temperature that was chosen on the validation rows left out.
    ours = np.log(run.predict_proba([text])) * run.trained.known.temperature
    np.testing.assert_allclose(np.exp(ours) / np.exp(ours).sum(), found, atol=1e-5)


def test_runs_are_compared_without_the_label_that_says_there_is_no_relation(train, run, place):
    other = train("head", num_train_epochs=1)
    found = nbtune.compare(run, other, runs_dir=place / "runs", display="none")
    assert found.record.metric == "f1_micro"
    judged = nbtune.evaluate(run, display="none").metrics["f1_micro"]
    assert found.scores.loc[(run.name, "f1_micro"), "value"] == pytest.approx(judged)


def test_a_run_is_asked_in_all_forms(run):
    text = "furry city living in large river"
    marked = "furry [E1] city [/E1] living in large [E2] river [/E2]"
    expected = list(run.predict([marked]))
    assert expected == ["lives_in"]
    assert list(run.predict((text, (6, 10), "river"))) == expected
    frame = pd.DataFrame({"text": [text], "head": ["city"], "tail": ["river"]})
    assert list(nbtune.predict(run, frame)["label"]) == expected
    with pytest.raises(nbtune.errors.DataError, match="no marked spans"):
        run.predict([text])


def test_both_spans_are_shown_in_the_worst_rows_and_nothing_becomes_markup(run):
    found = nbtune.review(run)
    html = found._repr_mimebundle_()["text/html"]
    assert "<small>head</small></mark>" in html
    assert "<small>tail</small></mark>" in html
    assert "&lt;b&gt;" in html
    assert "<b>" not in html.split("<tbody>")[1]


def test_names_of_labels_are_no_line_of_the_table_and_only_thresholds_are_missing(run):
    with pytest.raises(RunError, match="threshold"):
        nbtune.evaluate(run, threshold=0.5)
    assert not (run.folder.path / "zero_shot").exists()
