"""What the page that predicts asks a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbtune.errors import ModelError, RunError
from nbtune.magics.forms.answers import stack_of
from nbtune.panels.try_it import Asked, Oracle
from nbtune.runs import RunFolder

if TYPE_CHECKING:
    from nbtune.records import AttentionRecord, Explanation
    from nbtune.results.run import Run
    from nbtune.results.run_table import RunSummary


FindRun = Callable[[str], "Run"]


def with_models(runs: Iterable[RunSummary]) -> list[str]:
    """Return the names of runs that have a model, newest first."""
    return [row.run for row in runs if RunFolder(Path(row.folder)).model_path.is_dir()][::-1]


def oracle_of(
    namespace: dict[str, Any], runs: Callable[[], Iterable[RunSummary]], find_run: FindRun
) -> Oracle:
    """Return who asks runs; what is kept of many answers becomes a variable there, or a file."""
    kept = _Kept()

    def run_of(name: str) -> Run:
        return kept.get(name, find_run)  # type: ignore[no-any-return]

    def about(name: str) -> Asked:
        run = run_of(name)
        is_long = run.task.reads in ("writing", "rewriting")
        return Asked(run.task.rows.asked(run.recipe.settings), at_once=not is_long)

    def ask(name: str, text: str) -> Any:
        from nbtune import api

        run = run_of(name)
        if run.task.probabilities is None or run.task.reads != "text":
            return api.predict(run, [text], display="none")
        found = run.predict_proba([text])[0]
        return list(zip(map(str, run.classes_), map(float, found), strict=True))

    return Oracle(
        runs=lambda: with_models(runs()),
        about=about,
        ask=ask,
        explain=explainer(find_run),
        stack=stack_of(namespace, run_of),
    )


LARGEST = 512 << 20
"""Models of more bytes are not loaded once more to be explained while somebody types."""


def explainer(find_run: FindRun) -> Callable[[str, str], Sequence[Explanation]]:
    """Return a function that says which words of a text a run's answer rests on."""
    own = _own_copy(find_run)

    def explain(name: str, text: str) -> Sequence[Explanation]:
        from nbtune import api

        if find_run(name).task.aims is None:
            return []
        return api.explain(own(name), text, deletion=False, display="none").records

    return explain


def looker(find_run: Callable[[str], Run]) -> Callable[..., AttentionRecord]:
    """Return a function that looks at what a run, or a model that nobody trained, attends to."""
    own, bare = _own_copy(find_run), _Kept()

    def look(name: str, text: str, *wanted: Any) -> AttentionRecord:
        from nbtune.results.attention import BareModel, attention_of_run

        if name in models_here():
            model: BareModel = bare.get(name, BareModel)
            return model.look(text, *wanted).record
        return attention_of_run(own(name), text, *wanted).record

    return look


def models_here() -> list[str]:
    """Return models that are at hand without a run."""
    from nbtune.models.sources import find_model

    try:
        return [find_model("minilm").name]
    except ModelError:
        return []


def _own_copy(find_run: Callable[[str], Run]) -> Callable[[str], Run]:
    """Return a function from names to runs with a model of their own, the last one kept.

    What is asked in a thread must not meet a cell that uses the same model.
    """
    kept = _Kept()

    def load(name: str) -> Run:
        from nbtune.results.run import Run

        folder = find_run(name).folder
        weights = sum(one.stat().st_size for one in folder.model_path.glob("*.safetensors"))
        if weights > LARGEST:
            raise RunError(
                f"the model of {name} is large ({weights >> 20:,} MiB)",
                hint=f'in a cell: %explain {name} "a text", or %attention',
            )
        return Run(folder)

    return lambda name: kept.get(name, load)


class _Kept:
    """Keeps the last thing that was made, by its name."""

    def __init__(self) -> None:
        self.name, self.made = "", None

    def get(self, name: str, make: Callable[[str], Any]) -> Any:
        if name != self.name or self.made is None:
            self.made = None
            self.name, self.made = name, make(name)
        return self.made
