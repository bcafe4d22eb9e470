import pytest
import torch

from nbtune.engine.modes import own_modes


@pytest.mark.parametrize("grad", [True, False])
def test_modes_are_as_before_although_an_interrupt_left_them_changed(grad):
    def broken_off():
        with own_modes(torch.device("cpu")):
            torch.no_grad().__enter__()
            torch.autocast("cpu", torch.bfloat16).__enter__()
            raise KeyboardInterrupt

    with torch.set_grad_enabled(grad):
        with pytest.raises(KeyboardInterrupt):
            broken_off()
        assert torch.is_grad_enabled() is grad
        assert not torch.is_autocast_enabled("cpu")
