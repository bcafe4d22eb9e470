"""The magics themselves: each reads its line, calls the function of its name, returns a result."""

from __future__ import annotations

import keyword
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.magic import (
    Magics,
    line_cell_magic,
    line_magic,
    magics_class,
    no_var_expand,
    output_can_be_silenced,
)
from traitlets import Bool, Dict, Unicode

from nbtune.errors import RunError
from nbtune.magics.errors import LineError, friendly
from nbtune.magics.warming import Warming

if TYPE_CHECKING:
    from argparse import Namespace

    import pandas as pd

    from nbtune.magics.forms import Panel
    from nbtune.magics.lines import LineParser
    from nbtune.recipe import Resolved
    from nbtune.results.attention import Attention
    from nbtune.results.comparison import Comparison
    from nbtune.results.data_report import DataReport
    from nbtune.results.doctor import Doctor
    from nbtune.results.evaluation import Evaluation
    from nbtune.results.explanation import Explanations
    from nbtune.results.learning_curve import LearningCurve
    from nbtune.results.method_list import MethodList
    from nbtune.results.pictured import Pictured
    from nbtune.results.rate_finding import RateFinding
    from nbtune.results.review import Review
    from nbtune.results.run import Run
    from nbtune.results.run_estimate import RunEstimate
    from nbtune.results.run_table import RunTable
    from nbtune.results.seed_spread import SeedSpread
    from nbtune.results.zero_shot import ZeroShot


def _magic(kind: Callable[[Any], Any]) -> Callable[[Callable[..., Any]], Any]:
    """Make a method a magic: it gets its line parsed, and what it raises is shown in short."""

    def decorate(function: Callable[..., Any]) -> Any:
        @wraps(function)
        def magic(self: NBTune, line: str, cell: str | None = None) -> Any:
            with friendly(debug=not self.short_errors):
                return function(self, _parser(function.__name__, line).parse(line), cell)

        # ``?`` shows this, so that help is only made when somebody asks for it.
        magic.getdoc = lambda: _parser(function.__name__, "").format_help()  # type: ignore[attr-defined]
        return output_can_be_silenced(no_var_expand(kind(magic)))

    return decorate


def _parser(magic: str, line: str) -> LineParser:
    from nbtune.magics.parsers import parser_of

    return parser_of(magic, line)[1]


