"""What stands in the folder of a run before anything is trained, and how it is read back."""

from __future__ import annotations

import json
import platform
import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbtune.events import (
    Controlled,
    Event,
    RunStarted,
    RunStopped,
    as_it_stands,
)
from nbtune.models.sources import ModelSource, find_model
from nbtune.recipe import Recipe, Resolved, from_yaml, to_yaml
from nbtune.runs import RunFolder
from nbtune.runs.files import staged, write_text
from nbtune.tasks import Known

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from nbtune.data.preparing import PreparedData

PARAMETERS = "parameters.json"
MARGINS, _ARRAY = "margins", "margins.npy"
READING = "nbtune.json"
"""Stands beside a model and says how what it says is read: labels, scale, thresholds."""
VERSIONS = ("nbtune", "torch", "transformers", "tokenizers", "datasets", "peft", "scikit-learn")


def identity(recipe: Recipe, data: PreparedData) -> str:
    """Return a fingerprint of all that decides the outcome of a run."""
    import xxhash

    deciding = recipe.model_copy(update={"checks": "off"})  # what is said of rows changes nothing
    text = f"{to_yaml(deciding, defaults=True)}\n{data.fingerprint}"
    return xxhash.xxh3_128_hexdigest(text.encode())


def lay_out(folder: RunFolder, resolved: Resolved, recipe: Recipe, data: PreparedData) -> None:
    """Write down what the run is and the rows it uses, before anything is trained."""
    from nbtune.data.corrections import read_corrections, write_corrections

    with staged(folder.path / "data") as rows:
        for split, frame in data.splits.items():
            frame.to_parquet(rows / f"{split}.parquet", index=False)
        for split, columns in data.beside.items():
            columns.to_parquet(rows / f"{split}_columns.parquet", index=False)
        if recipe.corrections is not None:  # the file may be gone when somebody goes on from here
            made = read_corrections(Path(recipe.corrections).expanduser())
            write_corrections(rows / "corrections.jsonl", made)
    folder.describe(
        {
            "created": round(time.time(), 3),
            "task": recipe.task,
            "model": recipe.model,
            "method": recipe.method,
            "labels": list(data.labels),
            "columns": dict(data.columns),
            **({"scale": list(scale)} if (scale := _scale(data)) else {}),
            **({"steps": list(steps)} if (steps := _steps(data)) else {}),
            "rows": {split: len(frame) for split, frame in data.splits.items()},
            "identity": identity(recipe, data),
            "model_folder": _absolute(recipe.model),
            "origins": [list(row) for row in resolved.rows()],
            "python": platform.python_version(),
            "versions": {name: _version(name) for name in VERSIONS},
        },
        to_yaml(recipe),
    )


def _scale(data: PreparedData) -> tuple[float, float] | None:
    scale = data.kind.scale
    return None if scale is None else scale(data.splits["train"])


def _steps(data: PreparedData) -> tuple[float, float] | None:
    steps = data.kind.steps
    return None if steps is None else steps(data.splits["train"])


def last_start(folder: RunFolder) -> RunStarted | None:
    """Return how the training began that this folder holds, or None before it did."""
    starts = (event for _, event in reversed(folder.history()))
    return next((event for event in starts if isinstance(event, RunStarted)), None)


def events_of_course(history: Iterable[tuple[float, Event]]) -> list[Controlled]:
    """Return what a run was asked that made it what it is, a stop at its end included."""
    events = [event for _, event in as_it_stands(history)]
    course = [e for e in events if isinstance(e, Controlled) and e.shapes_course]
    last = next((e for e in reversed(events) if isinstance(e, RunStopped)), None)
    if last is not None and last.reason == "interrupted":
        course.append(Controlled(last.step, "stop"))
    return course


