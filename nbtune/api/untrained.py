"""What needs no training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nbtune.jobs.choosing import model_of
from nbtune.recipe import Recipe

if TYPE_CHECKING:
    from nbtune.results.zero_shot import ZeroShot


def zero_shot(
    labels: Sequence[str] | Mapping[str, str],
    *,
    model: str = "minilm",
    template: str | None = None,
    entailment: str | None = None,
    runs_dir: str | Path | None = None,
) -> ZeroShot:
    """Return a classifier that goes by what labels are called; nothing is trained.

    `predict` and `evaluate` take it as they take a run.

    Parameters
    ----------
    labels : sequence of str or mapping
        Names of two labels or more, or ``{name: what it means}``.
    model : str
        A sentence encoder (a folder or hub id of sentence-transformers): the label whose sentence
        lies nearest to the text is given. Or a model of entailment (NLI), such as a run that
        learnt from pairs: the label whose sentence follows best is given.
    template : str, optional
        The sentence in which ``{}`` stands for a name or a description. By default names stand in
        ``This text is about {}.``, for a model of entailment in ``This example is {}.``, and
        descriptions stand for themselves.
    entailment : str, optional
        The label of the model which says that one text follows from another; by default the one
        that begins so.

    Raises
    ------
    DataError
        When there are no such labels.
    ModelError
        When there is no such model; when it is loaded, where it was trained for something else.

    Examples
    --------
    >>> by_name = nbtune.zero_shot(["sport", "politics"])  # doctest: +SKIP
    >>> by_name.predict(["The minister resigned."])  # doctest: +SKIP
    array(['politics'], dtype='<U8')
    >>> nbtune.evaluate(by_name, labelled_df).metrics["accuracy"]  # doctest: +SKIP
    0.91
    """
    from nbtune.results.zero_shot import ZeroShot

    return ZeroShot(model_of(Recipe(model=model), runs_dir), labels, template, entailment)
