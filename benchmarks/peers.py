"""Training steps as ``Trainer``, a plain loop, Lightning, fastai, SimpleTransformers make them."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
import transformers
from rows import BATCH, LONGEST
from stopwatch import Lap, Stopwatch
from torch.utils.data import DataLoader, SequentialSampler
from transformers import Trainer, TrainerCallback, TrainingArguments

from nbtune.data.batches import InMemory
from nbtune.models.loading import quiet

RATE = 2e-5


class Collator:
    """Pads rows on the right, to the longest of them or to ``width``."""

    def __init__(self, width: int | None = None) -> None:
        self.width = width

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        longest = self.width or max(len(row["input_ids"]) for row in rows)
        ids = torch.zeros(len(rows), longest, dtype=torch.long)
        for own, row in zip(ids, rows, strict=True):
            own[: len(row["input_ids"])] = torch.tensor(row["input_ids"])
        labels = torch.tensor([row["labels"] for row in rows])
        return {"input_ids": ids, "attention_mask": (ids != 0).long(), "labels": labels}


def as_dicts(rows: InMemory) -> list[dict[str, Any]]:
    """Return rows as ``Trainer`` takes them."""
    return [
        {"input_ids": ids, "labels": int(target)}
        for ids, target in zip(rows.ids, rows.targets, strict=True)
    ]


class InOrder(Trainer):
    """A ``Trainer`` that takes the rows as they come."""

    def _get_train_sampler(self, *_: Any, **__: Any) -> SequentialSampler:
        return SequentialSampler(self.train_dataset)


class Timed(TrainerCallback):
    """Runs the watch from the first step to the last."""

    def __init__(self, watch: Stopwatch) -> None:
        self.watch = watch

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self.watch.start()

    def on_train_end(self, *_: Any, **__: Any) -> None:
        self.watch.stop()


@contextmanager
def trainer_for(model: Any, rows: InMemory, collator: Collator, watch: Stopwatch, **options: Any):
    """Make a ``Trainer`` that only trains: no logging, no saving, no bars."""
    with tempfile.TemporaryDirectory() as folder, quiet():
        arguments = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=BATCH,
            per_device_eval_batch_size=BATCH,
            num_train_epochs=1,
            learning_rate=RATE,
            optim="adamw_torch_fused",
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=not torch.cuda.is_available(),
            dataloader_pin_memory=torch.cuda.is_available(),
            **{"bf16": torch.cuda.is_available(), **options},
        )
        trainer = InOrder(
            model=model,
            args=arguments,
            data_collator=collator,
            train_dataset=as_dicts(rows),
            callbacks=[Timed(watch)],
        )
        trainer.remove_callback(transformers.PrinterCallback)
        yield trainer


def with_trainer(model: Any, rows: InMemory, collator: Collator, **options: Any) -> Lap:
    """Train one pass with ``Trainer``."""
    watch = Stopwatch()
    with trainer_for(model, rows, collator, watch, **options) as trainer:
        trainer.train()
    return watch.lap(rows)


def with_plain_loop(model: Any, rows: InMemory, bf16: bool = False) -> Lap:
    """Train one pass with the tutorials' loop: dynamic padding, the loss read at each step."""
    watch, device = Stopwatch(), next(model.parameters()).device
    loader = DataLoader(as_dicts(rows), BATCH, collate_fn=Collator())
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    model.train()
    watch.start()
    for batch in loader:
        optimizer.zero_grad()
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            loss = model(**{name: tensor.to(device) for name, tensor in batch.items()}).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        loss.item()
    watch.stop()
    return watch.lap(rows)


def with_lightning(model: Any, rows: InMemory, bf16: bool = False) -> Lap:
    """Train one pass with Lightning, dynamic padding."""
    import lightning

    watch = Stopwatch()

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def training_step(self, batch: dict[str, torch.Tensor], _: int) -> torch.Tensor:
            return self.model(**batch).loss

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.AdamW(self.parameters(), lr=RATE)

        def on_train_start(self) -> None:
            watch.start()

        def on_train_end(self) -> None:
            watch.stop()

    with tempfile.TemporaryDirectory() as folder:
        lightning.Trainer(
            max_epochs=1,
            accelerator="auto",
            devices=1,
            precision="bf16-mixed" if bf16 else "32-true",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            gradient_clip_val=1.0,
            default_root_dir=folder,
        ).fit(Module(), DataLoader(as_dicts(rows), BATCH, collate_fn=Collator()))
    return watch.lap(rows)


