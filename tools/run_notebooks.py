"""Execute notebooks from top to bottom and save them with their outputs, as they are committed.

python tools/run_notebooks.py notebooks/01_quickstart.ipynb
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient


def execute(path: Path) -> None:
    """Execute one notebook in a folder with nothing but its rows, so that no earlier run is met."""
    book = nbformat.read(path, 4)
    with tempfile.TemporaryDirectory() as folder:
        for rows in path.parent.glob("*.csv.gz"):
            shutil.copy(rows, folder)
        NotebookClient(
            book,
            timeout=None,
            record_timing=False,
            store_widget_state=False,
            resources={"metadata": {"path": folder}},
        ).execute()
    # Version numbers of whoever ran it last are only noise in a diff.
    book.metadata.language_info = {"name": "python"}
    nbformat.write(book, path)


if __name__ == "__main__":
    os.environ.pop("NBTUNE_RUNS", None)
    for name in sys.argv[1:]:
        execute(Path(name))
        print(name)
