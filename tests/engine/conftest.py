from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch

from nbtune.data.batches import InMemory
from nbtune.engine.control import Control
from nbtune.engine.job import Job, Outcome
from nbtune.engine.loop import Training
from nbtune.engine.state import moving_tensors
from nbtune.engine.stepping import Forward
from nbtune.events import Event, RunStarted
from nbtune.methods.freezing import gradual_unfreezing
from nbtune.models.probing import find_packer
from nbtune.recipe import Recipe
from nbtune.runs import CheckpointStore
from nbtune.tasks import find_task
from nbtune.testing import encode, tiny_model, tiny_tokenizer, topic_rows


@dataclass
class Lab:
    """A tiny job, its folder, and what it told."""

    folder: Path
    recipe: Recipe
    rows: InMemory
    validation: InMemory | None
    events: list[Event] = field(default_factory=list)
    model: object = None
    control: Control = field(default_factory=Control)

    def score(self, logits) -> dict[str, float]:
        return {"accuracy": float(np.mean(logits.argmax(1) == self.validation.targets))}

    def job(self) -> Job:
        self.model = self.model or tiny_model()
        packer = find_packer(self.model) if self.recipe.batching == "packed" else None
        return Job(
            forward=Forward(self.model, torch.device("cpu"), "fp32", packer),
            train=self.rows,
            validation=self.validation,
            recipe=self.recipe,
            learning_rate=self.recipe.learning_rate or 1e-3,
            loss=find_task("text-classification").loss(self.recipe, self.rows.targets, 3),
            score=self.score,
            metric="accuracy",
            pad_id=0,
            start=RunStarted(0, 0, 0, "t", "m", "full", 1, 1, "cpu", "fp32", "packed", "accuracy"),
            waiting=gradual_unfreezing(self.model, self.recipe),
            fresh=lambda: moving_tensors(tiny_model()),
        )

    def training(self, listen=None, course=()) -> Training:
        def emit(event: Event) -> None:
            self.events.append(event)
            if listen:
                listen(event)

        self.control = Control(self.recipe, course)
        return Training(
            self.job(),
            emit,
            self.control,
            CheckpointStore(self.folder / "last"),
            CheckpointStore(self.folder / "best"),
        )

    def train(self, resume=False, listen=None, course=()) -> Outcome:
        return self.training(listen, course).run(resume)

    def weights(self) -> dict[str, torch.Tensor]:
        return {name: p.detach().clone() for name, p in self.model.named_parameters()}

    def told(self, kind: type) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture(scope="session")
def make_lab():
    """Make a lab in a folder, by settings of its recipe."""
    torch.set_num_threads(1)
    tokenizer = tiny_tokenizer()

    def make(folder: Path, **settings) -> Lab:
        rows = encode(topic_rows(48), tokenizer)
        validation = encode(topic_rows(24, seed=1), tokenizer)
        recipe = Recipe(**{"num_train_epochs": 2, "learning_rate": 1e-3, **settings})
        return Lab(folder, recipe, rows, validation)

    return make


@pytest.fixture
def lab(tmp_path, make_lab):
    count = iter(range(100))
    return lambda **settings: make_lab(tmp_path / str(next(count)), **settings)