@magics_class
class NBTune(Magics):  # type: ignore[misc]
    """How nbtune behaves in this notebook: ``%config NBTune.display = 'text'``."""

    display = Unicode("", help="auto, rich, text or none; empty takes $NBTUNE_DISPLAY").tag(
        config=True
    )
    runs_dir = Unicode("", help="where runs lie; empty takes $NBTUNE_RUNS or nbtune-runs").tag(
        config=True
    )
    settings = Dict({}, help="settings of every recipe, which cell and line override").tag(
        config=True
    )
    short_errors = Bool(True, help="show mistakes in two lines, without a traceback").tag(
        config=True
    )

    warm_imports = Bool(True, help="import torch and the like while the kernel is idle").tag(
        config=True
    )

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self.panel: Panel | None = None
        self.warming = Warming(shell, lambda: self.warm_imports)

    @_magic(line_cell_magic)
    def finetune(self, found: Namespace, cell: str | None) -> Run:
        """Fine-tune a model as the recipe says; the run becomes a variable."""
        self._warn_of_late_variables()
        name = _run_name(found)
        self._refuse_other_variable(name)
        resolved = self._recipe(found, cell)
        from nbtune import api

        run = api.finetune(
            name=name,
            recipe=resolved,
            fresh=found.fresh,
            background=found.background,
            runs_dir=self.runs_dir or None,
            display=self.display or None,
            show_result=False,
            **self._rows(resolved.recipe),
        )
        self._namespace[name] = run
        return run

    @_magic(line_cell_magic)
    def estimate(self, found: Namespace, cell: str | None) -> RunEstimate:
        """Reckon what a run would take."""
        resolved = self._recipe(found, cell)
        from nbtune import api

        return api.estimate(
            recipe=resolved,
            runs_dir=self.runs_dir or None,
            display=self.display or None,
            **self._rows(resolved.recipe),
        )

    @_magic(line_magic)
    def evaluate(self, found: Namespace, cell: None) -> Evaluation | LearningCurve | SeedSpread:
        """Score a run beside the baselines, or its recipe by runs beside it."""
        from nbtune import api
        from nbtune.magics.judging import trained_again

        if (again := trained_again(found, self._find_run, self.display or None)) is not None:
            _write_figures(again, found.figures)
            return again
        run = self._asked(found)
        data = None if found.data is None else self._find_rows(found.data, "--data")
        judged = api.evaluate(
            run,
            data,
            split=found.split,
            by=found.by,
            threshold=found.threshold,
            display=self.display or None,
        )
        _write_figures(judged, found.figures)
        return judged

    @_magic(line_magic)
    def review(self, found: Namespace, cell: None) -> Review:
        """Look through rows of a run and correct them."""
        from nbtune import api

        return api.review(
            self._find_run(found.run), split=found.split, display=self.display or None
        )

    @_magic(line_magic)
    def data(self, found: Namespace, cell: None) -> DataReport:
        """Look at labelled rows."""
        from nbtune import api
        from nbtune.recipe import compose, settings_layer

        named = ("text", "label", "model", "max_length")
        own = {name: value for name in named if (value := getattr(found, name)) is not None}
        layers = [settings_layer("%config NBTune.settings", self.settings),
                  settings_layer("line", own)]  # fmt: skip
        rows, word = self._find_rows(found.data, "data"), found.data.removeprefix("$")
        return api.check_data(
            rows,
            name=word if word.isidentifier() and not isinstance(rows, str) else None,
            recipe=compose(*layers),
            tokenize=not found.no_tokens,
            display=self.display or None,
        )

    @_magic(line_magic)
    def compare(self, found: Namespace, cell: None) -> Comparison:
        """Compare runs on the same rows."""
        from nbtune import api

        runs = [self._find_run(name) for name in found.runs]
        data = None if found.data is None else self._find_rows(found.data, "--data")
        return api.compare(
            *runs, data=data, metric=found.metric, cost=found.cost, display=self.display or None
        )

    @_magic(line_cell_magic)
    def predict(self, found: Namespace, cell: str | None) -> pd.DataFrame:
        """Label texts with a run."""
        from nbtune import api

        run, texts = self._asked(found), self._texts(found, cell, "predict")
        asked = ("text", "top_k", "max_new_tokens", "temperature", "top_p", "num_beams", "seed")
        settings = {name: getattr(found, name) for name in asked}
        answers = api.predict(run, texts, **settings, display=self.display or None)
        if note := getattr(getattr(run, "reader", None), "note", ""):
            print(f"nbtune: {note}")
        return answers

    @_magic(line_cell_magic)
    def explain(self, found: Namespace, cell: str | None) -> Explanations:
        """Say which words a prediction rests on."""
        from nbtune import api

        run = self._run_or_newest(found)
        asked: dict[str, Any] = {"rows": found.row, "split": found.split}
        if not found.row:
            asked = {"texts": self._texts(found, cell, "explain"), "text": found.text}
        elif found.texts or cell is not None or found.data is not None:
            raise LineError(
                "%explain: texts come from two places", hint="give texts, --data or --row"
            )
        return api.explain(
            run,
            label=found.label,
            method=found.method,
            runs_dir=self.runs_dir or None,
            display=self.display or None,
            **asked,
        )

    @_magic(line_magic)
    def attention(self, found: Namespace, cell: None) -> Attention:
        """Show what a model attends to."""
        from nbtune import api

        if found.model is not None and found.run is not None:
            found.texts.insert(0, found.run)
        run = self._run_or_newest(found) if found.model is None else None
        if not found.texts or len(found.texts) > 2:
            raise LineError(
                f"%attention: there are {len(found.texts)} texts, and one is looked at",
                hint='%attention RUN "a text", or two in quotes for a run of pairs or questions',
            )
        text = found.texts[0] if len(found.texts) == 1 else tuple(found.texts)
        return api.attention(
            run,
            text,
            model=found.model,
            layer=found.layer,
            head=found.head,
            token=found.token,
            runs_dir=self.runs_dir or None,
        )

    @_magic(line_magic)
    def runs(self, found: Namespace, cell: None) -> RunTable:
        """Show the runs of this folder, or put them in order."""
        from nbtune import api
        from nbtune.magics.tidying import tidy

        if told := tidy(found, self.runs_dir or None):
            print(told)
        pattern = "*" if told or found.pattern is None else found.pattern
        table = api.list_runs(pattern, runs_dir=self.runs_dir or None)
        return table.sort(found.sort) if found.sort else table

    @_magic(line_magic)
    def resume(self, found: Namespace, cell: None) -> Run:
        """Go on with a run from its last checkpoint, or after a pause."""
        from nbtune import api

        run = self._find_run(found.run)
        resumed = api.resume(
            run,
            num_train_epochs=None if found.epochs is None else _epochs(found.epochs, run),
            background=found.background,
            display=self.display or None,
            show_result=False,
        )
        name = resumed.folder.name
        if name.isidentifier() and self._is_free(name):
            self._namespace[name] = resumed
        return resumed

    @_magic(line_magic)
    def watch(self, found: Namespace, cell: None) -> None:
        """Show a run, live while it trains."""
        from nbtune import api

        api.watch(self._find_run(found.run), wait=found.wait, display=self.display or None)

    @_magic(line_magic)
    def stop(self, found: Namespace, cell: None) -> Run:
        """End a run that trains in the background or elsewhere."""
        from nbtune import api

        return api.stop(self._find_run(found.run))

    @_magic(line_magic)
    def pause(self, found: Namespace, cell: None) -> Run:
        """Have a run that trains in the background or elsewhere wait."""
        from nbtune import api

        return api.pause(self._find_run(found.run))

    @_magic(line_cell_magic)
    def nbtune(
        self, found: Namespace, cell: str | None
    ) -> Doctor | MethodList | RateFinding | Panel | str | None:
        """Say what this machine, this notebook and nbtune can do; find a rate; open the forms."""
        if found.what == "lr_find":
            return self._lr_find(found, cell)
        if cell is not None:
            raise LineError(
                f"%%nbtune {found.what}: there is nothing to do with a cell",
                hint=f"write it on a line: %nbtune {found.what}",
            )
        if found.page and found.what != "panel":
            raise LineError(
                f"%nbtune {found.what} {found.page}: only the panel has pages",
                hint=f"%nbtune panel {found.page}",
            )
        if found.what == "panel":
            return self._open_panel(found.page)
        if found.what == "cell":
            self._write_cell()
            return None
        import nbtune

        if found.what == "methods":
            from nbtune.results.method_list import MethodList

            return MethodList()
        return nbtune.__version__ if found.what == "version" else nbtune.doctor()

    def _open_panel(self, page: str | None) -> Panel | None:
        from nbtune import api
        from nbtune.magics.forms import PAGES, Panel
        from nbtune.panels.display import draws_widgets, in_kernel

        if in_kernel() and not draws_widgets():
            print("the forms of nbtune need a page: run %nbtune panel in a notebook")
            return None
        self.panel = Panel(
            self._namespace,
            lambda: api.list_runs(runs_dir=self.runs_dir or None),
            self._find_run,
            page or PAGES[0],
            self.runs_dir or None,
        )
        return self.panel

    def _write_cell(self) -> None:
        if self.panel is None:
            raise LineError("%nbtune cell: no form is open", hint="open it with %nbtune panel")
        self.shell.set_next_input(self.panel.form.cell, replace=True)

    def _lr_find(self, found: Namespace, cell: str | None) -> RateFinding:
        resolved = self._recipe(found, cell)
        from nbtune import api

        return api.lr_find(
            self._rows(resolved.recipe).get("data"),
            recipe=resolved,
            min_lr=found.min_lr,
            max_lr=found.max_lr,
            num_training=found.num_training,
            runs_dir=self.runs_dir or None,
            display=self.display or None,
        )

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
            return texts or split_texts(cell or "")
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

    def _warn_of_late_variables(self) -> None:
        if names := ", ".join(self.warming.changed):
            print(
                f"nbtune: {names} changed after the packages that read it were imported; set it "
                "above %load_ext nbtune and restart the kernel, or it may have no effect",
                file=sys.stderr,
            )

    def _refuse_other_variable(self, name: str) -> None:
        if not self._is_free(name):
            kind = type(self._namespace[name]).__name__
            raise RunError(
                f"{name!r} is a variable of this notebook ({kind}), and the run would replace it",
                hint=f"give the run another name: %%finetune {name}_run",
            )


def _write_figures(shown: Pictured, folder: str | None) -> None:
    """Write the pictures of a result where somebody wants them."""
    if folder is not None:
        files = shown.save_figures(folder)
        print(f"nbtune: {len(files)} files in {folder}")


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


def _run_name(found: Namespace) -> str:
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


def _epochs(text: str, run: Run) -> float:
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
