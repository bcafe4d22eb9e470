"""What happens in the course of a run: memory, bad numbers, stops, steering, a second process."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from fault_bench import LONG, SHORT, TEXTS, Bench, Tally, acting, live, wait_for_steps

import nbtune
from nbtune.engine.stepping import Stepper
from nbtune.events import Controlled, Notice, StepsDone, as_it_stands
from nbtune.methods import find_method, method_names
from nbtune.recipe import Recipe


def memory(bench: Bench, times: int) -> Tally:
    """Run out of memory in the forward pass, the backward pass or the step of each step."""
    tally = Tally()
    settings = SHORT | {"dropout": 0.0}  # micro-batches of other sizes would draw otherwise
    with patch("nbtune.engine.reporting.REPORT_SECONDS", 0.0):
        expected = _losses(bench.train("roomy", **settings))
        for place in ("forward", "backward", "step"):
            for n in range(min(times, 12)):
                name = f"tight_{place}_{n}"
                with _running_out(place, n):
                    run = bench.train(name, **settings)
                found = _losses(run)
                apart = max(abs(found[step] - loss) for step, loss in expected.items())
                told = any("memory" in e.text for _, e in run.events if isinstance(e, Notice))
                well = run.status == "finished" and found.keys() == expected.keys()
                tally.note(well and told and apart < 1e-5, f"{name}: {run.status}, {apart}")
    return tally


def _losses(run: nbtune.Run) -> dict[int, float]:
    kept = as_it_stands(run.events)
    return {event.step: event.loss for _, event in kept if isinstance(event, StepsDone)}


@contextmanager
def _running_out(place: str, n: int) -> Iterator[None]:
    count = iter(range(10_000))

    def then_fail(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **others: Any) -> Any:
            found = real(*args, **others)
            if next(count) == n:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return found

        return call

    targets = {
        "forward": (Stepper, "_gradients"),
        "backward": (torch.autograd, "backward"),
        "step": (torch.optim.AdamW, "step"),
    }
    owner, name = targets[place]
    with patch.object(owner, name, then_fail(getattr(owner, name))):
        yield


def bad_number(bench: Bench, times: int) -> Tally:
    """NaN or infinity in the loss or a gradient of each step: left out, and named with its rows."""
    tally = Tally()
    for bad in (float("nan"), float("inf")):
        for place in ("loss", "gradient"):
            for n in range(min(times, 12)):
                name = f"bad_{bad}_{place}_{n}".replace(".", "_")
                with _poisoned(bad, place, n):
                    run = bench.train(name, **SHORT)
                told = [e.text for _, e in run.events if isinstance(e, Notice)]
                words = f"step {n + 1} was left out: its {place} is not finite (rows "
                well = run.status == "finished" and sum(t.startswith(words) for t in told) == 1
                finite = all(bool(torch.isfinite(p).all()) for p in run.model.parameters())
                tally.note(well and finite, f"{name}: {run.status}, {told}")
    return tally


@contextmanager
def _poisoned(bad: float, place: str, n: int) -> Iterator[None]:
    real, count = Stepper._gradients, iter(range(10_000))

    def gradients(self: Stepper, *args: Any) -> Any:
        seen = real(self, *args)
        if next(count) == n:
            if place == "loss":
                seen.loss.fill_(bad)
            else:
                self.parameters[3].grad.view(-1)[0] = bad  # type: ignore[union-attr]
        return seen

    with patch.object(Stepper, "_gradients", gradients):
        yield


def any_stop(bench: Bench, times: int) -> Tally:
    """Stop after random steps, with every method, accumulation and dropout; and go on."""
    tally, rng, methods = Tally(), bench.rng, _methods(bench)
    for n in range(times):
        settings = {
            "method": methods[n % len(methods)],
            "max_steps": 9,
            "eval_steps": rng.randint(1, 5),
            "per_device_train_batch_size": rng.choice([4, 7, 16]),
            "gradient_accumulation_steps": rng.randint(1, 3),
            "attention_dropout": rng.choice([0.0, 0.1]),
            "batching": rng.choice(["packed", "padded"]),
            "seed": rng.randint(0, 99),
        }
        stops = set(rng.sample(range(1, 9), rng.randint(1, 4)))
        name = f"stopped_{n}"
        with acting({step: lambda: nbtune.control().stop() for step in stops}):
            run = bench.train(name, **settings)
            while run.status == "paused":
                run = bench.resume(name)
        tally.note(bench.is_whole(run, **settings), f"{name}: {settings}, {stops}")
    return tally


def _methods(bench: Bench) -> list[str]:
    """Return the methods that work here with such rows."""
    found = []
    for name in sorted(method_names()):
        with suppress(nbtune.RecipeError):
            find_method(name).check(Recipe(method=name, model=bench.model))
            found.append(name)
    return found


def second(bench: Bench, times: int) -> Tally:
    """A second process wants a run that one trains: it is refused, and the first ends as ever."""
    tally = Tally()
    for n in range(times):
        name = f"shared_{n}"
        child = os.fork()
        if not child:
            live(bench, name, LONG)
        wait_for_steps(bench, name)
        time.sleep(bench.rng.uniform(0, 0.3))
        refused = []
        for act in (bench.resume, lambda name: bench.train(name, **LONG)):
            try:
                refused.append(act(name).status == "finished")  # it was too late
            except nbtune.RunError as error:
                refused.append(bool(error.problem))
        os.waitpid(child, 0)
        run = bench.load(name)
        same = bench.is_whole(run, **LONG)
        tally.note(all(refused) and same, f"{name}: {refused}, {run.status}, whole {same}")
    return tally


def steer(bench: Bench, times: int) -> Tally:
    """Ask random things at random steps, kill or stop in between, and replay the events."""
    tally, rng = Tally(), bench.rng
    for n in range(times):
        wishes: dict[int, Callable[[], Any]] = {}
        for step in sorted(rng.sample(range(1, 12), 4)):
            change = rng.choice(
                [
                    {"learning_rate": rng.uniform(1e-4, 3e-3)},
                    {"num_train_epochs": rng.randint(2, 4)},
                    {"eval_steps": rng.randint(1, 6)},
                    {"early_stopping_patience": rng.randint(5, 9)},
                ]
            )
            wishes[step] = lambda change=change: nbtune.control().change(**change)
        wishes[rng.randint(1, 11)] = lambda: (nbtune.control().evaluate(), nbtune.control().stop())
        name = f"steered_{n}"
        with acting(wishes):
            run = bench.train(name, **SHORT)
            while run.status == "paused":
                run = bench.resume(name)
        again = nbtune.replay(run, runs_dir=bench.runs, display="none")
        same = np.array_equal(again.predict_proba(TEXTS), run.predict_proba(TEXTS))
        tally.note(same and _course(again) == _course(run), f"{name}: {_course(run)}")
    return tally


def _course(run: nbtune.Run) -> list[Controlled]:
    kept = as_it_stands(run.events)
    return [e for _, e in kept if isinstance(e, Controlled) and e.shapes_course]
