import pytest

from nbtune.cli import main
from nbtune.testing import tiny_model_folder, topic_rows


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NBTUNE_RUNS", raising=False)
    monkeypatch.setenv("NBTUNE_DISPLAY", "text")
    tiny_model_folder(tmp_path / "tiny")
    topic_rows(60).to_csv("rows.csv", index=False)
    (tmp_path / "spam.yaml").write_text("model: ./tiny\nepochs: 1\ndata: rows.csv\n")
    return tmp_path / "spam.yaml"


def test_a_recipe_is_trained_and_judged(recipe, capsys):
    assert main(["run", "spam.yaml"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("spam@1 on 6 test rows")
    assert "nbtune-runs/spam@1" in out
    assert main(["runs"]) == 0
    assert "spam@1" in capsys.readouterr().out


def test_set_name_and_fresh_are_taken(recipe):
    assert main(["run", "spam.yaml", "--name", "other", "--set", "seed=1"]) == 0
    assert main(["run", "spam.yaml", "--name", "other", "--set", "seed=1", "--fresh"]) == 0
    names = sorted(path.name for path in (recipe.parent / "nbtune-runs").iterdir())
    assert names == ["other@1", "other@2"]


def test_a_mistake_is_two_lines_and_an_exit_code(recipe, capsys):
    recipe.write_text("model: ./tiny\nepoch: 1\ndata: rows.csv\n")
    assert main(["run", "spam.yaml"]) == 1
    assert capsys.readouterr().err.startswith(
        "nbtune: spam.yaml line 2: unknown setting 'epoch'; did you mean 'epochs'?"
    )


def test_a_recipe_file_cannot_run_code(recipe, capsys):
    recipe.write_text("model: ./tiny\nseed: ${__import__('os').getpid()}\ndata: rows.csv\n")
    assert main(["run", "spam.yaml"]) == 1
    assert "would run code from a file" in capsys.readouterr().err


def test_a_finished_run_says_how_to_train_on(recipe, capsys):
    main(["run", "spam.yaml"])
    assert main(["resume", "spam"]) == 1
    assert "is finished" in capsys.readouterr().err


def test_what_a_run_told_before_is_one_line(recipe, capsys):
    main(["run", "spam.yaml"])
    assert "training ..." in capsys.readouterr().err
    main(["run", "spam.yaml"])
    again = capsys.readouterr().err
    assert "training ..." not in again
    assert "nothing trained" in again


def test_doctor_and_version(capsys):
    assert main(["doctor"]) == 0
    assert "computes on" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
