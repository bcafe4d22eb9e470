"""Try what works past a busy cell on several versions of ipykernel, each in its own environment.

    python tools/kernel_matrix.py 6.31.0 7.1.0 7.3.0 7.4.0
    python tools/kernel_matrix.py --pages  # in JupyterLab and Notebook 7 too, two minutes a version

An environment has all packages of the one that this runs in, and its own ipykernel. Prints a line
a test and a column a version; exits with 1 when something failed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

VERSIONS = ("6.31.0", "7.1.0", "7.3.0", "7.4.0")
TESTS = ("tests/kernel/test_lane.py",)
PAGES = (
    "tests/browser/test_toolbar.py::test_the_toolbar_steers_the_run_at_once",
    "tests/browser/test_toolbar.py::test_a_page_loaded_in_mid_run_has_card_and_toolbar_again",
    "tests/browser/test_places.py::test_every_control_acts_in_notebook_7_while_a_cell_trains",
)
ROOT = Path(__file__).parents[1]


def main() -> int:
    """Run the tests for each version, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("versions", nargs="*", default=VERSIONS, metavar="VERSION")
    parser.add_argument("--tests", nargs="+", default=TESTS, metavar="PATH")
    parser.add_argument("--pages", action="store_true", help="in a browser as well")
    asked = parser.parse_args()
    tests = [*asked.tests, *(PAGES if asked.pages else ())]
    with TemporaryDirectory() as folder:
        found = {
            version: outcomes(environment(Path(folder, version), version), tests)
            for version in asked.versions
        }
    names = list(dict.fromkeys(name for results in found.values() for name in results))
    print(f"{'':<70}" + "".join(f"{version:>10}" for version in found))
    for name in names:
        cells = (results.get(name, "-") for results in found.values())
        print(f"{name:<70}" + "".join(f"{cell:>10}" for cell in cells))
    everything = [outcome for results in found.values() for outcome in results.values()]
    return int(not everything or "failed" in everything)


def environment(place: Path, version: str) -> Path:
    """Make an environment with this ipykernel before all that is here; returns its Python."""
    venv.create(place, with_pip=True)
    python = place / "bin" / "python"
    paths = sysconfig.get_path("purelib", vars={"base": str(place), "platbase": str(place)})
    Path(paths, "beside.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    install = ["-m", "pip", "install", "-q", "--no-deps", "--ignore-installed"]
    subprocess.run([python, *install, f"ipykernel=={version}"], check=True)
    for shared in ("share", "etc"):  # what pages are made of
        made = place / shared / "jupyter"
        made.mkdir(parents=True, exist_ok=True)
        for part in Path(sys.prefix, shared, "jupyter").iterdir():
            if not (made / part.name).exists():
                (made / part.name).symlink_to(part)
    return python


def outcomes(python: Path, tests: list[str]) -> dict[str, str]:
    """Run tests in an environment; returns passed, failed or skipped by their names."""
    report = python.parents[1] / "report.xml"
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    subprocess.run(
        [
            python,
            "-m",
            "pytest",
            "-q",
            "-o",
            "junit_family=legacy",
            f"--junit-xml={report}",
            *tests,
        ],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": paths},
        stdout=sys.stderr,
        check=False,
    )
    found = {}
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 - pytest wrote it
        kinds = {child.tag for child in case}
        failed = kinds & {"failure", "error"}
        found[case.get("name", "")] = (
            "failed" if failed else "skipped" if "skipped" in kinds else "passed"
        )
        for told in case.iter("property"):  # such as how long a click takes
            print(f"{told.get('name')}: {told.get('value')}")
    return found


if __name__ == "__main__":
    sys.exit(main())
