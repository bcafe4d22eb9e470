import numpy as np
import pandas as pd
import pytest
import tokenizers
import transformers
from matplotlib.figure import Figure

import nbtune
from nbtune.data.checks.cuts import counted, sample_of, unknown_tokens
from nbtune.data.checks.lengths import Reader, count_tokens, describe_lengths, truncate
from nbtune.data.checks.scan import scan
from nbtune.data.checks.taken import look_before
from nbtune.data.texts import LABELLED
from nbtune.errors import DataError
from nbtune.recipe import Recipe, compose, yaml_layer
from nbtune.records import DataRecord
from nbtune.testing import plant_problems, tiny_model_folder, tiny_tokenizer, topic_rows
from nbtune.testing.planting import plant_in, rows_of_task

SECRETS = ("ann@mail.example.org", "+49 30 1234567", "4111 1111 1111 1111")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tiny_model_folder(tmp_path_factory.mktemp("data") / "model")
    rows = topic_rows(60)
    rows.loc[60] = [f"{' and '.join(SECRETS)} of the sea", "place"]
    rows.loc[61] = rows.loc[60]
    return nbtune.check_data(rows, model=str(folder), max_length=8, display="none")


def test_rows_labels_and_columns_are_counted(report):
    assert report.record.rows == {"train": 62}
    assert report.labels["train"].to_dict() == {"place": 22, "animal": 20, "food": 20}
    assert report.labels.loc["place", "weight"] == pytest.approx(62 / (3 * 22), abs=1e-4)
    assert [(one.name, one.role) for one in report.record.columns] == [
        ("text", "text"), ("label", "label"),
    ]  # fmt: skip


def test_personal_data_is_counted_and_never_shown(report):
    assert report["personal"].count == 2
    assert report["personal"].examples[0] == "[email] and [phone] and [card] of the sea"
    assert report["duplicates"].count == 1
    faces = [*report._repr_mimebundle_().values(), repr(report), report.record.to_json()]
    assert not any(secret in face for secret in SECRETS for face in faces)


def test_examples_show_the_sign_wherever_it_stands():
    rows = topic_rows(30)
    rows.loc[0, "text"] = f"{'word ' * 100}ann@mail.example.org {'word ' * 100}<b>x</b>{' end' * 9}"
    rows.loc[1, "label"] = None
    report = nbtune.check_data(rows, tokenize=False, display="none")
    (shown,) = report["personal"].examples
    assert "[email]" in shown
    assert len(shown) < 160
    assert "<b>x" in report["markup"].examples[0]
    assert report["unusable"].examples[0].endswith("label: missing")


def test_every_finding_has_examples():
    frame, others = (nbtune.datasets.load("topics").iloc[a:b] for a, b in ((0, 900), (900, 1200)))
    train, _ = plant_problems(frame, others, 4)
    parts = {"train": train[["text", "label"]], "test": others[["text", "label"]]}
    report = nbtune.check_data(parts, tokenize=False, display="none")
    assert len(report.record.findings) > 5
    for one in report.record.findings:
        assert 1 <= len(one.examples) <= 3, one.check


def test_the_cost_of_a_limit_is_that_of_its_cut_rows():
    lengths = np.array([2, 4, 8, 10])
    found = truncate(lengths, 5, width=1_000_000_000)
    assert (found.rows, found.tokens) == (0.5, 1 - 16 / 24)
    assert found.time == pytest.approx(16 / 24)
    short = truncate(lengths, 5, width=1)
    assert short.time < found.time, "attention grows with the square of the length"


def test_lengths_are_those_of_the_tokenizer():
    tokenizer, texts = tiny_tokenizer(), list(topic_rows(30)["text"])
    lengths, unknown = count_tokens([[text] for text in texts], tokenizer)
    assert list(lengths) == [len(tokenizer(text)["input_ids"]) for text in texts]
    found = describe_lengths(Reader("tiny", tokenizer, 32), lengths, unknown, 6)
    assert sum(found.counts) == 30
    assert found.truncation[-1].rows == 0
    assert 6 in [one.max_length for one in found.truncation]


def test_unknown_tokens_are_counted_among_all():
    class Words:
        unk_token_id = 7

        def __call__(self, texts, verbose):
            return {"input_ids": [[1, *(7 if "?" in w else 2 for w in t.split())] for t in texts]}

    lengths, unknown = count_tokens([["a ?"], ["b c"]], Words())
    assert unknown.tolist() == [1, 0]
    assert describe_lengths(Reader("words", Words(), 32), lengths, unknown, 6).unknown == 1 / 6


