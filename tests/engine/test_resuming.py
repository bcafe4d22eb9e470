"""A run that is cut and taken up again equals, bit for bit, the run that nothing cut."""

import pytest
import torch

from nbtune.engine import state
from nbtune.engine.keeping import Keeper
from nbtune.engine.optimizing import make_optimizer
from nbtune.errors import CheckpointError
from nbtune.events import Evaluated, Notice, StepsDone
from nbtune.methods import find_method
from nbtune.recipe import Recipe
from nbtune.testing import tiny_model

EVERY = {"eval_steps": 2, "early_stopping_patience": 9}


@pytest.fixture(autouse=True)
def every_step(monkeypatch):
    monkeypatch.setattr("nbtune.engine.reporting.REPORT_SECONDS", 0.0)


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def new_kernel(work):
    """Forget what a new process would not have: its objects and its random numbers."""
    work.model = None
    torch.manual_seed(999)


def looks(work):
    return {event.step: (event.loss, event.scores, event.best) for event in work.told(Evaluated)}


def losses(work):
    return {event.step: event.loss for event in work.told(StepsDone)}


def after_one_step(work):
    """Return a listener that stops the run."""

    def stop(event):
        if isinstance(event, StepsDone):
            work.control.stop("interrupted")

    return stop


def take_up_after_every_step(cut):
    """Make one step, stop, and forget; again and again, to the end."""
    outcome = cut.train(listen=after_one_step(cut))
    while outcome.stopped.reason == "interrupted":
        new_kernel(cut)
        outcome = cut.train(resume=True, listen=after_one_step(cut))
    return outcome.stopped


CASES = {
    "scored every two steps": EVERY,
    "cosine": {"lr_scheduler_type": "cosine", "warmup_steps": 3},
    "one cycle": {"lr_scheduler_type": "one_cycle"},
    "plateau": {
        "lr_scheduler_type": "reduce_lr_on_plateau",
        "lr_scheduler_kwargs": {"patience": 0, "threshold": 0.5},
        "eval_steps": 1,
    },
    "momentum": {"optim": "sgd", "learning_rate": 0.1},
    "AdamW in small parts": {"optim": "adamw_torch"},
    "Adam": {"optim": "adam"},
    "Adagrad": {"optim": "adagrad", "learning_rate": 1e-2},
    "RMSprop": {"optim": "rmsprop"},
    "Adafactor": {"optim": "adafactor"},
    "Lion": {"optim": "lion", "learning_rate": 1e-4},
    "Muon": {"optim": "muon"},
    "class weights": {"class_weight": "balanced", "label_smoothing_factor": 0.1},
    "noise on embeddings": {"neftune_noise_alpha": 5.0},
    "rows drawn by label": {"train_sampling_strategy": "weighted"},
    "an exponential mean": {"ema_decay": 0.9, **EVERY},
    "a mean of the last steps": {"swa_start": 2, **EVERY},
    "accumulation": {"per_device_train_batch_size": 5, "gradient_accumulation_steps": 3},
    "padded": {"batching": "padded"},
    "attention dropout": {"attention_dropout": 0.1},
    "a rate by layer": {"layerwise_lr_decay": 0.8, "head_learning_rate": 3e-3},
    "gradual unfreezing": {"gradual_unfreezing": 0.4, "eval_steps": 1},
    "early stopping": {"eval_steps": 1, "early_stopping_patience": 2, "learning_rate": 1e-9},
}


@pytest.mark.parametrize("case", CASES)
def test_a_run_taken_up_after_every_step_takes_the_same_course(lab, case):
    """Four steps: three of the first epoch and one of the second."""
    whole, cut = lab(max_steps=4, **CASES[case]), lab(max_steps=4, **CASES[case])
    expected, found = whole.train().stopped, take_up_after_every_step(cut)
    assert (found.reason, found.step) == (expected.reason, expected.step)
    assert found.best_step == expected.best_step
    assert same(whole.weights(), cut.weights())
    assert losses(cut) == losses(whole)
    assert {step: looks(cut)[step] for step in looks(whole)} == looks(whole)


