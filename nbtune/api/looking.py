"""Look at data, and at this place, before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping
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
    validation_data: Any = None,
    test_data: Any = None,
    name: str | Mapping[str, str] | None = None,
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
    validation_data, test_data : optional
        Rows that are held out, where they are not among ``data``.
    name : str or mapping, optional
        What lines that mend something call the rows, by default ``df``; what the rows of each split
        are called, where they come apart.
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
    held_out = {
        "validation": asked.validation_data if validation_data is None else validation_data,
        "test": asked.test_data if test_data is None else test_data,
    }
    called, origin = _called({"train": data} | held_out, name)
    with Progress("rows looked at", display) as progress:
        return DataReport(
            look_at_data(
                data, called, asked, progress, tokenize=tokenize, origin=origin, **held_out
            )
        )


def _called(parts: Mapping[str, Any], name: str | Mapping[str, str] | None) -> tuple[str, str]:
    """Return what lines call the rows, and a line that makes these one variable, if they are none.

    Parameters
    ----------
    parts : mapping
        Rows by split; None for those that are not there.
    """
    names = {"train": name or "df"} if name is None or isinstance(name, str) else dict(name)
    given = {split: one for split, one in parts.items() if one is not None}
    words = {
        split: repr(str(one)) if isinstance(one, str | Path) else names.get(split) or f"{split}_df"
        for split, one in given.items()
    }
    if len(words) == 1 and words["train"].isidentifier():
        return words["train"], ""
    pairs = ", ".join(f"{split!r}: {word}" for split, word in words.items())
    rows = words["train"] if len(words) == 1 else f"{{{pairs}}}"
    return "df", f"import nbtune; df = nbtune.mend({rows})"


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
