import subprocess
import sys

import pytest

from nbtune.errors import RunError
from nbtune.events import RunStarted
from nbtune.panels.runs import COLUMNS
from nbtune.results.run_table import RunTable, summarise
from nbtune.runs import RunStore
from nbtune.testing import made_up_events


def made(store, name, created, epochs=4, whole=True):
    folder = store.create(name)
    about = {"created": created, "labels": ["a"], "model": "minilm", "method": "full"}
    folder.describe({**about, "rows": {"train": 100, "test": 9}}, "seed: 1\n")
    told = made_up_events(epochs=epochs)
    start = next(i for i, event in enumerate(told) if isinstance(event, RunStarted))
    for event in told if whole else told[: start + 2]:
        folder.append(event)
    return summarise(folder)


@pytest.fixture
def table(tmp_path):
    """Two runs that are finished, and one that was killed before its first evaluation."""
    store = RunStore(tmp_path)
    return RunTable(
        [made(store, "spam", 1e9), made(store, "news", 2e9), made(store, "cut", 3e9, whole=False)]
    )


def test_a_line_says_what_a_run_is_and_how_good(table):
    spam = table[0]
    assert (spam.run, spam.status, spam.model, spam.rows, spam.step) == (
        "spam@1", "finished", "minilm", 100, 400,
    )  # fmt: skip
    assert spam.scores == {"f1_macro": 0.85, "accuracy": 0.87}
    assert spam.seconds == 20.0


def test_a_run_that_was_cut_has_no_scores(table):
    cut = table[2].cells()
    assert (cut["status"], cut["f1_macro"]) == ("interrupted", None)


def test_it_is_a_sequence(table):
    assert len(table) == 3
    assert [row.run for row in table] == ["spam@1", "news@1", "cut@1"]
    assert [row.run for row in table[1:]] == ["news@1", "cut@1"]
    assert isinstance(table[1:], RunTable)


def test_scores_sort_downwards_and_names_upwards_unknown_ones_last(table):
    assert [row.run for row in table.sort("run")] == ["cut@1", "news@1", "spam@1"]
    assert table.sort("f1_macro")[-1].run == "cut@1"
    better = summarised(table[1], f1_macro=0.99)
    assert RunTable([table[0], better]).sort("f1_macro")[0] is better


def test_a_run_of_a_learning_curve_is_drawn_below_its_own_and_keeps_its_name(table):
    spam, news, _ = table
    part = type(spam)(**{**vars(spam), "run": "spam_25pct@1", "part_of": "spam@1"})
    curve = RunTable([spam, part, news])
    for face in curve._repr_mimebundle_().values():
        assert "↳ spam_25pct@1" in face
    assert curve.frame["run"].tolist() == ["spam@1", "spam_25pct@1", "news@1"]
    by_name = curve.sort("run")
    assert [row.run for row in by_name] == ["news@1", "spam@1", "spam_25pct@1"]
    assert "↳" not in repr(RunTable([news, part])), "its own does not stand above it"


def summarised(row, **scores):
    return type(row)(**{**vars(row), "scores": scores})


def test_an_unknown_column_gets_a_suggestion(table):
    with pytest.raises(RunError, match="no column 'f1_makro'") as refused:
        table.sort("f1_makro")
    assert refused.value.hint == "did you mean 'f1_macro'?"


def test_the_frame_has_the_columns_of_the_table(table):
    assert list(table.frame.columns) == list(COLUMNS)
    assert table.frame["f1_macro"].isna().tolist() == [False, False, True]
    assert RunTable([]).frame.shape == (0, len(COLUMNS))


def test_its_faces_name_every_run(table):
    faces = table._repr_mimebundle_()
    assert set(faces) == {"text/plain", "text/markdown", "text/html"}
    for face in faces.values():
        assert all(row.run in face for row in table)
    assert repr(table) == faces["text/plain"]


LIST = """
import sys, nbtune
print(nbtune.list_runs(runs_dir=sys.argv[1]))
print([name for name in ("torch", "transformers", "sklearn", "matplotlib") if name in sys.modules])
"""


def test_runs_are_listed_in_another_process_without_torch(table, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", LIST, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert "spam@1" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"
