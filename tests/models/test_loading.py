import builtins
import json
import os
import pickle
import sys
import warnings

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from nbtune.errors import ModelError
from nbtune.methods import head_modules
from nbtune.models.loading import load_model, load_tokenizer, outline_model, quiet
from nbtune.models.sources import SCRATCH, find_model
from nbtune.testing import tiny_model_folder, topic_rows

LABELS = ("animal", "food", "place")
ONE_HEAD = "the saved head of {} has another size; a new one is trained"


def load(folder, labels=LABELS, **options):
    source = find_model(str(folder))
    return load_model(source, load_tokenizer(source, []), labels, **options)


def message_for(folder) -> str:
    with pytest.raises(ModelError) as caught:
        load(folder)
    return str(caught.value)


def edit(folder, file="config.json", **changes):
    """Change a JSON file; None takes a key out."""
    values = {**json.loads((folder / file).read_text()), **changes}
    kept = {key: value for key, value in values.items() if value is not None}
    (folder / file).write_text(json.dumps(kept))
    return folder


def change_weights(folder, change):
    weights = load_file(folder / "model.safetensors")
    save_file(change(weights), folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture
def folder(tmp_path):
    with quiet():
        return tiny_model_folder(tmp_path / "tiny")


@pytest.fixture
def folder_of(tmp_path):
    def make(kind):
        with quiet():
            return tiny_model_folder(tmp_path / kind, kind)

    return make


# What comes back


@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert", "electra", "gpt2", "llama"])
def test_encoders_and_decoders_load_with_their_labels(folder_of, kind):
    loaded = load(folder_of(kind))
    assert loaded.notices == ()
    assert loaded.model.config.id2label == dict(enumerate(LABELS))
    assert loaded.model.config.label2id == {"animal": 0, "food": 1, "place": 2}
    assert loaded.model.config.pad_token_id == loaded.tokenizer.pad_token_id
    assert loaded.tokenizer.padding_side == "right"
    inputs = loaded.tokenizer(["a cat", "a city by the sea"], padding=True, return_tensors="pt")
    assert loaded.model.eval()(**inputs).logits.shape == (2, 3)


@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert", "electra", "gpt2", "llama"])
def test_the_longest_row_goes_through_and_one_token_more_would_not(folder_of, kind):
    folder = edit(folder_of(kind), "tokenizer_config.json", model_max_length=10**9)
    loaded = load(folder)
    row = torch.full((1, loaded.max_positions), 7)
    assert loaded.model.eval()(input_ids=row).logits.shape == (1, 3)
    if kind != "llama":  # which computes its positions
        with pytest.raises((IndexError, RuntimeError)):
            loaded.model(input_ids=torch.full((1, loaded.max_positions + 1), 7))


def test_an_interrupt_while_weights_are_loaded_leaves_torch_as_it_was(folder, monkeypatch):
    def cut(*_: object, **__: object):
        torch.device("meta").__enter__()
        raise KeyboardInterrupt

    monkeypatch.setattr(transformers.AutoModelForSequenceClassification, "from_pretrained", cut)
    with pytest.raises(KeyboardInterrupt):
        load(folder)
    assert torch.ones(1).device.type == "cpu"


def test_the_tokenizer_may_allow_less_than_the_model(folder):
    assert load(edit(folder, "tokenizer_config.json", model_max_length=32)).max_positions == 32


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_on_disk_is_float32_in_memory(folder, dtype):
    change_weights(folder, lambda weights: {k: v.to(dtype) for k, v in weights.items()})
    edit(folder, dtype=str(dtype).removeprefix("torch."))
    assert {p.dtype for p in load(folder).model.parameters()} == {torch.float32}


def test_old_weight_files_load_too(folder):
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    loaded = load(folder).model.state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in weights.items())


def test_a_head_of_another_size_is_new_and_said(folder):
    loaded = load(folder, labels=list("abcde"))
    assert loaded.model.config.num_labels == 5
    assert loaded.notices == (ONE_HEAD.format(folder),)


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_a_language_model_gets_a_new_head_drawn_from_the_seed(folder_of, kind):
    folder = folder_of(kind)
    config = transformers.AutoConfig.from_pretrained(folder)
    auto = (
        transformers.AutoModelForCausalLM if kind == "gpt2" else transformers.AutoModelForMaskedLM
    )
    with quiet():
        auto.from_config(config).save_pretrained(folder)
    heads = [
        next(p for n, p in load(folder, seed=seed).model.named_parameters() if n in HEADS)
        for seed in (1, 1, 2)
    ]
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])
    assert load(folder).notices == ()


