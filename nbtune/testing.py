"""Tiny models, tokenizers and rows, made on the spot: for our tests and those of plug-ins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

import numpy as np
import pandas as pd
import torch
import transformers

from nbtune import events
from nbtune.data.batches import InMemory, make_batch
from nbtune.data.encoding import write_examples
from nbtune.data.ragged import Ragged
from nbtune.engine.control import Control
from nbtune.engine.inference import predict_logits
from nbtune.engine.job import Job
from nbtune.engine.loop import Training
from nbtune.engine.stepping import Forward, total_loss
from nbtune.errors import NbtuneError
from nbtune.evaluation.baselines import load_baselines, save_baselines
from nbtune.evaluation.classification import judge
from nbtune.evaluation.comparison import judge_pairs, score_contender, verdict
from nbtune.methods import Method, head_modules, method_names
from nbtune.methods.counting import count_parameters
from nbtune.methods.freezing import freeze, gradual_unfreezing
from nbtune.models.decoders import rewrites, set_ends
from nbtune.models.layers import unwrapped
from nbtune.models.loading import load_model, quiet
from nbtune.models.packing import packing
from nbtune.models.probing import find_packer
from nbtune.models.scratch import new_tokenizer
from nbtune.models.sources import ModelSource
from nbtune.recipe import Recipe
from nbtune.records import ComparisonRecord, Contender, Course, EvaluationRecord
from nbtune.runs import CheckpointStore
from nbtune.tasks import Known, Loss, Task, find_task

_WORDS = {
    "animal": "small furry mammal with sharp teeth living in northern forests",
    "food": "sweet baked dish made of flour butter sugar and fruit",
    "place": "large city in the south on a river near the sea",
}
_GERMAN = (
    "der die das und ist von mit den ein eine zu auf für nicht sich dem im als auch wird Katze "
    "Hund Haus Straße Garten Berg Wasser Brot Sommer Abend Fenster Schule Musik Reise Arbeit"
)
_SMALL: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
}
_SMALL_PAIR: dict[str, Any] = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "max_position_embeddings": 128,
    "forced_eos_token_id": None,
    "decoder_start_token_id": 2,
}


def topic_rows(rows: int = 60, labels: int = 3, seed: int = 0) -> pd.DataFrame:
    """Make short texts whose label can be learnt from their words.

    Returns
    -------
    DataFrame
        Columns ``text`` and ``label``, the labels in turn.
    """
    rng = np.random.default_rng(seed)
    names = list(_WORDS)[:labels]
    chosen = [names[i % labels] for i in range(rows)]
    texts = [
        " ".join(rng.choice(_WORDS[name].split(), size=rng.integers(3, 9)))
        + f" {rng.integers(0, 10_000)}"  # so that no two rows are the same
        for name in chosen
    ]
    return pd.DataFrame({"text": texts, "label": chosen})


def plant_problems(
    train: pd.DataFrame, test: pd.DataFrame, count: int = 20, seed: int = 0
) -> tuple[pd.DataFrame, dict[str, list[int]]]:
    """Add rows to training rows that `nbtune.check_data` should find, ``count`` of each kind.

    Parameters
    ----------
    train, test : DataFrame
        Columns ``text`` and ``label``, with many different texts of 60 letters and more.

    Returns
    -------
    frame : DataFrame
        The training rows, and those that were added after them.
    planted : dict
        The places of the added rows by the check that should find them.
    """
    rng = np.random.default_rng(seed)
    own, held_out = (
        frame[frame["text"].str.len() > 60].drop_duplicates("text") for frame in (train, test)
    )
    mine, theirs = (
        iter(frame.sample(frac=1, random_state=seed)[["text", "label"]].to_numpy().tolist())
        for frame in (own, held_out)
    )
    labels = sorted(set(train["label"]))

    def almost(row: list[str]) -> list[str]:
        words = row[0].split()
        words[int(rng.integers(len(words)))] += "s"
        return [" ".join(words), row[1]]

    def with_piece(piece: str, label: str = "") -> list[str]:
        """Put a piece between halves of two texts, which is like neither of them."""
        (one, own_label), (other, _) = next(mine), next(mine)
        first, second = one.split(), other.split()
        words = [*first[: len(first) // 2], piece, *second[len(second) // 2 :]]
        return [" ".join(words), label or own_label]

    def contradicted(row: list[str]) -> list[str]:
        return [row[0], next(label for label in labels if label != row[1])]

    forms = ("{}.{}@mail.example.org", "+49 30 {}55 {}77", "4111 1111 1111 1111",
             "DE89 3704 0044 0532 0130 00")  # fmt: skip
    makers: dict[str, Callable[[int], list[str]]] = {
        "duplicates": lambda i: next(mine),
        "near_duplicates": lambda i: almost(next(mine)),
        "overlap": lambda i: next(theirs),
        "near_overlap": lambda i: almost(next(theirs)),
        "conflicts": lambda i: contradicted(next(mine)),
        "encoding": lambda i: with_piece("schön à la crème".encode().decode("latin-1")),
        "lost_characters": lambda i: with_piece("st\ufffdd"),
        "markup": lambda i: with_piece("<b>bold</b> &amp;"),
        "personal": lambda i: with_piece(forms[i % 4].format(100 + i, 200 + i)),
        "languages": lambda i: [" ".join(rng.choice(_GERMAN.split(), 14)), labels[0]],
        "labels": lambda i: with_piece("and", labels[1].upper()),
        "unusable": lambda i: [" ", labels[0]],
    }
    rows: list[list[str]] = []
    planted: dict[str, list[int]] = {}
    for check, make in makers.items():
        # A language is only told where it is no matter of a few rows.
        many = 15 * count if check == "languages" else count
        planted[check] = [len(train) + len(rows) + i for i in range(many)]
        rows += [make(i) for i in range(many)]
    added = pd.DataFrame(rows, columns=["text", "label"])
    return pd.concat([train[["text", "label"]], added], ignore_index=True), planted


def tiny_tokenizer(texts: Sequence[str] | None = None) -> Any:
    """Train a tokenizer of at most some hundred words on the texts."""
    return new_tokenizer(list(texts) if texts is not None else list(topic_rows(200)["text"]))


def tiny_config(kind: str, vocabulary: int, labels: int = 3) -> Any:
    """Return the configuration of a model of two layers of width 32, by ``model_type``."""
    names: dict[str, dict[str, Any]] = {
        "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64},
        "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 4},
        **{kind: {**_SMALL, "num_key_value_heads": 2} for kind in ("llama", "qwen2", "qwen3")},
        "gemma": {**_SMALL, "num_key_value_heads": 2, "head_dim": 8},
        "electra": {**_SMALL, "embedding_size": 32},
        "modernbert": {**_SMALL, "local_attention": 32, "global_attn_every_n_layers": 2},
        **dict.fromkeys(("bart", "marian"), _SMALL_PAIR),
        "t5": {
            "d_model": 32,
            "d_kv": 8,
            "d_ff": 64,
            "num_layers": 2,
            "num_heads": 4,
            "decoder_start_token_id": 0,
        },
        "mistral": {**_SMALL, "num_key_value_heads": 2, "sliding_window": 24},
    }
    special = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
    return transformers.AutoConfig.for_model(
        kind, vocab_size=vocabulary, num_labels=labels, **special, **names.get(kind, _SMALL)
    )


def tiny_model_folder(folder: Path, kind: str = "bert", seed: int = 0) -> Path:
    """Write a tiny model of this kind with a tokenizer, as ``from_pretrained`` reads them."""
    tokenizer = tiny_tokenizer()
    torch.manual_seed(seed)
    model = transformers.AutoModelForSequenceClassification.from_config(
        tiny_config(kind, len(tokenizer))
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def tiny_model(kind: str = "bert", labels: int = 3, seed: int = 0) -> Any:
    """Make a tiny model of this kind in memory, with random weights drawn from the seed."""
    torch.manual_seed(seed)
    return transformers.AutoModelForSequenceClassification.from_config(
        tiny_config(kind, len(tiny_tokenizer()), labels)
    )


def encode(frame: pd.DataFrame, tokenizer: Any, max_length: int = 64) -> InMemory:
    """Tokenise rows in memory; labels become ids in sorted order."""
    labels = sorted(set(frame["label"]))
    ids = tokenizer(list(frame["text"]), truncation=True, max_length=max_length)["input_ids"]
    return InMemory([list(row) for row in ids], np.array([labels.index(x) for x in frame["label"]]))


def guesses(
    rows: int = 120, labels: int = 3, seed: int = 0, skill: float = 0.8
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Make up targets of shape (rows,) and probabilities of shape (rows, labels) for them.

    The probabilities are coarse, so that some are equal; with few rows some labels have none.
    In a share ``skill`` of the rows the true label has more weight, in the others it is chance.
    """
    rng = np.random.default_rng(seed)
    targets = rng.integers(labels, size=rows)
    weights = rng.integers(1, 6, size=(rows, labels)).astype(float)
    known = np.flatnonzero(rng.random(rows) < skill)
    weights[known, targets[known]] += rng.integers(2, labels + 2, size=len(known))
    return targets, weights / weights.sum(axis=1, keepdims=True)


