import numpy as np
import pandas as pd
import pytest
import transformers
from hypothesis import given
from hypothesis import strategies as st

import nbtune
from nbtune.data.answers import without_space
from nbtune.data.questions import ASKED
from nbtune.errors import ModelError, RecipeError, RunError
from nbtune.recipe import Recipe
from nbtune.tasks import Known, find_task, task_of
from nbtune.testing import check_task, tiny_model_folder, tiny_tokenizer

TASK = find_task("question-answering")
KINDS = ["bert", "distilbert", "roberta", "electra", "deberta-v2", "modernbert", "gpt2", "llama"]
PLACES = ["Bonn", "New York", "Paris", "Rome"]
MONTHS = ["April", "May", "June"]


def questions(rows=40, seed=0, unanswered=False):
    """Make questions whose answers can be told by the words around them."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(rows):
        place, month = (str(rng.choice(names)) for names in (PLACES, MONTHS))
        context = f"Once person {number} came to {place} one {month} and stayed."
        if number % 2:
            made.append({"context": context, "question": "Where?", "answers": [place]})
        elif unanswered and number % 4:
            made.append({"context": context, "question": "Why?", "answers": []})
        else:
            made.append({"context": context, "question": "In which month?", "answers": [month]})
    return pd.DataFrame(made)


def usable(frame):
    return ASKED.usable(frame, ASKED.find(frame, {}).roles, Recipe(), "data")[0]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("asked")


@pytest.fixture(scope="module")
def train(place):
    def train(frame, name="asked", kind="bert", **settings):
        folder = place / kind
        model = str(folder if folder.is_dir() else tiny_model_folder(folder, kind))
        usual = {"num_train_epochs": 8, "learning_rate": 1e-2, "model": model, "max_length": 64}
        return nbtune.finetune(
            frame, name, task="question-answering", **usual | settings,
            runs_dir=place / "runs", display="none",
        )  # fmt: skip

    return train


@pytest.fixture(scope="module")
def run(train):
    return train(questions(160))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_model_can_learn_it(kind):
    check_task(TASK, usable(questions(16, unanswered=True)), kind)


@given(st.data())
def test_targets_are_the_tokens_of_the_answer_in_every_window_that_holds_it(data):
    words = data.draw(st.lists(st.sampled_from(["ab", "c-d", "é", "x.", "long"]), min_size=1))
    spaces = [data.draw(st.sampled_from([" ", "  ", "\n"])) for _ in words]
    context = "".join(w + s for w, s in zip(words, spaces, strict=True))
    edges = np.cumsum([0, *(len(w + s) for w, s in zip(words, spaces, strict=True))])
    first = data.draw(st.integers(0, len(words) - 1))
    last = data.draw(st.integers(first, len(words) - 1))
    start, end = int(edges[first]), int(edges[last]) + len(words[last])
    rows = pd.DataFrame(
        {
            "question": ["which one ?"],
            "context": [context],
            "answers": [[context[start:end]]],
            "answer_start": [[start]],
        }
    )
    stride = data.draw(st.integers(0, 40))
    examples = TASK.encode(rows, tiny_tokenizer(), 24, Known(), stride=stride)
    for example, (a, b) in enumerate(examples.targets):
        spans = examples.spans.row(example)
        inside = spans[spans[:, 1] > 0]
        holds = inside[0, 0] <= start and inside[-1, 1] >= end
        assert holds == (a > 0)
        if holds:
            found = without_space(context, int(spans[a, 0]), int(spans[b, 1]))
            assert context[slice(*found)] == context[start:end]
    seen = {int(i) for spans in examples.spans for a, b in spans for i in range(a, b)}
    assert {i for i, letter in enumerate(context) if letter.strip()} <= seen


def test_windows_share_as_many_tokens_as_the_recipe_says():
    rows = pd.DataFrame({"question": ["a ?"], "context": [" ".join("abcdefghij" * 6)]})
    examples = TASK.encode(rows, tiny_tokenizer(), 32, Known(), stride=5)
    one, other = examples.spans.row(0), examples.spans.row(1)
    shared = {tuple(at) for at in one if at[1]} & {tuple(at) for at in other if at[1]}
    assert len(shared) == 5


def test_no_room_for_a_context_is_said():
    rows = pd.DataFrame({"question": ["a ?"], "context": ["b"]})
    with pytest.raises(RecipeError, match="max_length: 4 tokens have no room"):
        TASK.encode(rows, tiny_tokenizer(), 4, Known())


def test_answers_are_learnt_and_stand_where_they_are_said_to(run):
    context = "Once person 7 came to New York one April and stayed."
    found = nbtune.predict(run, [("Where?", context), ("In which month?", context)])
    assert list(found.columns) == ["question", "answer", "score", "start", "end"]
    assert list(found["answer"]) == ["New York", "April"]
    assert all(
        context[a:b] == answer
        for a, b, answer in zip(found["start"], found["end"], found["answer"], strict=True)
    )
    assert run.predict([("Where?", context)]) == ["New York"]
    assert run.view().start.batching == "packed"


def test_the_next_best_answers_come_on_request(run):
    context = "Once person 7 came to New York one April and stayed."
    found = nbtune.predict(run, ("Where?", context), top_k=3)
    assert list(found["rank"]) == [1, 2, 3]
    assert found["answer"].is_unique
    assert found["score"].is_monotonic_decreasing
    with pytest.raises(RunError, match="top_k is 0"):
        nbtune.predict(run, ("Where?", context), top_k=0)


def test_answers_are_found_in_windows_far_behind(run):
    far = "and so on " * 60
    context = f"{far}. Once person 7 came to Paris one April and stayed."
    found = nbtune.predict(run, [("Where?", context)]).iloc[0]
    assert context[found["start"] : found["end"]] == found["answer"]
    examples = run.task.encode(
        pd.DataFrame({"question": ["Where?"], "context": [context]}), run.tokenizer, 64, Known()
    )
    assert len(examples) > 3


def test_the_run_says_the_same_when_it_is_read_from_its_folder(run):
    again = nbtune.Run(run.folder)
    asked = list(
        zip(*(questions(5, seed=3)[name] for name in ("question", "context")), strict=True)
    )
    assert again.predict(asked) == run.predict(asked)
    evaluation = nbtune.evaluate(again, by="length")
    assert evaluation.by["f1"].between(0, 1).all()
    assert evaluation.metrics["f1"] > 0.9
    assert [one.kind for one in evaluation.record.table] == ["baseline", "baseline", "model"]
    assert nbtune.evaluate(again, questions(9, seed=4)).metrics["exact_match"] > 0.8
    faces = evaluation._repr_mimebundle_()
    assert "exact_match" in faces["text/plain"]
    assert "nbt-mark" in faces["text/html"]
    evaluation.figure()


def test_texts_of_the_data_are_escaped(run):
    rows = questions(3).assign(question="<script>x</script>")
    html = nbtune.evaluate(run, rows)._repr_mimebundle_()["text/html"]
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_no_answer_is_learnt_where_some_questions_have_none(train):
    run = train(questions(240, unanswered=True), "unanswered", num_train_epochs=6)
    assert run.recipe.settings.version_2_with_negative is True
    assert len(run.trained.known.thresholds) == 1
    context = "Once person 7 came to New York one April and stayed."
    assert run.predict([("Why?", context), ("Where?", context)]) == ["", "New York"]
    again = nbtune.Run(run.folder)
    assert again.trained.known.thresholds == run.trained.known.thresholds
    assert "no answer" in {one.label for one in nbtune.evaluate(run).record.classes}
    assert nbtune.predict(run, ("Why?", context), top_k=2)["answer"].iloc[0] == ""


def test_questions_that_always_have_an_answer_get_one(run):
    assert run.recipe.settings.version_2_with_negative is False
    assert task_of(run.recipe.settings).settle is not None
    assert run.trained.known.thresholds == ()
    assert run.predict([("Why?", "Nothing like it at all.")])[0]


@pytest.mark.parametrize("settings", [{"method": "lora"}, {"method": "head"}, {"freeze": 1}])
def test_other_methods_learn_answers_and_come_back(train, settings):
    name = settings.get("method", "frozen")
    run = train(questions(40), name, num_train_epochs=1, **settings)
    asked = list(zip(*(questions(4)[name] for name in ("question", "context")), strict=True))
    assert nbtune.Run(run.folder).predict(asked) == run.predict(asked)


def test_a_row_of_several_windows_is_named_by_its_place_in_the_data(train):
    rows = questions(24).assign(context=lambda f: "so it was " * 30 + f["context"])
    run = train(rows, "long", num_train_epochs=1)
    assert run.view().start.steps_per_epoch > 2
    assert nbtune.evaluate(run).record.rows == 2


def test_a_model_that_cannot_answer_is_refused_with_those_that_can(tmp_path, train):
    transformers.Gemma2Config().save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError) as caught:
        train(questions(24), "gemma", model=str(tmp_path))
    told = str(caught.value)
    assert "is a gemma2 model, which has no head for this task (QuestionAnswering)" in told
    assert "bert, " in told
