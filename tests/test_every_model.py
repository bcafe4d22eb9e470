"""Every family of models through every task that it serves: trained, saved, and asked elsewhere."""

import json
import os
import subprocess
import sys
from itertools import chain

import pandas as pd
import pytest
import torch
import transformers

import nbtune
from nbtune.data.pictures import check_picture
from nbtune.errors import ModelError, RecipeError
from nbtune.models.scratch import new_tokenizer
from nbtune.testing import image_rows, tiny_config, tiny_image_model_folder, topic_rows

pytestmark = pytest.mark.slow
ENCODERS = ("bert", "roberta", "distilbert", "electra", "deberta-v2", "modernbert")
DECODERS = ("gpt2", "llama", "qwen2", "qwen3", "gemma", "mistral")
PAIRS = ("t5", "bart")
SEEING = ("vit", "clip")
TOPICS = topic_rows(40)
TEXTS = list(TOPICS["text"])
IMAGES = image_rows(40)
IMAGES["image"] = [check_picture(image)[1] for image in IMAGES["image"]]  # plain text
WORDS = [text.split() for text in TEXTS]
ROWS = {
    "text-classification": TOPICS,
    "regression": TOPICS.assign(label=[len(text) / 10 for text in TEXTS])[["text", "label"]],
    "multi-label": TOPICS.assign(label=[[label, "any"] for label in TOPICS["label"]]),
    "token-classification": pd.DataFrame(
        {"tokens": WORDS, "tags": [["B-X", *["O"] * (len(words) - 1)] for words in WORDS]}
    ),
    "question-answering": pd.DataFrame(
        {
            "context": TEXTS,
            "question": "what?",
            "answers": [words[0] for words in WORDS],
            "answer_start": 0,
        }
    ),
    "image-classification": IMAGES,
    "image-and-text": IMAGES,
    "fill-mask": TOPICS[["text"]],
    "text-generation": TOPICS[["text"]],
    "summarization": pd.DataFrame({"source": TEXTS, "target": [" ".join(w[:2]) for w in WORDS]}),
    "preference-tuning": pd.DataFrame(
        {"prompt": TEXTS, "chosen": TOPICS["label"], "rejected": [w[0] for w in WORDS]}
    ),
}
NAMES = {
    "regression": "text-classification",
    "multi-label": "text-classification",
    "image-and-text": "image-classification",
}
KINDS = {"regression": "regression", "multi-label": "multi_label_classification"}
OF_TEXTS = ("text-classification", "regression", "multi-label")
SERVES = {
    **dict.fromkeys(
        ENCODERS, (*OF_TEXTS, "token-classification", "question-answering", "fill-mask")
    ),
    **dict.fromkeys(
        DECODERS, (*OF_TEXTS, "token-classification", "question-answering", "text-generation",
                   "preference-tuning")
    ),
    "gemma": (*OF_TEXTS, "token-classification", "text-generation", "preference-tuning"),
    "t5": (*OF_TEXTS, "token-classification", "question-answering", "summarization"),
    "bart": (*OF_TEXTS, "question-answering", "summarization"),
    "vit": ("image-classification",),
    "clip": ("image-classification", "image-and-text"),
}  # fmt: skip
ASK = """
import json, sys
import nbtune
import pandas as pd

found = {}
for title, (rows, more) in json.load(open(sys.argv[2])).items():
    run = nbtune.load(title, runs_dir=sys.argv[1])
    asked = nbtune.predict(run, pd.DataFrame(rows), display="none", **more)
    found[title] = json.loads(asked.to_json(orient="values", double_precision=15))
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return what makes a tiny model of a kind, of its real class, with all its weights."""
    place = tmp_path_factory.mktemp("models")

    def make(kind):
        if kind in SEEING:
            return str(tiny_image_model_folder(place / kind, kind))
        reads = "rewriting" if kind in PAIRS else "writing" if kind in DECODERS else "gaps"
        tokenizer = new_tokenizer(TEXTS, reads)
        if not (place / kind).is_dir():
            torch.manual_seed(0)
            config = tiny_config(kind, len(tokenizer))
            transformers.AutoModel.from_config(config).save_pretrained(place / kind)
            tokenizer.save_pretrained(place / kind)
        return str(place / kind)

    return make


def learn(task, model, runs_dir):
    settings = {"problem_type": KINDS[task]} if task in KINDS else {}
    if task == "summarization":
        settings["max_target_length"] = 4
    if task == "image-and-text":
        settings["text"] = "caption"
    if task != "image-classification":
        settings["max_length"] = 32
    return nbtune.finetune(
        ROWS[task], task.replace("-", "_"), model=model, max_steps=2,
        baseline=False, runs_dir=runs_dir, display="none", checks="off",
        task=NAMES.get(task, task), **settings,
    )  # fmt: skip


READ = {
    "token-classification": ["tokens"],
    "question-answering": ["context", "question"],
    "summarization": ["source"],
    "preference-tuning": ["prompt"],
    "image-classification": ["image"],
    "image-and-text": ["image", "caption"],
}
"""What a task reads, where that is not a text."""


def question(task):
    """Return rows to ask about, and how."""
    rows = ROWS[task].head(4)[READ.get(task, ["text"])]
    if task == "fill-mask":
        rows = rows.assign(text=["[MASK] " + text for text in rows["text"]])
    writes = task in ("text-generation", "preference-tuning")
    return rows.to_dict("list"), {"max_new_tokens": 4} if writes else {}


def same(one, other):
    if isinstance(one, float):
        return other == pytest.approx(one, rel=1e-5, abs=1e-6)
    return one == other


@pytest.mark.parametrize("kind", [*ENCODERS, *DECODERS, *PAIRS, *SEEING])
def test_what_is_learnt_is_saved_and_said_again_by_another_process(kind, folder, tmp_path):
    questions, here = {}, {}
    for task in SERVES[kind]:
        run = learn(task, folder(kind), tmp_path)
        rows, more = questions[run.name] = question(task)
        found = nbtune.predict(run, pd.DataFrame(rows), display="none", **more)
        here[run.name] = json.loads(found.to_json(orient="values", double_precision=15))
    (tmp_path / "asked.json").write_text(json.dumps(questions))
    done = subprocess.run(
        [sys.executable, "-c", ASK, str(tmp_path), str(tmp_path / "asked.json")],
        capture_output=True, text=True, check=True, env=os.environ,
    )  # fmt: skip
    there = json.loads(done.stdout)
    for title, rows in here.items():
        cells = zip(chain(*rows), chain(*there[title]), strict=True)
        assert all(same(one, other) for one, other in cells), title


@pytest.mark.parametrize("kind", ["bert", "gpt2", "t5", "vit", "clip"])
def test_a_model_that_cannot_do_a_task_is_refused_and_leaves_nothing(kind, folder, tmp_path):
    unfit = {
        "bert": ["text-generation", "image-classification"],
        "gpt2": ["fill-mask"],
        "t5": ["fill-mask"],
        "vit": ["text-classification", "image-and-text"],
        "clip": ["fill-mask"],
    }[kind]
    for task in unfit:
        with pytest.raises((ModelError, RecipeError), match=kind):
            learn(task, folder(kind), tmp_path)
    assert not nbtune.list_runs(runs_dir=tmp_path)
