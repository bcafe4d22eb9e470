"""The magics themselves: each reads its line, calls the function of its name, returns a result."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from IPython.core.magic import (
    line_cell_magic,
    line_magic,
    magics_class,
    no_var_expand,
    output_can_be_silenced,
)
from traitlets import Bool, Dict, Unicode

from nbtune.magics.errors import LineError, friendly
from nbtune.magics.reading import Reading, epochs, run_name
from nbtune.magics.warming import Warming

if TYPE_CHECKING:
    from argparse import Namespace

    import pandas as pd

    from nbtune.magics.forms import Panel
    from nbtune.magics.lines import LineParser
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
class NBTune(Reading):
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
        name = run_name(found)
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
        """Look at rows."""
        from nbtune import api
        from nbtune.magics.variables import as_python
        from nbtune.recipe import compose, settings_layer

        named = ("text", "label", "task", "model", "max_length")
        own = {name: value for name in named if (value := getattr(found, name)) is not None}
        layers = [settings_layer("%config NBTune.settings", self.settings),
                  settings_layer("line", own)]  # fmt: skip
        held_out = ("validation", "test")
        words = {one: word for one in held_out if (word := getattr(found, f"{one}_data"))}
        rows = {f"{one}_data": self._find_rows(word, f"--{one}-data")
                for one, word in words.items()}  # fmt: skip
        words["train"] = found.data
        return api.check_data(
            self._find_rows(found.data, "data"),
            **rows,
            name={one: name for one, word in words.items() if (name := as_python(word))},
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
            num_train_epochs=None if found.epochs is None else epochs(found.epochs, run),
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

    def _warn_of_late_variables(self) -> None:
        if names := ", ".join(self.warming.changed):
            print(
                f"nbtune: {names} changed after the packages that read it were imported; set it "
                "above %load_ext nbtune and restart the kernel, or it may have no effect",
                file=sys.stderr,
            )


def _write_figures(shown: Pictured, folder: str | None) -> None:
    """Write the pictures of a result where somebody wants them."""
    if folder is not None:
        files = shown.save_figures(folder)
        print(f"nbtune: {len(files)} files in {folder}")
