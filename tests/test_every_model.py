"""Every family of models through every task that it serves: trained, saved, and asked elsewhere."""

import json
import os
import re
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
SEEING = ("vit", "clip", "resnet", "convnext", "swin", "deit", "dinov2", "beit")
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
    "pairs": pd.DataFrame({"text": TEXTS, "text_pair": TEXTS[::-1], "label": TOPICS["label"]}),
    "relation-extraction": pd.DataFrame(
        {"tokens": WORDS, "head": [[0, 1]] * 40, "tail": [[2, 3]] * 40, "label": TOPICS["label"]}
    ),
    "chats": pd.DataFrame(
        {
            "messages": [
                [{"role": "user", "content": text}, {"role": "assistant", "content": label}]
                for text, label in zip(TEXTS, TOPICS["label"], strict=True)
            ]
        }
    ),
}
ROWS["roles"] = ROWS["token-classification"].assign(predicate=1)
ROWS["similarity"] = ROWS["pairs"].assign(label=[len(text) % 5 for text in TEXTS])
ROWS["translation"] = ROWS["text2text-generation"] = ROWS["summarization"]
ROWS["orpo"] = ROWS["kto"] = ROWS["preference-tuning"]
NAMES = {
    **dict.fromkeys(("regression", "multi-label", "pairs", "similarity"), "text-classification"),
    "roles": "token-classification",
    "image-and-text": "image-classification",
    "chats": "text-generation",
    "orpo": "preference-tuning",
    "kto": "preference-tuning",
}
WRITTEN = {"max_target_length": 4}
SETTINGS = {
    "regression": {"problem_type": "regression"},
    "multi-label": {"problem_type": "multi_label_classification"},
    "similarity": {"problem_type": "regression", "pair_encoding": "bi-encoder"},
    "roles": {"predicate": "predicate"},
    "image-and-text": {"text": "caption"},
    "orpo": {"loss_type": "orpo"},
    "kto": {"loss_type": "kto"},
    **dict.fromkeys(("summarization", "translation", "text2text-generation"), WRITTEN),
}
OF_TEXTS = ("text-classification", "regression", "multi-label")
OF_ANSWERS = ("text-generation", "preference-tuning")
WRITE = ("summarization", "translation", "text2text-generation")
SERVES = {
    **dict.fromkeys(
        ENCODERS, (*OF_TEXTS, "token-classification", "question-answering", "fill-mask")
    ),
    **dict.fromkeys(
        DECODERS, (*OF_TEXTS, "token-classification", "question-answering", *OF_ANSWERS)
    ),
    "gemma": (*OF_TEXTS, "token-classification", *OF_ANSWERS),
    "t5": (*OF_TEXTS, "token-classification", "question-answering", *WRITE),
    "bart": (*OF_TEXTS, "question-answering", "summarization"),
    **dict.fromkeys(SEEING, ("image-classification",)),
    "clip": ("image-classification", "image-and-text"),
}
ALSO = {
    "bert": ("pairs", "relation-extraction"),
    "roberta": ("similarity", "roles"),
    "modernbert": ("relation-extraction", "similarity"),
    "gpt2": ("chats", "orpo"),
    "llama": ("pairs", "kto"),
    "qwen2": ("chats", "relation-extraction"),
}
"""What has the head of another task is shown with a kind or two."""
TOGETHER = [*((kind,) for kind in (*ENCODERS, *DECODERS, *PAIRS)), SEEING]
"""Kinds that one other process is asked for, as it takes longer to begin than to answer."""
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


def learn(task, model, runs_dir, name=""):
    settings = {} if task == "image-classification" else {"max_length": 32}
    return nbtune.finetune(
        ROWS[task], name or task.replace("-", "_"), model=model, max_steps=2,
        baseline=False, runs_dir=runs_dir, display="none", checks="off",
        task=NAMES.get(task, task), **settings | SETTINGS.get(task, {}),
    )  # fmt: skip


READ = {
    "token-classification": ["tokens"],
    "question-answering": ["context", "question"],
    **{task: ["source"] for task in WRITE},
    **{task: ["prompt"] for task in ("preference-tuning", "orpo", "kto")},
    **{task: ["text", "text_pair"] for task in ("pairs", "similarity")},
    "relation-extraction": ["tokens", "head", "tail"],
    "roles": ["tokens", "predicate"],
    "chats": ["messages"],
    "image-classification": ["image"],
    "image-and-text": ["image", "caption"],
}
"""What a task reads, where that is not a text."""


def question(task):
    """Return rows to ask about, and how."""
    rows = ROWS[task].head(4)[READ.get(task, ["text"])]
    if task == "fill-mask":
        rows = rows.assign(text=["[MASK] " + text for text in rows["text"]])
    if task == "chats":
        rows = rows.assign(messages=[chat[:1] for chat in rows["messages"]])
    writes = task in (*OF_ANSWERS, "orpo", "kto", "chats")
    return rows.to_dict("list"), {"max_new_tokens": 4} if writes else {}


def same(one, other):
    if isinstance(one, float):
        return other == pytest.approx(one, rel=1e-5, abs=1e-6)
    return one == other


@pytest.mark.parametrize("kinds", TOGETHER, ids="-".join)
def test_what_is_learnt_is_saved_and_said_again_by_another_process(kinds, folder, tmp_path):
    questions, here = {}, {}
    for kind, task in [(o, t) for o in kinds for t in (*SERVES[o], *ALSO.get(o, ()))]:
        run = learn(task, folder(kind), tmp_path, f"{kind}_{task}".replace("-", "_"))
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


@pytest.mark.parametrize(
    ("kind", "task", "hint"),
    [
        ("bert", "text-generation", "take a decoder, such as gpt2"),
        ("bert", "image-classification", "kinds that have one: .*convnext.*resnet.*vit"),
        ("gpt2", "fill-mask", "bert"),
        ("t5", "fill-mask", "kinds that have one: .*bert.*modernbert"),
        ("bart", "token-classification", "kinds that have one: .*bert.*roberta"),
        ("vit", "text-classification", "kinds that have one: .*bert.*llama"),
        ("vit", "image-and-text", "clip"),
        ("clip", "fill-mask", "kinds that have one: .*bert"),
    ],
)
def test_a_model_that_cannot_do_a_task_is_refused_with_those_that_can(
    kind, task, hint, folder, tmp_path
):
    with pytest.raises((ModelError, RecipeError), match=kind) as caught:
        learn(task, folder(kind), tmp_path)
    assert re.search(hint, caught.value.hint)
    assert not nbtune.list_runs(runs_dir=tmp_path)
