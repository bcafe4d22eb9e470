"""What is learnt: one file a task, named as the Hugging Face pipelines are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from nbtune.errors import RecipeError
from nbtune.plugins import Plugins

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from torch import Tensor

    from nbtune.data.batches import InMemory
    from nbtune.data.rows import Rows
    from nbtune.recipe import Recipe
    from nbtune.records import Choice, EvaluationRecord, ReviewedRow

Predictions = Any
"""What a task makes of logits, one of its own kind for all rows: an array, or a list."""


@dataclass(frozen=True)
class Loss:
    """How wrong a batch is, kept as a sum and a count so that micro-batches add up exactly.

    Attributes
    ----------
    sum : callable
        (logits, targets) to the summed loss in nats, a scalar tensor on their device; of examples
        with numbers beside them (logits, targets, these).
    count : callable
        Targets of some examples to the number the sum is divided by: examples, tokens that have
        a target, or their weights.
    kept : callable, optional
        (what was kept of the logits, the examples) to the mean loss, where that is not the mean of
        the losses of all tokens.
    margin : callable, optional
        (logits, targets) to by how much the truth of each row is likelier than anything else, from
        -1 to 1, of shape (rows,): what tells rows that are mislabelled.
    """

    sum: Callable[..., Tensor]
    count: Callable[[np.ndarray[Any, Any]], float]
    kept: Callable[[Any, Any], float] | None = None
    margin: Callable[[Tensor, Tensor], Tensor] | None = None


@dataclass(frozen=True)
class Known:
    """What is known of the data of a run, beside its weights.

    Attributes
    ----------
    labels : tuple of str
        Label names by id; empty where there are none.
    scale : tuple of float
        Mean and deviation of numbers that are learnt; the model works without either.
    steps : tuple of float
        The lowest and the highest of numbers that are steps of a scale, such as stars; empty for
        any other numbers.
    thresholds : tuple of float
        Probability from which on a row has a label, by label; empty for one half. Of answers: by
        how much no answer has to be better than the best one.
    rules : tuple of str
        What somebody chose the thresholds for, by label, as `nbtune.records.Choice` has it; empty
        where the task did.
    temperature : float
        What logits are divided by before they become probabilities.
    tokenizer
        That of the model, for tasks whose answers are words of it.
    """

    labels: tuple[str, ...] = ()
    scale: tuple[float, float] = (0.0, 1.0)
    steps: tuple[float, ...] = ()
    thresholds: tuple[float, ...] = ()
    rules: tuple[str, ...] = ()
    temperature: float = 1.0
    tokenizer: Any = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Request:
    """How a model is asked to fill in, or to write on.

    Attributes
    ----------
    top_k : int, optional
        The likeliest words for each gap; of text, draw among so many of them.
    max_new_tokens : int, optional
        So long is a text that is written, unless it comes to an end.
    temperature : float, optional
        What logits are divided by; 0 always takes the likeliest.
    top_p : float, optional
        Draw among the likeliest that have this probability together (Holtzman et al. 2019).
    num_beams : int, optional
        Texts that are written side by side; the best is kept.
    """

    top_k: int | None = None
    max_new_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    num_beams: int | None = None
    seed: int = 42

    def drawing(self, usual: float = 0.0) -> dict[str, Any] | None:
        """Return how tokens are drawn, as ``generate`` is told; None takes the likeliest.

        Parameters
        ----------
        usual : float
            The temperature where nothing is said about drawing.
        """
        heat = self.temperature
        if heat is None:
            heat = usual if self.top_k is None and self.top_p is None else 1.0
        top_p = 1.0 if self.top_p is None else self.top_p
        return {"temperature": heat, "top_p": top_p, "top_k": self.top_k or 0} if heat else None


@dataclass(frozen=True)
class Aim:
    """What is to be explained of what a model says of a row: a number made of its logits.

    Attributes
    ----------
    example : int
        The example that says it.
    beside : int, optional
        Another one that it is said of, read by itself; logits are then of shape (variants, 2, ...).
    label : str
        What it is called: a label, the type of a span, an answer.
    score : callable
        Logits of that example in several variants, of shape (variants, ...), to one number each.
    chance : callable, optional
        The same to probabilities; without it there are none, as of numbers.
    span : tuple of int
        Characters of the last text that it speaks of; empty for all of them.
    what : str
        What the number is.
    """

    example: int
    label: str
    score: Callable[[Tensor], Tensor]
    chance: Callable[[Tensor], Tensor] | None = None
    span: tuple[int, ...] = ()
    what: str = "logit"
    beside: int | None = None


@dataclass(frozen=True)
class Sayings:
    """What a model writes of rows, or fills into them, as examples that say it word by word.

    Attributes
    ----------
    texts : list of tuple of str
        What the words stand in, of each row.
    examples : InMemory
        One for each aim. Their targets are what is said; their spans, where in the text each token
        stands, (0, 0) for those that are no words or come later.
    aims : list of list of Aim
        Of each row. Logits are of shape (variants, targets, tokens).
    """

    texts: list[tuple[str, ...]]
    examples: InMemory
    aims: list[list[Aim]]


@dataclass(frozen=True)
class RowScore:
    """What a row scores by itself, by which parts of the rows are compared.

    Attributes
    ----------
    name : str
        ``right`` where a row is right or wrong, else the score that it is one row's part of.
    of : callable
        (rows, predictions, known) to numbers of shape (rows,); NaN for rows that have none.
    """

    name: str
    of: Callable[[pd.DataFrame, Predictions, Known], np.ndarray[Any, Any]]


class Baseline(Protocol):
    """What needs no training loop, and makes the predictions that the task makes."""

    @property
    def name(self) -> str: ...  # noqa: D102
    def predict(self, rows: pd.DataFrame) -> Predictions: ...  # noqa: D102


Weighted = Callable[["np.ndarray[Any, Any]"], "dict[str, np.ndarray[Any, Any]]"]
"""Weights of shape (resamples, rows), how often each row counts, to scores of shape (resamples,).

