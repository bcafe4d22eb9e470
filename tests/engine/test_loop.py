import math
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

from nbtune.engine.control import interrupts
from nbtune.engine.loop import DivergedError
from nbtune.engine.stepping import OutOfMemoryError
from nbtune.events import CheckpointSaved, Evaluated, Notice, RunStarted, StepsDone


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def close(a, b, tolerance):
    return max(float((a[name] - b[name]).abs().max()) for name in a) < tolerance


def no_dropout(model):
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    model.config.attention_probs_dropout_prob = 0.0
    return model


@pytest.fixture
def every_step(monkeypatch):
    monkeypatch.setattr("nbtune.engine.reporting.REPORT_SECONDS", 0.0)


def test_a_tiny_model_learns_the_topics(lab):
    work = lab(num_train_epochs=24, learning_rate=5e-3)
    outcome = work.train()
    assert outcome.stopped.reason == "finished"
    scores = [event.scores["accuracy"] for event in work.told(Evaluated)]
    assert scores[-1] > 0.9 > 0.5 > 1 / 3
    losses = [event.loss for event in work.told(Evaluated)]
    assert losses[-1] < 0.7 * losses[0]


def test_a_run_that_ended_remembers_no_moments(lab):
    """Whoever holds on to it, a cycle of objects too, does not hold most of its memory."""
    training = lab().training()
    training.run()
    assert not training.stepper.optimizer.state
    assert all(parameter.grad is None for parameter in training.stepper.parameters)


def test_the_same_seed_gives_the_same_weights(lab):
    first, second = lab(), lab()
    first.train()
    second.train()
    assert same(first.weights(), second.weights())


@pytest.mark.parametrize("stop_at", [1, 4, 6, 7])
def test_resuming_equals_the_uninterrupted_run_bit_for_bit(lab, stop_at, every_step):
    """Dropout is on, so the random state must survive as well."""
    whole = lab(num_train_epochs=3, per_device_train_batch_size=16, lr_scheduler_type="cosine")
    whole.train()

    def stop(event):
        if isinstance(event, StepsDone) and event.step == stop_at:
            cut.control.stop("interrupted")

    cut = lab(num_train_epochs=3, per_device_train_batch_size=16, lr_scheduler_type="cosine")
    assert cut.train(listen=stop).stopped.reason == "interrupted"
    cut.model = None  # a new kernel has new objects
    torch.manual_seed(999)
    outcome = cut.train(resume=True)
    assert outcome.stopped.reason == "finished"
    assert same(whole.weights(), cut.weights())
    expected = {(e.step, e.loss) for e in whole.told(StepsDone)}
    assert {(e.step, e.loss) for e in cut.told(StepsDone)} == expected


def test_accumulated_micro_batches_equal_one_batch(lab):
    one = lab(per_device_train_batch_size=16)
    many = lab(per_device_train_batch_size=4, gradient_accumulation_steps=4)
    from nbtune.testing import tiny_model

    for work in (one, many):
        work.model = no_dropout(tiny_model())
        work.train()
    assert close(one.weights(), many.weights(), 1e-5)


def test_packed_and_padded_batches_train_the_same_model(lab):
    from nbtune.testing import tiny_model

    packed, padded = lab(batching="packed"), lab(batching="padded")
    for work in (packed, padded):
        work.model = no_dropout(tiny_model())
        work.train()
    assert packed.job().forward.packer is not None
    assert close(packed.weights(), padded.weights(), 1e-4)


def test_best_weights_are_put_back(lab):
    work = lab(num_train_epochs=6, eval_steps=1, learning_rate=3e-3)
    outcome = work.train()
    scores = [(event.step, event.scores["accuracy"]) for event in work.told(Evaluated)]
    best = max(score for _, score in scores)
    assert outcome.stopped.best_step == next(step for step, score in scores if score == best)
    again = work.training()
    again.progress.step = outcome.stopped.best_step
    again._evaluate(counts=False)
    assert work.told(Evaluated)[-1].scores["accuracy"] == best


def test_early_stopping_waits_for_its_patience(lab):
    work = lab(num_train_epochs=50, early_stopping_patience=2, learning_rate=1e-9)
    outcome = work.train()
    assert outcome.stopped.reason == "stopped early"
    assert len(work.told(Evaluated)) == 3, "the first is the best, two more are not better"


def test_max_steps_and_part_epochs(lab):
    assert lab(max_steps=2).train().stopped.step == 2
    assert lab(num_train_epochs=0.5).train().stopped.step == 2  # of 3 steps an epoch


def test_without_validation_the_last_weights_are_kept(lab):
    work = lab()
    work.validation = None
    outcome = work.train()
    assert (outcome.stopped.reason, outcome.stopped.best_step) == ("finished", 6)
    assert work.told(Evaluated) == []


