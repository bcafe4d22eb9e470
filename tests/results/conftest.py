import pytest
import torch

import nbtune
from nbtune.testing import tiny_model_folder, topic_rows


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A run of a tiny model on three topics that are easy to tell apart."""
    torch.set_num_threads(1)
    place = tmp_path_factory.mktemp("results")
    return nbtune.finetune(
        topic_rows(150),
        "topics",
        model=str(tiny_model_folder(place / "model")),
        num_train_epochs=3,
        learning_rate=3e-3,
        runs_dir=place / "runs",
        display="none",
    )


@pytest.fixture
def run(trained):
    """The run as another kernel finds it: from its folder alone."""
    return nbtune.Run(trained.folder)


@pytest.fixture(scope="session")
def judged(trained):
    """What is known of the run on its test rows."""
    return nbtune.evaluate(trained)
