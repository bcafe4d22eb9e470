"""See why a run says what it says, and what a model looks at."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbtune.api.finding import newest_run, rows_in, run_of
from nbtune.records import EXPLAINED_BY
from nbtune.results.run import Run

if TYPE_CHECKING:
    from nbtune.results.attention import Attention
    from nbtune.results.explanation import Explanations


def explain(
    run: str | Run | None,
    texts: Any = None,
    *,
    text: str | None = None,
    rows: int | Iterable[int] | None = None,
    split: str | None = None,
    label: str | None = None,
    method: str = EXPLAINED_BY[0],
    deletion: bool | None = None,
    runs_dir: str | Path | None = None,
    display: str | None = None,
) -> Explanations:
    """Say which words speak for what a run predicts or writes, and which against it.

    Of images it says that of patches, of two texts that are compared by their vectors of the
    words of both, and of a text that is written of each of its first words, by what stood before
    it or was read.

    Parameters
    ----------
    run : str or Run, optional
        None for the newest one.
    texts : str, iterable of str, DataFrame, Dataset or Path, optional
        What to explain, as `predict` takes it.
    text : str, optional
        Column of the texts in such rows.
    rows : int or iterable of int, optional
        Rows of the run itself instead, by their numbers in the data.
    split : {"test", "validation", "train"}, optional
        Which of its rows; by default ``test`` where there is one.
    label : str, optional
        What is to be explained instead of what is predicted: another label, spans of one type
        only, another piece of the context, another word for a gap, or another text to be written.
    method : {"integrated-gradients", "gradient-x-input", "attention-rollout"}
        How.
    deletion : bool, optional
        Judge each explanation by blanking out words; by default up to 20 texts.
    display : {"auto", "rich", "text", "none"}, optional
        How to show progress, as for `finetune`.

    Returns
    -------
    Explanations
        One for each label, span or answer; ``.frame`` has a line a word.

    Raises
    ------
    DataError
        When there is no such row, or something among the texts is not one.
    RunError
        When what the run has learnt is not explained word by word, or it knows no such label.
    ModelError
        When its model has no attention to follow, or reads a text twice.

    Examples
    --------
    >>> nbtune.explain("topics", "a small furry mammal").frame  # doctest: +SKIP
    """
    from nbtune.panels.progress import Progress
    from nbtune.results.explanation import explain_run, rows_of_split

    run = newest_run(runs_dir) if run is None else run_of(run, runs_dir)
    if rows is not None:
        numbers = [int(rows)] if isinstance(rows, Integral) else [int(row) for row in rows]  # type: ignore[union-attr]
        found = rows_of_split(run, numbers, split)
    else:
        found = rows_in([] if texts is None else texts, text, run)
    with Progress(f"{run.name}: texts explained", display) as progress:
        return explain_run(run, found, label, method, deletion, progress)


def attention(
    run: str | Run | None,
    text: Any,
    *,
    model: str | None = None,
    layer: int | None = None,
    head: int | None = None,
    token: str | None = None,
    runs_dir: str | Path | None = None,
) -> Attention:
    """Show what a model attends to in a text: the three steps of one head, and all heads.

    Parameters
    ----------
    run : str or Run, optional
        Whose model; None for ``model``, or without one for the newest run.
    text : str, tuple of str, or an image
        What it reads; a pair for a run that has learnt from pairs or questions, one text of a pair
        where each is read by itself. Of a model that writes what it reads is looked at.
    model : str, optional
        A model that nobody trained here, as a recipe names it: ``minilm``, a folder, a hub id.
    layer, head : int, optional
        Counted from 1, the lowest layer; by default those that look most from word to word.
    token : str, optional
        The word whose steps are shown; by default the one that looks most at another.

    Raises
    ------
    ModelError
        When the model has no attention, or does not tell it.
    RunError
        When there is no such layer, head or word.

    Examples
    --------
    >>> nbtune.attention(None, "the cat sat down", model="minilm").layer  # doctest: +SKIP
    4
    """
    from nbtune.results.attention import BareModel, attention_of_run

    wanted = (layer, head, token)
    if model is not None:
        return BareModel(model).look(text, *wanted)
    run = newest_run(runs_dir) if run is None else run_of(run, runs_dir)
    return attention_of_run(run, text, *wanted)
