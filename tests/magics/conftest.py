"""A real IPython shell to type into."""

from dataclasses import dataclass
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config

from nbtune.testing import tiny_model_folder, topic_rows


@dataclass
class Typed:
    """What came of a cell: its value, what it showed, and the error that left it."""

    value: Any
    out: str
    err: str
    shown: list[dict[str, Any]]
    error: BaseException | None


class Typist:
    """Types cells into a shell as a person would."""

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell

    def __call__(self, cell: str) -> Typed:
        with capture_output() as captured:
            result = self.shell.run_cell(cell, store_history=False)
        shown = [output.data for output in captured.outputs]
        error = result.error_before_exec or result.error_in_exec
        return Typed(result.result, captured.stdout, captured.stderr, shown, error)

    def mistake(self, cell: str) -> str:
        """Type a cell that is refused; returns the lines that the user sees."""
        typed = self(cell)
        assert type(typed.error).__name__ == "UsageError", typed
        assert "Traceback" not in typed.out + typed.err
        return str(typed.error)

    def __getitem__(self, name: str) -> Any:
        return self.shell.user_ns[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self.shell.user_ns[name] = value


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    return tiny_model_folder(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def cell(tmp_path, monkeypatch, tiny_folder):
    """Type into a fresh shell with nbtune loaded, a frame ``df`` and a model folder ``tiny``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.delenv("NBTUNE_RUNS", raising=False)
    (tmp_path / "tiny").symlink_to(tiny_folder)
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))
    typist = Typist(shell)
    assert typist("%load_ext nbtune").error is None
    typist["df"] = topic_rows(60)
    yield typist
    InteractiveShell.clear_instance()
