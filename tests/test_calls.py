import ast
from pathlib import Path

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
        ("Next: %evaluate topics", 'Next: nbtune.evaluate("topics")'),
        ("%watch topics shows it", 'nbtune.watch("topics") shows it'),
        ("then: %resume v1.2 (it is safe)", 'then: nbtune.resume("v1.2") (it is safe)'),
        ("%evaluate says whether it is more", "nbtune.evaluate says whether it is more"),
        ("%runs --purge and %runs --free", "nbtune.purge_runs and nbtune.free_runs"),
        ("%runs lists them", "nbtune.list_runs lists them"),
        ("Try: %nbtune lr_find", "Try: nbtune.lr_find"),
        ("%nbtune methods lists all", "%nbtune methods lists all"),
        ("0.8 %, %datapoint", "0.8 %, %datapoint"),
    ],
)
def test_a_magic_becomes_the_call_that_does_the_same(line, call):
    assert as_calls(line) == call


def told_outside_of_ipython():
    """Yield what our code may tell, with the word ``topics`` for what is put in."""
    package = Path(nbtune.__file__).parent
    for file in sorted(package.rglob("*.py")):
        if "magics" in file.parts:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [v.value if isinstance(v, ast.Constant) else "topics" for v in node.values]
                yield "".join(parts)


def test_a_run_that_a_hint_names_is_an_argument_of_the_call():
    told = [text for text in told_outside_of_ipython() if as_calls(text) != text]
    assert len(told) > 15
    loose = [as_calls(t) for t in told for name in FUNCTIONS.values()
             if f"nbtune.{name} topics" in as_calls(t)]  # fmt: skip
    assert loose == []
