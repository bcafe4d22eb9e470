import shutil

import numpy as np
import pandas as pd
import pytest
import torch
import transformers

import nbtune
from nbtune.data.batches import make_batch
from nbtune.data.plain import PLAIN
from nbtune.engine.stepping import Forward
from nbtune.errors import DataError, ModelError, RunError
from nbtune.jobs.loading import untrained
from nbtune.models.scratch import new_tokenizer
from nbtune.recipe import Recipe
from nbtune.tasks import Known, find_task
from nbtune.testing import check_task, tiny_config, tiny_model_folder, topic_rows

TASK = find_task("fill-mask")
KINDS = ["bert", "distilbert", "roberta", "electra", "deberta-v2", "modernbert"]
TEXTS = pd.DataFrame({"text": [f"the {a} cat sees the {b} dog {i}" for i, (a, b) in enumerate(
    [("red", "blue"), ("blue", "red"), ("old", "new"), ("new", "old")] * 20)]})  # fmt: skip


def usable(frame, **settings):
    return PLAIN.usable(frame, PLAIN.find(frame, {}).roles, Recipe(**settings), "data")[0]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """Return the folder of a tiny model whose tokenizer has a mask, without a head for words."""
    folder = tmp_path_factory.mktemp("base") / "bert"
    tokenizer = new_tokenizer(list(TEXTS["text"]), "gaps")
    torch.manual_seed(0)
    config = tiny_config("bert", len(tokenizer))
    transformers.AutoModel.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def train(base, tmp_path_factory):
    runs = tmp_path_factory.mktemp("runs")

    def train(frame=TEXTS, name="lm", **settings):
        usual = {"task": "fill-mask", "model": str(base), "learning_rate": 1e-2, "max_length": 32}
        return nbtune.finetune(frame, name, runs_dir=runs, display="none", **usual | settings)

    return train


@pytest.fixture(scope="module")
def run(train):
    return train(num_train_epochs=8, per_device_train_batch_size=8)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_model_can_learn_it(kind):
    check_task(TASK, usable(topic_rows(24)), kind)


def test_logits_are_made_where_words_are_hidden_and_are_those_of_the_whole_batch():
    rows = usable(TEXTS.head(6))
    tokenizer = new_tokenizer(list(TEXTS["text"]), "gaps")
    known = Known(tokenizer=tokenizer)
    shown = TASK.shown(TASK.encode(rows, tokenizer, 32, known), known, Recipe(), False)
    model = transformers.AutoModelForMaskedLM.from_config(tiny_config("bert", len(tokenizer)))
    batch = make_batch(shown, np.arange(6), 0)
    cpu = torch.device("cpu")
    every = Forward(model.eval(), cpu, "fp32", None)(batch)
    asked = Forward(model, cpu, "fp32", None, keep=TASK.keep)(batch)
    torch.testing.assert_close(asked, every[batch.targets != -100])
    reference = model(**batch.inputs, labels=batch.targets).loss
    found = TASK.loss(Recipe(), None, 0).sum(asked, batch.targets) / len(asked)
    assert found.item() == pytest.approx(reference.item(), rel=1e-5)


def test_hidden_words_are_learnt_and_the_baselines_are_those_before(run):
    view = run.view()
    before, chance = view.baselines
    assert before.name.endswith("bert before training")
    assert chance.name == "token frequencies"
    assert run.metrics["perplexity"] < chance.scores["perplexity"] < before.scores["perplexity"]
    assert any("without its head for words" in notice.text for notice in view.notices)
    assert view.start.batching == "packed"


def test_an_evaluation_sets_it_beside_the_same_lines_on_the_test_rows(run):
    found = nbtune.evaluate(nbtune.Run(run.folder), by="length")
    assert (found.by["loss"] > 0).all()
    names = [one.name for one in found.record.table]
    assert names == [f"{run.recipe.settings.model} before training", "token frequencies", "lm@1"]
    scores = found.record.scores["perplexity"]
    assert scores.low < scores.value < scores.high
    assert found.verdict.startswith("lm@1 beats token frequencies by ")
    faces = found._repr_mimebundle_()
    assert "least expected words" in faces["text/html"]
    assert "perplexity" in faces["text/plain"]
    assert "perplexity" in found.figure().axes[0].get_xlabel()
    assert list(found.frame["asked"]) == [1] * len(found.frame)


def test_a_run_whose_beginning_is_gone_is_judged_without_it(train, base, tmp_path):
    beginning = shutil.copytree(base, tmp_path / "beginning")
    left = train(name="left", model=str(beginning), max_steps=1)
    shutil.rmtree(beginning)
    found = nbtune.evaluate(nbtune.Run(left.folder))
    assert [one.name for one in found.record.table] == ["left@1"]
    assert found.record.scores["perplexity"].value > 1


