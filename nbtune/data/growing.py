"""Arrays that are written as they come: what was added lies on disk, and not in memory."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


class Growing:
    """A ``.npy`` file that takes more items until it is closed.

    Parameters
    ----------
    like : ndarray
        What items have in common: type, and all of the shape but the first axis.
    """

    def __init__(self, file: Path, like: Array) -> None:
        self.kind, self.shape = like.dtype, like.shape[1:]
        self.count = 0
        self.stream = file.open("wb")
        self._write_header()

    def __enter__(self) -> Growing:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if error is None:
            self.stream.seek(0)
            self._write_header()
        self.stream.close()

    def add(self, items: Array) -> None:
        """Write some more items."""
        self.stream.write(np.ascontiguousarray(items.astype(self.kind, casting="same_kind")).data)
        self.count += len(items)

    def _write_header(self) -> None:
        # It has room for any count, so that the last one takes no more bytes than the first.
        about = {"descr": self.kind.str, "fortran_order": False, "shape": (self.count, *self.shape)}
        np.lib.format.write_array_header_1_0(self.stream, about)


class GrowingOffsets(Growing):
    """Where each row begins in a line of all of them, and where the last one ends.

    Lengths of rows are added to it.
    """

    def __init__(self, file: Path) -> None:
        super().__init__(file, np.empty(0, dtype=np.int64))
        self.last = 0
        super().add(np.zeros(1, dtype=np.int64))

    def add(self, items: Array) -> None:
        """Write where some more rows end, by their lengths."""
        ends = self.last + np.cumsum(items, dtype=np.int64)
        self.last = int(ends[-1]) if len(ends) else self.last
        super().add(ends)
