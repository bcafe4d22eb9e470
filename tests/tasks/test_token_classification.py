import numpy as np
import pandas as pd
import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

import nbtune
from nbtune.data.ragged import IGNORED, Ragged
from nbtune.data.tagged import TAGGED
from nbtune.errors import ModelError
from nbtune.recipe import Recipe
from nbtune.tasks import Known, find_task
from nbtune.tasks.token_classification import tokens_of_words
from nbtune.testing import check_task, tiny_model_folder, tiny_tokenizer

TASK = find_task("token-classification")
NAMES = {"PER": ["John Smith", "Ann", "Mary Ann Lee"], "LOC": ["Bonn", "New York", "Paris"]}


def sentences(rows=40, seed=0):
    """Make sentences whose names can be told by their words."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(rows):
        tokens, tags = [], []
        for word in ["Once", "PER", "went", "to", "LOC", f"with {number}", "PER"]:
            own = str(rng.choice(NAMES.get(word, [word]))).split()
            tokens += own
            is_name = word in NAMES
            tags += [f"{'BI'[i > 0]}-{word}" if is_name else "O" for i in range(len(own))]
        made.append({"tokens": tokens, "tags": tags})
    return pd.DataFrame(made)


def usable(frame):
    rows, _ = TAGGED.usable(frame, {"tokens": "tokens", "tags": "tags"}, Recipe(), "data")
    return rows


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("tags")


@pytest.fixture(scope="module")
def train(place):
    def train(frame, name="names", kind="bert", **settings):
        folder = place / kind
        model = str(folder if folder.is_dir() else tiny_model_folder(folder, kind))
        usual = {"num_train_epochs": 6, "learning_rate": 1e-2, "model": model}
        return nbtune.finetune(
            frame, name, task="token-classification", **usual | settings,
            runs_dir=place / "runs", display="none",
        )  # fmt: skip

    return train


@pytest.fixture(scope="module")
def run(train):
    return train(sentences(120))


@pytest.mark.parametrize("kind", ["bert", "distilbert", "roberta", "gpt2", "llama", "modernbert"])
def test_every_kind_of_model_can_learn_it(kind):
    check_task(TASK, usable(sentences(16)), kind)


def test_the_first_token_of_a_word_has_its_tag():
    rows = usable(pd.DataFrame({"tokens": [["xyzzy", "a"]], "tags": [["B-X", "O"]]}))
    examples = TASK.encode(rows, tiny_tokenizer(), 32, Known(("O", "B-X")))
    targets = examples.targets.row(0)
    first = tiny_tokenizer()("xyzzy", add_special_tokens=False)["input_ids"]
    assert len(first) > 1
    assert targets[1] == 1
    assert list(targets[2 : 1 + len(first)]) == [IGNORED] * (len(first) - 1)
    assert targets[1 + len(first)] == 0
    assert targets[0] == targets[-1] == IGNORED


def test_the_preview_shows_which_token_of_a_word_has_its_tag():
    rows = usable(pd.DataFrame({"tokens": [["large", "xyzzy", "a"]], "tags": [["O", "B-X", "O"]]}))
    (pieces,) = TASK.preview(rows, tiny_tokenizer(), 32)
    tokens = tiny_tokenizer()("large xyzzy", add_special_tokens=False, return_offsets_mapping=True)
    first = next(end for start, end in tokens["offset_mapping"] if start >= 6)
    assert ("target", f"{'large xyzzy'[6:first]} (B-X)") in pieces
    shown = "".join(piece for _, piece in pieces)
    assert shown.replace("\N{MIDDLE DOT}", "").replace(" (B-X)", "") == "large xyzzy a"
    assert "\N{MIDDLE DOT}" in shown.partition(" (B-X)")[2]
    (pieces,) = TASK.preview(rows, tiny_tokenizer(), 4)
    assert pieces[-1][0] == "cut"
    assert pieces[-1][1].endswith(" a")


def test_words_find_their_tokens_whatever_the_tokenizer_does_with_spaces():
    spans = np.array([(0, 0), (0, 2), (2, 4), (4, 7), (8, 12), (0, 0)])
    assert tokens_of_words(spans, [(0, 4), (5, 7), (8, 10), (10, 12), (13, 15)]) == [1, 3, 4, 4, -1]


def test_words_that_were_cut_off_count_as_missed():
    rows = usable(sentences(8))
    known = Known(TAGGED.labels(rows))
    examples = TASK.encode(rows, tiny_tokenizer(), 6, known)
    logits = type(examples.targets)(
        np.ones((len(examples.targets.flat), len(known.labels)), dtype=np.float32),
        examples.targets.offsets,
    )
    said = TASK.read(logits, rows, examples, known)
    assert [len(row) for row in said] == [len(words) for words in rows["tokens"]]
    assert said.row(0)[-1].tolist() == [1, 0, 0, 0, 0]


def test_names_are_learnt_and_told_as_spans(run):
    found = nbtune.predict(run, "Once Mary Ann Lee went to New York")
    assert list(found["type"]) == ["PER", "LOC"]
    assert list(found["span"]) == ["Mary Ann Lee", "New York"]
    text = "Once Mary Ann Lee went to New York"
    assert all(
        text[a:b] == s for a, b, s in zip(found["start"], found["end"], found["span"], strict=True)
    )
    assert run.view().start.batching == "packed"


def test_the_run_says_the_same_when_it_is_read_from_its_folder(run):
    again = nbtune.Run(run.folder)
    rows = sentences(5, seed=3)
    assert again.predict(list(rows["tokens"])) == run.predict(list(rows["tokens"]))
    evaluation = nbtune.evaluate(again, by="length")
    assert evaluation.by["span_f1"].between(0, 1).all()
    assert evaluation.metrics["span_f1"] > 0.9
    assert len(evaluation.record.table) == 3
    assert nbtune.evaluate(again, rows).metrics["span_f1"] > 0.9
    faces = evaluation._repr_mimebundle_()
    assert "span_f1" in faces["text/plain"]
    assert "nbt-mark" in faces["text/html"]
    evaluation.figure()


def test_texts_of_the_data_are_escaped_in_the_coloured_lines(run):
    rows = sentences(3).assign(
        tokens=lambda f: [["<script>x</script>", *w[1:]] for w in f["tokens"]]
    )
    html = nbtune.evaluate(run, rows)._repr_mimebundle_()["text/html"]
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


@pytest.mark.parametrize("settings", [{"method": "lora"}, {"method": "head"}, {"freeze": 1}])
def test_other_methods_learn_tags_and_come_back(train, settings):
    name = settings.get("method", "frozen")
    run = train(sentences(40), name, num_train_epochs=2, **settings)
    words = list(sentences(4, seed=1)["tokens"])
    assert nbtune.Run(run.folder).predict(words) == run.predict(words)


@given(
    st.lists(st.integers(-1, 2), min_size=1, max_size=30),
    st.sampled_from([None, "balanced", (1.0, 2.0, 0.5)]),
    st.sampled_from([0.0, 0.1]),
)
def test_the_loss_of_tags_is_that_of_torch_over_words(tags, class_weight, smoothing):
    """Tokens without a tag count nowhere: not in the mean, and not in balanced weights."""
    wanted = np.where(np.array(tags) < 0, IGNORED, tags)
    known = wanted[wanted != IGNORED]
    recipe = Recipe(class_weight=class_weight, label_smoothing_factor=smoothing)
    loss = TASK.loss(recipe, Ragged(wanted, np.array([0, len(wanted)])), 3)
    logits = torch.randn(1, len(tags), 3, generator=torch.Generator().manual_seed(0))
    found = loss.sum(logits, torch.from_numpy(wanted)[None]) / loss.count(wanted[None])
    if not len(known):
        assert found == 0
        return
    balanced = len(known) / (3 * np.maximum(np.bincount(known, minlength=3), 1))
    weight = {None: None, "balanced": balanced}.get(class_weight, class_weight)
    expected = cross_entropy(
        logits[0],
        torch.from_numpy(wanted),
        weight=None if weight is None else torch.tensor(weight, dtype=torch.float32),
        label_smoothing=smoothing,
    )
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


def test_sure_words_count_less_and_those_without_a_tag_not_at_all():
    logits = torch.tensor([[[0.75, 0.25], [0.5, 0.5], [0.9, 0.1]]]).log()
    loss = TASK.loss(Recipe(focal_gamma=2), Ragged(np.array([0, 0, IGNORED]), np.array([0, 3])), 2)
    found = loss.sum(logits, torch.tensor([[0, 0, IGNORED]]))
    assert found.item() == pytest.approx(-np.log(0.75) / 16 - np.log(0.5) / 4)


def test_padded_and_packed_training_end_with_the_same_weights(train):
    packed = train(sentences(24), "packed", num_train_epochs=1, dropout=0.0)
    padded = train(sentences(24), "padded", num_train_epochs=1, dropout=0.0, batching="padded")
    for one, other in zip(packed.model.parameters(), padded.model.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)


def test_a_tag_that_no_training_row_has_is_said_and_missed(train):
    train_rows, test_rows = sentences(24), sentences(4, seed=1)
    test_rows["tags"] = [["B-NEW", *tags[1:]] for tags in test_rows["tags"]]
    run = train({"train": train_rows, "test": test_rows}, "unseen", num_train_epochs=1)
    told = [event.text for _, event in run.events if type(event).__name__ == "Notice"]
    assert "test: no training row has B-NEW (4); they count as missed" in told
    assert nbtune.evaluate(run).record.rows == 4


def test_a_model_that_cannot_tag_is_refused_with_those_that_can(tmp_path, train):
    transformers.BartConfig().save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError) as caught:
        train(sentences(24), "bart", model=str(tmp_path))
    told = str(caught.value)
    assert "is a bart model, which has no head for this task (TokenClassification)" in told
    assert "bert, " in told
