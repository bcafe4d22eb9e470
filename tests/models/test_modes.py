import pytest
import torch

from nbtune.models.modes import own_modes


@pytest.mark.parametrize("grad", [True, False])
def test_modes_are_as_before_although_an_interrupt_left_them_changed(grad):
    def broken_off():
        with own_modes(torch.device("cpu")):
            torch.no_grad().__enter__()
            torch.autocast("cpu", torch.bfloat16).__enter__()
            torch.set_default_dtype(torch.float64)
            torch.device("meta").__enter__()
            raise KeyboardInterrupt

    with torch.set_grad_enabled(grad):
        with pytest.raises(KeyboardInterrupt):
            broken_off()
        assert torch.is_grad_enabled() is grad
        assert not torch.is_autocast_enabled("cpu")
        made = torch.ones(1)
        assert (made.device.type, made.dtype) == ("cpu", torch.float32)


def test_a_device_that_was_set_around_stays():
    with torch.device("meta"):
        with own_modes():
            torch.device("cpu").__enter__()
        assert torch.ones(1).device.type == "meta"
    assert torch.ones(1).device.type == "cpu"
