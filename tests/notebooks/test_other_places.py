"""The same cell where no page is: executed as a file, in a terminal, in plain Python."""

import json
import os
import subprocess
import sys

import nbformat
import pytest

from nbtune.testing import tiny_model_folder

pytestmark = pytest.mark.slow

SETUP = "%load_ext nbtune\nfrom nbtune.testing import topic_rows\ndf = topic_rows(60)"
TRAIN = "%%finetune topics --data df\nmodel: ./tiny\nmax_steps: 4\nbaseline: false"
PLAIN = """import nbtune
from nbtune.testing import topic_rows
run = nbtune.finetune(topic_rows(60), "topics", model="./tiny", max_steps=4, baseline=False)
print(run.status)"""


@pytest.fixture
def done(tmp_path):
    """Run a command beside a tiny model, and return what came of it."""
    tiny_model_folder(tmp_path / "tiny")
    own = {"IPYTHONDIR": str(tmp_path / "ipython"), "OMP_NUM_THREADS": "1"}
    env = {k: v for k, v in os.environ.items() if not k.startswith("NBTUNE_")} | own

    def run(*command):
        ran = [sys.executable, *command]
        return subprocess.run(
            ran, cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )

    run.folder = tmp_path
    return run


def test_a_notebook_that_nbconvert_executes_keeps_pictures_and_tables_only(done):
    cells = [SETUP, TRAIN, "print('beneath')", "%nbtune panel"]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbformat.write(book, done.folder / "book.ipynb")
    command = ["-m", "nbconvert", "--execute", "--to", "notebook", "--output", "made", "book.ipynb"]
    ended = done(*command)
    assert ended.returncode == 0, ended.stderr
    made = json.loads((done.folder / "made.ipynb").read_text())
    assert "widgets" not in made["metadata"]
    kinds = {k for c in made["cells"] for o in c["outputs"] for k in o.get("data", {})}
    assert kinds <= {"text/plain", "text/html", "text/markdown", "image/png"}
    told = json.dumps(made["cells"][1]["outputs"])
    assert "finished" in told
    assert len(told) < 60_000
    assert "".join(made["cells"][2]["outputs"][0]["text"]) == "beneath\n", "its own output alone"
    assert "the forms of nbtune" in json.dumps(made["cells"][3]["outputs"])
    ended = done("-m", "nbconvert", "--to", "html", "made.ipynb")
    assert ended.returncode == 0, ended.stderr
    assert 'data-status="finished"' in (done.folder / "made.html").read_text()


def test_a_notebook_that_fails_under_nbconvert_says_so_by_its_exit_code(done):
    bad = TRAIN.replace("./tiny", "./tin")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in (SETUP, bad)])
    nbformat.write(book, done.folder / "book.ipynb")
    ended = done("-m", "nbconvert", "--execute", "--to", "notebook", "book.ipynb")
    assert ended.returncode != 0
    assert "./tin" in ended.stderr


def test_ipython_in_a_terminal_shows_lines(done):
    line, body = TRAIN.split("\n", 1)
    magic = f"get_ipython().run_cell_magic('finetune', {line.split(' ', 1)[1]!r}, {body!r})"
    ended = done("-m", "IPython", "--no-banner", "--simple-prompt", "-c", f"{SETUP}\n{magic}")
    text = ended.stdout + ended.stderr
    assert "topics@1: finished" in text
    assert "<div" not in text
    assert "Traceback" not in text


def test_plain_python_prints_lines_without_escape_codes(done):
    ended = done("-c", PLAIN)
    assert ended.stdout.endswith("finished\n"), ended.stderr
    assert "loading model" in ended.stderr
    assert 'Next: nbtune.evaluate("topics")\n' in ended.stderr, "a call, where there are no magics"
    assert "\x1b" not in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