def lay_out_again(folder: RunFolder, like: RunFolder, course: Sequence[Controlled]) -> None:
    """Write down a run that begins as another one began."""
    shutil.copytree(like.path / "data", folder.path / "data")
    recipe = from_yaml(like.recipe_text)
    # Epochs that were added to a run stand in its recipe; it began with those before.
    epochs = next((e.before for e in course if e.setting == "num_train_epochs"), None)
    if epochs is not None:
        recipe = recipe.model_copy(update={"num_train_epochs": epochs})
    own = {"created": round(time.time(), 3), "replay_of": like.title, "identity": None}
    folder.describe(like.about | own, to_yaml(recipe))


def _absolute(model: str | None) -> str | None:
    """Return where a model's folder lies, whatever folder a later kernel works in."""
    folder = Path(model or "").expanduser()
    return str(folder.resolve()) if model and folder.is_dir() else None


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def known_of(folder: RunFolder) -> Known:
    """Return what is known of the data of a run before anything is trained."""
    about = folder.about
    mean, deviation = about.get("scale", (0.0, 1.0))
    return Known(tuple(about["labels"]), (mean, deviation), tuple(about.get("steps", ())))


def settled_of(folder: RunFolder) -> Known:
    """Return the same, with what was settled once the run was trained."""
    file = folder.model_path / READING
    found = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    known = known_of(folder)
    return replace(
        known,
        scale=tuple(found.get("scale", known.scale)),
        thresholds=tuple(found.get("thresholds", ())),
        rules=tuple(found.get("rules", ())),
        temperature=float(found.get("temperature", 1.0)),
    )


def write_known(folder: Path, recipe: Recipe, known: Known) -> None:
    """Write beside a model how what it says is read."""
    kept = asdict(replace(known, tokenizer=None))
    del kept["tokenizer"]
    about = {"task": recipe.task, "problem_type": recipe.problem_type, **kept}
    write_text(folder / READING, json.dumps(about, ensure_ascii=False))


def read_rows(folder: RunFolder, split: str) -> pd.DataFrame:
    """Return the rows of a split as they were trained on: column row, and one for each role."""
    import pandas as pd

    return pd.read_parquet(folder.path / "data" / f"{split}.parquet")


def read_columns(folder: RunFolder, split: str) -> pd.DataFrame | None:
    """Return what else the user's data said of the rows of a split; None where it was not kept."""
    import pandas as pd

    file = folder.path / "data" / f"{split}_columns.parquet"
    return pd.read_parquet(file) if file.is_file() else None


def keep_margins(folder: RunFolder, margins: np.ndarray[Any, Any]) -> None:
    """Keep by how much each training row was told right while it was learnt."""
    import numpy as np

    with staged(folder.path / MARGINS) as place:
        np.save(place / _ARRAY, margins.astype(np.float32))


def read_margins(folder: RunFolder) -> np.ndarray[Any, Any] | None:
    """Return what `keep_margins` kept, by training row; None where there is nothing to read."""
    import numpy as np

    try:
        found: np.ndarray[Any, Any] = np.load(folder.path / MARGINS / _ARRAY, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return found


def source_rows(folder: RunFolder, rows: Sequence[int]) -> list[int]:
    """Return where some training rows stood in the user's data, from 0."""
    import pandas as pd

    file = folder.path / "data" / "train.parquet"
    return [int(row) for row in pd.read_parquet(file, columns=["row"])["row"].iloc[list(rows)]]


def source_of(folder: RunFolder, recipe: Recipe) -> ModelSource:
    """Find the model that a run begins with: where it was, or else by its name."""
    kept = folder.about.get("model_folder")
    if kept and Path(kept).is_dir():
        return replace(find_model(kept), name=name_of_model(recipe))
    return replace(find_model(recipe.model), size=recipe.size)


def name_of_model(recipe: Recipe) -> str:
    """Return what a run begins with as one says it: of another run its name, and not its place."""
    path = Path(str(recipe.model))
    begun = RunFolder(path.parent)
    return begun.title if path == begun.model_path and begun.about else str(recipe.model)