def test_adapters_are_taken_up_as_whole_models_are(lab):
    recipe = Recipe(method="lora", lora={"r": 2, "lora_dropout": 0.1})

    class Adapted(type(lab())):
        def job(self):
            if self.model is None:
                self.model = find_method("lora").apply(tiny_model(), recipe)
            return super().job()

    works = [lab(max_steps=4), lab(max_steps=4)]
    for work in works:
        work.__class__ = Adapted
    whole, cut = works
    whole.train()
    take_up_after_every_step(cut)
    assert same(whole.weights(), cut.weights())
    file = next(cut.folder.rglob("model.safetensors"))
    assert file.stat().st_size < 40_000, "frozen weights are not in a checkpoint"


def test_a_smaller_micro_batch_is_remembered(lab):
    """Dropout draws by micro-batch, so a run that forgot it would take another course."""
    whole, cut = lab(), lab()

    def tight(training):
        real = training.stepper.forward

        def forward(batch):
            if len(batch.lengths) > 4:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return real(batch)

        forward.model, forward.device = real.model, real.device
        forward.packer, forward.precision = real.packer, real.precision
        training.stepper.forward = forward
        return training

    tight(whole.training()).run()
    training = tight(cut.training(after_one_step(cut)))
    assert training.run().stopped.reason == "interrupted"
    new_kernel(cut)
    training = cut.training()  # as if memory were free again
    assert training.run(resume=True).stopped.reason == "finished"
    assert training.stepper.micro_rows == 4
    assert same(whole.weights(), cut.weights())


class Killed(BaseException):
    """The process dies here: none of our handlers runs."""


@pytest.fixture(scope="module")
def whole_course(make_lab, tmp_path_factory):
    work = make_lab(tmp_path_factory.mktemp("whole"), **EVERY)
    work.train()
    return work


@pytest.mark.parametrize("last_words", range(1, 15, 3))
def test_a_run_killed_at_any_event_takes_the_same_course(lab, whole_course, last_words):
    cut = lab(**EVERY)

    def die(event):
        if len(cut.events) == last_words:
            raise Killed

    with pytest.raises(Killed):
        cut.train(listen=die)
    new_kernel(cut)
    assert cut.train(resume=True).stopped.reason == "finished"
    assert same(whole_course.weights(), cut.weights())
    assert looks(cut) == looks(whole_course)


def test_best_weights_lost_between_two_saves_are_made_good(lab, whole_course, monkeypatch):
    """The state says that step 2 is the best so far, and dies before its weights lie apart."""
    cut = lab(**EVERY)

    def die(self, step):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "_save_best", die)
        with pytest.raises(Killed):
            cut.train()
    new_kernel(cut)
    outcome = cut.train(resume=True)
    assert outcome.stopped.best_step == 2
    assert same(whole_course.weights(), cut.weights())


def test_without_best_weights_that_read_the_last_ones_are_kept(lab):
    work = lab(**EVERY)
    work.train()
    next((work.folder / "best").rglob("model.safetensors")).unlink()
    new_kernel(work)
    outcome = work.train(resume=True)
    assert outcome.stopped.best_step == 6
    assert "lacks model.safetensors" in work.told(Notice)[-1].text


def test_more_epochs_go_on_from_the_end_with_new_patience(lab):
    short = lab(eval_steps=1, early_stopping_patience=2, learning_rate=1e-9)
    assert short.train().stopped.reason == "stopped early"
    short.recipe = short.recipe.model_copy(update={"num_train_epochs": 3})
    new_kernel(short)
    outcome = short.train(resume=True)
    assert (outcome.stopped.reason, outcome.stopped.step) == ("stopped early", 5)


