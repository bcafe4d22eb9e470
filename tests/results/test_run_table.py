import subprocess
import sys

import pytest

from nbtune.errors import RunError
from nbtune.events import RunStarted
from nbtune.panels.runs import COLUMNS
from nbtune.records import EvaluationRecord, Judged, Score
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
    assert (cut["status"], cut["score"]) == ("interrupted", None)


def test_scores_stand_with_the_intervals_that_an_evaluation_gave_them(tmp_path):
    store = RunStore(tmp_path)
    made(store, "spam", 1e9)
    (folder,) = store.folders()
    assert summarise(folder).score == Score(0.85)
    own = {name: Score(0.8, 0.7, 0.9) for name in ("f1_macro", "accuracy")}
    record = EvaluationRecord("spam@1", "test", 9, (Judged("spam@1", "model", own),), "")
    (folder.path / "evaluations").mkdir()
    (folder.path / "evaluations" / "test.json").write_text(record.to_json(), "utf-8")
    found = RunTable([summarise(folder)])
    assert found[0].judged == {"test": Score(0.8, 0.7, 0.9)}
    assert "0.800 0.700–0.900" in found._repr_mimebundle_()["text/html"].replace("</b>", "")
    assert found.frame.loc[0, ["score", "test", "test_low"]].tolist() == [0.85, 0.8, 0.7]
    (folder.path / "evaluations" / "test.json").write_text("{broken", "utf-8")
    assert summarise(folder).judged == {}


def test_settings_that_differ_are_told_and_sorted_by(tmp_path):
    store, texts = RunStore(tmp_path), ("learning_rate: 2e-5\nseed: 7\n", "seed: 7\n", "a: [\n")
    rows = []
    for place, text in enumerate(texts):
        made(store, f"run{place}", 1e9 + place)
        folder = store.folders()[-1]
        folder.describe(folder.about, text)
        rows.append(summarise(folder))
    table = RunTable(rows[:2])
    assert table.differing == ["learning_rate"]
    assert "learning_rate 2e-05" in table._repr_mimebundle_()["text/html"]
    assert table.frame["learning_rate"].tolist()[0] == "2e-05"
    assert table.sort("learning_rate")[0].run == "run0@1"
    assert rows[2].settings == {}, "a recipe that nobody can read"


def test_runs_of_several_tasks_are_sorted_by_the_score_that_decides_each(table):
    worse, better = (one_of(table[0], "rmse", value) for value in (2.0, 1.0))
    mixed = RunTable([worse, table[0], better]).sort("score")
    assert [row.scores.get("rmse") for row in mixed] == [None, 1.0, 2.0]
    assert "f1_macro 0.850" in mixed._repr_mimebundle_()["text/html"]


def one_of(row, name, value):
    return type(row)(**{**vars(row), "metric": name, "scores": {name: value}})


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
    assert [name for name in COLUMNS if name not in table.frame] == ["settings"]
    assert table.frame["f1_macro"].isna().tolist() == [False, False, True]
    assert len(RunTable([]).frame) == 0


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