def test_no_limit_is_offered_beyond_the_places_of_the_model(tmp_path):
    folder = tiny_model_folder(tmp_path / "model")
    rows = topic_rows(30)
    rows["text"] = [f"{text} {'and so on ' * 300}" for text in rows["text"]]
    own = {"model": str(folder), "display": "none"}
    report = nbtune.check_data(rows, max_length=8, **own)
    places = int(report.truncation["max_length"].iloc[-1])
    assert places < report.record.lengths.longest
    assert report["truncation"].fix == f"max_length: {places}"
    assert f"30 are longer than all {places} places of" in report["truncation"].what
    assert report["truncation"].examples[0].endswith("…")
    beyond = nbtune.check_data(rows, max_length=2 * places, **own)["truncation"]
    assert f"longer than the {places} places of" in beyond.what
    assert "max_length" not in beyond.fix
    nbtune.finetune(rows, max_length=places, max_steps=1, baseline=False, **own,
                    runs_dir=tmp_path / "runs")  # fmt: skip


def test_tokens_that_no_tokenizer_knows_are_shown_and_always_told(tmp_path):
    own = {"model": str(tiny_model_folder(tmp_path / "model")), "display": "none"}
    report = nbtune.check_data(topic_rows(30), **own)
    assert "unknown_tokens" not in report
    assert "unknown" in report.text
    assert "unknown" in report._repr_mimebundle_()["text/html"]
    unknown = {"unk_token": "[UNK]"}
    words = tokenizers.models.WordLevel({"[UNK]": 0, "a": 1, "b": 2}, **unknown)
    inner = tokenizers.Tokenizer(words)
    inner.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    read = transformers.PreTrainedTokenizerFast(tokenizer_object=inner, **unknown)
    frame = pd.DataFrame({"text": ["a ☃ b", "b a"], "label": ["x", "y"]})
    scanned = scan({"train": frame}, "text", "label", str)
    own = counted(scanned, sample_of(scanned), lambda texts: Reader("words", read, 32), print)
    (found,) = unknown_tokens(own)
    assert found.rows.tolist() == [0]
    assert "(20 % of all tokens)" in found.what
    assert found.examples == ("☃ in: a ☃ b",)
    assert found.fix.startswith("model: scratch-transformer")


def test_what_is_cut_is_told_with_a_limit_that_cuts_little(report):
    finding = report["truncation"]
    cut = report.truncation.set_index("max_length").loc[8, "rows"]
    assert finding.count == round(cut * 62)
    limit = int(finding.fix.removeprefix("max_length: "))
    assert report.truncation.set_index("max_length").loc[limit, "rows"] <= 0.01


def test_lines_for_the_recipe_are_lines_of_a_recipe():
    rows = topic_rows(90)
    rows = rows[(rows["label"] != "food") | (rows.index < 15)]
    rows.loc[0, "text"] = "<b>bold</b> and &amp; so on"
    report = nbtune.check_data(rows, tokenize=False, display="none")
    assert set(report["imbalance"].examples) <= set(rows[rows["label"] == "food"]["text"])
    lines = [one.fix for one in report.record.findings if one.check in ("imbalance", "markup")]
    recipe = compose(yaml_layer("\n".join(lines), "cell")).recipe
    assert recipe.class_weight == "balanced"
    assert "markup" in recipe.clean


def test_its_faces_are_text_and_tables_only(report):
    faces = report._repr_mimebundle_()
    assert set(faces) == {"text/plain", "text/markdown", "text/html"}
    assert max(map(len, faces["text/plain"].splitlines())) <= 80
    assert isinstance(report.figure(), Figure)
    assert len(report.figure().axes) == 3
    assert len(report.findings) == len(report.record.findings)


def test_what_is_learnt_of_the_first_rows_is_shown_without_what_is_personal(report):
    preview = report.record.preview
    assert len(preview.rows) == 3
    assert [kind for kind, _ in preview.pieces[0]][-2:] == ["context", "target"]
    assert any(kind == "cut" for row in preview.pieces for kind, _ in row)
    faces = report._repr_mimebundle_()
    assert "What is learnt, as the model reads it" in faces["text/html"]
    assert "learnt in «»" in faces["text/plain"]
    rows = topic_rows(3)
    rows.loc[1, "text"] = f"{SECRETS[0]} of the sea"
    own = {"model": report.record.lengths.model, "display": "none"}
    assert nbtune.check_data(rows, **own).record.preview.rows == (0, 2)


def test_its_pictures_are_saved_one_by_one_for_print(report, tmp_path):
    written = report.save_figures(tmp_path, "svg")
    assert [path.name for path in written] == ["balance.svg", "lengths.svg", "truncation.svg"]


def test_it_is_read_again_as_it_was_written(report):
    assert repr(DataRecord.from_json(report.record.to_json())) == repr(report.record)


def test_texts_stay_texts_in_every_face():
    rows = topic_rows(30)
    rows.loc[30] = ["<script>alert(1)</script> of the sea", "place"]
    rows.loc[31] = rows.loc[30]
    faces = nbtune.check_data(rows, tokenize=False, display="none")._repr_mimebundle_()
    assert "<script>" not in faces["text/html"] + faces["text/markdown"]
    assert "&lt;script&gt;alert" in faces["text/html"]


def test_sound_rows_are_said_to_be_sound():
    report = nbtune.check_data(topic_rows(60), tokenize=False, display="none")
    assert not report.record.findings
    assert "Nothing was found" in report.text