def test_gaps_are_filled_as_the_pipeline_of_transformers_fills_them(run):
    texts = ["the red [MASK] sees the blue dog", "the [MASK] cat sees the [MASK] dog"]
    found = nbtune.predict(run, texts, top_k=2)
    assert list(found["text_row"]) == [0, 0, 1, 1, 1, 1]
    assert list(found["gap"]) == [0, 0, 0, 0, 1, 1]
    fill = transformers.pipeline("fill-mask", run.model, tokenizer=run.tokenizer, top_k=2)
    expected = [*fill(texts[0]), *(one for gap in fill(texts[1]) for one in gap)]
    assert list(found["word"]) == [one["token_str"].strip() for one in expected]
    assert list(found["probability"]) == pytest.approx([one["score"] for one in expected], rel=1e-4)
    word = found["word"][0]
    assert found["text"][0] == f"the red {word} sees the blue dog"
    assert found["text"][4] == f"the [MASK] cat sees the {found['word'][4]} dog"
    assert run.predict(texts) == [
        found["text"][0],
        f"the {found['word'][2]} cat sees the {found['word'][4]} dog",
    ]


def test_a_text_without_a_gap_is_named(run):
    with pytest.raises(DataError, match=r"text 1 has no gap to fill in: 'none' \(1 such texts\)"):
        nbtune.predict(run, ["a [MASK]", "none"])
    with pytest.raises(RunError, match="top_p is 2"):
        nbtune.predict(run, ["a [MASK]"], top_p=2)
    with pytest.raises(RunError, match=r"temperature: lm@1 writes nothing"):
        nbtune.predict(run, ["a [MASK]"], temperature=0.5)
    with pytest.raises(RunError, match="top_k is -1"):
        nbtune.predict(run, ["a [MASK]"], top_k=-1)


@pytest.mark.parametrize(
    "text", ["the cat " * 30 + "[MASK]", "[MASK]" + " the cat" * 30 + "[MASK]"]
)
def test_a_gap_that_the_model_does_not_reach_is_named(run, text):
    with pytest.raises(DataError, match="text 1 has a gap behind the 32 tokens"):
        nbtune.predict(run, ["a [MASK]", text])


@pytest.mark.parametrize(
    "settings", [{}, {"packing": True}, {"whole_word_mask": True, "mlm_probability": 0.3}]
)
def test_a_run_goes_on_in_the_middle_of_an_epoch_with_the_same_words_hidden(train, settings):
    usual = {"lr_scheduler_type": "constant", "eval_strategy": "no", "baseline": False, **settings}
    usual["per_device_train_batch_size"] = 8
    whole = train(name="whole", num_train_epochs=2, **usual)
    cut = train(name="cut", num_train_epochs=1.5, **usual)
    assert cut.view().step < whole.view().step
    longer = nbtune.resume(cut, num_train_epochs=2, display="none")
    pairs = zip(whole.model.parameters(), longer.model.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


def test_a_model_from_nothing_has_a_tokenizer_of_its_own(train):
    run = train(model="scratch-transformer", name="scratch", num_train_epochs=1)
    assert "[MASK]" in run.tokenizer.all_special_tokens
    assert run.model.config.vocab_size == len(run.tokenizer)
    assert len(nbtune.predict(run, "the [MASK] cat", top_k=3)) == 3


def test_what_was_learnt_goes_into_another_task(train, run):
    labelled = TEXTS.assign(label=["a" if "red" in text else "b" for text in TEXTS["text"]])
    classes = train(
        labelled, name="classes", task="text-classification", model="lm", num_train_epochs=1
    )
    assert classes.recipe.settings.model == str(run.folder.model_path)
    begun = untrained(classes.folder, classes.recipe.settings).model
    assert torch.equal(
        begun.bert.embeddings.word_embeddings.weight,
        run.model.bert.embeddings.word_embeddings.weight,
    )
    assert nbtune.Run(classes.folder).predict(["the red cat"]) == classes.predict(["the red cat"])


def test_a_run_that_cannot_be_a_model_says_why(train):
    train(name="adapted", method="lora", num_train_epochs=1)
    with pytest.raises(RunError, match="adapted@1 has an adapter"):
        train(name="next", model="adapted")


def test_a_model_without_a_mask_is_refused(train, tmp_path):
    folder = str(tiny_model_folder(tmp_path / "bert"))
    with pytest.raises(ModelError, match="has no mask token, so no word can be hidden"):
        train(model=folder, name="maskless")


def test_a_model_that_only_writes_is_refused(train, base, tmp_path):
    decoder = tiny_model_folder(tmp_path / "gpt2", "gpt2")
    for file in base.glob("tokenizer*"):
        (decoder / file.name).write_bytes(file.read_bytes())
    with pytest.raises(ModelError, match="gpt2 model, which has no head for this task"):
        train(model=str(decoder), name="decoder")


@pytest.mark.parametrize(
    ("frame", "problem"),
    [
        (pd.DataFrame({"text": ["a b", " ", None]}), "1 with an empty text.*1 with no text"),
        (pd.DataFrame({"n": [1, 2]}), "text: no column looks like it; the data has n"),
    ],
)
def test_bad_rows_are_named_before_anything_is_loaded(train, frame, problem):
    with pytest.raises(DataError, match=problem):
        train(frame, name="bad", model="scratch-transformer")
