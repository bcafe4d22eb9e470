"""Ask runs, and judge them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbtune.api.finding import rows_in, run_of
from nbtune.errors import RunError
from nbtune.results.run import Run
from nbtune.tasks import Request

if TYPE_CHECKING:
    import pandas as pd

    from nbtune.panels.progress import Display
    from nbtune.results.comparison import Comparison
    from nbtune.results.evaluation import Evaluation
    from nbtune.results.review import Review
    from nbtune.results.zero_shot import ZeroShot


def predict(
    run: str | Run | ZeroShot,
    texts: Any,
    *,
    text: str | None = None,
    top_k: int | None = None,
    max_new_tokens: int | None = None,
    temperature: float | None = None,
    top_p: float | None = None,
    num_beams: int | None = None,
    seed: int | None = None,
    runs_dir: str | Path | None = None,
    display: Display = None,
) -> pd.DataFrame:
    """Ask a run about texts: for labels, spans, answers, whatever it has learnt.

    Parameters
    ----------
    run : str, Run or ZeroShot
        What is asked; `zero_shot` makes one that has learnt nothing.
    texts : str, iterable of str, DataFrame, Dataset or Path
        What to label; rows may come from a frame or a file, labels are not needed.
    text : str, optional
        Column of the texts in such rows; by default the run's own, else inferred.
    top_k : int, optional
        So many answers to each question or words for each gap, best first, one a line; of text
        that is written on, each word is drawn among so many.
    max_new_tokens, temperature, top_p, num_beams, seed : optional
        How a text is written; see `nbtune.tasks.Request`. What is not said is as the run's recipe
        says it; a text is drawn where it is written on, and where one of the three that say how is
        given.
    display : {"auto", "rich", "text", "none"}, optional
        How to show progress, as for `finetune`; or what takes a bar as HTML.

    Returns
    -------
    DataFrame
        One row a text: ``text``, ``label``, ``probability``, then one column a label with its
        probability. Of answers to questions: ``question``, ``answer``, ``score``, ``start`` and
        ``end``, these as characters of the context. Of gaps: ``word``, ``probability`` and the
        text with it, one word a line. Of texts made of others: ``source`` and ``output``.

    Raises
    ------
    DataError
        When something among the texts is not one.
    RunError
        When the run has no model yet, or its task knows no ``top_k``.
    """
    from nbtune.panels.answered import Answered
    from nbtune.panels.pictured import MOST_ROWS, pictured
    from nbtune.panels.progress import Progress

    asked = {"max_new_tokens": max_new_tokens, "temperature": temperature, "top_p": top_p,
             "num_beams": num_beams, "seed": seed}  # fmt: skip
    if not isinstance(run, str | Run):
        _refuse(run, {"top_k": top_k, **asked})
        with Progress(f"{run.name}: texts labelled", display) as progress:
            return run.answers(texts, text, progress)
    run = run_of(run, runs_dir)
    task = run.task
    request = _request({"top_k": top_k, **asked})
    unfit = [name for name, value in asked.items() if value is not None]
    if num_beams is not None and task.reads == "writing":
        raise RunError(
            f"num_beams: {run.name} writes one text at a time",
            hint="leave it out; temperature 0 always takes the likeliest",
        )
    if unfit and task.reads not in ("writing", "rewriting"):
        raise RunError(
            f"{', '.join(unfit)}: {run.name} writes nothing; it has learnt {task.summary}",
            hint="leave it out",
        )
    if task.respond is not None:
        rows = rows_in(texts, text, run)
        with Progress(f"{run.name}: {task.answering}", display) as progress:
            found = run.respond(rows, request, progress)
        return Answered(found) if task.reads in ("writing", "rewriting") else found
    show = task.answers
    if top_k is not None:
        if task.ranked is None:
            raise RunError(f"{run.name} gives no other answers", hint="leave top_k out")
        show = partial(task.ranked, count=top_k)
    rows = rows_in(texts, text, run)
    with Progress(f"{run.name}: {task.answering}", display) as progress:
        found = run.ask(rows, progress)
    answers = show(rows, found, run.trained.known)
    if task.reads != "images":
        return answers
    from nbtune.data.pictures import thumbnail

    return pictured(answers, map(thumbnail, rows["image"][:MOST_ROWS]))


def evaluate(
    run: str | Run | ZeroShot,
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
    run : str, Run or ZeroShot
        What is scored; a `zero_shot` needs ``data``.
    data : optional
        Labelled rows, as for `finetune`; by default the run's own ``split``.
    split : {"test", "validation", "train"}, optional
        By default ``test`` where there is one, else ``validation``.
    by : str, optional
        A column of the data, or ``length``: what share of its parts is right, or what its rows
        score in the mean. Columns are kept with a run for its validation and test rows.
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

    if not isinstance(run, str | Run):
        _refuse(run, {"threshold": threshold})
        if data is None:
            raise RunError(
                f"{run.name} has no rows of its own", hint="give labelled rows: data=df, --data df"
            )
        with Progress(f"{run.name}: rows scored", display) as progress:
            return run.judge(data, split, by, progress)
    run = run_of(run, runs_dir)
    choices = choices_of(threshold)
    with Progress(f"{run.name}: rows scored", display) as progress:
        if choices:
            from nbtune.results.deciding import decide_run

            decide_run(run, choices, progress)
        return judge_run(run, data, split, by, progress)


def compare(
    *runs: str | Run,
    data: Any = None,
    metric: str | None = None,
    cost: str = "seconds",
    runs_dir: str | Path | None = None,
    display: str | None = None,
) -> Comparison:
    """Compare runs of a task on the same rows: settings, scores, costs, and who is better.

    Runs that differ in nothing but their seed count as one, with their spread. Runs of different
    test data are scored again on the test rows that all of them share, or on ``data``.

    Parameters
    ----------
    *runs : str or Run
        Two or more.
    data : optional
        Labelled rows to compare on, as for `finetune`; by default the runs' own test rows. Rows
        that a run has seen in training are left out.
    metric : str, optional
        The score that decides; by default the main one of the task, such as ``span_f1`` of tags.
    cost : {"seconds", "memory_bytes", "parameters", "trainable_parameters", "size_bytes"}
        What quality is weighed against.
    display : {"auto", "rich", "text", "none"}, optional
        How to show progress, as for `finetune`.

    Raises
    ------
    RunError
        When the runs cannot be compared: other tasks or labels, or no rows in common.

    Examples
    --------
    >>> print(nbtune.compare("topics@1", "topics@2").verdict)  # doctest: +SKIP
    """
    from nbtune.panels.progress import Progress
    from nbtune.results.comparing import compare_runs

    found = [run_of(run, runs_dir) for run in runs]
    with Progress("rows scored", display) as progress:
        return compare_runs(found, data, metric, cost, progress)


def review(
    run: str | Run,
    *,
    split: str | None = None,
    runs_dir: str | Path | None = None,
    display: str | None = None,
) -> Review:
    """Look through rows of a run, labels in doubt or the furthest off first, and correct them.

    Rows with one label or several get others; rows whose truth is none (tags, answers, numbers) can
    be left out or marked as ambiguous.

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
        When the run has no model or no such split, or has learnt language, which has no wrong rows.

    Examples
    --------
    >>> found = nbtune.review("topics", split="train")  # doctest: +SKIP
    >>> found.relabel(found.suspects(3)["row"], "animal")  # doctest: +SKIP
    """
    from nbtune.panels.progress import Progress
    from nbtune.results.reviewing import review_run

    run = run_of(run, runs_dir)
    with Progress(f"{run.name}: rows looked at", display) as progress:
        return review_run(run, split, progress)


def _refuse(run: ZeroShot, asked: Mapping[str, Any]) -> None:
    if unfit := [name for name, value in asked.items() if value is not None]:
        raise RunError(
            f"{', '.join(unfit)}: {run.name} gives the label whose name suits best, and no more",
            hint="leave it out",
        )


def _request(given: Mapping[str, Any]) -> Request:
    """Check how a model is asked to write; what is None is as usual."""
    request = Request(**{name: value for name, value in given.items() if value is not None})
    fits: dict[str, Callable[[Any], bool]] = {
        "top_k": lambda value: value >= 1,
        "max_new_tokens": lambda value: 1 <= value <= 100_000,
        "temperature": lambda value: 0 <= value <= 100,
        "top_p": lambda value: 0 < value <= 1,
        "num_beams": lambda value: 1 <= value <= 64,
        "seed": lambda value: 0 <= value < 2**32,
    }
    unfit = [
        f"{name} is {value}"
        for name, fit in fits.items()
        if (value := getattr(request, name)) is not None and not fit(value)
    ]
    if unfit:
        raise RunError(
            ", ".join(unfit),
            hint="top_k and max_new_tokens are 1 or more, temperature 0 (always the likeliest) or "
            "more, top_p above 0 and 1 at most, num_beams 1 to 64",
        )
    return request
