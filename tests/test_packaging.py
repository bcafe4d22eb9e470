import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = dict(
    line.split("==")
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if "==" in line and not line.startswith("#")
)


def names(requirements):
    return {re.split(r"[\s\[<>=;]", line)[0].lower().replace("_", "-") for line in requirements}


def test_every_dependency_has_a_tested_version():
    extras = [line for lines in PROJECT["optional-dependencies"].values() for line in lines]
    wanted = names([*PROJECT["dependencies"], *extras]) - {"nbtune"}
    assert wanted <= names(PINS)


def test_binder_installs_the_core_and_the_model_with_cpu_torch():
    lines = (ROOT / "binder" / "requirements.txt").read_text().splitlines()
    listed = [line for line in lines if line and not line.startswith(("#", "-"))]
    extra = names(PROJECT["optional-dependencies"]["minilm"])
    assert names(listed) == names(PROJECT["dependencies"]) | extra
    assert f"torch=={PINS['torch']}+cpu" in listed
    for name in ("postBuild", "start"):
        assert (ROOT / "binder" / name).stat().st_mode & 0o111, "is executable"


def test_the_wheel_holds_data_notebook_templates_and_licences(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    wheel = next(tmp_path.glob("*.whl"))
    inside = set(zipfile.ZipFile(wheel).namelist())
    for name in (
        "nbtune/py.typed",
        "nbtune/datasets/topics.csv.xz",
        "nbtune/datasets/addresses.csv.xz",
        "nbtune/datasets/people.csv.xz",
        "nbtune/notebooks/01_quickstart.ipynb",
        "nbtune/panels/templates/card_top.html.j2",
    ):
        assert name in inside
    assert any(name.endswith("licenses/NOTICE") for name in inside)
    assert not any(name.startswith(("tests", "benchmarks", "notebooks")) for name in inside)
    assert wheel.stat().st_size < 1_500_000
