"""What the words on the line of a magic mean in this notebook: rows, runs, texts, a recipe."""

from __future__ import annotations

import keyword
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics

from nbtune.errors import RunError
from nbtune.magics.errors import LineError

if TYPE_CHECKING:
    from argparse import Namespace

    from nbtune.recipe import Resolved
    from nbtune.results.run import Run
    from nbtune.results.zero_shot import ZeroShot


class Reading(Magics):  # type: ignore[misc]
    """Magics that look words up among the notebook's variables, and then on disk.

    ``runs_dir`` and ``settings`` are what ``%config`` says.
    """

    runs_dir: Any
    settings: Any

    @property
    def _namespace(self) -> dict[str, Any]:
        return self.shell.user_ns  # type: ignore[no-any-return]

    def _recipe(self, found: Namespace, cell: str | None) -> Resolved:
        """Lay configuration, file, cell and line over each other."""
        from nbtune.jobs.choosing import known_names
        from nbtune.magics.lines import given_settings
        from nbtune.magics.variables import DATA_SETTINGS, filled_in
        from nbtune.recipe import compose, overrides, read_file, settings_layer, yaml_layer

        rows = {name: getattr(found, name) for name in DATA_SETTINGS}
        layers = [
            settings_layer("%config NBTune.settings", self.settings),
            *([read_file(found.recipe)] if found.recipe else []),
            *([yaml_layer(cell, "cell", first_line=2)] if cell else []),
            settings_layer("line", rows),
            overrides(given_settings(found), "line"),
            overrides(found.set, "--set"),
        ]
        filled = (filled_in(layer, self._namespace) for layer in layers)
        return compose(*filled, known=known_names())

    def _rows(self, recipe: Any) -> dict[str, Any]:
        from nbtune.magics.variables import DATA_SETTINGS

        named = {name: getattr(recipe, name) for name in DATA_SETTINGS}
        return {
            name: self._find_rows(value, name) for name, value in named.items() if value is not None
        }

    def _find_rows(self, name: str, setting: str) -> Any:
        from nbtune.magics.variables import find_rows

        return find_rows(name, self._namespace, setting)

    def _find_run(self, name: str) -> Run:
        from nbtune import api
        from nbtune.magics.variables import find_run

        return find_run(  # type: ignore[no-any-return]
            name, self._namespace, lambda word: api.load(word, runs_dir=self.runs_dir or None)
        )

    def _asked(self, found: Namespace) -> Run | ZeroShot:
        """Return what a line asks: a run, or labels that are told by their names."""
        from nbtune.magics.variables import is_zero_shot, labels_in

        value = self._namespace.get(found.run)
        if found.labels is None:
            if lone := [name for name in ("model", "template") if getattr(found, name) is not None]:
                raise LineError(
                    f"--{lone[0]}: a run has its own model",
                    hint='it goes with --labels "sport, politics", which asks without a run',
                )
            if found.run is None:
                raise LineError("there is no run to ask", hint="name one; %runs lists them")
            return value if is_zero_shot(value) else self._find_run(found.run)  # type: ignore[return-value]
        is_text = "texts" in found  # the first word, where no run stands
        if found.run is not None and not (is_text and self._is_no_run(found.run)):
            raise LineError(
                f"--labels: {found.run!r} has labels of its own", hint="leave out one of the two"
            )
        from nbtune import api
        from nbtune.models.sources import BUILTIN

        if found.run in BUILTIN:
            raise LineError(
                f"--labels: {found.run!r} is a model and no text",
                hint=f"say so: --model {found.run}",
            )
        return api.zero_shot(
            labels_in(found.labels, self._namespace),
            model=found.model or "minilm",
            template=found.template,
            runs_dir=self.runs_dir or None,
        )

    def _run_or_newest(self, found: Namespace) -> Run | None:
        """Return the run of a line; None where its first word is a text, for the newest run."""
        word = found.run
        if word is not None and not any(sign.isspace() for sign in word):
            return self._find_run(word)
        if word is not None:
            found.texts.insert(0, word)
            found.run = "RUN"
        return None

    def _texts(self, found: Namespace, cell: str | None, magic: str) -> Any:
        from nbtune.magics.variables import rows_named

        # Where labels stand on the line no run does, and the first word is a text as well.
        by_labels = getattr(found, "labels", None) is not None
        first = [found.run] if by_labels and found.run is not None else []
        texts, run = [*first, *found.texts], "--labels ..." if by_labels else found.run or "RUN"
        given = [found.data is not None, bool(texts), cell is not None]
        if sum(given) != 1:
            problem = "there is no text" if not any(given) else "texts come from two places"
            raise LineError(
                f"%{magic}: {problem}",
                hint=f'give one of: %{magic} {run} "a text", %{magic} {run} --data df, '
                f"or the lines of a %%{magic} cell",
            )
        if found.data is None:
            rows = rows_named(texts, self._namespace)
            return rows if rows is not None else texts or split_texts(cell or "")
        rows = self._find_rows(found.data, "--data")
        return Path(rows) if isinstance(rows, str) else rows

    def _is_no_run(self, word: str) -> bool:
        from nbtune.magics.variables import is_run, is_zero_shot
        from nbtune.runs import RunStore

        value = self._namespace.get(word)
        if is_run(value) or is_zero_shot(value):
            return False
        return not word.isidentifier() or RunStore(self.runs_dir or None).newest(word) is None

    def _is_free(self, name: str) -> bool:
        from nbtune.magics.variables import is_run

        return name not in self._namespace or is_run(self._namespace[name])

    def _refuse_other_variable(self, name: str) -> None:
        if not self._is_free(name):
            kind = type(self._namespace[name]).__name__
            raise RunError(
                f"{name!r} is a variable of this notebook ({kind}), and the run would replace it",
                hint=f"give the run another name: %%finetune {name}_run",
            )


def split_texts(cell: str) -> list[str]:
    r"""Return the texts of a cell: one a line, or parted by lines of ``---``.

    Examples
    --------
    >>> split_texts("one\n\ntwo\n")
    ['one', 'two']
    >>> split_texts("first line\nsecond line\n---\nanother text")
    ['first line\nsecond line', 'another text']
    """
    lines = cell.strip("\n").split("\n")
    if not any(line.strip() == "---" for line in lines):
        return [line for line in lines if line.strip()]
    texts, part = [], []
    for line in [*lines, "---"]:
        if line.strip() != "---":
            part.append(line)
        elif text := "\n".join(part).strip("\n"):
            texts.append(text)
        part = part if line.strip() != "---" else []
    return texts


def run_name(found: Namespace) -> str:
    """Return the name on the line, else that of the recipe's file."""
    if found.name is None and found.recipe is None:
        raise LineError("%%finetune: the run has no name", hint="for example: %%finetune topics")
    name = str(found.name if found.name is not None else Path(found.recipe).stem)
    if not name.isidentifier() or keyword.iskeyword(name) or len(name) > 64:
        raise RunError(
            f"{name!r} cannot be a variable, which the run becomes",
            hint="use letters, digits and _, beginning with a letter: %%finetune my_run",
        )
    return name


def epochs(text: str, run: Run) -> float:
    """Read ``3`` or ``+1``, the latter on top of the epochs of the run's recipe."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    before = run.recipe.settings.num_train_epochs if text.startswith("+") else 0.0
    if not 0 < number < 10_000:
        raise LineError(
            f"%resume: --epochs is {text!r}, not a number of epochs", hint="write --epochs +1"
        )
    return before + number
