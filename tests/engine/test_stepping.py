import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from nbtune.engine.optimizing import OPTIMIZERS, make_optimizer
from nbtune.engine.precision import try_bf16
from nbtune.engine.stepping import Forward, OutOfMemoryError, Stepper, evaluating
from nbtune.recipe import Recipe
from nbtune.tasks import find_task
from nbtune.testing import encode, tiny_model, tiny_tokenizer, topic_rows

CPU = torch.device("cpu")
ROWS = np.arange(12)


@pytest.fixture(scope="module")
def examples():
    return encode(topic_rows(12), tiny_tokenizer())


@pytest.fixture
def make(examples):
    """Make a stepper of a tiny model, without dropout unless it is asked for."""

    def stepper(
        micro_rows=12,
        *,
        precision="fp32",
        dropout=False,
        told=None,
        targets=examples.targets,
        **settings,
    ):
        recipe = Recipe(**settings)
        model = tiny_model().train(dropout)
        return Stepper(
            Forward(model, CPU, precision, None),
            make_optimizer(model, recipe, 1e-2),
            find_task("text-classification").loss(recipe, targets, 3),
            micro_rows=micro_rows,
            max_grad_norm=recipe.max_grad_norm,
            pad_id=0,
            tell=[].append if told is None else told.append,
        )

    return stepper


def gradients(stepper):
    return [p.grad.clone() for p in stepper.parameters]


def weights(stepper):
    return [p.detach().clone() for p in stepper.parameters]


def equal(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("micro_rows", [12, 6, 5, 1])
@pytest.mark.parametrize("class_weight", [None, "balanced"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_micro_batches_add_up_to_the_mean_loss_of_torch(
    make, examples, micro_rows, class_weight, smoothing
):
    uneven = np.array([0, 3, 6, 9, 1, 4, 7, 2])
    targets = examples.targets[uneven]
    assert targets.tolist() == [0, 0, 0, 0, 1, 1, 1, 2]
    stepper = make(
        micro_rows, targets=targets, class_weight=class_weight, label_smoothing_factor=smoothing
    )
    found = stepper.look(examples, uneven)

    model = tiny_model().eval()
    logits = torch.cat([model(torch.tensor([examples.ids[row]])).logits for row in uneven])
    weight = torch.tensor([8 / (3 * 4), 8 / (3 * 3), 8 / (3 * 1)]) if class_weight else None
    wanted = torch.from_numpy(targets)
    loss = functional.cross_entropy(logits, wanted, weight, label_smoothing=smoothing)
    loss.backward()
    assert found.loss.item() == pytest.approx(loss.item(), abs=1e-6)
    assert found.tokens == sum(len(examples.ids[row]) for row in uneven)
    ours = stepper.forward.model.named_parameters()
    for (name, one), other in zip(ours, model.parameters(), strict=True):
        assert torch.allclose(one.grad, other.grad, atol=1e-6), name


def test_balanced_weights_count_rare_labels_more():
    targets = np.array([0, 0, 0, 1])
    loss = find_task("text-classification").loss(Recipe(class_weight="balanced"), targets, 2)
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.0, 3.0]])
    wanted = functional.cross_entropy(
        logits, torch.from_numpy(targets), torch.tensor([4 / (2 * 3), 4 / (2 * 1)])
    )
    found = loss.sum(logits, torch.from_numpy(targets)) / loss.count(targets)
    assert found.item() == pytest.approx(wanted.item())


@pytest.mark.parametrize("optim", OPTIMIZERS)
def test_a_number_that_is_not_finite_moves_nothing(make, examples, optim):
    stepper = make(optim=optim)
    stepper.update(stepper.look(examples, ROWS), 1e-2)
    before, state = weights(stepper), str(stepper.optimizer.state_dict())
    seen = stepper.look(examples, ROWS)
    stepper.parameters[0].grad[0, 0] = math.nan
    step = stepper.update(seen, 1e-2)
    assert stepper.bad([step]) == [True]
    assert equal(weights(stepper), before)
    assert str(stepper.optimizer.state_dict()) == state
    good = stepper.update(stepper.look(examples, ROWS), 1e-2)
    assert stepper.bad([step, good]) == [True, False]
    assert not equal(weights(stepper), before)


def test_the_gradient_is_clipped_to_its_longest(make, examples):
    norms = []
    for longest in (0, 0.01):
        stepper = make(max_grad_norm=longest)
        step = stepper.update(stepper.look(examples, ROWS), 0.0)
        norms.append(math.sqrt(sum(float(g.square().sum()) for g in gradients(stepper))))
        assert float(step.gradient_norm) == pytest.approx(norms[0], rel=1e-4), "before clipping"
    assert norms[1] == pytest.approx(0.01, rel=1e-3) != norms[0]