@cache
def made_up_record(
    labels: int | tuple[str, ...] = 3, rows: int = 120, seed: int = 0, baseline: bool = True
) -> EvaluationRecord:
    """Judge `guesses` beside worse ones."""
    names = [f"label {i}" for i in range(labels)] if isinstance(labels, int) else labels
    targets, good = guesses(rows, len(names), seed)
    worse = guesses(rows, len(names), seed, skill=0.6)[1]
    texts = [f"text of row {i}" for i in range(rows)]
    baselines = {"TF-IDF + logistic regression": worse} if baseline else None
    return judge("topics@1", "test", names, targets, good, baselines=baselines, texts=texts)


@cache
def made_up_comparison(names: tuple[str, ...] = ("full@1", "lora@1", "head@1")) -> ComparisonRecord:
    """Compare `guesses` of less and less skill, as if each came from a cheaper run."""
    targets = guesses(200, 3)[0]
    course = (0.5, 1.0, 2.0), (1.1, 0.8, 0.5)
    scored = [
        score_contender(name, targets, [guesses(200, 3, 0, 0.9 - 0.15 * i)[1]])
        for i, name in enumerate(names)
    ]
    contenders = [
        Contender(
            one.name, (one.name,), {"method": one.name}, one.scores, one.spread,
            300.0 / 4**i, 900e6 / 2**i, 22.7e6, 22.7e6 / 10**i, 90e6 / 9**i,
            (Course(one.name, *course, *course),),
        )
        for i, one in enumerate(scored)
    ]  # fmt: skip
    pairs = judge_pairs(scored, "f1_macro", 200)
    said = verdict(pairs, "f1_macro", 200)
    return ComparisonRecord(
        "test", 200, "f1_macro", "seconds", tuple(contenders), pairs, said, ("a note",)
    )


