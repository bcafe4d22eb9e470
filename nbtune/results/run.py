"""A run as its user holds it: a classifier for scikit-learn, a model for Hugging Face."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from nbtune.errors import DataError, RunError
from nbtune.events import BestScored, Evaluated, Event, RunStopped, StepsDone, as_it_stands
from nbtune.interrupts import interrupts_kept
from nbtune.jobs.folders import PARAMETERS, READING, settled_of
from nbtune.jobs.trained import (
    Trained,
    ask,
    embed,
    load_merged,
    load_trained,
    respond,
    save_trained,
)
from nbtune.recipe import Recipe, from_yaml, to_yaml
from nbtune.records import ParameterTable
from nbtune.runs import RunFolder
from nbtune.tasks import Predictions, Request, Task, task_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.figure import Figure

    from nbtune.engine.control import Control
    from nbtune.engine.remote import RemoteControl
    from nbtune.panels.state import RunView
    from nbtune.results.parameters import Parameters

WAITING_SECONDS = 0.1


class Run:
    """A training run on disk, and its model once it is asked for.

    It predicts as scikit-learn's classifiers do, so that ``RocCurveDisplay.from_estimator`` and
    the like take it; ``model`` and ``tokenizer`` are plain transformers objects.

    Parameters
    ----------
    folder : RunFolder
        Where the run lies.
    trained : Trained, optional
        Its model, when it is in memory already.

    Attributes
    ----------
    classes_ : ndarray of str
        The labels, in the order of the columns of `predict_proba`.
    """

    _estimator_type = "classifier"

    def __init__(self, folder: RunFolder, trained: Trained | None = None) -> None:
        self.folder = folder
        self._trained = trained
        _RUNS.add(self)

    @property
    def name(self) -> str:
        """The run's name and version: ``topics@2``."""
        return self.folder.title

    @property
    def status(self) -> str:
        """``running``, ``finished``, ``paused``, ``failed``, or ``interrupted`` (killed)."""
        return self.folder.status()

    @property
    def recipe(self) -> RecipeText:
        """The recipe; printed, it is a cell that trains the same again."""
        return RecipeText(self.folder.recipe_text)

    @property
    def labels(self) -> list[str]:
        """The label names."""
        return list(self.folder.about["labels"])

    @property
    def classes_(self) -> np.ndarray[Any, Any]:
        """The label names as scikit-learn wants them."""
        import numpy as np

        return np.array(self.labels)

    @property
    def trained(self) -> Trained:
        """Model, tokenizer and longest row; loaded from disk when first asked for.

        Thresholds are those on disk now, whoever chose them.
        """
        if self._trained is None:
            self._trained = load_trained(self.folder)
        elif (self.folder.model_path / READING).is_file():
            known = replace(settled_of(self.folder), tokenizer=self._trained.tokenizer)
            if known != self._trained.known:
                self._trained = replace(self._trained, known=known)
        return self._trained

    @property
    def in_memory(self) -> Trained | None:
        """The same, when it has been loaded already."""
        return self._trained

    @property
    def model(self) -> Any:
        """The transformers (or PEFT) model with the best weights."""
        return self.trained.model

    @property
    def tokenizer(self) -> Any:
        """The transformers tokenizer; of images `nbtune.models.processors.Processor`."""
        return self.trained.tokenizer

    @property
    def thresholds(self) -> dict[str, float]:
        """The probability from which on each label is given; empty where the likeliest is.

        ``nbtune.evaluate(run, threshold="precision=0.95")`` chooses others.
        """
        known = settled_of(self.folder)
        return dict(zip(known.labels, known.thresholds, strict=False))

    @property
    def parameters(self) -> Parameters:
        """The table of what is trained, part by part.

        Raises
        ------
        RunError
            When the run has not come so far, or was trained before such tables were made.
        """
        from nbtune.results.parameters import Parameters

        file = self.folder.path / PARAMETERS
        if not file.is_file():
            raise RunError(
                f"{self.name} has no table of what it trains",
                hint="it is made when a training begins; older runs have none",
            )
        return Parameters(self.name, ParameterTable.from_json(file.read_text(encoding="utf-8")))

    @property
    def events(self) -> list[tuple[float, Event]]:
        """All that happened, as (seconds since 1970, event), with what was done over again."""
        return self.folder.history()

    @property
    def history(self) -> pd.DataFrame:
        """Losses, rates and scores over the steps, one row a report or evaluation."""
        import pandas as pd

        rows: list[dict[str, Any]] = []
        evaluated: dict[int, dict[str, Any]] = {}
        for _, event in as_it_stands(self.events):
            if isinstance(event, Evaluated):
                row = {"step": event.step, "epoch": event.epoch, "validation_loss": event.loss}
                evaluated[event.step] = row
                rows.append(row)
            if isinstance(event, Evaluated | BestScored):
                scores = {f"validation_{k}": v for k, v in event.scores.items()}
                evaluated.get(event.step, {}).update(scores)
            elif isinstance(event, StepsDone):
                rows.append(vars(event))
        return pd.DataFrame(rows)

    @property
    def metrics(self) -> dict[str, float]:
        """The validation scores of the weights that the run keeps, empty without validation."""
        best = self.view().best
        return dict(best.scores) if best else {}

    def figure(self) -> Figure:
        """Return how the loss fell, with all that was done to the run, as a matplotlib figure."""
        from nbtune.plots.loss import plot_loss
        from nbtune.plots.style import new_figure

        figure, axes = new_figure(6.6, 3.6)
        plot_loss(self.events, axes[0, 0])
        return figure

    def save_figures(
        self, folder: str | Path = "figures", formats: Iterable[str] = ("svg", "pdf")
    ) -> list[Path]:
        """Write the picture of the loss into a folder, for print.

        See `nbtune.Evaluation.save_figures`.
        """
        from nbtune.plots.saving import save_figures

        return save_figures({"loss": self.figure()}, folder, formats)

    def view(self) -> RunView:
        """Return the run as cards and tables show it."""
        from nbtune.panels.state import fold

        view = fold(self.name, self.events)
        if self.status == "interrupted":  # its history just ends
            view.apply(RunStopped(view.step, "killed"))
        return view

    @property
    def control(self) -> Control | RemoteControl:
        """What steers this run while it trains, here or elsewhere; see `nbtune.control`."""
        if not self.folder.is_busy():
            raise RunError(
                f"{self.name} is not training: it is {self.status}",
                hint=f"a run is steered while it trains; go on with it: %resume {self.name}",
            )
        return self.steering()

    def steering(self) -> Control | RemoteControl:
        """Return what steers this run where it trains, whether or not it does now."""
        from nbtune.engine.control import find_control
        from nbtune.engine.remote import RemoteControl

        return find_control(self.folder.path) or RemoteControl(self.folder)

    def watch(self, display: str | None = None, *, wait: bool = False) -> None:
        """Show the run as it is, and as it goes on while it trains; see `nbtune.watch`."""
        from nbtune.panels.watch import watch

        watch(self.folder, display, self.steering, wait=wait)

    def wait(self) -> Run:
        """Return when nobody trains the run any more.

        Raises
        ------
        RunError
            When it has failed, with the reason.
        """
        with interrupts_kept() as check:
            while self.folder.is_busy():
                check()
                time.sleep(WAITING_SECONDS)
        stop = self.view().stop
        if stop is not None and stop.reason in ("failed", "killed"):
            raise RunError(
                f"{self.name} is {self.status}: {stop.message or stop.reason}",
                hint=f"what its process said is in {self.folder.log_path}",
            )
        return self

    def ask(
        self, rows: pd.DataFrame, progress: Callable[[int, int], None] | None = None
    ) -> Predictions:
        """Return what the task of this run makes of the logits for rows as the run keeps them."""
        return ask(self.trained, from_yaml(self.folder.recipe_text), rows, progress)

    def rows_of(self, texts: Any) -> pd.DataFrame:
        """Return texts, or what else this run is asked about, as rows.

        Raises
        ------
        DataError
            When something among them is not what it should be.
        """
        return self.task.rows.given(texts, from_yaml(self.folder.recipe_text))

    @property
    def task(self) -> Task:
        """What this run has learnt, as `nbtune.tasks.Task`."""
        return task_of(from_yaml(self.folder.recipe_text))

    def predict_proba(
        self, texts: Iterable[str], progress: Callable[[int, int], None] | None = None
    ) -> np.ndarray[Any, Any]:
        """Return the probabilities of the labels, of shape (rows, labels).

        Parameters
        ----------
        progress : callable, optional
            Called with rows done and rows in all, after each batch.

        Raises
        ------
        DataError
            When something among the texts is not one.
        RunError
            When the run has learnt something else than labels.
        """
        if (probabilities := self.task.probabilities) is None:
            raise RunError(
                f"{self.name} has learnt {self.task.summary}: there are no labels with chances",
                hint="ask run.predict, or %predict",
            )
        return probabilities(self.ask(self.rows_of(texts), progress))

    def predict(self, texts: Iterable[Any]) -> Any:
        """Return what is predicted for each text.

        The most probable label; where a text can have several, 0 or 1 for each label, in the order
        of ``classes_``; where numbers were learnt, a number. Where words were learnt, the text
        with all its gaps filled, or as the model goes on with it.
        """
        rows = self.rows_of(texts)
        if self.task.completed is not None:
            found = self.respond(rows, Request(top_k=1, temperature=0.0))
            return self.task.completed(rows, found, self.trained.known)
        return self.task.predict(self.ask(rows), self.trained.known)

    def respond(
        self,
        rows: pd.DataFrame,
        request: Request,
        progress: Callable[[int, int], None] | None = None,
    ) -> pd.DataFrame:
        """Return what the model of this run fills in, or writes; see `nbtune.predict`."""
        return respond(self.trained, from_yaml(self.folder.recipe_text), rows, request, progress)

    def embed(
        self, texts: Iterable[str], progress: Callable[[int, int], None] | None = None
    ) -> np.ndarray[Any, Any]:
        """Return the vectors of texts, of shape (texts, width), each of length 1.

        Products of two are how alike their texts are; those of many texts, kept once, answer what
        is like a new one.

        Raises
        ------
        DataError
            When something among the texts is not one.
        RunError
            When the run has not learnt how alike texts are.

        Examples
        --------
        >>> found = run.embed(documents) @ run.embed(["a question"]).T  # doctest: +SKIP
        """
        from nbtune.data.cleaning import clean_texts
        from nbtune.data.texts import as_texts

        recipe = from_yaml(self.folder.recipe_text)
        if recipe.pair_encoding != "bi-encoder":
            raise RunError(
                f"{self.name} has learnt {self.task.summary}: its texts have no vectors",
                hint="train on pairs of texts with pair_encoding: bi-encoder",
            )
        return embed(self.trained, clean_texts(as_texts(texts), recipe.clean), progress)

    def score(self, texts: Iterable[str], labels: Sequence[str]) -> float:
        """Return the accuracy on these rows, as scikit-learn's classifiers do.

        Raises
        ------
        DataError
            When there is not one label for each text, or no text.
        RunError
            When the run has learnt something else than one label a text.
        """
        if "accuracy" not in self.task.scores:
            raise RunError(
                f"{self.name} has learnt {self.task.summary}: accuracy does not suit it",
                hint=f"%evaluate {self.name} gives {', '.join(self.task.scores[:3])} and more",
            )
        found = self.predict(texts)
        if len(found) != len(labels) or not len(found):
            raise DataError(
                f"there are {len(found)} texts and {len(labels)} labels",
                hint="give one label for each text",
            )
        return float((found == [str(label) for label in labels]).mean())

    def merged_model(self) -> Any:
        """Return a plain transformers model with the adapters of the run added to its weights.

        It predicts as ``model`` does; ``model`` itself stays as it is.

        Raises
        ------
        RunError
            When there is no model yet, or what its method learnt cannot be added to weights.
        """
        return load_merged(self.folder).model

    def save(self, folder: str | Path, *, merged: bool = False) -> Path:
        """Copy model and tokenizer to a folder that ``from_pretrained`` reads.

        Parameters
        ----------
        merged : bool
            Write a plain model with the adapters added to its weights, which needs no PEFT.

        Raises
        ------
        RunError
            When there is something in that place already, or no model yet; or, for ``merged``,
            as `merged_model` does.
        """
        place = Path(folder)
        if place.exists():
            raise RunError(f"{str(folder)!r} is there already", hint="choose a new folder")
        if not self.folder.model_path.is_dir():
            load_trained(self.folder)  # says why there is none
        if merged:
            save_trained(load_merged(self.folder), place, from_yaml(self.folder.recipe_text))
            return place
        shutil.copytree(self.folder.model_path, place)
        return place

    def fit(self, *_: Any, **__: Any) -> Run:
        """Refuse: a run is trained already; it is here for scikit-learn's checks only."""
        raise RunError("a run cannot be fitted again", hint="use nbtune.finetune or %resume")

    def __sklearn_is_fitted__(self) -> bool:
        return self.folder.model_path.is_dir()

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags(),
            input_tags=InputTags(string=True, two_d_array=False),
        )

    def __repr__(self) -> str:
        return f"<Run {self.name}: {self.status}, {self.folder.path}>"

    def _ipython_display_(self) -> None:
        """Show a run that trains as it goes on; any other is a plain table."""
        from nbtune.panels.display import choose_mode, is_headless
        from nbtune.panels.watch import is_shown_here

        if choose_mode() != "rich" or is_headless() or not self.folder.is_busy():
            raise NotImplementedError  # which IPython takes for: show it by its MIME types
        if not is_shown_here(self.folder):
            self.watch()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from nbtune.panels import card

        view = self.view()
        return {
            "text/plain": card.card_text(view),
            "text/markdown": card.card_markdown(view),
            "text/html": card.final_html(view),
        }


_RUNS: WeakSet[Run] = WeakSet()


def let_go(folder: RunFolder) -> None:
    """Have all runs of this name drop their models; they load them again when asked.

    A notebook keeps every run that a cell has shown, so a cell that is run again and again would
    keep as many models in memory.
    """
    place = folder.path.parent.resolve()
    for run in list(_RUNS):
        same = run.folder.name == folder.name and run.folder.path.parent.resolve() == place
        if same and run.folder.model_path.is_dir():
            run._trained = None


class RecipeText(str):
    """A recipe as text, with the validated settings at hand."""

    __slots__ = ()

    @property
    def settings(self) -> Recipe:
        """The validated recipe."""
        return from_yaml(self)

    def to_yaml(self, *, defaults: bool = False) -> str:
        """Return the text; with ``defaults`` every setting is written out."""
        return to_yaml(self.settings, defaults=defaults)

    def __repr__(self) -> str:
        return str(self)
