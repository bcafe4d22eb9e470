import pytest
import torch

from nbtune.models.noise import noisy_embeddings
from nbtune.models.packing import packing
from nbtune.models.probing import find_packer
from nbtune.testing import tiny_model

IDS = torch.tensor([[2, 9, 3, 0, 0, 0], [2, 7, 8, 9, 8, 3]])
MASK = (torch.tensor([3, 6])[:, None] > torch.arange(6)).long()
ALPHA = 4.0


def noise_of(model, packer=None):
    """Return the largest noise on a number of the short row and of the long one."""
    table = model.get_input_embeddings()
    seen = []
    hook = table.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    with noisy_embeddings(model, ALPHA, lambda: [3, 6]):
        # After ours, which is hooked by now.
        later = table.register_forward_hook(lambda module, inputs, output: seen.append(output))
        if packer is None:
            model(input_ids=IDS, attention_mask=MASK)
        else:
            with packing(model, packer):
                packer.lengths = [3, 6]
                model(input_ids=IDS, attention_mask=MASK)
        later.remove()
    hook.remove()
    ids, embedded = seen
    noise = (embedded - table.weight[ids]).abs()
    rows = (noise[0, :3], noise[1]) if packer is None else (noise[0, 6:], noise[0, :6])
    return [row.max().item() for row in rows]


@pytest.mark.parametrize("packed", [False, True])
def test_noise_is_bounded_by_the_length_of_its_own_row(packed):
    torch.manual_seed(0)
    model = tiny_model().train()
    packer = find_packer(model) if packed else None
    for found, tokens in zip(noise_of(model, packer), (3, 6), strict=True):
        most = ALPHA / (tokens * 32) ** 0.5
        assert 0.9 * most < found <= most * 1.0001


def test_a_model_that_is_asked_and_not_trained_hears_no_noise():
    assert noise_of(tiny_model().eval()) == [0, 0]


def test_nothing_is_left_of_it():
    model = tiny_model()
    with noisy_embeddings(model, ALPHA, lambda: []), noisy_embeddings(model, None, lambda: []):
        pass
    assert not model.get_input_embeddings()._forward_hooks
