"""What every method must keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

import torch

from nbtune import events
from nbtune.data.ragged import Ragged
from nbtune.engine.control import Control
from nbtune.engine.inference import predict_logits
from nbtune.engine.job import Job
from nbtune.engine.loop import Training
from nbtune.engine.stepping import Forward
from nbtune.errors import NbtuneError
from nbtune.methods import Method, head_modules, method_names
from nbtune.methods.counting import count_parameters
from nbtune.methods.freezing import freeze, gradual_unfreezing
from nbtune.models.layers import unwrapped
from nbtune.models.loading import load_model, quiet
from nbtune.models.probing import find_packer
from nbtune.recipe import Recipe
from nbtune.runs import CheckpointStore
from nbtune.tasks import find_task
from nbtune.testing.devices import check_step_elsewhere
from nbtune.testing.models import (
    encode,
    saved_source,
    tiny_model_folder,
    tiny_tokenizer,
)
from nbtune.testing.rows import TOPICS, topic_rows


def check_method(method: Method, kinds: Sequence[str] = ("bert", "llama"), **settings: Any) -> None:
    """Hold a method to what every method must keep, on tiny models of these kinds.

    The head is trained; what is trained moves, and nothing else; as much is trained as is told; a
    saved model gives the same answers when it is loaded; a step reads nothing back from the device;
    a run that is cut in the middle of an epoch and taken up again ends, bit for bit, as one that
    nothing cut.

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
            list(TOPICS),
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
        if self.method.quantize is None:  # kernels of few bits are those of one device
            self._check_elsewhere(self.model())
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

    def _check_elsewhere(self, model: Any) -> None:
        rows = encode(topic_rows(24), tiny_tokenizer(), 12)
        loss = find_task("text-classification").loss(self.recipe, rows.targets, 3)
        check_step_elsewhere(model, rows, loss, self.recipe)

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