def test_a_first_interrupt_finishes_the_step_and_saves(lab, every_step):
    work = lab(num_train_epochs=5)

    def interrupt(event):
        if isinstance(event, StepsDone) and event.step == 2:
            signal.raise_signal(signal.SIGINT)

    training = work.training(interrupt)
    with interrupts(work.control, lambda text: None):
        outcome = training.run()
    assert (outcome.stopped.reason, outcome.stopped.step) == ("interrupted", 2)
    assert work.told(CheckpointSaved)[-1].step == 2
    assert not work.model.training
    assert all(p.grad is None for p in work.model.parameters())


def test_a_second_interrupt_stops_at_once_and_keeps_the_last_checkpoint(lab, every_step):
    work = lab(num_train_epochs=5, eval_steps=3)

    def interrupt(event):
        if isinstance(event, StepsDone) and event.step == 4:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    training = work.training(interrupt)
    with interrupts(work.control, lambda text: None):
        outcome = training.run()
    assert outcome.stopped.reason == "interrupted"
    assert outcome.stopped.best_step == 3
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_diverging_run_stops_at_finite_weights_and_names_the_rows(lab):
    work = lab(num_train_epochs=5, eval_steps=1)
    training = work.training()
    poison(training, *range(4, 100))
    outcome = training.run()
    assert isinstance(outcome.failure, DivergedError)
    assert outcome.stopped.reason == "failed"
    assert "smaller learning_rate" in outcome.failure.hint
    assert all(torch.isfinite(p).all() for p in work.model.parameters())
    notice = work.told(Notice)[0].text
    assert notice.startswith("step 5 was left out: its loss is not finite (rows ")
    assert notice.endswith(" of the data)")


def test_out_of_memory_halves_the_micro_batch_and_makes_the_same_step(lab):
    from nbtune.testing import tiny_model

    plain, tight = lab(max_steps=3), lab(max_steps=3)
    for work in (plain, tight):
        work.model = no_dropout(tiny_model())
    plain.train()
    training = tight.training()
    forward = training.stepper.forward

    class Small:
        model, device, packer, precision = (
            forward.model,
            forward.device,
            forward.packer,
            forward.precision,
        )

        def __call__(self, batch):
            if len(batch.lengths) > 4:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return forward(batch)

    training.stepper.forward = Small()
    training.run()
    assert training.stepper.micro_rows == 4
    assert [n.text for n in tight.told(Notice)] == [
        "memory ran out: going on with 8 rows a micro-batch",
        "memory ran out: going on with 4 rows a micro-batch",
    ]
    assert close(plain.weights(), tight.weights(), 1e-5)


def test_one_row_that_does_not_fit_is_an_error_with_advice(lab):
    work = lab()
    training = work.training()

    def never(batch):
        raise torch.OutOfMemoryError("CUDA out of memory")

    never.model, never.device = training.stepper.forward.model, torch.device("cpu")
    never.precision, never.packer = "fp32", None
    training.stepper.forward = never
    outcome = training.run()
    assert isinstance(outcome.failure, OutOfMemoryError)
    assert "max_length" in outcome.failure.hint


def test_a_full_disk_is_told_and_training_goes_on(lab, monkeypatch):
    from nbtune.runs.checkpoints import CheckpointStore

    work = lab()

    def full(folder):
        raise OSError(28, "No space left on device")

    real = CheckpointStore.save
    monkeypatch.setattr(
        CheckpointStore,
        "save",
        lambda self, step, write: real(self, step, full if "last" in str(self.folder) else write),
    )
    assert work.train().stopped.reason == "finished"
    assert "No space left" in work.told(Notice)[0].text


def test_the_best_weights_are_held_in_memory_while_the_disk_is_full(lab, monkeypatch):
    from nbtune.runs.checkpoints import CheckpointStore

    def refuse(folder):
        raise OSError(28, "No space left on device")

    real = CheckpointStore.save
    roomy, full = lab(num_train_epochs=4), lab(num_train_epochs=4)
    for work in (roomy, full):
        training = work.training()
        scores = iter([0.1, 0.9, 0.3, 0.2])
        object.__setattr__(training.job, "score", lambda logits, s=scores: {"accuracy": next(s)})
        if work is full:
            monkeypatch.setattr(
                CheckpointStore, "save", lambda self, step, write: real(self, step, refuse)
            )
        assert training.run().stopped.best_step == 6
    assert same(roomy.weights(), full.weights())


def test_resuming_upon_spoiled_checkpoints_is_refused_and_says_which(lab, every_step):
    work = lab(num_train_epochs=4, eval_steps=2)
    work.train()
    folder = next((work.folder / "last").glob("step-*"))
    (folder / "optimizer.safetensors").unlink()
    work.events.clear()
    work.model = None
    failure = work.train(resume=True).failure
    assert "no checkpoint of this run is whole" in str(failure)
    assert "lacks optimizer.safetensors" in work.told(Notice)[0].text


def test_no_pickle_is_ever_written(lab):
    work = lab()
    work.train()
    names = {p.name for p in work.folder.rglob("*") if p.is_file()}
    assert names == {
        "model.safetensors",
        "optimizer.safetensors",
        "random.safetensors",
        "margins.safetensors",
        "progress.json",
        "manifest.json",
    }


