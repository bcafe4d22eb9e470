import pytest
import torch

from nbtune.recipe import Recipe
from nbtune.tasks import Known
from nbtune.testing import tiny_model, tiny_tokenizer, topic_rows
from nbtune.understanding.explaining import explain_rows

LABELS = ("animal", "food", "place")


@pytest.fixture(scope="session")
def tokenizer():
    torch.set_num_threads(1)
    return tiny_tokenizer()


@pytest.fixture
def explained(tokenizer):
    """Explain rows, by default two made-up ones, with a model of some kind, or a given one."""

    def explain(kind="bert", rows=None, model=None, **options):
        if model is None:
            model = tiny_model(kind).eval()
            model.config.pad_token_id = tokenizer.pad_token_id
            with torch.no_grad():  # so that words make a difference
                model.get_input_embeddings().weight.mul_(20)
        recipe = Recipe(model=kind, **options.pop("settings", {}))
        known = Known(labels=options.pop("labels", LABELS), tokenizer=tokenizer)
        rows = topic_rows(2) if rows is None else rows
        return explain_rows("t", model, tokenizer, 64, known, recipe, rows, **options)

    return explain
