import re
from pathlib import Path

import pytest
from IPython.core.completer import provisionalcompleter

from nbtune.testing import topic_rows

CASES = {
    "%finetune t --learn": {"--learning-rate"},
    "%%finetune t --method l": {"lora"},
    "%%finetune t --data d": {"df", "digits"},
    "%%finetune t --data to": {"topics"},
    "%%finetune t --data=d": {"df", "digits"},
    "%%finetune t --optim=sg": {"sgd"},
    "%%finetune t --set lr_scheduler_t": {"lr_scheduler_type="},
    "%%finetune t --set lr_scheduler_type=con": {"constant", "constant_with_warmup"},
    "%%finetune t --recipe rec": {"recipe.yaml"},
    "%%finetune t\nmeth": {"method: "},
    "%%finetune t\nmodel: min": {"minilm"},
    "%%finetune t\nmethod: he": {"head"},
    "%%finetune t\ntask: to": {"token-classification"},
    "%%finetune t\nmodel: scratch-l": {"scratch-lstm"},
    "%%finetune t\nsize: b": {"base"},
    "%%finetune t\nlr_scheduler_type: l": {"linear"},
    "%%finetune t\nbaseline: f": {"false"},
    "%%finetune t\nlr_scheduler_type: polynomial\nlr_scheduler_kwargs:\n  ": {
        "lr_end: ",
        "power: ",
    },
    "%%finetune t --data df\nlabel: la": {"label"},
    "%%finetune t\ndata: df\ntext: te": {"text"},
    "%%finetune t\nmethod: lora\nlora:\n  lora_al": {"lora_alpha: "},
    "%evaluate t --spl": {"--split"},
    "%evaluate t --split te": {"test"},
    "ev = %evaluate t --split va": {"validation"},
    "%evaluate t --threshold pre": {"precision=0.95"},
    "%predict t d": {"df"},
    "%explain t d": {"df"},
    "%explain t --meth": {"--method"},
    "%explain t --method att": {"attention-rollout"},
    "%attention t --la": {"--layer"},
    "%attention --model min": {"minilm"},
    "%runs --sort f1_ma": {"f1_macro"},
    "%nbtune doc": {"doctor"},
    "%nbtune lr": {"lr_find"},
    "%nbtune lr_find --min": {"--min-lr"},
    "%nbtune lr_find --data d": {"df", "digits"},
    "%%nbtune lr_find\nmodel: min": {"minilm"},
}


def completions(shell, text):
    with provisionalcompleter():
        found = list(shell.Completer.completions(text, len(text)))
    return {text[: c.start] + c.text: c.type for c in found}


@pytest.mark.parametrize("typed", CASES)
def test_tab_completes(cell, typed):
    Path("recipe.yaml").write_text("seed: 1\n")
    found = completions(cell.shell, typed)
    begun = re.search(r"[\w-]*$", typed)[0]
    assert set(found) == {typed.removesuffix(begun) + word for word in CASES[typed]}
    assert set(found.values()) == {"nbtune"}, "nothing of Python's is mixed in"


def test_runs_complete_from_variables_and_disk(cell):
    cell("%%finetune spam --data df\nmodel: ./tiny\nepochs: 1\nbaseline: false")
    assert completions(cell.shell, "%evaluate sp") == {"%evaluate spam": "nbtune"}
    assert completions(cell.shell, "%review sp") == {"%review spam": "nbtune"}
    assert "%%finetune t\nmodel: spam" in completions(cell.shell, "%%finetune t\nmodel: sp")
    assert completions(cell.shell, "%compare spam --metric f1_ma") == {
        "%compare spam --metric f1_macro": "nbtune"
    }
    del cell.shell.user_ns["spam"]
    assert "%compare spam --metric accuracy" in completions(cell.shell, "%compare spam --metric a")
    assert completions(cell.shell, "%resume ") == {"%resume spam": "nbtune"}


def test_python_code_is_left_alone(cell):
    cell["model_card"] = topic_rows(3)
    found = completions(cell.shell, "model_ca")
    assert "model_card" in found
    assert "nbtune" not in found.values()


def test_a_broken_namespace_does_not_break_completion(cell):
    class Broken:
        @property
        def columns(self):
            raise RuntimeError

    cell["df"] = Broken()
    assert "nbtune" not in completions(cell.shell, "%%finetune t --data df\nlabel: ").values()
