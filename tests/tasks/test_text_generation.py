import numpy as np
import pandas as pd
import pytest
import torch

import nbtune
from nbtune.data.plain import PLAIN
from nbtune.errors import ModelError
from nbtune.models.scratch import new_tokenizer
from nbtune.recipe import Recipe
from nbtune.tasks import Known, Request, find_task
from nbtune.testing import check_task, tiny_model_folder, topic_rows

TASK = find_task("text-generation")
KINDS = ["gpt2", "llama", "qwen2", "mistral"]
TEXTS = pd.DataFrame({"text": [f"one two three four\n  five {n}" for n in "abcd" * 15]})


def usable(frame):
    return PLAIN.usable(frame, PLAIN.find(frame, {}).roles, Recipe(), "data")[0]


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    runs = tmp_path_factory.mktemp("runs")

    def train(frame=TEXTS, name="writer", **settings):
        usual = {"task": "text-generation", "model": "scratch-transformer", "max_length": 32}
        return nbtune.finetune(frame, name, runs_dir=runs, display="none", **usual | settings)

    return train


@pytest.fixture(scope="module")
def run(train):
    settings = {"num_train_epochs": 20, "learning_rate": 3e-3, "per_device_train_batch_size": 4}
    return train(**settings)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_model_can_learn_it(kind):
    check_task(TASK, usable(topic_rows(24)), kind)


@pytest.mark.parametrize("length", [8, 64])
def test_every_token_and_the_end_are_foretold_once_from_those_before(length):
    rows, tokenizer = usable(TEXTS.head(5)), new_tokenizer(list(TEXTS["text"]), "writing")
    found = TASK.encode(rows, tokenizer, length, Known())
    end = tokenizer.eos_token_id
    for row, text in enumerate(rows["text"]):
        own = [i for i in range(len(found)) if found.rows[i] == row]
        targets = [t for i in own for t in found.targets.row(i)[:-1].tolist()]
        assert targets == [*tokenizer(text)["input_ids"], end]
        assert found.ids[own[0]][0] == end
    for i, ids in enumerate(found.ids):
        assert found.targets.row(i).tolist() == [*ids[1:], -100]
        for token, (start, stop) in zip(ids[1:], found.spans.row(i)[:-1], strict=True):
            said = rows["text"].iloc[found.rows[i]][start:stop]
            assert token == end or tokenizer.decode([token]) == said


def test_joined_texts_fill_blocks_and_only_the_last_is_short():
    rows, tokenizer = usable(TEXTS), new_tokenizer(list(TEXTS["text"]), "writing")
    task = find_task("text-generation").tuned(Recipe(packing=True))
    found = task.encode_training(rows, tokenizer, 16, Known())
    assert {len(ids) for ids in found.ids[:-1]} == {16}
    assert 2 <= len(found.ids[-1]) <= 16


def test_the_loss_is_that_of_transformers(run):
    said = run.ask(run.rows_of(["one two three"]))
    ids = torch.tensor([[run.tokenizer.bos_token_id, *run.tokenizer("one two three")["input_ids"],
                         run.tokenizer.eos_token_id]])  # fmt: skip
    with torch.no_grad():
        reference = run.model(ids, labels=ids).loss.item()
    assert said.kept.flat[:, 0].mean() == pytest.approx(reference, rel=1e-4)


def test_it_learns_to_go_on_with_lines_as_they_are(run):
    assert run.recipe.settings.packing is True
    found = nbtune.predict(run, "one two", temperature=0.0)
    assert found["continuation"][0].startswith(" three four\n  five ")
    assert run.predict(["one two"]) == [found["text"][0]]
    drawn = [nbtune.predict(run, "one", seed=seed)["text"][0] for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1]
    short = nbtune.predict(run, "one two", temperature=0.0, max_new_tokens=1)
    assert short["continuation"][0] == " three"


def test_it_is_judged_beside_its_beginning(run):
    found = nbtune.evaluate(nbtune.Run(run.folder))
    kinds = [one.kind for one in found.record.table]
    assert kinds == ["baseline", "baseline", "model"]
    assert " perplexity bits_per_byte token_accuracy" in run._repr_mimebundle_()["text/plain"]
    before, chance, now = (one.scores["perplexity"].value for one in found.record.table)
    assert now < chance < before
    values = {name: score.value for name, score in found.record.scores.items()}
    rows = found.frame
    bits = np.log2(values["perplexity"]) * rows["asked"].sum()
    assert values["bits_per_byte"] == pytest.approx(bits / rows["text"].str.len().sum(), rel=1e-6)


def test_a_model_that_cannot_write_is_refused(train, tmp_path):
    with pytest.raises(ModelError, match="has no head for this task") as without:
        train(model=str(tiny_model_folder(tmp_path / "x", "distilbert")), name="cannot")
    can = without.value.hint.removeprefix("kinds that have one: ").split(", ")
    assert {"gpt2", "llama", "qwen2"} <= set(can)
    assert not {"bert", "roberta", "bart", "t5"} & set(can), "they would be refused in their turn"
    with pytest.raises(ModelError, match="sees the words that it would have to foretell"):
        train(model=str(tiny_model_folder(tmp_path / "y", "bert")), name="cannot")
    with pytest.raises(ModelError, match="reads one text and writes another"):
        train(model="scratch-encoder-decoder", name="cannot")


class Listener:
    """A model that remembers what it was asked to go on with, and says that all is said."""

    def can_generate(self):
        return True

    def parameters(self):
        return iter([torch.zeros(1)])

    def generate(self, input_ids, max_new_tokens, eos_token_id, **_):
        self.prompt, self.most = input_ids[0].tolist(), max_new_tokens
        return torch.cat([input_ids, torch.tensor([eos_token_id])], dim=1)


@pytest.mark.parametrize(
    ("asked", "usual", "heat"),
    [({}, 1.0, 1.0), ({}, 0.0, None), ({"top_p": 0.5}, 0.0, 1.0), ({"temperature": 0}, 1.0, None)],
)
def test_words_are_drawn_where_that_is_usual_or_something_is_said_about_it(asked, usual, heat):
    drawing = Request(**asked).drawing(usual)
    assert (None if drawing is None else drawing["temperature"]) == heat


@pytest.mark.parametrize(("words", "wanted"), [(3, 500), (3, 60), (90, 500), (90, 4), (90, 1)])
def test_a_long_request_does_not_push_out_what_is_to_be_gone_on_with(words, wanted):
    text = " one" * words
    tokenizer = new_tokenizer([text], "writing")
    own = [tokenizer.bos_token_id, *tokenizer(text)["input_ids"]]
    model, known = Listener(), Known(tokenizer=tokenizer)
    rows = pd.DataFrame({"text": [text]})
    TASK.respond(model, rows, known, 32, Request(max_new_tokens=wanted))
    assert model.prompt == own[-len(model.prompt) :]
    assert len(model.prompt) == min(len(own), max(16, 32 - wanted))
    assert model.most == min(wanted, 32 - len(model.prompt))
