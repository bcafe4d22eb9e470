"""What is wrong with the rows of each task, as it is told to whoever types the cell."""

import json
import re

import pandas as pd
import pytest
from PIL import Image

from nbtune.testing import tiny_model_folder

TURNS = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes"}]
WELL = {
    "spans": {"text": "Ada lives in Rome", "spans": [(0, 3, "WHO"), (13, 17, "WHERE")]},
    "tags": {"tokens": ["Ada", "runs"], "tags": ["B-WHO", "O"]},
    "answers": {"context": "Ada lives in Rome", "question": "Where?", "answers": "Rome"},
    "texts": {"source": "a long text", "target": "a text"},
    "chats": {"messages": TURNS},
    "pairs": {"prompt": "Hi", "chosen": "Yes", "rejected": "No"},
    "liked": {"prompt": "Hi", "completion": "Yes", "label": True},
    "related": {"text": "Ada lives in Rome", "head": "Ada", "tail": "Rome", "label": "in"},
}  # fmt: skip
WRONG = [
    ("spans", {"spans": [(0, 99, "WHO")]}, "", "a span outside the text", "(0, 99, 'WHO') of 17"),
    ("spans", {"spans": [(0, 9, "WHO"), (4, 12, "WHERE")]}, "", "overlap", "(0, 9, 'WHO') and (4"),
    ("tags", {"tags": ["I-WHO", "O"]}, "", "the tag I-WHO where no B-WHO began", "['I-WHO', 'O']"),
    ("tags", {"tags": ["B-WHO"]}, "", "more or fewer tags than words", "1 for 2"),
    ("answers", {"answers": "Paris"}, "", "an answer that is not in the context", "Paris"),
    ("texts", {"target": " "}, "task: text2text-generation\n", "an empty target", "' '"),
    ("chats", {"messages": TURNS[:1]}, "", "no assistant turn", "user: Hi"),
    ("pairs", {"chosen": "No"}, "", "chosen equal to rejected", "No"),
    (
        "liked",
        {"label": "perhaps"},
        "task: preference-tuning\n",
        "neither true nor false",
        "perhaps",
    ),
    ("related", {"head": "Eva"}, "", "a head that is not in the text", "Eva"),
    ("related", {"head": "lives in Rome"}, "", "overlap", "'lives in Rome' and 'Rome'"),
]


@pytest.mark.parametrize(
    ("kind", "wrong", "settings", "told", "value"), WRONG, ids=[f"{w[0]}-{w[3]}" for w in WRONG]
)
def test_rows_that_cannot_be_learnt_are_told_with_what_stands_in_them(
    cell, kind, wrong, settings, told, value
):
    well = WELL[kind]
    cell["rows"] = pd.DataFrame([well, well, well | wrong, well, well | wrong])
    said = cell.mistake(f"%%finetune t --data rows\n{settings}model: ./tiny\nmax_steps: 1")
    problem, hint = said.split("\n", 1)
    assert told in problem
    assert value in problem
    assert "2 of 5 rows cannot be used" in problem
    assert "rows 2, 4" in problem
    assert "drop_bad_rows: true" in hint
    assert "no run" in cell.mistake("%evaluate t")


def test_images_that_do_not_open_are_told_all_at_once(cell, tmp_path):
    for name in "abcd":
        Image.new("RGB", (8, 8)).save(tmp_path / f"{name}.png")
    (tmp_path / "b.png").write_bytes(b"no image")
    (tmp_path / "c.png").write_bytes((tmp_path / "d.png").read_bytes()[:40])
    cell["rows"] = pd.DataFrame(
        {"image": ["a.png", "b.png", "c.png", "d.png", "e.png"], "label": list("xyxyx")}
    )
    said = cell.mistake(
        "%%finetune t --data rows\ntask: image-classification\nmodel: scratch-cnn\nmax_steps: 1"
    )
    assert "3 of 5 rows cannot be used" in said
    for named in ("b.png", "e.png"):
        assert named in said


@pytest.mark.parametrize(
    ("kind", "model", "settings", "able"),
    [
        ("answers", "gemma2", "", "bert"),
        ("tags", "bart", "", "bert"),
        ("texts", "gpt2", "task: translation\n", "t5"),
        ("chats", "t5", "", "gpt2"),
    ],
)
def test_a_model_that_cannot_do_the_task_is_told_with_those_that_can(
    cell, tmp_path, kind, model, settings, able
):
    tiny_model_folder(tmp_path / "other", model)
    cell["rows"] = pd.DataFrame([WELL[kind]] * 12)
    said = cell.mistake(f"%%finetune t --data rows\n{settings}model: ./other\nmax_steps: 1")
    assert f"'./other' is a {model} model, which has no head for this task" in said
    assert re.search(rf"\n  kinds that have one: .*\b{able}\b", said)


def test_a_target_that_is_longer_than_the_model_takes_is_said_and_learnt_as_far_as_it_goes(cell):
    long = WELL["texts"] | {"target": "word " * 600}
    cell["rows"] = pd.DataFrame([WELL["texts"]] * 11 + [long])
    typed = cell(
        "%%finetune t --data rows\ntask: text2text-generation\nmodel: scratch-encoder-decoder\n"
        "size: tiny\nmax_steps: 1\nmax_target_length: 16\nvalidation_size: 0\ntest_size: 0\n"
        "baseline: false"
    )
    assert typed.error is None
    assert "114 target tokens" in typed.out + json.dumps(typed.shown)


def test_what_a_task_is_called_elsewhere_is_told_by_what_it_is_called_here(cell):
    said = cell.mistake("%%finetune t --data df\ntask: Few shot")
    assert (
        "there is no task 'Few shot'; it is called task: text-classification, and method: " in said
    )
    said = cell.mistake("%%finetune t --data df\ntask: zero-shot-classification")
    assert "nothing is trained: %predict --labels" in said


def test_lists_among_labels_that_are_none_are_called_lists(cell):
    cell["rows"] = pd.DataFrame({"text": ["a b", "c d", "e f"], "label": [["x"], "y", ["x", "z"]]})
    problem, hint = cell.mistake("%finetune t --data rows").split("\n", 1)
    assert "the column 'label' mixes 2 lists and 1 text" in problem
    assert "every cell is a list: ['x'], and [] for none" in hint


def test_texts_alone_are_told_what_can_be_learnt_of_them(cell):
    cell["rows"] = pd.DataFrame({"text": ["a cat sat", "on a mat"]})
    assert "task: text-generation" in cell.mistake("%finetune t --data rows")


def test_a_model_is_no_text_to_ask_about(cell):
    said = cell.mistake('%predict minilm --labels "sport, art" "the match"')
    assert said == "--labels: 'minilm' is a model and no text\n  say so: --model minilm"


def test_files_of_a_folder_of_texts_are_no_labels(cell, tmp_path):
    (tmp_path / "corpus").mkdir()
    for name in "ab":
        (tmp_path / "corpus" / f"{name}.txt").write_text("a cat sat on a mat\n" * 9)
    problem, hint = cell.mistake("%finetune t --data corpus").split("\n", 1)
    assert problem == "label: no column looks like it; the data has text, file"
    assert hint == "  texts alone teach a language: task: text-generation, or task: fill-mask"