def with_fastai(model: Any, rows: InMemory, bf16: bool = False) -> Lap:
    """Train one pass with fastai's ``Learner``, dynamic padding."""
    from fastai.callback.core import Callback
    from fastai.callback.fp16 import MixedPrecision
    from fastai.callback.training import GradientClip
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner
    from fastai.optimizer import OptimWrapper

    watch, device = Stopwatch(), next(model.parameters()).device

    class Logits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            return self.model(input_ids=ids, attention_mask=mask).logits

    class Watched(Callback):
        def before_train(self) -> None:
            watch.start()

        def after_train(self) -> None:
            watch.stop()

    def loader(own: list[dict[str, Any]]) -> DataLoader:
        pad = Collator()
        return DataLoader(own, BATCH, collate_fn=lambda rows: tuple(pad(rows).values()))

    every = as_dicts(rows)
    learner = Learner(
        DataLoaders(loader(every), loader(every[:1]), device=device),
        Logits(),
        loss_func=torch.nn.functional.cross_entropy,
        opt_func=partial(OptimWrapper, opt=torch.optim.AdamW),
        lr=RATE,
        cbs=[Watched(), GradientClip(1.0), *([MixedPrecision()] if bf16 else [])],
    )
    with learner.no_bar(), learner.no_logging():
        learner.fit(1)
    return watch.lap(rows)


def with_simple_transformers(model: Any, rows: InMemory, width: int | None = None) -> Lap:
    """Train one pass with SimpleTransformers, dynamic padding or to ``width``; of BERTs alone."""
    from simpletransformers.classification import ClassificationModel

    watch, pad = Stopwatch(), Collator(width)

    def batch(own: list[dict[str, Any]]) -> tuple[torch.Tensor, ...]:
        ids, mask, labels = pad(own).values()
        return ids, mask, torch.zeros_like(ids), labels

    with tempfile.TemporaryDirectory() as folder, quiet():
        model.save_pretrained(folder)
        words = [f"w{number}" for number in range(model.config.vocab_size - 5)]
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        Path(folder, "vocab.txt").write_text("\n".join([*special, *words]))
        learner = ClassificationModel(
            "bert",
            folder,
            num_labels=model.config.num_labels,
            use_cuda=torch.cuda.is_available(),
            args={
                "learning_rate": RATE,
                "train_batch_size": BATCH,
                "num_train_epochs": 1,
                "fp16": False,
                "silent": True,
                "save_model_every_epoch": False,
                "save_steps": -1,
                "tensorboard_dir": folder,
                "use_multiprocessing": False,
            },
        )
        learner.model = model
        loader = DataLoader(as_dicts(rows), BATCH, collate_fn=batch)
        watch.start()
        learner.train(loader, folder, show_running_loss=False, verbose=False)
        watch.stop()
    return watch.lap(rows)


def peers(
    model: Callable[[], Any],
    shuffled: InMemory,
    grouped: InMemory,
    longest: bool = True,
    bf16: bool = False,
) -> dict[str, Callable[[int], Lap]]:
    """Return the peers by name; each keeps its model from round to round.

    Parameters
    ----------
    longest : bool
        Pad to the longest the model takes as well; a quarter of the rows, as each costs the same.
    bf16 : bool
        Compute in 16 bits, weights in 32.
    """
    train = partial(with_trainer, bf16=bf16)
    quarter = InMemory(shuffled.ids[:BATCH], shuffled.targets[:BATCH])
    own = cache(lambda name: model())
    found: dict[str, Callable[[int], Lap]] = {
        "Trainer, dynamic padding": lambda _: train(own("dynamic"), shuffled, Collator()),
        "Trainer, tuned (grouped by length)": lambda _: train(own("tuned"), grouped, Collator()),
        "plain PyTorch loop": lambda _: with_plain_loop(own("plain"), shuffled, bf16),
    }
    if longest:
        found["Trainer, padded to the maximum"] = lambda _: train(
            own("maximum"), quarter, Collator(LONGEST)
        )
    if importlib.util.find_spec("lightning"):
        found["Lightning, dynamic padding"] = lambda _: with_lightning(
            own("lightning"), shuffled, bf16
        )
    if importlib.util.find_spec("fastai"):
        found["fastai, dynamic padding"] = lambda _: with_fastai(own("fastai"), shuffled, bf16)
    if importlib.util.find_spec("simpletransformers"):
        found["SimpleTransformers, dynamic padding"] = lambda _: with_simple_transformers(
            own("simple"), shuffled
        )
    return found
