import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from nbtune.errors import DataError
from nbtune.testing import topic_rows

TRAIN = "%%finetune topics --data df\nmodel: ./tiny\nnum_train_epochs: 1\nbaseline: false"
FOLDERS = "nbtune-runs/*@*"

HEAVY = ("torch", "transformers", "datasets", "sklearn", "pandas", "pydantic", "peft", "pyarrow")


def folders():
    return sorted(path.name for path in Path().glob(FOLDERS))


def test_loading_the_extension_imports_nothing_heavy():
    code = f"""
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
before = set(sys.modules)
shell.run_line_magic("load_ext", "nbtune")
print([name for name in {HEAVY} if name in set(sys.modules) - before])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_loading_prints_nothing_and_twice_is_as_good_as_once(cell):
    matchers = len(cell.shell.Completer.custom_matchers)
    typed = cell("%reload_ext nbtune")
    assert (typed.out, typed.err, typed.error) == ("", "", None)
    assert len(cell.shell.Completer.custom_matchers) == matchers
    assert [type(c).__name__ for c in cell.shell.configurables].count("NBTune") == 1


def test_unloading_leaves_nothing_behind(cell):
    before = len(cell.shell.Completer.custom_matchers)
    cell("%unload_ext nbtune")
    assert "finetune" not in cell.shell.magics_manager.magics["cell"]
    assert "runs" not in cell.shell.magics_manager.magics["line"]
    assert len(cell.shell.Completer.custom_matchers) == before - 1
    assert not any(type(c).__name__ == "NBTune" for c in cell.shell.configurables)


def test_a_cell_trains_and_its_run_becomes_a_variable(cell):
    typed = cell(TRAIN)
    assert typed.error is None
    run = cell["topics"]
    assert typed.value is run
    assert (run.name, run.status) == ("topics@1", "finished")
    assert run.recipe.settings.model == "./tiny"
    assert set(run.predict(["a furry mammal"])) <= {"animal", "food", "place"}


def test_the_same_cell_again_gives_the_run_that_is_there(cell):
    cell(TRAIN)
    first = Path("nbtune-runs/topics@1/history.jsonl").read_text()
    typed = cell(TRAIN)
    assert "nothing trained" in typed.err
    assert folders() == ["topics@1"]
    assert Path("nbtune-runs/topics@1/history.jsonl").read_text() == first
    assert cell["topics"].predict(["a cake"]).shape == (1,)


def test_a_changed_recipe_or_changed_data_makes_a_new_version(cell):
    cell(TRAIN)
    cell(TRAIN + "\nseed: 1")
    cell["df"] = topic_rows(60, seed=5)
    cell(TRAIN + "\nseed: 1")
    assert folders() == ["topics@1", "topics@2", "topics@3"]


def test_fresh_trains_again(cell):
    cell(TRAIN)
    cell(TRAIN.replace("--data df", "--data df --fresh"))
    assert folders() == ["topics@1", "topics@2"]


def test_the_line_form_takes_a_file_and_gives_the_run_back(cell):
    Path("small.yaml").write_text("model: ./tiny\nepochs: 1\nbaseline: false\ndata: df\n")
    typed = cell("found = %finetune topics --recipe small.yaml --set seed=3")
    assert typed.error is None
    assert cell["found"] is cell["topics"]
    assert cell["found"].recipe.settings.seed == 3


def test_a_run_without_a_name_is_called_like_its_recipe(cell):
    Path("small.yaml").write_text("model: ./tiny\nepochs: 1\nbaseline: false\ndata: df\n")
    cell("%finetune --recipe small.yaml")
    assert cell["small"].name == "small@1"


def test_a_semicolon_silences_the_result(cell):
    cell(TRAIN)
    assert "topics@1" in cell("%runs").out
    assert "topics@1" not in cell("%runs;").out


def test_later_places_win_over_earlier_ones(cell):
    Path("r.yaml").write_text("model: ./tiny\nepochs: 1\nbaseline: false\nseed: 2\nlr: 0.002\n")
    cell("%config NBTune.settings = {'seed': 1, 'weight_decay': 0.5, 'max_length': 99}")
    cell(
        "%%finetune topics --data df --recipe r.yaml --max-grad-norm 3 --set max_grad_norm=4\n"
        "lr: 0.003\nmax_length: 50"
    )
    settings = cell["topics"].recipe.settings
    assert settings.weight_decay == 0.5, "only configured"
    assert settings.seed == 2, "the file is over the configuration"
    assert settings.learning_rate == 0.003, "the cell is over the file"
    assert settings.max_length == 50
    assert settings.max_grad_norm == 4, "--set is over all"


def test_where_a_setting_came_from_is_kept(cell):
    cell(TRAIN.replace("df", "df --lr 0.01"))
    origins = {name: origin for name, _, origin in cell["topics"].folder.about["origins"]}
    assert origins["model"] == "cell line 2"
    assert origins["learning_rate"] == "line"


def test_dollar_names_and_expressions_become_their_values(cell):
    cell["rate"] = 0.005
    cell(TRAIN + "\nlearning_rate: $rate\nseed: ${3 + 4}")
    settings = cell["topics"].recipe.settings
    assert (settings.learning_rate, settings.seed) == (0.005, 7)


def test_braces_in_a_cell_stay_as_they_are(cell):
    cell["r"] = "changed"
    cell(TRAIN.replace("baseline", "method: lora\nlora: {r: 2, lora_alpha: 4}\nbaseline"))
    assert cell["topics"].recipe.settings.lora.r == 2


MISTAKES = {
    "an unknown setting": (
        "%%finetune t --data df\nlearning_rat: 1",
        "cell line 2: unknown setting 'learning_rat'; did you mean 'learning_rate'?",
    ),
    "a wrong type": ("%%finetune t --data df\nepochs: many", "num_train_epochs is 'many'"),
    "an unknown method": (
        "%%finetune t --data df\nmethod: lorra",
        "there is no method 'lorra'; did you mean 'lora'?",
    ),
    "an unknown task": ("%%finetune t --data df\ntask: tex-clasification", "there is no task"),
    "an unknown score": (
        "%%finetune t --data df\nmetric_for_best_model: f1_makro",
        "did you mean 'f1_macro'?",
    ),
    "broken YAML": ("%%finetune t --data df\nmodel: [a", "cell line"),
    "a YAML tag": ("%%finetune t --data df\nmodel: !!python/object:os.system x", "tags (!)"),
    "an unknown option": ("%finetune t --lerning-rate 3", "did you mean --learning-rate?"),
    "an open quote": ('%finetune t --data "df', "opened and never closed"),
    "a word too many": ("%finetune t t --data df", "one word too many: 't'"),
    "no name": ("%finetune --data df", "the run has no name"),
    "a name that is no name": ("%finetune a-b --data df", "cannot be a variable"),
    "a keyword as name": ("%finetune class --data df", "cannot be a variable"),
    "a name that is taken": (
        "%finetune df --data df",
        "'df' is a variable of this notebook (DataFrame), and the run would replace it",
    ),
    "no data": ("%finetune t --model ./tiny", "there are no rows to learn from"),
    "an unknown variable": (
        "%finetune t --data fd",
        "no variable, file or data set is called 'fd' (DataFrames here: df)",
    ),
    "an unknown file": ("%finetune t --data rows.csv", "there is no file 'rows.csv'"),
    "an unknown dollar name": (
        "%%finetune t --data df\nseed: $nowhere",
        "cell line 2: seed: there is no variable 'nowhere'",
    ),
    "an expression that fails": ("%%finetune t --data df\nseed: ${1/0}", "ZeroDivisionError"),
    "a missing column": (
        "%finetune t --data df --text review",
        "text: there is no column 'review'; the data has text, label",
    ),
    "a missing model": ("%finetune t --data df --model ./nowhere", "'./nowhere' is not a folder"),
    "an unknown recipe": ("%finetune t --data df --recipe r.yaml", "there is no recipe file"),
    "an unknown run": ("%evaluate topcis", "there is no run 'topcis'"),
    "a variable that is no run": ("%evaluate df", "'df' is a DataFrame, not a run"),
    "an unknown split": ("%evaluate t --split tests", "invalid choice: 'tests'"),
    "a run to resume that is not there": ("%resume nothing", "there is no run 'nothing'"),
    "an unknown column to sort by": ("%runs --sort f1", "the table has no column 'f1'"),
    "an unknown subject": ("%nbtune docter", "invalid choice: 'docter'"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_said_in_short_and_leaves_nothing_behind(cell, name):
    text, words = MISTAKES[name]
    assert words in cell.mistake(text)
    assert folders() == []
    assert "t" not in cell.shell.user_ns


def test_all_mistakes_of_a_recipe_are_said_at_once(cell):
    said = cell.mistake("%%finetune t --data df\nmodl: x\nlearning_rate: -1\nmethod: lorra")
    for words in ("unknown setting 'modl'", "learning_rate is -1", "no method 'lorra'"):
        assert words in said


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ({"text": [], "label": []}, "there are no rows"),
        ({"text": ["a b", "c d"], "label": ["x", "x"]}, "all 2 training rows have the label 'x'"),
        ({"text": ["a b", None, ""], "label": ["x", "y", "y"]}, "1 with no text (row 1)"),
        ({"text": ["a b", "c d"], "label": ["x", 1]}, "mixes"),
        ({"text": ["a b", "c d"], "label": ["x", float("nan")]}, "1 with no label"),
        ({"words": ["a", "b"], "number": [0.5, 0.25]}, "no column looks like it"),
    ],
)
def test_rows_that_cannot_be_learnt_from_are_refused_before_a_model_is_loaded(cell, rows, words):
    cell["bad"] = pd.DataFrame(rows)
    assert words in cell.mistake("%finetune t --data bad --model ./tiny")
    assert folders() == []


def test_a_name_that_is_a_variable_and_a_file_is_refused(cell):
    Path("df").write_text("x")
    assert "is a variable and also a file" in cell.mistake("%finetune t --data df")


def test_where_nobody_watches_the_error_itself_is_raised(cell, monkeypatch):
    monkeypatch.setattr("nbtune.magics.errors.is_headless", lambda: True)
    typed = cell("%finetune t --data nothing_here")
    assert isinstance(typed.error, DataError)


def test_errors_can_be_shown_whole(cell):
    cell("%config NBTune.short_errors = False")
    assert isinstance(cell("%finetune t --data nothing_here").error, DataError)


def test_evaluate_scores_the_test_rows_beside_the_baselines(cell):
    cell(TRAIN.replace("\nbaseline: false", ""))
    judged = cell("%evaluate topics").value
    assert [model.name for model in judged.record.table][:2] == [
        "majority",
        "TF-IDF + logistic regression",
    ]
    assert set(judged.metrics) >= {"accuracy", "f1_macro", "roc_auc", "log_loss", "mcc"}
    assert len(judged.frame) == cell["topics"].folder.about["rows"]["test"]
    cell("%evaluate topics --figures printed")
    assert {"confusion.svg", "confusion.pdf", "roc.pdf"} <= {
        f.name for f in Path("printed").iterdir()
    }


def test_evaluate_takes_other_rows_and_refuses_unknown_labels(cell):
    cell(TRAIN)
    cell["other"] = topic_rows(9, seed=3)
    assert len(cell("%evaluate topics --data other").value.frame) == 9
    cell["alien"] = pd.DataFrame({"text": ["x y"], "label": ["alien"]})
    assert "no training row has: 'alien' (1 row)" in cell.mistake("%evaluate topics --data alien")


def test_predict_takes_texts_from_line_cell_frame_and_file(cell):
    cell(TRAIN)
    line = cell('%predict topics "a sweet cake" "a city"').value
    assert list(line["text"]) == ["a sweet cake", "a city"]
    assert line.filter(like="p(").sum(axis=1).round(6).tolist() == [1.0, 1.0]
    body = cell("%%predict topics\na sweet cake\n\na city\n").value
    pd.testing.assert_frame_equal(line, body)
    cell["new"] = pd.DataFrame({"words": ["a sweet cake", "a city"], "n": [1, 2]})
    pd.testing.assert_frame_equal(line, cell("%predict topics --data new --text words").value)
    Path("new.csv").write_text("text\na sweet cake\na city\n")
    pd.testing.assert_frame_equal(line, cell("%predict topics --data new.csv").value)
    cell["rows"], cell["texts"] = cell["new"].rename(columns={"words": "text"}), list(line["text"])
    for named in ("rows", "texts", "new.csv"):
        pd.testing.assert_frame_equal(line, cell(f"%predict topics {named}").value)
    assert list(cell("%predict topics rows texts").value["text"]) == ["rows", "texts"]


@pytest.mark.parametrize("text", ["%predict t", "%%predict t one\ntwo", "%predict t a --data df"])
def test_predict_wants_texts_from_just_one_place(cell, text):
    cell(TRAIN.replace("topics", "t"))
    assert "%predict: " in cell.mistake(text)


def test_explain_takes_texts_rows_and_the_newest_run(cell):
    cell(TRAIN)
    (one,) = cell('%explain topics "a furry mammal"').value
    assert [one.text_of(word) for word in one.words] == ["a", "furry", "mammal"]
    (newest,) = cell('%explain "a furry mammal" --label food').value
    assert (newest.run, newest.label) == ("topics@1", "food")
    assert len(cell("%%explain topics\na sweet cake\na city").value) == 2
    assert len(cell("%explain topics df --method gradient-x-input").value) == 60
    own = str(cell["topics"].folder.path / "data" / "test.parquet")
    row = int(pd.read_parquet(own)["row"].iloc[0])
    assert cell(f"%explain --row {row}").value[0].row == row
    assert "no run 'topcs'" in cell.mistake('%explain topcs "a city"')
    assert "%explain: there is no text" in cell.mistake("%explain topics")
    assert "texts come from two places" in cell.mistake(f'%explain topics "a" --row {row}')
    assert "did you mean 'food'" in cell.mistake('%explain topics "a" --label fod')


def test_attention_is_shown_of_runs_and_models(cell):
    cell(TRAIN)
    found = cell('%attention topics "a furry mammal" --layer 2 --head 1 --token furry').value
    assert (found.layer, found.head) == (2, 1)
    assert found.record.tokens[found.record.token] == "furry"
    assert cell('%attention "a furry mammal"').value.record.model == "topics@1"
    assert cell('%attention --model ./tiny "a furry mammal"').value.record.model == "./tiny"
    assert "there are 0 texts" in cell.mistake("%attention topics")
    assert "no layer 9" in cell.mistake('%attention topics "a mammal" --layer 9')


def test_resume_trains_on_and_a_finished_run_says_how(cell):
    cell(TRAIN)
    assert "%resume topics@1 --epochs +1" in cell.mistake("%resume topics")
    typed = cell("%resume topics --epochs +1")
    assert typed.error is None
    assert cell["topics"].recipe.settings.num_train_epochs == 2
    assert cell["topics"].history["epoch"].max() == 2
    assert "not a number of epochs" in cell.mistake("%resume topics --epochs one")


def test_runs_lists_sorts_and_filters(cell):
    assert "no runs here yet" in cell("%runs").out
    cell(TRAIN)
    cell(TRAIN.replace("topics", "other"))
    assert [row.run for row in cell("%runs").value] == ["topics@1", "other@1"]
    assert [row.run for row in cell("%runs oth*").value] == ["other@1"]
    assert len(cell("%runs --sort f1_macro").value.frame) == 2


def test_another_shell_finds_the_run(cell):
    cell(TRAIN)
    code = 'import nbtune; run = nbtune.load("topics"); print(run.status, run.predict(["a cake"]))'
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("finished ['")


def test_watch_shows_how_a_run_ended_and_returns_nothing(cell):
    cell(TRAIN)
    typed = cell("%watch topics")
    assert typed.value is None
    assert "topics@1: finished" in typed.err
    assert "there is no run 'topic'" in cell.mistake("%watch topic")


@pytest.mark.parametrize(
    "magic", ["finetune", "evaluate", "predict", "runs", "resume", "watch", "nbtune"]
)
@pytest.mark.parametrize("ask", ["%{} --help", "%{} -h"])
def test_every_magic_has_help(cell, magic, ask):
    typed = cell(ask.format(magic))
    assert typed.error is None
    assert "show this help" in typed.out


def test_help_of_the_cell_form_needs_no_recipe(cell):
    assert "one 'setting: value'" in cell("%%finetune --help\n ").out.replace("\n", " ")


def test_a_question_mark_shows_the_same_help(cell):
    shown = cell.shell.inspector._get_info(
        cell.shell.find_line_magic("finetune"), "finetune", detail_level=0
    )
    assert "--learning-rate" in json.dumps(shown)


def test_hostile_texts_stay_texts_in_every_face(cell):
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    rows = topic_rows(60)
    rows["text"] = rows["text"] + f" {evil}"
    rows["label"] = rows["label"] + "<b onclick=alert(3)>"
    cell["rows"] = rows
    cell("%%finetune evil --data rows\nmodel: ./tiny\nepochs: 1")
    judged = cell("%evaluate evil").value
    pages = [face._repr_mimebundle_() for face in (cell["evil"], judged, cell("%runs").value)]
    for bundle in pages:
        for kind in ("text/html", "text/markdown"):
            lowered = bundle[kind].lower()
            assert "<script>alert" not in lowered
            assert "<img src=x" not in lowered
            assert "<b onclick" not in lowered


def test_methods_are_listed_with_what_they_train_and_what_is_missing(cell):
    shown = repr(cell("%nbtune methods").value)
    assert "small adapters and the head are trained" in " ".join(shown.split())
    assert all(f" {name}" in shown for name in ("full", "bitfit", "prefix-tuning"))


def test_doctor_names_device_packages_and_models(cell):
    found = {finding.what: finding.found for finding in cell("%nbtune doctor").value.findings}
    assert "torch" in found["packages"]
    assert "scratch-transformer" in found["built-in models"]
    assert "fp32" in found["computes on"] or "bf16" in found["computes on"]


def test_a_threshold_is_chosen_from_the_line_and_taken_back(cell):
    cell("two = df[df['label'] != 'place']")
    assert not cell("%%finetune mails --data two\nmodel: ./tiny\nvalidation_size: 0.4").error
    judged = cell("%evaluate mails --threshold animal:recall=0.9").value
    assert judged.record.decided[0].rule == "recall=0.9"
    assert cell["mails"].thresholds
    assert "cost=5:1" in cell.mistake("%evaluate mails --threshold costs=5:1")
    cell("%evaluate mails@1 --threshold default")
    assert not cell["mails"].thresholds
    assert "(a false alarm costs 5, a miss 1)" in cell("%evaluate --help").out


def test_rows_are_reviewed_and_a_run_goes_on_from_its_weights(cell):
    cell("%%finetune topics --data df\nmodel: ./tiny\nmax_steps: 2\nbaseline: false")
    found = cell("found = %review topics --split train\nfound").value
    row = found.rows[0].row
    cell(f"found.delete({row})")
    typed = cell(found.cell)
    assert not typed.error
    assert "corrections: 1 deleted" in typed.err + typed.out
    assert cell["topics_corrected"].folder.about["rows"]["train"] == len(found.rows) - 1
    assert "invalid choice: 'tst'" in cell.mistake("%review topics --split tst")
