"""What makes images, and texts beside them, into what a model takes; saved with the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import transformers
from PIL import Image

from nbtune.data.pictures import open_picture
from nbtune.data.pixels import Pixels
from nbtune.errors import ModelError

Array = np.ndarray[Any, Any]
SMALLEST, LARGEST = 16, 64
"""Sides of images in pixels, for models that start from nothing."""
_SAMPLE = 200
_FILES = ("preprocessor_config.json", "processor_config.json")
_TRIAL = ((40, 56), (61, 33))


class Processor:
    """An image processor of transformers, with a tokenizer where there are texts as well.

    It stands where other models have their tokenizer.

    Parameters
    ----------
    images
        The image processor.
    tokenizer : optional
        That of the texts.

    Attributes
    ----------
    scaling : ndarray
        As `nbtune.data.pixels.Pixels` has it.
    shape : tuple of int
        Channels, height and width of what it makes of an image.
    """

    def __init__(self, images: Any, tokenizer: Any = None) -> None:
        self.images, self.tokenizer = images, tokenizer
        self.scaling = _scaling(images)
        self.shape: tuple[int, ...] = _shape(images)

    def __len__(self) -> int:
        """Return how many tokens there are."""
        return 1 if self.tokenizer is None else len(self.tokenizer)

    @property
    def pad_token_id(self) -> int:
        """Return the token that stands for none."""
        return 0 if self.tokenizer is None else int(self.tokenizer.pad_token_id)

    def pixels(self, values: Sequence[str]) -> Pixels:
        """Return images, which are decoded when they are asked for; see `open_picture`."""
        return Pixels(_Decoding(list(values), self), self.scaling)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write both as ``from_pretrained`` of transformers reads them."""
        self.images.save_pretrained(folder)
        if self.tokenizer is not None:
            self.tokenizer.save_pretrained(folder)


@dataclass(frozen=True)
class _Decoding:
    """Images that are decoded when they are asked for, in the shape of all of them."""

    values: list[str]
    processor: Processor

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.values), *self.processor.shape)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: Any) -> Array:
        chosen = [open_picture(self.values[int(row)]) for row in rows]
        if not chosen:
            return np.empty((0, *self.processor.shape), np.uint8)
        return _whole(self.processor.images, chosen)


def _whole(images: Any, pictures: Sequence[Image.Image]) -> Array:
    """Return images resized and cut, in the whole numbers that they have before they are scaled."""
    found = images(
        list(pictures), do_rescale=False, do_normalize=False, return_tensors="np"
    )["pixel_values"]  # fmt: skip
    return np.clip(np.round(np.stack(found)), 0, 255).astype(np.uint8)


def _scaling(images: Any) -> Array:
    """Return what whole numbers are multiplied by, and what is added to them, by channel."""
    factor = images.rescale_factor if images.do_rescale else 1.0
    mean = np.array(images.image_mean if images.do_normalize else [0.0] * 3, np.float64)
    deviation = np.array(images.image_std if images.do_normalize else [1.0] * 3, np.float64)
    return np.stack([factor / deviation, -mean / deviation]).astype(np.float32)


def _shape(images: Any) -> tuple[int, ...]:
    """Return the shape of what a processor makes of any image.

    Raises
    ------
    ModelError
        When that depends on the image, or is more than resizing, cutting and scaling.
    """
    rng = np.random.default_rng(0)
    trial = [Image.fromarray(rng.integers(0, 256, (*size, 3), np.uint8)) for size in _TRIAL]
    try:
        expected = np.stack([images([one], return_tensors="np")["pixel_values"][0]
                             for one in trial])  # fmt: skip
        times, plus = _scaling(images)[:, :, None, None]
        is_same = np.allclose(_whole(images, trial) * times + plus, expected, atol=1e-2)
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise ModelError(
            f"model: its image processor ({type(images).__name__}) does not make images of one "
            f"size: {str(error)[:120]}",
            hint="set size to {height, width} in its preprocessor_config.json",
        ) from error
    if not is_same:
        raise ModelError(
            f"model: its image processor ({type(images).__name__}) does more than to resize, cut "
            "and scale images",
            hint="take a model such as vit, deit, swin or clip",
        )
    return tuple(expected.shape[1:])


def load_processor(location: str, name: str, revision: str | None = None) -> Any:
    """Load the image processor of a model.

    Pillow resizes, also where torchvision is installed: the same pixels everywhere.

    Raises
    ------
    ModelError
        When the model has none.
    """
    if Path(location).is_dir() and not any((Path(location) / file).is_file() for file in _FILES):
        raise ModelError(
            f"model: {name!r} has no image processor ({_FILES[0]} is missing)",
            hint="copy all that save_pretrained wrote, for model and image processor",
        )
    return transformers.AutoImageProcessor.from_pretrained(
        location, revision=revision, backend="pil", trust_remote_code=False
    )


def new_processor(values: Sequence[str]) -> Any:
    """Return an image processor for a model that starts from nothing, for images like these.

    They become squares as large as the longer side of most of them, of 16 to 64 pixels.
    """
    some = list(values)[:: max(1, len(values) // _SAMPLE)]
    side = round(median(max(open_picture(value).size) for value in some)) if some else LARGEST
    side = -(-min(max(side, SMALLEST), LARGEST) // 8) * 8
    return transformers.ViTImageProcessorPil(size={"height": side, "width": side})