def poison(training, *bad_calls):
    """Make the loss NaN at these calls, counted from 0."""
    real, calls = training.stepper.loss, iter(range(1000))

    def poisoned(logits, wanted):
        return real.sum(logits, wanted) * (math.nan if next(calls) in bad_calls else 1)

    training.stepper.loss = type(real)(poisoned, real.count)


def test_a_bad_step_now_and_then_is_left_out_and_named(lab):
    work = lab(num_train_epochs=3, eval_strategy="no")
    training = work.training()
    poison(training, 1, 2, 4, 5, 7)
    outcome = training.run()
    assert (outcome.stopped.reason, outcome.stopped.step) == ("finished", 9)
    told = [event.text.split(" was")[0] for event in work.told(Notice)]
    assert told == ["step 2", "step 3", "step 5", "step 6", "step 8"]
    assert all(torch.isfinite(p).all() for p in work.model.parameters())


def test_a_loss_that_is_not_finite_is_never_shown_as_a_number(lab, every_step):
    work = lab(eval_strategy="no")
    training = work.training()
    poison(training, 2)
    training.run()
    assert [math.isnan(event.loss) for event in work.told(StepsDone)] == [
        step == 3 for step in range(1, 7)
    ]


def test_a_run_that_diverged_keeps_the_weights_before_and_can_go_on_behind_them(lab):
    work = lab(num_train_epochs=3, eval_strategy="no", on_divergence="stop")
    training = work.training()
    poison(training, 2, 3, 4)
    outcome = training.run()
    assert isinstance(outcome.failure, DivergedError)
    assert (outcome.stopped.step, outcome.stopped.best_step) == (5, 5)
    work.model = None
    outcome = work.train(resume=True)
    assert (outcome.stopped.reason, outcome.stopped.step) == ("finished", 9)


@pytest.mark.parametrize("nothing", [math.nan, -math.inf])
def test_a_score_that_is_no_number_is_never_the_best(lab, nothing):
    """A ROC AUC of one class is NaN; it must not keep the first weights for good."""
    work = lab(num_train_epochs=3)
    scores = iter([nothing, 0.4, 0.3])
    training = work.training()
    object.__setattr__(training.job, "score", lambda logits: {"accuracy": next(scores)})
    outcome = training.run()
    assert [event.best for event in work.told(Evaluated)] == [False, True, False]
    assert outcome.stopped.best_step == 6
    assert work.told(Notice) == [], "and every checkpoint was written"


def test_an_unknown_error_keeps_what_was_learnt(lab):
    work = lab(num_train_epochs=2, eval_strategy="no")
    training = work.training()
    real, calls = training.stepper.loss, iter(range(1000))

    def broken(logits, wanted):
        if next(calls) == 4:
            raise ZeroDivisionError("a bug")
        return real.sum(logits, wanted)

    training.stepper.loss = type(real)(broken, real.count)
    outcome = training.run()
    assert isinstance(outcome.failure, ZeroDivisionError)
    assert (outcome.stopped.reason, outcome.stopped.best_step) == ("failed", 4)
    assert "a bug" in outcome.stopped.message
    assert work.told(CheckpointSaved)[-1].step == 4
    assert not work.model.training


def test_an_error_in_the_middle_of_an_update_goes_back_to_the_last_checkpoint(lab):
    work = lab(num_train_epochs=2, eval_steps=2)
    training = work.training()
    real = training.stepper.optimizer.step
    calls = iter(range(1000))

    def half(*args):
        if next(calls) == 4:
            next(work.model.parameters()).data.fill_(7)
            raise RuntimeError("CUDA error: an illegal memory access")
        return real(*args)

    training.stepper.optimizer.step = half
    training.progress.best_score = 2.0  # so that no evaluation is the best
    outcome = training.run()
    assert outcome.stopped.best_step == 4
    assert not (next(work.model.parameters()) == 7).any()


def test_no_memory_for_the_state_of_the_optimiser_is_said_as_such(lab):
    work = lab()
    training = work.training()

    def step(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    training.stepper.optimizer.step = step
    outcome = training.run()
    assert isinstance(outcome.failure, OutOfMemoryError)
    assert "memory ran out at step 1" in outcome.failure.problem
    assert outcome.stopped.best_step is None


def test_start_says_what_the_run_is(lab):
    work = lab()
    work.train()
    start = work.told(RunStarted)[0]
    assert (start.step, start.total_steps, start.steps_per_epoch) == (0, 6, 3)


def test_reports_count_every_row_once(lab):
    work = lab(num_train_epochs=2)
    work.train()
    assert sum(event.rows for event in work.told(StepsDone)) == 2 * 48
    assert sum(event.tokens for event in work.told(StepsDone)) == 2 * int(np.sum(work.rows.lengths))


def test_the_engine_needs_neither_trainer_nor_peft():
    """Each takes seconds to import, before the first step."""
    slow = ("transformers.trainer", "transformers.trainer_utils", "peft", "sklearn")
    code = f"import sys, nbtune.engine.loop; print([m for m in {slow} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
