"""What nbtune does, as plain functions; the magics and the command call these and nothing else.

Here the side that works and the side that shows meet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Any

from nbtune import datasets
from nbtune.errors import DataError, RunError
from nbtune.events import (
    Controlled,
    Estimated,
    Event,
    Notice,
    PhaseStarted,
    RunStarted,
    as_it_stands,
)
from nbtune.jobs.choosing import (
    HIGHEST_RATE,
    advice,
    begin_at_run,
    check_layers,
    fill_in,
    find_source,
    known_names,
    rising_rates,
    seen_before,
    suit,
    usual_rate,
)
from nbtune.jobs.data_checking import warnings_of
from nbtune.jobs.folders import events_of_course, identity, lay_out, lay_out_again
from nbtune.jobs.training import find_rate, work
from nbtune.recipe import (
    Layer,
    Recipe,
    Resolved,
    compose,
    from_yaml,
    overrides,
    read_file,
    settings_layer,
    yaml_layer,
)
from nbtune.results.run import WAITING_SECONDS, Run, let_go
from nbtune.results.telling import Teller, room_for, watching
from nbtune.runs import RunFolder, RunStore
from nbtune.runs.estimates import find_estimate
from nbtune.runs.store import check_name
from nbtune.tasks import Request
from nbtune.threads import wait_asleep

if TYPE_CHECKING:
    import pandas as pd

    from nbtune.engine.control import Control
    from nbtune.engine.remote import RemoteControl
    from nbtune.panels.watch import Watch
    from nbtune.results.comparison import Comparison
    from nbtune.results.data_report import DataReport
    from nbtune.results.doctor import Doctor
    from nbtune.results.evaluation import Evaluation
    from nbtune.results.rate_finding import RateFinding
    from nbtune.results.review import Review
    from nbtune.results.run_estimate import RunEstimate
    from nbtune.results.run_table import RunTable

wait_asleep()  # whatever is called below may be what loads torch


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
    resolved = resolve(recipe, settings, set)
    store = RunStore(runs_dir)
    named = begin_at_run(resolved.recipe, store, name)
    source = find_source(named.model)
    settled = fill_in(named, source)
    with watching(name, display, show_result) as teller:
        teller(PhaseStarted("reading data"))
        told = (source.note, advice(settled, source), _where_from(settled.data, data))
        for text in (*resolved.renamed, *told):
            if text:
                teller(Notice(text))
        from nbtune.data.preparing import prepare

        prepared = prepare(
            settled,
            _given(data, settled.data, "data"),
            _given(validation_data, settled.validation_data),
            _given(test_data, settled.test_data),
            suit=suit,
        )
        settled = prepared.recipe
        for text in prepared.notices:
            teller(Notice(text))
        same = None if fresh else _same(store, name, identity(settled, prepared))
        if same is not None:
            return _reuse(same, teller, background, show_result)
        check_layers(settled, source)
        for text in (seen_before(settled, prepared), *warnings_of(settled, prepared)):
            if text:
                teller(Notice(text, "warning"))
        with store.making(name) as folder:
            lay_out(folder, resolved, settled, prepared)
        if (reckoned := find_estimate(store.root, folder.about["identity"])) is not None:
            teller(
                Estimated(reckoned.whole_seconds, reckoned.peak_bytes, reckoned.whole_disk_bytes)
            )
        if background:
            return _work_beside(folder, teller, show_result)
        return _work(folder, teller)


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
    folder = _folder(run, runs_dir)
    if folder.is_busy() and (steering := Run(folder).steering()).status == "paused":
        if num_train_epochs is not None:
            steering.change(num_train_epochs=num_train_epochs)
        steering.resume()
        return Run(folder)
    if folder.status() == "finished" and num_train_epochs is None:
        raise RunError(
            f"{folder.title} is finished", hint=f"train on: %resume {folder.title} --epochs +1"
        )
    if folder.is_freed:
        raise RunError(
            f"{folder.title} cannot be trained further: its checkpoints were removed",
            hint="train it anew: %%finetune ... --fresh",
        )
    with watching(folder.title, display, show_result) as teller:
        if background:
            return _work_beside(folder, teller, show_result, num_train_epochs)
        return _work(folder, teller, resume=True, extend=_longer(num_train_epochs))


def train_here(folder: RunFolder, *, num_train_epochs: float | None = None) -> Run:
    """Train a run that stands ready in its folder: what a process of its own does."""
    started = any(isinstance(event, RunStarted) for _, event in folder.history())
    with watching(folder.title, "none", show_result=False) as teller:
        extend = _longer(num_train_epochs)
        return _work(folder, teller, resume=started, extend=extend, in_background=True)


def _longer(num_train_epochs: float | None) -> dict[str, float]:
    return {} if num_train_epochs is None else {"num_train_epochs": num_train_epochs}


def lr_find(
    data: Any = None,
    *,
    recipe: str | Path | Recipe | Resolved | None = None,
    set: Iterable[str] = (),
    min_lr: float | None = None,
    max_lr: float | None = None,
    num_training: int = 100,
    runs_dir: str | Path | None = None,
    display: str | None = None,
    **settings: Any,
) -> RateFinding:
    """Look for a learning rate: train some steps while the rate rises, and see what the loss does.

    The model is loaded for this alone, and no run is left behind.

    Parameters
    ----------
    data, recipe, set, runs_dir, display, **settings
        As for `finetune`; what the recipe says about the rate itself is not asked.
    min_lr, max_lr : float, optional
        Where the rate begins and ends; by default a hundredth of the usual rate of the model and
        method, and ten times it.
    num_training : int
        Steps; fewer are made where the loss has risen again.

    Raises
    ------
    RecipeError, DataError, ModelError
        As `finetune` does.

    Examples
    --------
    >>> nbtune.lr_find(train_df, model="minilm").suggestion  # doctest: +SKIP
    0.0002
    """
    from tempfile import TemporaryDirectory

    from nbtune.data.preparing import prepare
    from nbtune.panels.progress import Progress
    from nbtune.results.rate_finding import RateFinding

    given = resolve(recipe, settings, set)
    named = begin_at_run(given.recipe, RunStore(runs_dir), "")
    source = find_source(named.model)
    usual = usual_rate(named, source)
    highest = max_lr or min(usual * 10, HIGHEST_RATE)
    rates = rising_rates(min_lr or usual / 100, highest, num_training)
    plain = {"learning_rate": usual, "lr_scheduler_type": "constant", "lr_scheduler_kwargs": {}}
    settled = fill_in(named.model_copy(update=plain), source)
    with Progress("learning rates tried", display) as progress, TemporaryDirectory() as place:
        prepared = prepare(settled, _given(data, settled.data, "data"), suit=suit)
        settled = prepared.recipe
        check_layers(settled, source)
        prepared = replace(prepared, splits={"train": prepared.splits["train"]})
        folder = RunStore(place).create("lr_find")
        lay_out(folder, given, settled, prepared)

        def still_at_it(event: Event) -> None:
            progress(0, len(rates))

        return RateFinding(find_rate(folder, rates, usual, still_at_it, progress))


def estimate(
    data: Any = None,
    *,
    recipe: str | Path | Recipe | Resolved | None = None,
    validation_data: Any = None,
    test_data: Any = None,
    set: Iterable[str] = (),
    runs_dir: str | Path | None = None,
    display: str | None = None,
    **settings: Any,
) -> RunEstimate:
    """Reckon what `finetune` would take: time, memory and disk, from a few of its own steps.

    The model is loaded for this alone, and no run is left behind. A run of the same recipe and
    data says at its end how wrong this was.

    Parameters
    ----------
    data, recipe, validation_data, test_data, set, runs_dir, display, **settings
        As for `finetune`.

    Raises
    ------
    RecipeError, DataError, ModelError
        As `finetune` does.

    Examples
    --------
    >>> nbtune.estimate(train_df, model="minilm").seconds  # doctest: +SKIP
    58.3
    """
    from tempfile import TemporaryDirectory

    from nbtune.data.preparing import prepare
    from nbtune.jobs.estimating import estimate_run
    from nbtune.panels.progress import Progress
    from nbtune.results.run_estimate import RunEstimate
    from nbtune.runs.estimates import keep_estimate

    given = resolve(recipe, settings, set)
    store = RunStore(runs_dir)
    named = begin_at_run(given.recipe, store, "")
    source, root = find_source(named.model), store.root
    settled = fill_in(named, source)
    # On the disk of the runs, whose room and speed count; a temporary folder may lie in memory.
    near = next(folder for folder in (root, *root.absolute().parents) if folder.is_dir())
    scratch = TemporaryDirectory(prefix=".estimate-", dir=near)
    with Progress("measurements made", display) as progress, scratch as place:
        prepared = prepare(
            settled,
            _given(data, settled.data, "data"),
            _given(validation_data, settled.validation_data),
            _given(test_data, settled.test_data),
            suit=suit,
        )
        settled = prepared.recipe
        check_layers(settled, source)
        folder = RunStore(place).create("estimate")
        lay_out(folder, given, settled, prepared)
        found = estimate_run(folder, lambda event: progress(0, 1), progress)
    keep_estimate(root, identity(settled, prepared), found)
    return RunEstimate(found)


def control(
    run: str | Run | None = None, *, runs_dir: str | Path | None = None
) -> Control | RemoteControl:
    """Return what steers a run while it trains, for a cell, another thread or a button.

    It pauses, resumes, stops, saves, evaluates, and changes the learning rate, the number of
    epochs, the evaluation interval and the patience, each between two steps. The run may train in
    this process or, with a file system in common, in another one.

    Parameters
    ----------
    run : str or Run, optional
        By default the run that trains here now.

    Raises
    ------
    RunError
        When no such run trains.

    Examples
    --------
    >>> nbtune.control("topics").change(learning_rate=1e-5)  # doctest: +SKIP
    """
    if run is not None:
        return Run(_folder(run, runs_dir)).control
    from nbtune.engine.control import find_control

    if (found := find_control()) is None:
        raise RunError(
            "no run trains in this kernel now", hint="name one that trains elsewhere: see %runs"
        )
    return found


def stop(run: str | Run, *, runs_dir: str | Path | None = None) -> Run:
    """End a run that trains in the background or elsewhere, and wait until it has ended.

    It ends after its step, saved and with its best weights kept; `resume` goes on with it.

    Raises
    ------
    RunError
        When no such run trains.
    """
    found = Run(_folder(run, runs_dir))
    found.control.stop()
    return found.wait()


def pause(run: str | Run, *, runs_dir: str | Path | None = None) -> Run:
    """Have a run that trains in the background or elsewhere save after its step and wait there.

    Returns when it waits; `resume` lets it go on.

    Raises
    ------
    RunError
        When no such run trains.
    """
    found = Run(_folder(run, runs_dir))
    steering = found.control
    steering.pause()
    while steering.status != "paused" and found.folder.is_busy():
        sleep(WAITING_SECONDS)
    return found


def watch(
    run: str | Run,
    *,
    wait: bool = False,
    runs_dir: str | Path | None = None,
    display: str | None = None,
) -> None:
    """Show a run as it is and, while it trains, as it goes on.

    It may train in this kernel, beside this cell, and is then steered from here as well; or in
    another kernel or process of this machine, whose history is followed. When that process ends,
    the card says so and how to go on.

    Parameters
    ----------
    wait : bool
        Return only when the run has ended. In a terminal, and where nobody watches, this is always
        so; an interrupt ends the waiting, not the run.
    display : {"auto", "rich", "text", "none"}, optional
        How to show it, as for `finetune`.

    Raises
    ------
    RunError
        When there is no such run.

    Examples
    --------
    >>> nbtune.watch("topics")  # doctest: +SKIP
    """
    found = run if isinstance(run, Run) else load(run, runs_dir=runs_dir)
    found.watch(display, wait=wait)


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
    folder = _folder(run, runs_dir)
    course = events_of_course(folder.history())
    with watching(folder.title, display, show_result) as teller:
        with RunStore(folder.path.parent).making(name or f"{folder.name}_replay") as new:
            lay_out_again(new, folder, course)
        teller(Notice(f"replays {folder.title}: {len(course)} times it was steered"))
        return _work(new, teller, course=course)


def load(run: str, *, runs_dir: str | Path | None = None) -> Run:
    """Return a run by name (its last version) or ``name@version``.

    Raises
    ------
    RunError
        When there is none.
    """
    return Run(RunStore(runs_dir).get(run))


def list_runs(pattern: str = "*", *, runs_dir: str | Path | None = None) -> RunTable:
    """Return the table of runs whose name fits the pattern, newest last."""
    from nbtune.results.run_table import RunTable, summarise

    return RunTable([summarise(folder) for folder in RunStore(runs_dir).folders(pattern)])


def evaluate(
    run: str | Run,
    data: Any = None,
    *,
    split: str | None = None,
    by: str | None = None,
    threshold: str | float | Iterable[str | float] | None = None,
    runs_dir: str | Path | None = None,
    display: str | None = None,
) -> Evaluation:
    """Score a run on rows it was not trained on, beside the baselines.

    Parameters
    ----------
    data : optional
        Labelled rows, as for `finetune`; by default the run's own ``split``.
    split : {"test", "validation", "train"}, optional
        By default ``test`` where there is one, else ``validation``.
    by : str, optional
        A column of the data, or ``length``: what share of its parts is right. Columns are kept
        with a run for its validation and test rows.
    threshold : str, float or list of these, optional
        From which probability on a label is given, from now on and wherever the run is asked:
        ``precision=0.95``, ``recall=0.9`` (at least so much), ``cost=5:1`` (of a false alarm and of
        a miss), ``f1`` (as much as can be), ``0.3``, or ``default``, which takes all that back. It
        is chosen on the validation rows, and meant for the second of two labels, or for each where
        a text can have several; ``spam:precision=0.95`` is for one label.
    display : {"auto", "rich", "text", "none"}, optional
        How to show progress, as for `finetune`.

    Raises
    ------
    DataError
        When the rows cannot be used, hold labels that the run does not know, or have no such
        column.
    RecipeError
        When a threshold is none of the above.
    RunError
        When the run has no model or no such split; when no threshold decides what it has learnt,
        or none reaches what was asked for.
    """
    from nbtune.panels.progress import Progress
    from nbtune.records import choices_of
    from nbtune.results.judging import judge_run

    run = run if isinstance(run, Run) else load(run, runs_dir=runs_dir)
    choices = choices_of(threshold)
    with Progress(f"{run.name}: rows scored", display) as progress:
        if choices:
            from nbtune.results.deciding import decide_run

            decide_run(run, choices, progress)
        return judge_run(run, data, split, by, progress)


def review(
    run: str | Run,
    *,
    split: str | None = None,
    runs_dir: str | Path | None = None,
    display: str | None = None,
) -> Review:
    """Look through rows of a run, labels in doubt first, and correct them.

    Corrections are written down when they are made, in ``corrections.jsonl`` in the run's folder;
    the recipe takes that file, or one that was exported, as ``corrections``, and the weights of
    the run as ``model``.

    Parameters
    ----------
    split : {"test", "validation", "train"}, optional
        By default ``test`` where there is one, else ``validation``. Labels of training rows are in
        doubt where the run did not learn them.
    display : {"auto", "rich", "text", "none"}, optional
        How to show progress, as for `finetune`.

    Raises
    ------
    RunError
        When the run has no model or no such split, or has learnt something else than one label a
        text.

    Examples
    --------
    >>> found = nbtune.review("topics", split="train")  # doctest: +SKIP
    >>> found.relabel(found.suspects(3)["row"], "animal")  # doctest: +SKIP
    """
    from nbtune.panels.progress import Progress
    from nbtune.results.review import review_run

    run = run if isinstance(run, Run) else load(run, runs_dir=runs_dir)
    with Progress(f"{run.name}: rows looked at", display) as progress:
        return review_run(run, split, progress)


def check_data(
    data: Any,
    *,
    name: str | None = None,
    recipe: str | Path | Recipe | Resolved | None = None,
    tokenize: bool = True,
    display: str | None = None,
    **settings: Any,
) -> DataReport:
    """Look at labelled rows before anything is trained: what is in them, what is wrong with them.

    Parameters
    ----------
    data : DataFrame, Dataset, DatasetDict, list of dict, (texts, labels), path or str
        As for `finetune`.
    name : str, optional
        What lines that mend something call the rows; by default ``df``.
    recipe : optional
        As for `finetune`; columns, cleaning, model and ``max_length`` are read from it.
    tokenize : bool
        Count tokens with the tokenizer of the model.
    display : {"auto", "rich", "text", "none"}, optional
        How to show progress, as for `finetune`.
    **settings
        Settings of the recipe, such as ``text="review"`` or ``model="minilm"``.

    Raises
    ------
    DataError
        When there are no rows, or it is not plain which columns are meant.

    Examples
    --------
    >>> report = nbtune.check_data(train_df)  # doctest: +SKIP
    >>> report["duplicates"].count  # doctest: +SKIP
    12
    """
    from nbtune.jobs.data_checking import look_at_data
    from nbtune.panels.progress import Progress
    from nbtune.results.data_report import DataReport

    asked = resolve(recipe, settings).recipe
    origin = f"import nbtune; df = nbtune.mend({str(data)!r})" if _is_name(data) else ""
    with Progress("rows looked at", display) as progress:
        return DataReport(
            look_at_data(data, name or "df", asked, progress, tokenize=tokenize, origin=origin)
        )


def _is_name(data: Any) -> bool:
    return isinstance(data, str | Path)


def mend(data: Any, *checks: str, text: str | None = None, label: str | None = None) -> Any:
    """Return rows without what these checks of `check_data` find, as a DataFrame.

    See `nbtune.data.checks.mending.mend`.
    """
    from nbtune.data.checks.mending import mend as mended

    return mended(data, *checks, text=text, label=label)


def compare(
    *runs: str | Run,
    data: Any = None,
    metric: str = "f1_macro",
    cost: str = "seconds",
    runs_dir: str | Path | None = None,
    display: str | None = None,
) -> Comparison:
    """Compare runs on the same rows: recipe differences, scores, costs, and who is better.

    Runs that differ in nothing but their seed count as one, with their spread. Runs of different
    test data are scored again on the test rows that all of them share, or on ``data``.

    Parameters
    ----------
    *runs : str or Run
        Two or more.
    data : optional
        Labelled rows to compare on, as for `finetune`; by default the runs' own test rows. Rows
        that a run has seen in training are left out.
    metric : str
        The score that decides.
    cost : {"seconds", "memory_bytes", "trainable_parameters", "size_bytes"}
        What quality is weighed against.
    display : {"auto", "rich", "text", "none"}, optional
        How to show progress, as for `finetune`.

    Raises
    ------
    RunError
        When the runs cannot be compared: other labels, or no rows in common.

    Examples
    --------
    >>> print(nbtune.compare("topics@1", "topics@2").verdict)  # doctest: +SKIP
    """
    from nbtune.panels.progress import Progress
    from nbtune.results.comparing import compare_runs

    found = [run if isinstance(run, Run) else load(run, runs_dir=runs_dir) for run in runs]
    with Progress("rows scored", display) as progress:
        return compare_runs(found, data, metric, cost, progress)


def predict(
    run: str | Run,
    texts: Any,
    *,
    text: str | None = None,
    top_k: int | None = None,
    max_new_tokens: int | None = None,
    temperature: float | None = None,
    top_p: float | None = None,
    seed: int | None = None,
    runs_dir: str | Path | None = None,
    display: str | None = None,
) -> pd.DataFrame:
    """Ask a run about texts: for labels, spans, answers, whatever it has learnt.

    Parameters
    ----------
    texts : str, iterable of str, DataFrame, Dataset or Path
        What to label; rows may come from a frame or a file, labels are not needed.
    text : str, optional
        Column of the texts in such rows; by default the run's own, else inferred.
    top_k : int, optional
        So many answers to each question or words for each gap, best first, one a line; of text
        that is written on, each word is drawn among so many.
    max_new_tokens, temperature, top_p, seed : optional
        How a text is written on; see `nbtune.tasks.Request`.
    display : {"auto", "rich", "text", "none"}, optional
        How to show progress, as for `finetune`.

    Returns
    -------
    DataFrame
        One row a text: ``text``, ``label``, ``probability``, then one column a label with its
        probability. Of answers to questions: ``question``, ``answer``, ``score``, ``start`` and
        ``end``, these as characters of the context. Of gaps: ``word``, ``probability`` and the
        text with it, one word a line.

    Raises
    ------
    DataError
        When something among the texts is not one.
    RunError
        When the run has no model yet, or its task knows no ``top_k``.
    """
    from nbtune.panels.progress import Progress

    run = run if isinstance(run, Run) else load(run, runs_dir=runs_dir)
    task = run.task
    asked = {"max_new_tokens": max_new_tokens, "temperature": temperature, "top_p": top_p,
             "seed": seed}  # fmt: skip
    request = _request({"top_k": top_k, **asked})
    unfit = [name for name, value in asked.items() if value is not None]
    if unfit and task.reads != "writing":
        raise RunError(
            f"{', '.join(unfit)}: {run.name} writes nothing; it has learnt {task.summary}",
            hint="leave it out",
        )
    if task.respond is not None:
        rows = _rows_in(texts, text, run)
        with Progress(f"{run.name}: {task.answering}", display) as progress:
            return run.respond(rows, request, progress)
    show = task.answers
    if top_k is not None:
        if task.ranked is None:
            raise RunError(f"{run.name} gives no other answers", hint="leave top_k out")
        show = partial(task.ranked, count=top_k)
    rows = _rows_in(texts, text, run)
    with Progress(f"{run.name}: texts labelled", display) as progress:
        found = run.ask(rows, progress)
    return show(rows, found, run.trained.known)


def _request(given: Mapping[str, Any]) -> Request:
    """Check how a model is asked to write; what is None is as usual."""
    request = Request(**{name: value for name, value in given.items() if value is not None})
    fits = {
        "top_k": request.top_k is None or request.top_k >= 1,
        "max_new_tokens": 1 <= request.max_new_tokens <= 100_000,
        "temperature": 0 <= request.temperature <= 100,
        "top_p": 0 < request.top_p <= 1,
        "seed": 0 <= request.seed < 2**32,
    }
    if unfit := [f"{name} is {getattr(request, name)}" for name, fit in fits.items() if not fit]:
        raise RunError(
            ", ".join(unfit),
            hint="top_k and max_new_tokens are 1 or more, temperature 0 (always the likeliest) or "
            "more, top_p above 0 and 1 at most",
        )
    return request


def _rows_in(texts: Any, column: str | None, run: Run) -> pd.DataFrame:
    """Return the rows of a frame, a data set or a file, or those that some texts make."""
    if not isinstance(texts, Path) and not hasattr(texts, "columns") and column is None:
        return run.rows_of(texts)
    from nbtune.data.reading import read_all

    named = {**run.folder.about["columns"], **({} if column is None else {"text": column})}
    return run.task.rows.unlabelled(read_all(texts), named, run.recipe.settings)


def doctor(*, runs_dir: str | Path | None = None) -> Doctor:
    """Look at what this machine, this installation and this place can do."""
    from nbtune.results.doctor import examine

    return examine(RunStore(runs_dir).root)


def resolve(
    recipe: str | Path | Recipe | Resolved | None,
    settings: Mapping[str, Any],
    pairs: Iterable[str] = (),
) -> Resolved:
    """Lay keyword settings and ``key=value`` texts over a recipe, and validate the whole.

    Raises
    ------
    RecipeError
        Names everything that is wrong.
    """
    if isinstance(recipe, Resolved):
        return recipe
    return compose(
        _recipe_layer(recipe),
        settings_layer("argument", settings),
        overrides(pairs, "set"),
        known=known_names(),
    )


def _recipe_layer(recipe: str | Path | Recipe | None) -> Layer:
    if recipe is None:
        return Layer("recipe", {})
    if isinstance(recipe, Recipe):
        return Layer("recipe", recipe.model_dump(exclude_unset=True))
    is_file = isinstance(recipe, Path) or (
        "\n" not in recipe and recipe.endswith((".yaml", ".yml"))
    )
    return read_file(recipe) if is_file else yaml_layer(str(recipe), "recipe")


def _work(
    folder: RunFolder,
    teller: Teller,
    *,
    resume: bool = False,
    extend: Mapping[str, Any] | None = None,
    course: Iterable[Controlled] | None = None,
    in_background: bool = False,
) -> Run:
    from nbtune.engine.control import Control, steered
    from nbtune.runs.letters import take_letters

    with folder.hold():
        take_letters(folder)  # what was asked when nobody trained it any more
        history = folder.history() if resume else []
        for _, event in history:
            teller.show(event)
        asked = [e for _, e in as_it_stands(history) if isinstance(e, Controlled)]
        control = Control(
            from_yaml(folder.recipe_text),
            asked if course is None else course,
            partial(take_letters, folder),
        )
        let_go(folder)
        with steered(folder.path, control), teller.steered_by(control), room_for(folder):
            folder.sign(in_background=in_background)
            teller.attach(folder)
            trained = work(folder, teller, control, resume=resume, extend=extend)
    return Run(folder, trained)


def _work_beside(
    folder: RunFolder,
    teller: Teller,
    show_result: bool,
    num_train_epochs: float | None = None,
) -> Run:
    """Have a process of its own train a run, and the view that is open here follow it."""
    from nbtune.jobs.background import launch
    from nbtune.panels.watch import Watch

    with folder.hold():  # says so where somebody trains it already
        history = folder.history()
    for _, event in history:
        teller.show(event)
    teller.attach(folder)
    teller(PhaseStarted("starting a process"))
    let_go(folder)
    following = None if teller.view is None else Watch(folder, teller.view, is_told=True)
    launch(folder, num_train_epochs=num_train_epochs)
    teller.view = None  # it lasts longer than what is told here
    return _look_on(Run(folder), following, show_result)


def _look_on(run: Run, following: Watch | None, show_result: bool) -> Run:
    """Follow a run beside this cell; where nobody watches, return when it has ended."""
    from nbtune.panels.display import is_headless

    waits = is_headless()
    if following is None:
        return run.wait() if waits else run
    following.ends_with_tables = show_result or not waits
    return run.wait() if following.begin(run.steering(), wait=waits) else run


def _same(store: RunStore, name: str, wanted: str) -> RunFolder | None:
    newest = store.newest(name)
    if newest is None or newest.about.get("identity") != wanted or newest.status() == "failed":
        return None
    return newest


def _reuse(folder: RunFolder, teller: Teller, background: bool, show_result: bool) -> Run:
    if background and folder.is_busy():
        from nbtune.panels.watch import Watch

        teller.show(Notice(f"{folder.title} trains already: the same recipe and data"))
        following = None if teller.view is None else Watch(folder, teller.view)
        teller.view = None
        return _look_on(Run(folder), following, show_result)
    if folder.status() != "finished":
        teller(Notice(f"the same recipe and data as {folder.title}: going on with it"))
        if background:
            return _work_beside(folder, teller, show_result)
        return _work(folder, teller, resume=True)
    for _, event in folder.history():
        teller.show(event)
    teller.show(
        Notice(f"the same recipe and data as {folder.title}: nothing trained; --fresh trains anew")
    )
    return Run(folder)


def _where_from(named: str | None, given: Any) -> str:
    """Say which of the things that a name could mean was taken."""
    source = named if given is None else given
    if source is None or (named is None and not isinstance(source, str | Path)):
        return ""
    if not isinstance(source, str | Path):
        return f"data: {named} is a {type(source).__name__} of this notebook"
    if Path(source).exists():
        return f"data: {source} is a file here"
    ours = source in datasets.names()
    return f"data: {source} {'ships with nbtune' if ours else 'is looked for on the hub'}"


def _given(given: Any, named: str | None, what: str | None = None) -> Any:
    if given is not None:
        return given
    if named is None and what is not None:
        raise DataError(
            "there are no rows to learn from", hint="name them: data: train_df, or --data train_df"
        )
    return named


def _folder(run: str | Run, runs_dir: str | Path | None) -> RunFolder:
    return run.folder if isinstance(run, Run) else RunStore(runs_dir).get(run)
