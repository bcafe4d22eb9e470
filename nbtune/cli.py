"""The command: the same as the magics, for a terminal, a script or a cluster."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from nbtune.errors import NbtuneError

FAILED, PAUSED = 1, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code.

    0 is done, 1 a mistake (said in two lines on standard error), 130 paused by an interrupt.
    """
    found = _parser().parse_args(arguments)
    try:
        return int(found.command(found) or 0)
    except NbtuneError as error:
        print(f"nbtune: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("nbtune: interrupted", file=sys.stderr)
        return PAUSED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nbtune", description="Fine-tune language models.")
    parser.add_argument("--version", action="version", version=version("nbtune"))
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="execute the quickstart notebook on built-in data")
    demo.add_argument("--out", type=Path, default=Path("nbtune-demo"), help="where it all is put")
    demo.set_defaults(command=_demo)

    run = commands.add_parser("run", help="train and judge what a recipe file says")
    run.add_argument("recipe", type=Path, help="a YAML file; its data is a file, topics or hub id")
    run.add_argument("--name", help="what the run is called; by default as the file")
    run.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    run.add_argument("--fresh", action="store_true", help="train even when this run is there")
    run.add_argument("--runs-dir", type=Path, help="where runs lie")
    run.set_defaults(command=_run)

    resume = commands.add_parser("resume", help="go on with a run from its last checkpoint")
    resume.add_argument("run")
    resume.add_argument("--runs-dir", type=Path, help="where runs lie")
    resume.set_defaults(command=_resume)

    # Not listed: a process of its own is given a run that stands ready.
    train = commands.add_parser("train")
    train.add_argument("folder", type=Path)
    train.add_argument("--epochs", type=float)
    train.set_defaults(command=_train)

    runs = commands.add_parser("runs", help="show the runs of this folder")
    runs.add_argument("pattern", nargs="?", default="*")
    runs.add_argument("--runs-dir", type=Path, help="where runs lie")
    runs.set_defaults(command=_runs)

    doctor = commands.add_parser("doctor", help="say what this machine can do")
    doctor.set_defaults(command=_doctor)
    return parser


def _demo(found: argparse.Namespace) -> int:
    from nbtune.demo import NOTEBOOK, run_demo
    from nbtune.runs.store import RunStore

    report = run_demo(found.out)
    print(f"the report:   {report}")
    print(f"the runs:     {found.out / RunStore().root}")
    print(f"the notebook: jupyter lab {found.out / NOTEBOOK}")
    return 0


def _run(found: argparse.Namespace) -> int:
    from nbtune import api

    run = api.finetune(
        name=found.name or found.recipe.stem.replace(".", "_").replace(" ", "_"),
        recipe=found.recipe,
        set=found.set,
        fresh=found.fresh,
        runs_dir=found.runs_dir,
    )
    if run.status != "finished":
        return PAUSED
    print(api.evaluate(run).text)
    print(f"the run: {run.folder.path}")
    return 0


def _resume(found: argparse.Namespace) -> int:
    from nbtune import api

    return 0 if api.resume(found.run, runs_dir=found.runs_dir).status == "finished" else PAUSED


def _train(found: argparse.Namespace) -> int:
    from nbtune import api
    from nbtune.runs import RunFolder

    run = api.train_here(RunFolder(found.folder), num_train_epochs=found.epochs)
    return 0 if run.status == "finished" else PAUSED


def _runs(found: argparse.Namespace) -> None:
    from nbtune import api

    print(repr(api.list_runs(found.pattern, runs_dir=found.runs_dir)))


def _doctor(found: argparse.Namespace) -> None:
    from nbtune import api

    print(repr(api.doctor()))