All that is known of how good a model is comes from it: scores, their intervals, who is better.
"""
Reads = Literal["text", "gaps", "writing", "rewriting", "images"]
Keep = Callable[["Tensor", "Tensor"], "Tensor"]
"""Logits of shape (places, outputs) and targets (places,) to (places, n): the loss comes first."""
Judge = Callable[..., "EvaluationRecord"]
"""(run, split, rows, predictions, known, baselines' predictions by name) to the record."""

Write = Callable[..., Predictions]
"""(model, rows, what was read of them, known, longest row in tokens, for how many rows at most,
progress) to the predictions with what the model writes for that many of the rows; None for as many
as are needed to judge it.
"""

Aims = Callable[[Any, "pd.DataFrame", Any, Known, str | None], list[list[Aim]]]
"""(logits, rows, their examples, known, label or None for what is predicted) to what can be
explained of each row; raises RunError when there is no such label."""

Say = Callable[[Any, "pd.DataFrame", Known, int, str | None], Sayings]
"""(model, rows, known, longest row in tokens, what it should say or None for what it says) to that;
raises DataError where nothing can be said of a row."""

Decide = Callable[
    [Known, Sequence["Choice"], Callable[[], tuple["pd.DataFrame", Predictions]]], Known
]
"""(known, choices, held-out rows and predictions, asked for where they are needed) to what is known
with the thresholds that were chosen; raises RunError when a choice names no label or reaches none.
"""


@dataclass(frozen=True)
class Task:
    """What is learnt from which rows, with which head, and how it is judged.

    Rows are frames whose columns are the roles of `rows`; those of ``targets`` may be missing
    where nothing is to be learnt or judged.

    Attributes
    ----------
    head : str
        The transformers auto class that puts the head on a model.
    rows : Rows
        Which columns and rows are learnt from.
    encode : callable
        (rows, tokenizer, longest row in tokens, known) to examples; see
        `nbtune.data.batches.InMemory`.
    loss : callable
        (recipe, training targets, number of labels) to the loss.
    read : callable
        (logits, rows, their examples, known) to predictions, one a row.
    weighted : callable
        (rows, predictions, known) to how these rows are scored when each counts so many times; see
        `Weighted`.
    judge : callable
        See `Judge`.
    fit : callable
        (rows, known) to the baselines.
    predict : callable
        (predictions, known) to what ``Run.predict`` returns, one item a row.
    answers : callable
        (rows, predictions, known) to the frame that ``%predict`` shows.
    table : callable
        (rows, predictions, known) to the rows with columns for what was predicted.
    scores : tuple of str
        All scores that there are.
    metrics : tuple of str
        Scores shown while training; the first one picks the best weights.
    reviewed : callable, optional
        (rows, predictions, known) to rows as somebody looks through them, one a row; see
        `nbtune.evaluation.reviewing`.
    recalled : callable, optional
        (what ``table`` returned, known) to the predictions it was made of, where it holds them.
    row_score : RowScore, optional
        What a row scores by itself; without it no parts of the rows are compared.
    decided_by : str
        The score that says which of two models is better; by default the one that picks weights.
    probabilities : callable, optional
        Predictions to what ``Run.predict_proba`` returns, of shape (rows, labels).
    outputs : int, optional
        How many logits the head gives; None for one a label.
    without : tuple of str
        Settings of the recipe that mean nothing to this task.
    head_bias : callable, optional
        (training rows, known) to what the bias of the head begins with, of shape (labels,).
    settle : callable, optional
        (validation rows, predictions, known) to what is known better once it is trained.
    problem_types : mapping
        Variants of the task by the name that Hugging Face gives the kind of problem.
    suited : callable, optional
        (training frame, recipe) to settings that its columns ask for, such as the problem type.
    tuned : callable, optional
        (recipe) to the task as settings of its own want it, such as how long an answer may be.
    decide : callable, optional
        See `Decide`; without it no threshold gives labels.
    glance : callable, optional
        (rows, predictions, known) to what an evaluation shows besides its scores while a run
        trains; see `nbtune.evaluation.glances`.
    ranked : callable, optional
        (rows, predictions, known, count) to the frame of the likeliest predictions of each row.
    keep : callable, optional
        For a head as wide as a vocabulary, which is asked only where there is a target: what is
        kept of its logits, and comes to ``read`` instead of them, by example; see `Keep`.
    encode_training : callable, optional
        As ``encode``, for rows that are trained on, where these are cut otherwise.
    shown : callable, optional
        (examples, known, recipe, whether they are trained on) to examples as the model sees them.
    scores_start : bool
        Whether the model as it was before training is a line of the score tables.
    by_chance : callable, optional
        (training examples, what a model said, known) to what frequencies alone would say there.
    respond : callable, optional
        (model, rows, known, longest row in tokens, `Request`, progress) to the frame that
        ``%predict`` shows, where a model is asked otherwise than it is judged; the first column
        after the text is the answer.
    completed : callable, where there is ``respond``
        (rows, the frame it returned, known) to one text a row: what a row became.
    answering : str
        What is counted while it responds.
    write : callable, optional
        See `Write`: for tasks whose texts are judged as they are written, word by word.
    preview : callable, optional
        (rows, tokenizer, longest row in tokens) to what is learnt of each, in pieces; see
        `nbtune.events.Previewed`.
    reference : callable, optional
        (what was kept of the model's logits before training, the rows) to numbers of shape
        (examples, ...), which stand beside the examples from then on; see
        `nbtune.data.batches.Encoded`.
    against : callable, optional
        (predictions, those of the model before training for the same rows) to the predictions
        measured by these, where a model is only as good as it is better than it was.
    rate : float
        What the usual learning rate is multiplied by.
    dear : tuple of str
        Scores for which all rows are written. While a run trains they are there only when one of
        them picks the best weights, and else once, for the weights that are kept.
    check : callable, optional
        (model without weights, recipe) raises a RecipeError where the model cannot do what the
        recipe asks for; asked before weights are read.
    prepare : callable, optional
        (model, tokenizer) changes the model in place before it is trained, so that it answers,
        wherever it is loaded, as the recipe wants it to.
    dress : callable, optional
        Gives a tokenizer what the task needs, in place, before it is saved with the model: a
        template for chats, marks for entities.
    remarks : callable, optional
        (training rows, their examples, known) to what the user should know of them.
    beside : callable, optional
        Model to JSON-plain values that lie beside its weights, by the name of their file.
    marks : tuple of str
        Words of the texts that stand around spans: tokens of their own, which the tokenizer and
        the model are taught.
    reads : {"text", "gaps", "writing", "rewriting", "images"}
        What a model reads: whole texts, texts with gaps, what it goes on with, what it makes
        another text of, or images; its tokenizer needs a mask for gaps, images have an image
        processor in place of one, and a model from nothing is made for it.
    model : str, optional
        What is trained where the recipe names no model.
    aims : callable, optional
        See `Aims`; without it, and without ``sayings``, nothing that it says is explained.
    sayings : callable, optional
        See `Say`: of tasks whose model writes or fills in, what there is to be explained.
    """

    name: str
    summary: str
    head: str
    rows: Rows
    encode: Callable[[pd.DataFrame, Any, int, Known], InMemory]
    loss: Callable[[Recipe, Any, int], Loss]
    read: Callable[[Any, pd.DataFrame, Any, Known], Predictions]
    weighted: Callable[[pd.DataFrame, Predictions, Known], Weighted]
    judge: Judge
    fit: Callable[[pd.DataFrame, Known], Sequence[Baseline]]
    predict: Callable[[Predictions, Known], Any]
    answers: Callable[[pd.DataFrame, Predictions, Known], pd.DataFrame]
    table: Callable[[pd.DataFrame, Predictions, Known], pd.DataFrame]
    scores: tuple[str, ...]
    metrics: tuple[str, ...]
    probabilities: Callable[[Predictions], np.ndarray[Any, Any]] | None = None
    outputs: int | None = None
    without: tuple[str, ...] = ()
    head_bias: Callable[[pd.DataFrame, Known], np.ndarray[Any, Any]] | None = None
    settle: Callable[[pd.DataFrame, Predictions, Known], Known] | None = None
    problem_types: Mapping[str, Callable[[], Task]] = field(default_factory=dict)
    suited: Callable[[pd.DataFrame, Recipe], dict[str, Any]] | None = None
    tuned: Callable[[Recipe], Task] | None = None
    ranked: Callable[..., pd.DataFrame] | None = None
    decide: Decide | None = None
    keep: Keep | None = None
    encode_training: Callable[[pd.DataFrame, Any, int, Known], InMemory] | None = None
    shown: Callable[[Any, Known, Recipe, bool], Any] | None = None
    scores_start: bool = False
    by_chance: Callable[[Any, Predictions, Known], Predictions] | None = None
    respond: Callable[..., pd.DataFrame] | None = None
    completed: Callable[[pd.DataFrame, pd.DataFrame, Known], list[str]] | None = None
    answering: str = "texts labelled"
    write: Write | None = None
    dress: Callable[[Any], None] | None = None
    reference: Callable[[Any, pd.DataFrame], np.ndarray[Any, Any]] | None = None
    against: Callable[[Predictions, Predictions], Predictions] | None = None
    rate: float = 1.0
    preview: Callable[[pd.DataFrame, Any, int], list[list[tuple[str, str]]]] | None = None
    reads: Reads = "text"
    model: str | None = None
    glance: Callable[[pd.DataFrame, Predictions, Known], dict[str, Any]] | None = None
    aims: Aims | None = None
    sayings: Say | None = None
    dear: tuple[str, ...] = ()
    check: Callable[[Any, Recipe], None] | None = None
    prepare: Callable[[Any, Any], None] | None = None
    remarks: Callable[[pd.DataFrame, Any, Known], Sequence[str]] | None = None
    marks: tuple[str, ...] = ()
    beside: Callable[[Any], Mapping[str, Any]] | None = None
    decided_by: str = ""
    row_score: RowScore | None = None
    recalled: Callable[[pd.DataFrame, Known], Predictions] | None = None
    reviewed: Callable[[pd.DataFrame, Predictions, Known], list[ReviewedRow]] | None = None

    @property
    def is_explained(self) -> bool:
        """Whether what a model says can be taken apart."""
        return self.aims is not None or self.sayings is not None

    @property
    def decides(self) -> str:
        """The score that says which of two models is better."""
        return self.decided_by or self.metrics[0]

    def score(self, rows: pd.DataFrame, said: Predictions, known: Known) -> dict[str, float]:
        """Return scores by name, every row counted once."""
        from nbtune.evaluation.tables import plain_scores

        return plain_scores(self.weighted(rows, said, known), len(rows))


BUILTIN = {
    "text-classification": "nbtune.tasks.text_classification",
    "fill-mask": "nbtune.tasks.fill_mask",
    "image-classification": "nbtune.tasks.image_classification",
    "text-generation": "nbtune.tasks.text_generation",
    "preference-tuning": "nbtune.tasks.preference_tuning",
    "question-answering": "nbtune.tasks.question_answering",
    "relation-extraction": "nbtune.tasks.relation_extraction",
    "summarization": "nbtune.tasks.summarization",
    "translation": "nbtune.tasks.translation",
    "text2text-generation": "nbtune.tasks.text2text_generation",
    "token-classification": "nbtune.tasks.token_classification",
}

_TASKS: Plugins[Task] = Plugins("task", BUILTIN)
task_names, find_task = _TASKS.names, _TASKS.find


def task_of(recipe: Recipe) -> Task:
    """Return the task of a recipe, as its problem type and other settings want it.

    Raises
    ------
    RecipeError
        When there is none of that name, or it has no such variant.
    """
    task = find_task(recipe.task)
    wanted = recipe.problem_type
    if wanted is None:
        return task if task.tuned is None else task.tuned(recipe)
    if wanted not in task.problem_types:
        kinds = ", ".join(task.problem_types)
        raise RecipeError(
            f"problem_type: {task.name} has no kind called {wanted}",
            hint=f"its kinds are {kinds}" if kinds else "leave problem_type out",
        )
    variant = task.problem_types[wanted]()
    return variant if variant.tuned is None else variant.tuned(recipe)
