"""Fine-tune, judge and use language models inside a notebook.

In a notebook::

    %load_ext nbtune

and then ``%data``, ``%estimate``, ``%%finetune``, ``%evaluate``, ``%review``, ``%compare``,
``%predict``, ``%explain``, ``%attention``, ``%runs``, ``%resume``, ``%watch``, ``%pause``,
``%stop``; each magic is a function here as well.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbtune.api import (
        attention,
        check_data,
        compare,
        control,
        doctor,
        estimate,
        evaluate,
        explain,
        finetune,
        learning_curve,
        list_runs,
        load,
        lr_find,
        mend,
        pause,
        predict,
        replay,
        resume,
        review,
        seed_spread,
        stop,
        watch,
        zero_shot,
    )
    from nbtune.errors import DataError, ModelError, NbtuneError, RecipeError, RunError
    from nbtune.recipe import Recipe
    from nbtune.results.attention import Attention
    from nbtune.results.comparison import Comparison
    from nbtune.results.data_report import DataReport
    from nbtune.results.evaluation import Evaluation
    from nbtune.results.explanation import Explanations
    from nbtune.results.learning_curve import LearningCurve
    from nbtune.results.review import Review
    from nbtune.results.run import Run
    from nbtune.results.seed_spread import SeedSpread
    from nbtune.results.zero_shot import ZeroShot
    from nbtune.shelf import (
        delete_runs,
        describe_run,
        free_runs,
        purge_runs,
        rename_run,
        restore_runs,
    )

__version__ = "0.1.0.dev0"

_HOMES = {
    "finetune": "nbtune.api",
    "resume": "nbtune.api",
    "control": "nbtune.api",
    "watch": "nbtune.api",
    "pause": "nbtune.api",
    "stop": "nbtune.api",
    "replay": "nbtune.api",
    "estimate": "nbtune.api",
    "evaluate": "nbtune.api",
    "explain": "nbtune.api",
    "attention": "nbtune.api",
    "check_data": "nbtune.api",
    "mend": "nbtune.api",
    "compare": "nbtune.api",
    "predict": "nbtune.api",
    "review": "nbtune.api",
    "load": "nbtune.api",
    "list_runs": "nbtune.api",
    "lr_find": "nbtune.api",
    "zero_shot": "nbtune.api",
    "learning_curve": "nbtune.api",
    "seed_spread": "nbtune.api",
    "doctor": "nbtune.api",
    "delete_runs": "nbtune.shelf",
    "describe_run": "nbtune.shelf",
    "free_runs": "nbtune.shelf",
    "purge_runs": "nbtune.shelf",
    "rename_run": "nbtune.shelf",
    "restore_runs": "nbtune.shelf",
    "Recipe": "nbtune.recipe",
    "Review": "nbtune.results.review",
    "LearningCurve": "nbtune.results.learning_curve",
    "Run": "nbtune.results.run",
    "SeedSpread": "nbtune.results.seed_spread",
    "ZeroShot": "nbtune.results.zero_shot",
    "Comparison": "nbtune.results.comparison",
    "DataReport": "nbtune.results.data_report",
    "Evaluation": "nbtune.results.evaluation",
    "Explanations": "nbtune.results.explanation",
    "Attention": "nbtune.results.attention",
    "NbtuneError": "nbtune.errors",
    "RecipeError": "nbtune.errors",
    "DataError": "nbtune.errors",
    "ModelError": "nbtune.errors",
    "RunError": "nbtune.errors",
}

__all__ = [
    "Attention",
    "Comparison",
    "DataError",
    "DataReport",
    "Evaluation",
    "Explanations",
    "LearningCurve",
    "ModelError",
    "NbtuneError",
    "Recipe",
    "RecipeError",
    "Review",
    "Run",
    "RunError",
    "SeedSpread",
    "ZeroShot",
    "attention",
    "check_data",
    "compare",
    "control",
    "delete_runs",
    "describe_run",
    "doctor",
    "estimate",
    "evaluate",
    "explain",
    "finetune",
    "free_runs",
    "learning_curve",
    "list_runs",
    "load",
    "lr_find",
    "mend",
    "pause",
    "predict",
    "purge_runs",
    "rename_run",
    "replay",
    "restore_runs",
    "resume",
    "review",
    "seed_spread",
    "stop",
    "watch",
    "zero_shot",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name == "datasets":
        return importlib.import_module("nbtune.datasets")
    if name not in _HOMES:
        raise AttributeError(f"module 'nbtune' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "datasets", "__version__"])


def load_ipython_extension(shell: Any) -> None:
    """Register the magics; IPython calls this for ``%load_ext nbtune``."""
    from nbtune.magics import register

    register(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Take the magics away again; IPython calls this for ``%unload_ext nbtune``."""
    from nbtune.magics import unregister

    unregister(shell)