HEADS = ("classifier.weight", "score.weight")


def test_dropout_on_attention_is_set_under_every_name(folder_of):
    for kind, name in (
        ("bert", "attention_probs_dropout_prob"),
        ("distilbert", "attention_dropout"),
        ("gpt2", "attn_pdrop"),
    ):
        folder = folder_of(kind)
        assert getattr(load(folder, attention_dropout=0.25).model.config, name) == 0.25
        assert getattr(load(folder).model.config, name) == 0.1


def test_dropout_elsewhere_is_set_and_attention_is_left_alone(folder_of):
    """All of GPT-2's five, and of BERT's, whose head follows the rest."""
    for kind in ("bert", "distilbert", "gpt2"):
        model = load(folder_of(kind), dropout=0.25, attention_dropout=0.0).model
        layers = [m.p for m in model.modules() if isinstance(m, torch.nn.Dropout)]
        assert set(layers) <= {0.25, 0.0}
        assert layers.count(0.25) > layers.count(0.0)


def test_scratch_is_trained_on_the_texts_alone():
    source = find_model(SCRATCH)
    tokenizer = load_tokenizer(source, list(topic_rows(30)["text"]))
    loaded = load_model(source, tokenizer, LABELS, seed=3, attention_dropout=0.2)
    again = load_model(source, tokenizer, LABELS, seed=3)
    assert loaded.max_positions == 512
    assert loaded.model.config.attention_probs_dropout_prob == 0.2
    attention = [m for n, m in loaded.model.named_modules() if n.endswith("self.dropout")]
    assert [module.p for module in attention] == [0.2, 0.2], "and the layers were made with it"
    for one, other in zip(loaded.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(one, other)


# Tokenizers


def test_without_a_padding_token_another_stands_in(folder):
    source = find_model(str(edit(folder, "tokenizer_config.json", pad_token=None)))
    assert load_tokenizer(source, []).pad_token == "[UNK]"  # noqa: S105
    edit(folder, "tokenizer_config.json", eos_token="[SEP]")  # noqa: S106
    assert load_tokenizer(source, []).pad_token == "[SEP]"  # noqa: S105


def test_without_any_token_that_could_stand_in_the_tokenizer_is_refused(folder):
    edit(folder, "tokenizer_config.json", pad_token=None, unk_token=None)
    assert message_for(folder) == (
        f"the tokenizer of '{folder}' has no pad, end or unknown token\n"
        "  set tokenizer.pad_token, save the tokenizer into the folder, and try again"
    )


def test_padding_goes_to_the_right_whatever_the_tokenizer_says(folder):
    edit(folder, "tokenizer_config.json", padding_side="left")
    assert load(folder).tokenizer.padding_side == "right"


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_a_tokenizer_without_its_files_is_refused_not_made_up(folder_of, kind):
    folder = folder_of(kind)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        (folder / file).unlink()
    (folder / "vocabulary-to-come").touch()
    assert message_for(folder) == (
        f"the tokenizer of '{folder}' knows no words: its files are missing\n"
        "  copy tokenizer.json, or what stands for it, to the weights"
    )


def test_a_tokenizer_of_another_model_is_refused(folder):
    edit(folder, vocab_size=20)
    change_weights(
        folder,
        lambda weights: {k: v[:20] if "word_embeddings" in k else v for k, v in weights.items()},
    )
    assert message_for(folder).startswith(f"the tokenizer of '{folder}' has ")
    assert message_for(folder).endswith(
        " tokens, but the model knows 20\n  use the tokenizer that belongs to the model"
    )


# Damage


def test_missing_tensors_are_named(folder):
    lost = "bert.encoder.layer.1.output.dense.weight"
    change_weights(folder, lambda weights: {k: v for k, v in weights.items() if k != lost})
    assert message_for(folder) == (
        f"the weights of '{folder}' are incomplete: 1 tensors are missing, {lost} first\n"
        "  copy or download the model again"
    )


def test_tensors_of_another_size_are_never_drawn_anew(folder):
    edit(folder, hidden_size=64)
    assert message_for(folder).startswith(
        f"the weights of '{folder}' do not fit its config.json: 35 tensors have another size, "
        "bert.embeddings.LayerNorm.bias first\n"
    )


def test_layers_that_the_config_leaves_out_are_said(folder):
    loaded = load(edit(folder, num_hidden_layers=1))
    assert loaded.notices == (
        f"the config.json of {folder} leaves out 16 tensors of its weights, "
        "bert.encoder.layer.1.attention.output.LayerNorm.bias first",
    )


@pytest.mark.parametrize(
    ("file", "what"),
    [("model.safetensors", "model"), ("config.json", "tokenizer"), ("tokenizer.json", "tokenizer")],
)
def test_a_file_cut_short_is_an_error_of_two_lines(folder, file, what):
    content = (folder / file).read_bytes()
    (folder / file).write_bytes(content[: len(content) // 2])
    message = message_for(folder)
    assert message.startswith(f"cannot load the {what} of '{folder}': ")
    assert message.endswith(f"\n  check the name, and that {folder} is whole")
    assert message.count("\n") == 1
    assert len(message) < 500


# Nobody else's code


class Touch:
    """Unpickled, it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("save", [torch.save, lambda x, path: path.write_bytes(pickle.dumps(x))])
def test_a_pickle_in_place_of_weights_is_not_run(folder, tmp_path, save):
    (folder / "model.safetensors").unlink()
    save({"weight": Touch(tmp_path / "ran")}, folder / "pytorch_model.bin")
    assert message_for(folder) == (
        f"model: the weights of '{folder}' hold more than tensors, so they are not opened: such "
        "files can run code\n  take a model with safetensors"
    )
    assert not (tmp_path / "ran").exists()


@pytest.fixture
def nobody_is_asked(monkeypatch):
    def answer(prompt=""):
        raise AssertionError(f"asked the user: {prompt}")

    monkeypatch.setattr(builtins, "input", answer)
    monkeypatch.setattr(sys, "stdin", None)


@pytest.mark.usefixtures("nobody_is_asked")
def test_a_model_with_code_of_its_own_is_refused_without_asking(folder, tmp_path):
    (folder / "own.py").write_text(
        f"import pathlib; pathlib.Path({str(tmp_path / 'ran')!r}).touch()"
    )
    edit(folder, model_type="own", auto_map={"AutoConfig": "own.Config"})
    assert message_for(folder) == (
        f"model: '{folder}' brings code of its own, which is not run\n"
        "  take a model of a kind that transformers knows"
    )
    assert not (tmp_path / "ran").exists()


@pytest.mark.usefixtures("nobody_is_asked")
@pytest.mark.parametrize("auto", ["AutoConfig", "AutoModelForSequenceClassification"])
def test_code_beside_a_model_of_a_known_kind_is_left_alone(folder, tmp_path, auto):
    (folder / "own.py").write_text(
        f"import pathlib; pathlib.Path({str(tmp_path / 'ran')!r}).touch()"
    )
    edit(folder, auto_map={auto: "own.Thing"})
    assert type(load(folder).model).__name__ == "BertForSequenceClassification"
    assert not (tmp_path / "ran").exists()


# Quiet


def test_loading_says_nothing_and_leaves_the_voice_of_transformers_as_it_was(folder, capfd):
    logging = transformers.utils.logging
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(folder, labels=list("abcde"))
    assert capfd.readouterr() == ("", "")
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before


def test_a_classifier_of_three_labels_can_learn_answers_all_the_same(folder_of):
    source = find_model(str(folder_of("distilbert")))
    head = "AutoModelForQuestionAnswering"
    assert outline_model(source, head).qa_outputs.out_features == 2


def test_a_head_beside_the_layers_of_a_t5_may_be_new(folder_of):
    loaded = load(folder_of("t5"), (), head="AutoModelForQuestionAnswering", outputs=2)
    assert head_modules(loaded.model) == ["qa_outputs"]
