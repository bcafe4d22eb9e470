"""What every task must keep."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

import numpy as np
import pandas as pd
import torch

from nbtune.data.batches import InMemory, make_batch
from nbtune.data.encoding import write_examples
from nbtune.data.marks import add_marks
from nbtune.engine.inference import predict_logits
from nbtune.engine.stepping import Forward, total_loss
from nbtune.evaluation.baselines import load_baselines, save_baselines
from nbtune.jobs.trained import load_words
from nbtune.models.autos import auto_class
from nbtune.models.decoders import rewrites, set_ends
from nbtune.models.loading import quiet
from nbtune.models.packing import packing
from nbtune.models.probing import find_packer
from nbtune.models.sources import ModelSource
from nbtune.recipe import Recipe
from nbtune.records import EvaluationRecord
from nbtune.tasks import Known, Loss, Task
from nbtune.testing.devices import check_step_elsewhere
from nbtune.testing.models import tiny_config, tiny_model
from nbtune.testing.rows import topic_rows


def check_task(
    task: Task,
    rows: pd.DataFrame | None = None,
    kind: str = "bert",
    recipe: Recipe | None = None,
) -> None:
    """Hold a task to what every task must keep, on a tiny model.

    Examples read back from disk as they were; micro-batches add up to the whole; packed batches
    have the loss of padded ones; the loss falls; a step reads nothing back from the device; there
    is one prediction a row; baselines predict in the same way and come back from disk; the record
    reads back.

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
        found = load_words(ModelSource(self.kind, "scratch"), self.task, self.rows)
        if self.task.dress is not None:
            self.task.dress(found)
        add_marks(found, self.task.marks)
        return found

    def check(self) -> None:
        """Check one thing after the other."""
        task, rows = self.task, self.rows
        scale = (0.0, 1.0) if task.rows.scale is None else task.rows.scale(rows)
        known = Known(task.rows.labels(rows), scale, tokenizer=self.tokenizer)
        outputs = task.outputs or len(known.labels)
        torch.manual_seed(0)
        config = tiny_config(self.kind, len(self.tokenizer), outputs)
        model = auto_class(task.head).from_config(config)
        if rewrites(model):
            set_ends(model, self.tokenizer)
        examples: Any = task.encode(rows, self.tokenizer, 64, known)
        self._check_reading_back(examples, len(self.tokenizer))
        if task.reference is not None:
            before = predict_logits(self._forward(model), examples, 0)
            examples = replace(examples, beside=task.reference(before, rows))
        learnt = examples
        if task.shown is not None:
            learnt = task.shown(examples, known, self.recipe, True)
            examples = task.shown(examples, known, self.recipe, False)
        loss = task.loss(self.recipe, learnt.targets, outputs)
        self._check_learning(model, learnt, loss)
        check_step_elsewhere(copy.deepcopy(model), learnt, loss, self.recipe, task.keep)
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
        is_text = self.task.reads != "images" and not rewrites(model)
        packs = is_text and find_packer(tiny_model(self.kind)) is not None
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
        if (row_score := self.task.row_score) is not None:
            scores = row_score.of(self.rows, said, known)
            if scores.shape != (len(self.rows),):
                self._fail(f"scores {len(self.rows)} rows as an array of shape {scores.shape}")
        if self.task.reviewed is not None:
            rows = self.task.reviewed(self.rows, said, known)
            if [one.row for one in rows] != list(self.rows["row"]):
                self._fail("does not have one row to look through for each row")
        record = self.task.judge("run", "test", self.rows, said, known, others)
        if record.decides != self.task.decides:
            self._fail(f"is decided by {self.task.decides}, and its record by {record.decides}")
        if EvaluationRecord.from_json(record.to_json()).to_json() != record.to_json():
            self._fail("has a record that does not read back")

    def _fail(self, what: str) -> NoReturn:
        raise AssertionError(f"task {self.task.name} {what}")