def made_up_events(
    reports: int = 40, epochs: int = 4, reason: str = "finished", message: str = ""
) -> list[events.Event]:
    """Tell what a run would have told: ten steps a report, a falling loss, a score an epoch."""
    total = 10 * reports
    told: list[events.Event] = [
        events.PhaseStarted("loading model"),
        events.DataReady(
            {"train": total * 16 // epochs, "validation": 300},
            {"animal": total * 8 // epochs, "food": total * 8 // epochs},
            {"median": 10.0, "p95": 24.0, "max": 41.0, "truncated": 0.0},
        ),
        events.BaselineScored("majority", "validation", {"f1_macro": 0.08, "accuracy": 0.17}),
        events.PhaseStarted("training"),
        events.RunStarted(
            0, total, total // epochs, "text-classification", "minilm", "full",
            22_713_216, 22_713_216, "cpu", "fp32", "packed", "f1_macro",
        ),
    ]  # fmt: skip
    rng = np.random.default_rng(0)
    for report in range(1, reports + 1):
        step, share = 10 * report, report / reports
        loss = 0.3 + 2.2 * float(np.exp(-4 * share)) + 0.1 * float(rng.normal())
        rate = 2e-5 * (1 - share)
        told.append(
            events.StepsDone(step, share * epochs, loss, rate, 1.0, 160, 1900, 0.5, 700 << 20)
        )
        if report * epochs % reports < epochs:
            scores = {"f1_macro": 0.6 + 0.25 * share, "accuracy": 0.62 + 0.25 * share}
            told.append(
                events.Evaluated(step, share * epochs, "validation", loss, scores, 1.0, True)
            )
    return [*told, events.RunStopped(total, reason, total, message, reports * 0.5)]


def check_method(method: Method, kinds: Sequence[str] = ("bert", "llama"), **settings: Any) -> None:
    """Hold a method to what every method must keep, on tiny models of these kinds.

    The head is trained; what is trained moves, and nothing else; as much is trained as is told; a
    saved model gives the same answers when it is loaded; a run that is cut in the middle of an
    epoch and taken up again ends, bit for bit, as one that nothing cut.

    Parameters
    ----------
    kinds : sequence of str
        By ``model_type``. One that the method refuses is passed over, unless it refuses all.
    **settings
        Of the recipe, such as ``num_virtual_tokens=3``.

    Raises
    ------
    AssertionError
        Saying what a method must do and this one does not.
    """
    if method.learning_rate <= 0:
        raise AssertionError(f"method {method.name} has no usual learning rate")
    refused = []
    known = method.name if method.name in method_names() else "full"
    usual = {"method": known, "per_device_train_batch_size": 8, "max_steps": 5}
    for kind in kinds:
        recipe = Recipe(**{**usual, "model": kind, **settings})
        with quiet(), TemporaryDirectory() as place:
            trial = _Trial(method, recipe, tiny_model_folder(Path(place) / "base", kind))
            try:
                trial.model()
            except NbtuneError as error:
                refused.append(f"{kind}: {error.problem}")
                continue
            trial.check()
    if len(refused) == len(kinds):
        raise AssertionError(f"method {method.name} works with none of these: {refused}")


@dataclass
class _Trial:
    """A method on one tiny model, whose folder has room for checkpoints beside it."""

    method: Method
    recipe: Recipe
    folder: Path

    def base(self, seed: int | None = None) -> Any:
        """Load the model, with a head drawn anew from a seed if there is one."""
        quantize = self.method.quantize
        loaded = load_model(
            saved_source(self.folder),
            tiny_tokenizer(),
            list(_WORDS),
            quantize=None if quantize is None else lambda model: quantize(model, self.recipe),
        ).model
        if seed is not None:
            torch.manual_seed(seed)
            for name in head_modules(loaded):
                for weight in loaded.get_submodule(name).parameters():
                    torch.nn.init.normal_(weight)
        return loaded

    def model(self) -> Any:
        """Apply the method."""
        self.method.check(self.recipe)
        base = self.base()
        torch.manual_seed(self.recipe.seed)
        model = self.method.apply(base, self.recipe)
        freeze(model, self.recipe)
        return model

    def train(self, model: Any, name: str, *, cut: int = 0, resume: bool = False) -> Training:
        """Train in a folder of this name; ``cut`` is the step after which to stop."""
        rows = encode(topic_rows(24), tiny_tokenizer(), 12)
        control = Control()
        training = Training(
            Job(
                forward=Forward(model, torch.device("cpu"), "fp32", find_packer(model)),
                train=rows,
                validation=None,
                recipe=self.recipe,
                learning_rate=self.recipe.learning_rate or self.method.learning_rate,
                loss=find_task("text-classification").loss(self.recipe, rows.targets, 3),
                score=lambda logits: {},
                metric="loss",
                pad_id=0,
                start=events.RunStarted(
                    0, 0, 0, "", "", self.method.name, 1, 1, "cpu", "fp32", "", "loss"
                ),
                waiting=gradual_unfreezing(model, self.recipe),
            ),
            lambda event: None,
            control,
            CheckpointStore(self.folder.parent / name / "last"),
            CheckpointStore(self.folder.parent / name / "best"),
        )
        one_step = training._step

        def step(rows: Any) -> None:
            one_step(rows)
            if training.progress.step == cut:
                control.stop("cut")

        training._step = step  # type: ignore[method-assign]
        outcome = training.run(resume)
        if outcome.failure is not None:
            raise outcome.failure
        return training

    def check(self) -> None:
        """Check one thing after the other."""
        model = self.model()
        before = _copied(model)
        training = self.train(model, "whole")
        self._check_moves(model, before, set(training.stepper.optimizer.state))
        self._check_count(model)
        self._check_saving(model)
        self.train(self.model(), "cut", cut=2)
        again = self.model()
        torch.manual_seed(999)
        self.train(again, "cut", resume=True)
        if unlike := _differing(_copied(model), _copied(again)):
            self._fail(f"is not taken up exactly in the middle of an epoch: {unlike[0]}")

    def _check_moves(self, model: Any, before: dict[str, Any], stepped: set[Any]) -> None:
        weights = dict(model.named_parameters())
        moved = set(_differing(before, _copied(model)))
        trained = {name for name, weight in weights.items() if weight.requires_grad}
        if stray := sorted(moved - trained):
            self._fail(f"moves {stray[0]}, which it does not train")
        if stuck := sorted(n for n in trained - moved if weights[n] in stepped):
            self._fail(f"does not move {stuck[0]}, which it trains")
        base = unwrapped(model)
        for part in head_modules(base):
            for name, weight in base.get_submodule(part).named_parameters():
                if not weight.requires_grad and "original_module." not in name:
                    self._fail(f"does not train the head: {part}.{name} is frozen")

    def _check_count(self, model: Any) -> None:
        told = count_parameters(model).trainable
        real = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
        if told != real:
            self._fail(f"trains {real} numbers, and {told} are told")

    def _check_saving(self, model: Any) -> None:
        folder = self.folder.parent / "saved"
        model.save_pretrained(folder)
        if (folder / "adapter_config.json").is_file():
            again = self.method.load(self.base(seed=1), folder, self.recipe)
        else:
            again = type(model).from_pretrained(folder)
        expected, found = (_answers(each.eval()) for each in (model, again))
        if not torch.allclose(expected, found, atol=1e-5):
            gap = float((expected - found).abs().max())
            self._fail(f"gives other answers when it was saved and loaded, up to {gap:.2g}")

    def _fail(self, what: str) -> NoReturn:
        raise AssertionError(f"method {self.method.name}, {self.recipe.model}: {what}")


def _copied(model: Any) -> dict[str, Any]:
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


def _differing(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    return [name for name, weight in one.items() if not torch.equal(weight, other[name])]


def _answers(model: Any) -> Any:
    rows = encode(topic_rows(12, seed=3), tiny_tokenizer(), 12)
    forward = Forward(model, torch.device("cpu"), "fp32", None)
    found = predict_logits(forward, rows, 0)
    return torch.from_numpy(found.flat if isinstance(found, Ragged) else found)


def check_task(
    task: Task,
    rows: pd.DataFrame | None = None,
    kind: str = "bert",
    recipe: Recipe | None = None,
) -> None:
    """Hold a task to what every task must keep, on a tiny model.

    Examples read back from disk as they were; micro-batches add up to the whole; packed batches
    have the loss of padded ones; the loss falls; there is one prediction a row; baselines predict
    in the same way and come back from disk; the record reads back.

    Parameters
    ----------
    rows : DataFrame, optional
        Usable rows of the task: ``row``, and a column for each role.
    kind : str
        The model, by ``model_type``.
    recipe : Recipe, optional
        Settings that the task looks at.

    Raises
    ------
    AssertionError
        Saying what a task must do and this one does not.
    """
    if not set(task.metrics) <= set(task.scores) or not task.metrics:
        raise AssertionError(f"task {task.name} has no score to pick the best weights by")
    if rows is None:
        rows = topic_rows(24).assign(row=range(24))
    with quiet(), TemporaryDirectory() as place:
        _TaskTrial(task, rows, kind, Path(place), recipe or Recipe()).check()


@dataclass
class _TaskTrial:
    """A task, some rows, and a folder with room for what it writes."""

    task: Task
    rows: pd.DataFrame
    kind: str
    folder: Path
    recipe: Recipe

    @cached_property
    def tokenizer(self) -> Any:
        """A tokenizer of the rows' own words."""
        found = new_tokenizer(self.task.rows.texts(self.rows), self.task.reads)
        if self.task.dress is not None:
            self.task.dress(found)
        return found

    def check(self) -> None:
        """Check one thing after the other."""
        task, rows = self.task, self.rows
        scale = (0.0, 1.0) if task.rows.scale is None else task.rows.scale(rows)
        known = Known(task.rows.labels(rows), scale, tokenizer=self.tokenizer)
        outputs = task.outputs or len(known.labels)
        torch.manual_seed(0)
        config = tiny_config(self.kind, len(self.tokenizer), outputs)
        model = getattr(transformers, task.head).from_config(config)
        if rewrites(model):
            set_ends(model, self.tokenizer)
        examples: Any = task.encode(rows, self.tokenizer, 64, known)
        self._check_reading_back(examples, len(self.tokenizer))
        if task.reference is not None:
            before = predict_logits(self._forward(model), examples, 0)
            examples = replace(examples, beside=task.reference(before))
        learnt = examples
        if task.shown is not None:
            learnt = task.shown(examples, known, self.recipe, True)
            examples = task.shown(examples, known, self.recipe, False)
        loss = task.loss(self.recipe, learnt.targets, outputs)
        self._check_learning(model, learnt, loss)
        said = self._check_predictions(model, examples, known)
        self._check_judging(said, known)

    def _check_reading_back(self, examples: InMemory, vocabulary: int) -> None:
        again = write_examples(self.rows, lambda _: examples, vocabulary, self.folder / "tokens")
        every = np.arange(len(examples))
        same = all(map(np.array_equal, again.take(every), examples.take(every)))
        if not same or not np.array_equal(again.targets[every], examples.targets[every]):
            self._fail("has examples that do not read back")

    def _forward(self, model: Any, packer: Any = None) -> Forward:
        return Forward(model, torch.device("cpu"), "fp32", packer, keep=self.task.keep)

    def _check_learning(self, model: Any, examples: Any, loss: Loss) -> None:
        every = np.arange(len(examples.targets))
        forward = self._forward(model.eval(), find_packer(model))
        packs = not rewrites(model) and find_packer(tiny_model(self.kind)) is not None
        if forward.packer is None and packs:
            self._fail("runs padded with a model that packs")

        def mean(forward: Forward, *parts: Any) -> torch.Tensor:
            batches = [make_batch(examples, part, 0) for part in parts]
            sums = [total_loss(loss, forward(batch), batch) for batch in batches]
            counts = [loss.count(np.asarray(examples.targets[part])) for part in parts]
            return torch.stack(sums).sum() / sum(counts)

        with packing(model, forward.packer):
            whole = mean(forward, every)
            if not torch.allclose(mean(forward, every[:5], every[5:]), whole, rtol=1e-4):
                self._fail("has micro-batches that do not add up to the batch")
        padded = mean(self._forward(model), every)
        if not torch.allclose(padded, whole, rtol=1e-4):
            self._fail("has another loss in packed batches than in padded ones")
        optimizer = torch.optim.Adam(model.parameters(), 1e-2)
        for _ in range(10):
            optimizer.zero_grad()
            with packing(model, forward.packer):
                mean(forward, every).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        if not mean(self._forward(model), every) < whole:
            self._fail("has a loss that does not fall")

    def _check_predictions(self, model: Any, examples: Any, known: Known) -> Any:
        logits = predict_logits(self._forward(model), examples, 0)
        said = self._said(model, logits, self.rows, examples, known)
        if len(self.task.predict(said, known)) != len(self.rows):
            self._fail("does not predict one thing a row")
        if set(self.task.score(self.rows, said, known)) != set(self.task.scores):
            self._fail("names other scores than it gives")
        inputs = self.rows[[r for r in self.task.rows.inputs if r in self.rows]]
        again: Any = self.task.encode(inputs, self.tokenizer, 64, known)
        if self.task.shown is not None:
            again = self.task.shown(again, known, self.recipe, False)
        self.task.answers(inputs, self._said(model, logits, inputs, again, known), known)
        return said

    def _said(
        self, model: Any, logits: Any, rows: pd.DataFrame, examples: Any, known: Known
    ) -> Any:
        said = self.task.read(logits, rows, examples, known)
        if self.task.write is None:
            return said
        return self.task.write(model.eval(), rows, said, known, 64, None)

    def _check_judging(self, said: Any, known: Known) -> None:
        fitted = self.task.fit(self.rows, known)
        save_baselines(self.folder / "baselines", fitted)
        loaded = load_baselines(self.folder / "baselines")
        others = {baseline.name: baseline.predict(self.rows) for baseline in loaded}
        for baseline in fitted:
            expected = self.task.score(self.rows, baseline.predict(self.rows), known)
            found = self.task.score(self.rows, others[baseline.name], known)
            if any(abs(found[name] - value) > 1e-6 for name, value in expected.items()):
                self._fail(f"has a baseline that does not read back: {baseline.name}")
        record = self.task.judge("run", "test", self.rows, said, known, others)
        if EvaluationRecord.from_json(record.to_json()).to_json() != record.to_json():
            self._fail("has a record that does not read back")

    def _fail(self, what: str) -> NoReturn:
        raise AssertionError(f"task {self.task.name} {what}")


def saved_source(folder: Path) -> ModelSource:
    """Return the source of a model folder."""
    return ModelSource(str(folder), "local", str(folder))


__all__ = [
    "check_method",
    "check_task",
    "encode",
    "guesses",
    "load_model",
    "made_up_comparison",
    "made_up_events",
    "made_up_record",
    "plant_problems",
    "saved_source",
    "tiny_config",
    "tiny_model",
    "tiny_model_folder",
    "tiny_tokenizer",
    "topic_rows",
]
