"""Train: a new run, one that waits, one once more."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nbtune.api.beginning import begin, prepared, where_from
from nbtune.api.finding import run_of
from nbtune.api.working import reuse, work_beside, work_here
from nbtune.errors import RunError
from nbtune.events import Estimated, Notice, PhaseStarted, RunStarted, RunStopped
from nbtune.jobs.choosing import advice, check_layers, seen_before
from nbtune.jobs.data_checking import warnings_of
from nbtune.jobs.folders import events_of_course, identity, lay_out, lay_out_again
from nbtune.recipe import Recipe, Resolved
from nbtune.results.run import Run
from nbtune.results.telling import watching
from nbtune.runs import RunFolder, RunStore
from nbtune.runs.estimates import find_estimate
from nbtune.runs.store import check_name


def finetune(
    data: Any = None,
    name: str = "run",
    *,
    recipe: str | Path | Recipe | Resolved | None = None,
    validation_data: Any = None,
    test_data: Any = None,
    set: Iterable[str] = (),
    fresh: bool = False,
    background: bool = False,
    runs_dir: str | Path | None = None,
    display: str | None = None,
    show_result: bool = True,
    **settings: Any,
) -> Run:
    """Fine-tune a model on labelled texts, and keep all of it as a run.

    Called again with the same recipe and data, it returns the run that is there, or goes on with
    it where it was interrupted.

    Parameters
    ----------
    data : DataFrame, Dataset, DatasetDict, list of dict, (texts, labels), path or str
        The rows to learn from; a str is a file, a data set of ours (``topics``) or a hub id.
    name : str
        What the run is called; a second, different run of a name becomes ``name@2``.
    recipe : str, Path, Recipe or Resolved, optional
        YAML text, a file with it, or a validated recipe.
    validation_data, test_data : optional
        As ``data``; by default parts of it.
    set : iterable of str
        ``key=value`` texts, over everything else.
    fresh : bool
        Train even when the same run is there.
    background : bool
        Train in a process of its own and return at once, with a run that trains: it outlives this
        kernel, and is watched and steered from any. Where nobody watches, as in papermill, this
        returns when the run has ended.
    runs_dir : path, optional
        Where runs lie; by default ``$NBTUNE_RUNS`` or ``nbtune-runs``.
    display : {"auto", "rich", "text", "none"}, optional
        How to show progress; by default ``$NBTUNE_DISPLAY`` or what the place can show.
    show_result : bool
        Whether the view ends with the tables of the run; off for who shows the run itself.
    **settings
        Settings of the recipe by name or alias, such as ``learning_rate=2e-5``.

    Returns
    -------
    Run
        Finished, or paused when it was interrupted.

    Raises
    ------
    RecipeError, DataError, ModelError
        Before anything is trained, when it could not work.
    RunError
        When the run cannot be written or is busy.

    Examples
    --------
    >>> run = nbtune.finetune(train_df, "topics", model="minilm", epochs=2)  # doctest: +SKIP
    >>> run.predict(["a small furry mammal"])  # doctest: +SKIP
    array(['animal'], dtype='<U9')
    """
    check_name(name)
    begun = begin(recipe, settings, set, runs_dir=runs_dir, name=name)
    source, store = begun.source, begun.store
    settled = begun.settled()
    with watching(name, display, show_result) as teller:
        teller(PhaseStarted("reading data"))
        told = (source.note, where_from(settled.data, data))
        for text in (*begun.asked.renamed, *told):
            if text:
                teller(Notice(text))
        rows = prepared(settled, data, validation_data, test_data)
        settled = rows.recipe
        for text in (*rows.notices, *advice(settled, source)):  # the rows may say which task it is
            teller(Notice(text))
        same = None if fresh else _same(store, name, identity(settled, rows))
        if same is not None:
            return reuse(same, teller, background, show_result)
        check_layers(settled, source)
        for text in (seen_before(settled, rows), *warnings_of(settled, rows)):
            if text:
                teller(Notice(text, "warning"))
        with store.making(name) as folder:
            lay_out(folder, begun.asked, settled, rows)
        if (reckoned := find_estimate(store.root, folder.about["identity"])) is not None:
            teller(
                Estimated(reckoned.whole_seconds, reckoned.peak_bytes, reckoned.whole_disk_bytes)
            )
        if background:
            return work_beside(folder, teller, show_result)
        return work_here(folder, teller)


def resume(
    run: str | Run,
    *,
    num_train_epochs: float | None = None,
    background: bool = False,
    runs_dir: str | Path | None = None,
    display: str | None = None,
    show_result: bool = True,
) -> Run:
    """Go on with a run from its last checkpoint, or where it waits in a pause.

    Parameters
    ----------
    num_train_epochs : float, optional
        Train to this many epochs instead of the recipe's.
    background, display, show_result : optional
        As for `finetune`.

    Raises
    ------
    RunError
        When there is no such run, another kernel trains it, or there is nothing left to do.
    """
    folder = run_of(run, runs_dir).folder
    if folder.is_busy() and (steering := Run(folder).steering()).status == "paused":
        if num_train_epochs is not None:
            steering.change(num_train_epochs=num_train_epochs)
        steering.resume()
        return Run(folder)
    if folder.status() == "finished" and (num_train_epochs or 0) <= (had := _epochs_of(folder)):
        less = "" if num_train_epochs is None else f", and {num_train_epochs:.3g} are not more"
        raise RunError(
            f"{folder.title} is finished after {had:.3g} epochs{less}",
            hint=f"train on: %resume {folder.title} --epochs +1",
        )
    if folder.is_freed:
        raise RunError(
            f"{folder.title} cannot be trained further: its checkpoints were removed",
            hint="train it anew: %%finetune ... --fresh",
        )
    with watching(folder.title, display, show_result) as teller:
        if background:
            return work_beside(folder, teller, show_result, num_train_epochs)
        return work_here(folder, teller, resume=True, extend=_longer(num_train_epochs))


def replay(
    run: str | Run,
    name: str | None = None,
    *,
    runs_dir: str | Path | None = None,
    display: str | None = None,
    show_result: bool = True,
) -> Run:
    """Train a run once more from its first step, asked the same things after the same steps.

    Rows, recipe and seed are those of the run, and so are the changes that somebody made while it
    trained. On the same machine with the same versions the weights come out the same.

    Parameters
    ----------
    name : str, optional
        What the new run is called; by default ``NAME_replay``.
    display, show_result : optional
        As for `finetune`.

    Raises
    ------
    RunError
        When there is no such run, or it cannot be written.
    """
    folder = run_of(run, runs_dir).folder
    course = events_of_course(folder.history())
    with watching(folder.title, display, show_result) as teller:
        with RunStore(folder.path.parent).making(name or f"{folder.name}_replay") as new:
            lay_out_again(new, folder, course)
        teller(Notice(f"replays {folder.title}: {len(course)} times it was steered"))
        return work_here(new, teller, course=course)


def train_here(folder: RunFolder, *, num_train_epochs: float | None = None) -> Run:
    """Train a run that stands ready in its folder: what a process of its own does."""
    started = any(isinstance(event, RunStarted) for _, event in folder.history())
    with watching(folder.title, "none", show_result=False) as teller:
        extend = _longer(num_train_epochs)
        return work_here(folder, teller, resume=started, extend=extend, in_background=True)


def _epochs_of(folder: RunFolder) -> float:
    """Return how many passes over its rows a run has made."""
    backwards = [event for _, event in reversed(folder.history())]
    starts = (event.steps_per_epoch for event in backwards if isinstance(event, RunStarted))
    ends = (event.step for event in backwards if isinstance(event, RunStopped))
    an_epoch = next(starts, 0)
    return next(ends, 0) / an_epoch if an_epoch else 0.0


def _longer(num_train_epochs: float | None) -> dict[str, float]:
    return {} if num_train_epochs is None else {"num_train_epochs": num_train_epochs}


def _same(store: RunStore, name: str, wanted: str) -> RunFolder | None:
    newest = store.newest(name)
    if newest is None or newest.about.get("identity") != wanted or newest.status() == "failed":
        return None
    return newest
