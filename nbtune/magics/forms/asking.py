"""What the page that predicts asks a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nbtune.runs import RunFolder

if TYPE_CHECKING:
    from nbtune.results.run import Run
    from nbtune.results.run_table import RunSummary


def with_models(runs: Iterable[RunSummary]) -> list[str]:
    """Return the names of runs that have a model, newest first."""
    return [row.run for row in runs if RunFolder(Path(row.folder)).model_path.is_dir()][::-1]


def asker(find_run: Callable[[str], Run]) -> Callable[[str, str], Sequence[tuple[str, float]]]:
    """Return a function that asks a run, and keeps the one that was asked last."""
    kept: dict[str, Run] = {}

    def ask(name: str, text: str) -> list[tuple[str, float]]:
        if name not in kept:
            kept.clear()
            kept[name] = find_run(name)
        run = kept[name]
        found = run.predict_proba([text])[0]
        return list(zip(map(str, run.classes_), map(float, found), strict=True))

    return ask
