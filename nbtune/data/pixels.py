"""Images of one size as whole numbers, mostly in a file, and as numbers that a model takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

Array = np.ndarray[Any, Any]
PLACE, FEWEST = 16 * 16, 8
"""An image counts as so many tokens as it has squares of 16 x 16, and as 8 at least."""
VALUES, SCALING = "pixels.npy", "pixel_scaling.npy"


@dataclass(frozen=True)
class Pixels:
    """Images of the same size; in 8 bits they take a quarter of what a model takes.

    Attributes
    ----------
    values : ndarray of uint8
        Of shape (images, channels, height, width), memory-mapped where they lie on disk; or what
        decodes those that it is asked for, in the same shape.
    scaling : ndarray of float32
        Of shape (2, channels): a model takes ``values * scaling[0] + scaling[1]``.
    """

    values: Any
    scaling: Array

    def __len__(self) -> int:
        return len(self.values)

    @property
    def places(self) -> int:
        """How many tokens an image counts as."""
        height, width = map(int, self.values.shape[2:])
        return max(FEWEST, -(-height * width // PLACE))

    def batch(self, rows: Any) -> torch.Tensor:
        """Return some images as a model takes them, in float32."""
        own = torch.from_numpy(np.ascontiguousarray(self.values[np.asarray(rows)]))
        times, plus = (torch.from_numpy(np.array(each)) for each in self.scaling)
        return own.float().mul_(times[:, None, None]).add_(plus[:, None, None])

    def part(self, rows: Any) -> Pixels:
        """Return some of the images, in memory."""
        return Pixels(np.asarray(self.values[np.asarray(rows)]), self.scaling)


def open_pixels(folder: Path) -> Pixels | None:
    """Open the images of a folder of examples, where it has any."""
    if not (folder / VALUES).is_file():
        return None
    values = np.load(folder / VALUES, mmap_mode="r", allow_pickle=False)
    return Pixels(values, np.load(folder / SCALING, allow_pickle=False))


class PixelWriter:
    """Writes images one part after the other, so that they never lie in memory together.

    Parameters
    ----------
    images : int
        How many there will be.
    """

    def __init__(self, folder: Path, images: int) -> None:
        self.folder, self.images = folder, images

    def add(self, pixels: Pixels) -> None:
        """Write some more images."""
        file = self.folder / VALUES
        is_first = not file.exists()
        # Written, not mapped: on a disk that fills up, a write to a map would end the process.
        with file.open("ab") as stream:
            if is_first:
                shape = (self.images, *pixels.values.shape[1:])
                about = {"descr": "|u1", "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(stream, about)
                np.save(self.folder / SCALING, pixels.scaling)
            stream.write(np.ascontiguousarray(pixels.values[np.arange(len(pixels))]).data)