@pytest.mark.parametrize("task", ["token-classification", "multi_label_classification"])
def test_rows_of_other_tasks_are_looked_at_before_a_run(tmp_path, task):
    own, test = rows_of_task(task, 40)
    train, _ = plant_in(task, own, test, count=2)
    kind = {"task": task} if "-" in task else {"problem_type": task}
    settings = {"model": str(tiny_model_folder(tmp_path / "model")), "max_steps": 1, **kind,
                "drop_bad_rows": True, "baseline": False, "runs_dir": tmp_path / "runs",
                "display": "none"}  # fmt: skip
    with pytest.raises(DataError, match=r"checks: strict: .* that has other"):
        nbtune.finetune(train, checks="strict", **settings)
    run = nbtune.finetune(train, "told", **settings)
    told = " ".join(event.text for _, event in run.events if type(event).__name__ == "Notice")
    assert "that has other" in told
    assert "spelled anew" in told


def test_pairs_are_looked_at_before_a_run_and_all_rows_are_compared():
    rows = pd.DataFrame({"text": [f"text {i} of it" for i in range(30)], "label": ["x", "y"] * 15})
    rows.loc[29] = ["text 28 of it", "z"]
    rows.loc[25, "text"] += " <b>x</b>"
    splits = {"train": rows, "validation": rows.iloc[:2]}
    found = {one.check: one for one in look_before(LABELLED, splits, Recipe(), 30)}
    assert len(found["markup"].rows) == 1
    few = {one.check: one for one in look_before(LABELLED, splits, Recipe(), 10)}
    assert len(few["conflicts"].rows) == 2, "all rows are compared"
    paired = {name: frame.assign(text_pair=frame.index) for name, frame in splits.items()}
    paired = {name: frame.astype({"text_pair": str}) for name, frame in paired.items()}
    checks = {one.check for one in look_before(LABELLED, paired, Recipe(), 30)}
    assert "conflicts" not in checks


def test_what_is_searched_for_in_some_rows_only_says_so(monkeypatch):
    monkeypatch.setattr("nbtune.data.checks.scan.AT_ONCE", 10)
    rows = pd.DataFrame({"text": [f"<b>text</b> {i}" for i in range(30)], "label": ["x", "y"] * 15})
    (found,) = [one for one in look_before(LABELLED, {"train": rows}, Recipe(), 20)
                if one.check == "markup"]  # fmt: skip
    assert len(found.rows) == 20
    assert "(searched for in the first 20 rows only)" in found.what


def test_a_run_says_what_is_wrong_or_refuses(tmp_path):
    rows, _ = plant_problems(*[nbtune.datasets.load("topics")] * 2, 3)
    settings = {
        "model": str(tiny_model_folder(tmp_path / "model")),
        "max_steps": 1,
        "max_train_samples": 100,
        "drop_bad_rows": True,
        "baseline": False,
        "runs_dir": tmp_path / "runs",
        "display": "none",
    }
    rows = rows.tail(150)
    with pytest.raises(DataError, match=r"checks: strict: .*texts were read in the wrong"):
        nbtune.finetune(rows, checks="strict", **settings)
    run = nbtune.finetune(rows, "told", **settings)
    told = [event.text for _, event in run.events if type(event).__name__ == "Notice"]
    assert any("texts hold personal data" in text for text in told)
    quiet = nbtune.finetune(rows, "told", checks="off", **settings)
    assert quiet.name == run.name, "what is said of the rows makes no other run"


def test_columns_that_were_named_stand_in_the_line():
    rows = topic_rows(30).rename(columns={"text": "a", "label": "b"})
    rows.loc[30] = rows.loc[0]
    report = nbtune.check_data(rows, name="mine", text="a", label="b", tokenize=False)
    line = "import nbtune; mine = nbtune.mend(mine, 'duplicates', text='a', label='b')"
    assert report["duplicates"].fix == line
    assert "duplicates" in report
    with pytest.raises(DataError, match="there is no check 'duplicate' to mend") as refused:
        nbtune.mend(rows, "duplicate", text="a", label="b")
    assert refused.value.hint == "did you mean 'duplicates'?"


def test_any_source_becomes_a_frame():
    frame = nbtune.mend("topics")
    assert isinstance(frame, pd.DataFrame)
    assert set(frame["split"]) == {"train", "test"}
    report = nbtune.check_data("topics", tokenize=False, display="none")
    assert report.record.origin == "import nbtune; df = nbtune.mend('topics')"


def test_tokens_are_those_of_the_model_that_is_meant(tmp_path, monkeypatch):
    monkeypatch.setenv("NBTUNE_RUNS", str(tmp_path))
    settings = {"size": "tiny", "num_train_epochs": 1, "baseline": False, "display": "none"}
    run = nbtune.finetune(topic_rows(30), "one", model="scratch-bag", **settings)
    of_run = nbtune.check_data(topic_rows(30), model="one", display="none").record.lengths
    assert of_run.model == str(run.folder.model_path)
    fresh = nbtune.check_data(topic_rows(30), model="scratch-cnn", display="none").record.lengths
    assert fresh.model == "scratch-cnn"
