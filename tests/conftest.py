import os
import signal

import pytest
from hypothesis import settings

from nbtune.jobs import line_zero

# Examples that call scikit-learn or torch take as long as the machine is busy.
settings.register_profile("nbtune", deadline=None, max_examples=40)
settings.load_profile("nbtune")

# Whatever CPU the tests run on, they compare the same numbers; kernels of theirs take it over.
os.environ["NBTUNE_PRECISION"] = "fp32"

# Line 0 of a table would load minilm for each run of a tiny model.
line_zero.STAND_INS = ()

# A shell starts what runs in the background deaf to interrupts; these tests send some.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    """Run where nobody else writes, without a view, on one thread."""
    import torch

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NBTUNE_DISPLAY", "none")
    torch.set_num_threads(1)


def pytest_collection_modifyitems(items):
    """Begin with what takes minutes: at the end one worker would wait for the other."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
