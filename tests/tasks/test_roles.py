"""Semantic roles: tags of words, of which a marked predicate says whose they are."""

import numpy as np
import pandas as pd
import pytest

import nbtune
from nbtune.data.marks import FIRST, add_marks
from nbtune.data.tagged import TAGGED
from nbtune.errors import DataError
from nbtune.events import Previewed
from nbtune.recipe import Recipe
from nbtune.tasks import Known, task_of
from nbtune.testing import check_task, tiny_model_folder, tiny_tokenizer

TASK = task_of(Recipe(task="token-classification", predicate="predicate"))


def sentences(rows=120):
    """Make sentences of two clauses, each twice: the predicate says which one has the roles."""
    rng = np.random.default_rng(0)
    nouns, verbs = ["mammal", "city", "river", "cake", "dish"], ["living", "baked"]
    made = []
    for _ in range(rows // 2):
        one, other, third, fourth = rng.choice(nouns, 4, replace=False)
        words = [one, verbs[0], other, "and", third, verbs[1], fourth]
        for predicate in (1, 5):
            tags = ["O"] * 7
            tags[predicate - 1], tags[predicate + 1] = "B-ARG0", "B-ARG1"
            made.append({"tokens": words, "predicate": predicate, "tags": tags})
    return pd.DataFrame(made)


ROWS = sentences()


def usable(frame, **settings):
    rows, _ = TAGGED.usable(frame, TAGGED.find(frame, {}).roles, Recipe(**settings), "data")
    return rows


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    place = tmp_path_factory.mktemp("roles")
    return nbtune.finetune(
        ROWS, "roles", task="token-classification", model=str(tiny_model_folder(place / "model")),
        num_train_epochs=25, learning_rate=5e-3, runs_dir=place / "runs", display="none",
    )  # fmt: skip


def test_every_task_keeps_what_it_must_with_predicates():
    check_task(TASK, usable(ROWS.head(16)), "bert")


@pytest.mark.parametrize(
    "predicates",
    [[1, 5], ["1", 5.0], [[0, 1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1, 0]], ["living", "baked"],
     ["[0, 1, 0, 0, 0, 0, 0]", np.eye(7, dtype=int)[5]]],
)  # fmt: skip
def test_a_predicate_is_a_place_marks_or_a_word(predicates):
    rows = usable(ROWS.head(2).assign(predicate=pd.Series(predicates, dtype=object)))
    assert list(rows["predicate"]) == [[1, 2], [5, 6]]


def test_all_that_is_wrong_with_predicates_is_named_at_once():
    wrong = [1, 7, -1, None, [0, 1], [0] * 7, [1, 0, 1, 0, 0, 0, 0], [0, 2], "swims", 1.5]
    frame = pd.concat([ROWS.head(1)] * len(wrong), ignore_index=True)
    with pytest.raises(DataError) as error:
        usable(frame.assign(predicate=pd.Series(wrong, dtype=object)))
    told = str(error.value)
    assert "9 of 10 rows cannot be used" in told
    assert "a predicate outside the words (rows 1, 2, such as 7 of 7 words)" in told
    assert "no predicate (rows 3, 9)" in told
    assert "as many marks of a predicate as words missing (row 4, such as 2 of 7 words)" in told
    assert "no word marked as its predicate (row 5)" in told
    assert "words of a predicate that are apart (row 6, such as words [0, 2])" in told
    assert "other marks than 0 and 1 (row 7" in told
    assert "a predicate that stands nowhere in its words (row 8, such as 'swims')" in told


def test_tokens_know_where_they_stand_in_the_text_without_marks():
    tokenizer = tiny_tokenizer()
    add_marks(tokenizer, FIRST)
    rows = usable(ROWS.head(2))
    examples = TASK.encode(rows, tokenizer, 64, Known(("O", "B-ARG0", "B-ARG1")))
    for row, verb in enumerate(["living", "baked"]):
        text, spans = rows["text"].iloc[row], examples.spans.row(row)
        own = "".join(text[a:b].strip() for a, b in spans if b)
        assert own == text.replace(" ", "")
        ids = list(examples.ids[row])
        begin, end = (ids.index(one) for one in tokenizer.convert_tokens_to_ids(list(FIRST)))
        assert "".join(text[a:b].strip() for a, b in spans[begin + 1 : end]) == verb
        assert not spans[[begin, end]].any()
    filler = ["small"] * 60
    long = {"tokens": [*filler, "city", "living", "sea", *filler], "predicate": 61}
    tags = ["O"] * 60 + ["B-ARG0", "O", "B-ARG1"] + ["O"] * 60
    cut = usable(pd.DataFrame([{**long, "tags": tags}]))
    known = Known(("O", "B-ARG0", "B-ARG1"))
    found = TASK.encode(cut, tokenizer, 20, known)
    assert sorted(found.targets.row(0)[found.targets.row(0) > 0]) == [1, 2]


def test_one_sentence_has_the_roles_of_each_of_its_predicates(run):
    record = nbtune.evaluate(run).record
    assert record.scores["span_f1"].value > 0.8
    assert {judged.name for judged in record.table[:2]} == {
        "most frequent tag of the word", "word features + logistic regression",
    }  # fmt: skip
    words = ["city", "living", "river", "and", "cake", "baked", "dish"]
    found = nbtune.predict(run, [(words, 1), (words, 5)])
    assert list(found["span"]) == ["city", "river", "cake", "dish"]
    assert list(found["predicate"]) == ["living"] * 2 + ["baked"] * 2
    assert "predicate" in {mark.label for text in record.texts for mark in text.targets}


def test_a_run_is_asked_with_marks_mappings_and_frames(run):
    words = ["city", "living", "river", "and", "cake", "baked", "dish"]
    marked = "city living river and cake [E1] baked [/E1] dish"
    frame = pd.DataFrame({"tokens": [words], "predicate": [5]})
    for asked in (marked, {"tokens": words, "predicate": 5}, (" ".join(words), "baked"), frame):
        assert list(nbtune.predict(run, asked)["span"]) == ["cake", "dish"]
    with pytest.raises(DataError, match="text 0 is 'city living', which has no predicate"):
        run.predict("city living")
    with pytest.raises(DataError, match=r"a predicate outside the words \(text 0, 9 of 7 words\)"):
        run.predict((words, 9))


def test_what_is_learnt_is_shown_with_its_predicate(run):
    shown = next(event for _, event in run.events if isinstance(event, Previewed))
    text = "".join(piece for _, piece in shown.pieces[0])
    assert "[E1] " in text
    assert "(ARG0)" in text
    assert {"target", "context"} == {kind for kind, _ in shown.pieces[0]}


def test_rows_without_a_predicate_are_read_as_before():
    assert task_of(Recipe(task="token-classification")).marks == ()
    assert "predicate" not in usable(ROWS.drop(columns="predicate"))
