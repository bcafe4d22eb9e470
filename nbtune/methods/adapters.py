"""What all methods that go through PEFT share; PEFT itself is imported when one is applied."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from nbtune.errors import RecipeError, did_you_mean
from nbtune.methods import head_modules
from nbtune.methods.freezing import frozen_weights
from nbtune.models.heads import is_headless
from nbtune.models.loading import quiet
from nbtune.recipe import Recipe

# PEFT imports bitsandbytes where there is one, which warns of a kernel that it did not download.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)


def needs_peft(recipe: Recipe) -> None:
    """Refuse to go on without PEFT.

    Raises
    ------
    RecipeError
        When it is not installed.
    """
    needs(recipe, "peft")


def needs(recipe: Recipe, package: str, install: str = "") -> None:
    """Refuse to go on without a package.

    Raises
    ------
    RecipeError
        When it is not installed.
    """
    if importlib.util.find_spec(package) is None:
        raise RecipeError(
            f"method {recipe.method} needs the package {package}, which is not installed",
            hint=f"pip install {install or package}",
        )


def add_adapter(model: Any, config: str, **settings: Any) -> Any:
    """Wrap the model in adapters; the head is trained whole and saved with them.

    Parameters
    ----------
    config : str
        The name of PEFT's configuration class.
    """
    peft = importlib.import_module("peft")
    # PEFT's wrapper for a kind of task takes token ids first; images go through the plain one.
    kind = peft.TaskType.FEATURE_EXTRACTION if is_headless(model) else peft.TaskType.SEQ_CLS
    kind = None if model.main_input_name == "pixel_values" else kind
    with quiet():
        return peft.get_peft_model(
            model,
            getattr(peft, config)(task_type=kind, modules_to_save=_saved_whole(model), **settings),
        )


def _saved_whole(model: Any) -> list[str]:
    """Return the head, but for one of words that came with the model: it knows its words."""
    words = model.get_output_embeddings()
    return [name for name in head_modules(model) if model.get_submodule(name) is not words]


def load_adapter(model: Any, folder: Path, recipe: Recipe) -> Any:
    """Wrap the model in the adapters that lie in a folder."""
    peft = importlib.import_module("peft")
    with quiet():
        return peft.PeftModel.from_pretrained(model, folder)


def merged(model: Any) -> Any:
    """Return the plain model with its adapters added to the weights; the one given is used up.

    PEFT's own ``merge_and_unload`` cannot let go of a head that is more than one layer.
    """
    model.merge_adapter(safe_merge=True)
    plain = model.get_base_model()
    for name, module in list(plain.named_modules()):
        parent, _, own = name.rpartition(".")
        inner = None if own == "token_adapter" else getattr(module, "base_layer", None)
        if hasattr(module, "modules_to_save"):
            inner = module.modules_to_save[model.active_adapter]
        if hasattr(module, "token_adapter"):  # a table of which some words were trained
            inner = module.token_adapter.base_layer
        if inner is not None:
            setattr(plain.get_submodule(parent), own, inner)
    return plain.requires_grad_(True)


def linear_layers(model: Any, recipe: Recipe) -> dict[str, Any]:
    """Return the linear layers below the head and above what is frozen, by their full names.

    Raises
    ------
    RecipeError
        When there are none.
    """
    head, frozen = head_modules(model), frozen_weights(model, recipe)
    found = {
        name: layer
        for name, layer in model.named_modules()
        if (isinstance(layer, torch.nn.Linear) or is_transposed(layer))
        and layer.weight not in frozen
        and not any(f"{name}.".startswith(f"{part}.") for part in head)
    }
    if not found:
        where = " that is not frozen" if recipe.freeze else ""
        raise RecipeError(
            f"method {recipe.method} finds no linear layer in {recipe.model}{where}",
            hint=f"{'freeze fewer layers, or ' if recipe.freeze else ''}take method: full or head",
        )
    return found


def named(layers: Iterable[str], wanted: Iterable[str], setting: str) -> list[str]:
    """Return the layers whose path ends with one of the wanted names.

    Raises
    ------
    RecipeError
        When no layer has such a name; ``setting`` is where it was asked for.
    """
    names = list(layers)
    ends = {end: [name for name in names if f".{name}".endswith(f".{end}")] for end in wanted}
    if unknown := [end for end, found in ends.items() if not found]:
        known = sorted({name.rpartition(".")[2] for name in names})
        raise RecipeError(
            f"{setting}: the model has no layer {', '.join(map(repr, unknown))}",
            hint=did_you_mean(unknown[0], known),
        )
    return list(dict.fromkeys(name for found in ends.values() for name in found))


def pattern(names: Iterable[str]) -> str:
    """Return the regular expression that fits exactly these names, as PEFT takes targets."""
    return "(?:" + "|".join(map(re.escape, names)) + ")"


def is_transposed(layer: Any) -> bool:
    """Whether a layer is GPT-2's kind of linear layer, whose weight lies the other way."""
    return type(layer).__name__ == "Conv1D"
