"""``gradient_checkpointing`` of a recipe: activations are made twice, and nothing else changes."""

from unittest.mock import patch

import numpy as np
import pytest
import transformers

import nbtune
from nbtune.events import StepsDone
from nbtune.testing import tiny_model_folder, topic_rows

ROWS = topic_rows(30)


def losses(run):
    return {event.step: event.loss for _, event in run.events if isinstance(event, StepsDone)}


@pytest.mark.parametrize("settings", [{}, {"freeze": 1}, {"method": "lora"}])
def test_losses_and_predictions_are_those_of_a_run_that_keeps_activations(tmp_path, settings):
    model = str(tiny_model_folder(tmp_path / "tiny"))
    usual = {"model": model, "num_train_epochs": 1, "baseline": False, "display": "none"}
    usual |= {"runs_dir": tmp_path / "runs", "per_device_train_batch_size": 8, **settings}
    real, calls = transformers.PreTrainedModel.gradient_checkpointing_enable, []

    def enable(self, *args, **others):
        calls.append(self)
        return real(self, *args, **others)

    with (
        patch("nbtune.engine.reporting.REPORT_SECONDS", 0.0),
        patch.object(transformers.PreTrainedModel, "gradient_checkpointing_enable", enable),
    ):
        kept = nbtune.finetune(ROWS, "kept", **usual)
        assert not calls
        twice = nbtune.finetune(ROWS, "twice", gradient_checkpointing=True, **usual)
    assert calls
    assert losses(twice) == pytest.approx(losses(kept), rel=1e-6)
    texts = list(ROWS["text"][:5])
    np.testing.assert_allclose(twice.predict_proba(texts), kept.predict_proba(texts), atol=1e-6)
