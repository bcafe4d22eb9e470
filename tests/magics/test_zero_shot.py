"""Labels on the line, and no run."""

import json

import pytest

from nbtune.testing import tiny_model_folder


@pytest.fixture
def encoder(cell, tmp_path):
    folder = tiny_model_folder(tmp_path / "encoder")
    config = json.loads((folder / "config.json").read_text()) | {"architectures": ["BertModel"]}
    (folder / "config.json").write_text(json.dumps(config))


def test_texts_are_labelled_by_the_names_of_labels(cell, encoder):
    line = '%predict --model ./encoder --labels "sport, home news" "a match" "a vote"'
    typed = cell(line)
    assert typed.error is None, typed
    assert list(typed.value["text"]) == ["a match", "a vote"]
    assert list(typed.value.columns[-2:]) == ["p(sport)", "p(home news)"]
    assert "encoder was not made to tell whether texts are alike" in typed.out
    of_cell = cell('%%predict --model ./encoder --labels "sport, home news"\na match\na vote')
    assert of_cell.value.equals(typed.value)


def test_a_variable_describes_labels_and_asks_again_and_again(cell, encoder):
    cell["names"] = {"A": "games and athletes", "B": "ministers and votes"}
    typed = cell('%predict --model ./encoder --labels $names "a match"')
    cell("import nbtune; by_name = nbtune.zero_shot(names, model='./encoder')")
    assert cell('%predict by_name "a match"').value.equals(typed.value)
    cell["df"] = cell["df"].replace({"animal": "A", "food": "B", "place": "B"})
    judged = cell("%evaluate by_name --data df").value
    other = cell("%evaluate --model ./encoder --labels $names --data df").value
    assert judged.metrics == other.metrics
    assert "was not made to tell" in judged.record.left_out


def test_mistakes_are_told_in_two_lines(cell, encoder):
    labels = '--model ./encoder --labels "sport, politics"'
    told = {
        f"%predict {labels}": "%predict: there is no text",
        f"%evaluate {labels}": "has no rows of its own",
        f"%evaluate topics {labels} --data df": "'topics' has labels of its own",
        '%predict --labels "sport" "a text"': "['sport'] is not two or more labels",
        '%predict --model minilm "a text"': "--model: a run has its own model",
        "%predict": "there is no run to ask",
        f'%predict {labels} "a text" --top-k 2': "top_k: zero-shot",
        '%predict --labels $nothing "a text"': "--labels: there is no variable 'nothing'",
        f'%predict {labels} --template "about" "a text"': "'about' has no one place {}",
    }
    for line, said in told.items():
        assert said in cell.mistake(line), line