def test_the_rate_is_that_of_the_step(make, examples):
    stepper = make(weight_decay=0.0)
    before = weights(stepper)
    stepper.update(stepper.look(examples, ROWS), 0.0)
    assert equal(weights(stepper), before)


class Tight(Forward):
    """Memory for so many rows; a mistake of another kind on demand."""

    most = 12
    error: BaseException = torch.OutOfMemoryError("CUDA out of memory")

    def __call__(self, batch):
        logits = super().__call__(batch)  # dropout draws its random numbers first
        if len(batch.lengths) > self.most:
            raise self.error
        return logits


def tight(stepper, most, error=None):
    forward = stepper.forward
    stepper.forward = Tight(forward.model, forward.device, forward.precision, None)
    stepper.forward.most = most
    stepper.forward.error = error or Tight.error
    return stepper


def test_less_memory_gives_the_gradients_of_smaller_micro_batches_from_the_same_dropout(
    make, examples
):
    told = []
    found = []
    for stepper in (make(3, dropout=True), tight(make(12, dropout=True, told=told), 3)):
        torch.manual_seed(7)
        stepper.look(examples, ROWS)
        found.append(gradients(stepper))
        assert stepper.micro_rows == 3
    assert equal(*found)
    assert told == [f"memory ran out: going on with {n} rows a micro-batch" for n in (6, 3)]


def test_the_smaller_micro_batch_is_kept_for_the_next_step(make, examples):
    told = []
    stepper = tight(make(12, told=told), 6)
    stepper.look(examples, ROWS)
    stepper.look(examples, ROWS)
    assert len(told) == 1


def test_one_row_too_long_is_an_error_with_advice(make, examples):
    with pytest.raises(OutOfMemoryError, match="one row at a time") as raised:
        tight(make(2), 0).look(examples, ROWS)
    assert "max_length" in raised.value.hint


@pytest.mark.parametrize("error", [RuntimeError("shapes do not fit"), KeyboardInterrupt()])
def test_a_step_that_breaks_off_leaves_no_trace(make, examples, error):
    stepper = tight(make(6, dropout=True), 0, error)
    before, randomness = weights(stepper), torch.get_rng_state()
    with pytest.raises(type(error)):
        stepper.look(examples, ROWS)
    assert equal(weights(stepper), before)
    assert torch.equal(torch.get_rng_state(), randomness)
    assert all(p.grad is None for p in stepper.parameters)
    assert stepper.micro_rows == 6


def test_fp16_may_overflow_while_it_looks_for_its_scale(make, examples):
    stepper = make(precision="fp16")
    seen = stepper.look(examples, ROWS)
    stepper.parameters[0].grad[0, 0] = math.inf
    before = weights(stepper)
    step = stepper.update(seen, 1e-2)
    assert equal(weights(stepper), before)
    assert stepper.scaler.get_scale() == 2.0**15
    assert not step.updated
    assert stepper.bad([step]) == [False]


def test_fp16_that_overflows_at_every_scale_is_bad(make, examples):
    stepper = make(precision="fp16")
    stepper.scaler.load_state_dict({**stepper.scaler.state_dict(), "scale": 1.0})
    seen = stepper.look(examples, ROWS)
    stepper.parameters[0].grad[0, 0] = math.inf
    assert stepper.bad([stepper.update(seen, 1e-2)]) == [True]


def test_fp16_finds_the_gradients_of_fp32(make, examples):
    norms, found = [], []
    for precision in ("fp32", "fp16"):
        stepper = make(precision=precision, max_grad_norm=0)
        step = stepper.update(stepper.look(examples, ROWS), 0.0)
        norms.append(float(step.gradient_norm))
        found.append(torch.cat([g.flatten() for g in gradients(stepper)]))
    assert norms[1] == pytest.approx(norms[0], rel=0.01)
    assert functional.cosine_similarity(*found, dim=0) > 0.999


@pytest.mark.parametrize("training", [True, False])
def test_evaluating_puts_the_model_back_even_after_an_error(training):
    model = tiny_model().train(training)

    def look():
        with evaluating(model):
            assert not model.training
            assert not torch.is_grad_enabled()
            raise KeyError

    with pytest.raises(KeyError):
        look()
    assert model.training is training
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_what_a_step_moved_is_seen_by_the_next(make, examples, precision):
    """Weights turned to 16 bits once, and kept, would be those of the first step for ever."""
    if precision == "bf16" and try_bf16(64) is None:
        pytest.skip("this CPU cannot multiply in bf16")
    stepper = make(precision=precision)
    with stepper.forward.in_training(None):
        losses = [
            float(stepper.update(stepper.look(examples, ROWS), 1e-2).seen.loss) for _ in range(20)
        ]
    assert min(losses) < losses[0] / 1.5
