"""The quickstart without a browser: the notebook is executed here, and told as it goes."""

from __future__ import annotations

import sys
import textwrap
import time
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, TextIO

from nbtune.errors import NbtuneError

NOTEBOOK = "01_quickstart.ipynb"
LOG = "kernel.log"
QUIET_SECONDS = 15.0
"""Where lines cannot be rewritten, one is written so often."""


def run_demo(folder: Path, stream: TextIO | None = None) -> Path:
    """Execute the quickstart in a folder, and leave it there with its runs and as HTML.

    Parameters
    ----------
    folder : Path
        Where notebook, report and runs are written; made if it is not there.
    stream : file, optional
        Where it is told; by default standard output.

    Returns
    -------
    Path
        The HTML report.

    Raises
    ------
    NbtuneError
        When something that executes notebooks is not installed, or a cell fails.
    """
    try:
        import nbformat
        from nbclient.exceptions import CellExecutionError, DeadKernelError
    except ImportError as error:
        raise NbtuneError(
            f"the demo needs {error.name}", hint="pip install 'nbtune[demo]'"
        ) from None
    from nbtune.models.sources import find_model

    find_model("minilm")  # or say at once how to install it
    stream = stream or sys.stdout
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / NOTEBOOK
    book = nbformat.reads(_quickstart(), as_version=4)
    try:
        _execute(book, folder, Narrator(stream))
    except CellExecutionError as error:
        raise NbtuneError(
            f"a cell of the quickstart failed: {error.ename}: {error.evalue}",
            hint=f"open {place} in JupyterLab and run it there",
        ) from None
    except DeadKernelError:
        raise NbtuneError(
            "the kernel of the quickstart died, most likely for want of memory",
            hint=f"see {folder / LOG}; nbtune demo goes on where it was",
        ) from None
    finally:
        nbformat.write(book, place)
    report = place.with_suffix(".html")
    report.write_text(to_html(book), encoding="utf-8")
    return report


def _quickstart() -> str:
    """Return the notebook as installed, or in a checkout that is used as it lies there."""
    package = resources.files("nbtune")
    installed = package / "notebooks" / NOTEBOOK
    if installed.is_file():
        return installed.read_text(encoding="utf-8")
    return (Path(str(package)).parent / "notebooks" / NOTEBOOK).read_text(encoding="utf-8")


class Narrator:
    """Tells what happens in a notebook: the cells, their progress, and what they show."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.rewrites = stream.isatty()
        self.told = time.monotonic()

    def starts(self, source: str) -> None:
        """Write the cell, as a prompt would show it."""
        self._write(textwrap.indent(source.strip(), "  │ "))
        self.told = time.monotonic()

    def goes_on(self, text: str) -> None:
        """Write how far it is: on one line, or a line now and then."""
        first = text.splitlines()[0] if text else ""
        if self.rewrites:
            print(f"\r\x1b[2K  {first[:76]}", end="", file=self.stream, flush=True)
        elif time.monotonic() - self.told >= QUIET_SECONDS:
            self.told = time.monotonic()
            self._write(f"  {first}")

    def ends(self, outputs: list[Mapping[str, Any]]) -> None:
        """Write the text of what the cell has left."""
        texts = [_text(output) for output in outputs]
        self._write("\n".join([text.rstrip() for text in texts if text] + [""]))

    def says(self, text: str) -> None:
        """Write a heading of the notebook."""
        for line in text.splitlines():
            if line.startswith("#"):
                self._write(f"\n{line.lstrip('# ')}\n")

    def _write(self, text: str) -> None:
        erase = "\r\x1b[2K" if self.rewrites else ""
        print(f"{erase}{text}", file=self.stream, flush=True)


def _text(output: Mapping[str, Any]) -> str:
    if output["output_type"] == "stream":
        return str(output["text"]) if output["name"] == "stdout" else ""
    return str(output.get("data", {}).get("text/plain", ""))


def _execute(book: Any, folder: Path, narrator: Narrator) -> None:
    from nbclient import NotebookClient

    class Client(NotebookClient):  # type: ignore[misc]
        """Hears how far a cell is."""

        def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
            if msg["msg_type"] == "update_display_data":
                narrator.goes_on(msg["content"]["data"].get("text/plain", ""))
            return super().process_message(msg, cell, cell_index)

    def starts(cell: Any, cell_index: int) -> None:
        if cell.cell_type == "markdown":
            narrator.says(cell.source)

    client = Client(
        book,
        timeout=None,
        resources={"metadata": {"path": str(folder)}},
        store_widget_state=False,
        on_cell_start=starts,
        on_cell_execute=lambda cell, cell_index: narrator.starts(cell.source),
        on_cell_executed=lambda cell, cell_index, execute_reply: narrator.ends(cell.outputs),
    )
    with (folder / LOG).open("w") as log:
        client.execute(stderr=log)


def to_html(book: Any) -> str:
    """Return a notebook as one HTML page that asks nothing of the network."""
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(mathjax_url="", require_js_url="", jquery_url="", mermaid_js_url="")
    page, _ = exporter.from_notebook_node(book)
    return str(page)
