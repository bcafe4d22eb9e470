import pytest

import nbtune
from nbtune.calls import FUNCTIONS, as_calls


def test_every_call_is_there():
    assert set(FUNCTIONS.values()) <= set(nbtune.__all__)


@pytest.mark.parametrize(
    ("line", "call"),
    [
        ("go on with it: %resume topics@1", 'go on with it: nbtune.resume("topics@1")'),
        (
            "train on: %resume a@2 --epochs +1",
            'train on: nbtune.resume("a@2", num_train_epochs=...)',
        ),
        (
            "train it anew: %%finetune ... --fresh",
            "train it anew: nbtune.finetune(..., fresh=True)",
        ),
        ("%compare ... --data held_out_df", "nbtune.compare(..., data=held_out_df)"),
        ("%evaluate a@1 --threshold 0.3", 'nbtune.evaluate("a@1", threshold=0.3)'),
        ('%explain RUN "a text"', 'nbtune.explain(RUN, "a text")'),
        (
            "2 texts are alike (%data shows them)",
            "2 texts are alike (nbtune.check_data shows them)",
        ),
        ("%runs --purge and %runs --free", "nbtune.purge_runs and nbtune.free_runs"),
        ("%runs lists them", "nbtune.list_runs lists them"),
        ("Try: %nbtune lr_find", "Try: nbtune.lr_find"),
        ("%nbtune methods lists all", "%nbtune methods lists all"),
        ("0.8 %, %datapoint", "0.8 %, %datapoint"),
    ],
)
def test_a_magic_becomes_the_call_that_does_the_same(line, call):
    assert as_calls(line) == call
