"""Look at data, and at this place, before anything is trained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbtune.api.beginning import resolve
from nbtune.recipe import Recipe, Resolved
from nbtune.runs import RunStore

if TYPE_CHECKING:
    from nbtune.panels.progress import Display
    from nbtune.results.data_report import DataReport
    from nbtune.results.doctor import Doctor


def check_data(
    data: Any,
    *,
    name: str | None = None,
    recipe: str | Path | Recipe | Resolved | None = None,
    tokenize: bool = True,
    display: Display = None,
    **settings: Any,
) -> DataReport:
    """Look at rows before anything is trained: what is in them, what is wrong with them.

    Rows are texts with a label, or what the columns or ``task`` say: pairs, numbers,
    questions with answers, tags, sources and targets, chats, preferences, several labels.

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
    display : {"auto", "rich", "text", "none"} or callable, optional
        How to show progress, as for `finetune`; or what takes a bar as HTML.
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
    is_name = isinstance(data, str | Path)
    origin = f"import nbtune; df = nbtune.mend({str(data)!r})" if is_name else ""
    with Progress("rows looked at", display) as progress:
        return DataReport(
            look_at_data(data, name or "df", asked, progress, tokenize=tokenize, origin=origin)
        )


def mend(
    data: Any,
    *checks: str,
    text: str | None = None,
    label: str | None = None,
    task: str | None = None,
    **columns: Any,
) -> Any:
    """Return rows without what these checks of `check_data` find, as a DataFrame.

    See `nbtune.data.checks.mending.mend`.
    """
    from nbtune.data.checks.mending import mend as mended

    return mended(data, *checks, text=text, label=label, task=task, **columns)


def doctor(*, runs_dir: str | Path | None = None) -> Doctor:
    """Look at what this machine, this installation and this place can do."""
    from nbtune.results.doctor import examine

    return examine(RunStore(runs_dir).root)