def test_a_finished_run_has_nothing_left_to_do(lab):
    work = lab()
    work.train()
    before = work.weights()
    new_kernel(work)
    outcome = work.train(resume=True)
    assert (outcome.stopped.reason, outcome.stopped.step) == ("finished", 6)
    assert same(before, work.weights())


def test_a_run_without_validation_is_saved_at_its_end(lab):
    work = lab()
    work.validation = None
    work.train()
    before = work.weights()
    work.recipe = work.recipe.model_copy(update={"num_train_epochs": 3})
    new_kernel(work)
    training = work.training()
    training._begin(resume=True)
    assert training.progress.step == 6
    assert same(before, work.weights())


def test_running_means_are_part_of_the_state(tmp_path):
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    model(torch.randn(8, 2))
    mean = model[1].running_mean.clone()
    state.save_weights(tmp_path, model)
    model[1].running_mean.zero_()
    state.load_weights(tmp_path, model)
    assert torch.equal(model[1].running_mean, mean)


def test_weights_without_gradients_have_no_state_and_are_taken_up(tmp_path):
    """A pooler that the head does not use is trained by nobody."""
    used, unused = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)
    model = torch.nn.ModuleDict({"used": used, "unused": unused})
    optimizer = make_optimizer(model, Recipe(), 1e-3)
    used(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    progress = state.Progress(step=1)
    state.save_state(tmp_path, model, optimizer, scaler, progress, {"cpu": torch.get_rng_state()})
    fresh = make_optimizer(model, Recipe(), 1e-3)
    found, _ = state.load_state(tmp_path, model, fresh, scaler)
    assert found == progress
    before, after = optimizer.state_dict()["state"], fresh.state_dict()["state"]
    assert before.keys() == after.keys() == {0, 2}
    assert all(same(before[i], after[i]) for i in before)


def test_moments_find_their_weights_where_other_rates_sort_them_anew(tmp_path):
    model = tiny_model("bert")
    before = make_optimizer(model, Recipe(), 1e-3)
    weights = dict(model.named_parameters())
    for value, weight in enumerate(weights.values()):
        weight.grad = torch.full_like(weight, value + 1.0)
    before.step()
    scaler, none = torch.amp.GradScaler("cpu", enabled=False), {"cpu": torch.get_rng_state()}
    state.save_state(tmp_path, model, before, scaler, state.Progress(), none)
    after = make_optimizer(model, Recipe(layerwise_lr_decay=0.5, head_learning_rate=1e-2), 1e-3)
    state.load_state(tmp_path, model, after, scaler)
    for weight in weights.values():
        assert torch.equal(before.state[weight]["exp_avg"], after.state[weight]["exp_avg"])


def test_state_in_groups_and_shared_tensors_are_taken_up(tmp_path):
    """As bitsandbytes keeps it: a group a weight, and one table for all of them."""
    table = torch.arange(4.0)

    model = torch.nn.ParameterList(torch.nn.Parameter(torch.ones(2)) for _ in range(2))
    optimizer, fresh = (torch.optim.SGD(model.parameters(), lr=1.0) for _ in range(2))
    for weight in optimizer.param_groups[0]["params"]:
        optimizer.state[weight] = {"step": 3, "packed": {"table": table, "absmax": weight.detach()}}
    scaler, none = torch.amp.GradScaler("cpu", enabled=False), {"cpu": torch.get_rng_state()}
    state.save_state(tmp_path, model, optimizer, scaler, state.Progress(), none)
    state.load_state(tmp_path, model, fresh, scaler)
    for own in fresh.state_dict()["state"].values():
        assert own["step"] == 3
        assert torch.equal(own["packed"]["table"], table)
        assert torch.equal(own["packed"]["absmax"], torch.ones(2))


def test_weights_of_another_model_are_refused(tmp_path):
    state.save_weights(tmp_path, tiny_model("bert"))
    with pytest.raises(CheckpointError, match="those of another model"):
        state.load_weights(tmp_path, tiny_model("gpt2"))
