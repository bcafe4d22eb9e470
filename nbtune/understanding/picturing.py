"""An image that a model is asked about again and again, with some of its patches blanked out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from nbtune.data.batches import InMemory, make_batch
from nbtune.data.pictures import small
from nbtune.engine.stepping import Forward
from nbtune.models.layers import unwrapped
from nbtune.understanding.reader import Asked, Reader

SIDE = 224
FINEST = 14
"""An image is seen in so many patches by so many at most."""
IMAGES_AT_ONCE = 16


class PictureReader(Asked):
    """One image, seen in patches of which each is a piece; and the words of the text beside it.

    A patch is blank in the mean colour of its image. Places are patches, row by row, then tokens.

    Parameters
    ----------
    text : Reader, optional
        What reads the text beside the image.

    Attributes
    ----------
    grid : tuple of int
        Patches downwards and across.
    picture : str
        What the model sees, small, as a ``data:`` address.
    """

    def __init__(
        self,
        model: Any,
        device: torch.device,
        examples: InMemory,
        example: int,
        text: Reader | None = None,
    ) -> None:
        self.forward = Forward(model, device, "fp32", None)
        self.model, self.device, self.text = model, device, text
        assert examples.pixels is not None  # noqa: S101
        self.picture = _small(examples.pixels.values[[example]][0])
        self.batch = make_batch(examples, [example], 0)  # type: ignore[arg-type]
        image = self.batch.inputs["pixel_values"][0].to(device)
        self.shape = image.shape
        self.grid = grid_of(model, *image.shape[1:])
        mean = image.mean(dim=(1, 2), keepdim=True).expand_as(image)
        states, blanks = self._patches(image), self._patches(mean)
        self.words = torch.arange(len(states), device=device)
        self.patches, self.width = states.shape
        if text is not None:
            own = torch.where(text.words >= 0, text.words + self.patches, -1)
            self.words = torch.cat([self.words, own])
            states, blanks = (
                _below(*two) for two in ((states, text.states), (blanks, text.blanks))
            )
        self.states, self.blanks = states, blanks

    def ask(self, states: Tensor) -> Tensor:
        """Return the logits for the image with other patches, of shape (rows, places, width)."""
        return torch.cat([self._ask(chunk) for chunk in torch.split(states, IMAGES_AT_ONCE)])

    def _ask(self, states: Tensor) -> Tensor:
        inputs = {
            name: one.expand(len(states), *one.shape[1:]) for name, one in self.batch.inputs.items()
        }
        inputs["pixel_values"] = self._image(states[:, : self.patches, : self.width])
        batch = replace(self.batch, inputs=inputs)
        if self.text is None:
            return self.forward(batch)
        words = states[:, self.patches :, : self.text.states.shape[1]]
        with self.text.embedding(lambda own: words):
            return self.forward(batch)

    def _patches(self, image: Tensor) -> Tensor:
        """Cut an image of shape (channels, height, width) into (patches, numbers)."""
        high, wide = self._sizes
        cut = image.unfold(1, high, high).unfold(2, wide, wide)
        return cut.permute(1, 2, 0, 3, 4).reshape(self.grid[0] * self.grid[1], -1)

    def _image(self, patches: Tensor) -> Tensor:
        """Put images together again, of shape (rows, channels, height, width)."""
        high, wide = self._sizes
        parts = patches.reshape(-1, *self.grid, self.shape[0], high, wide)
        return parts.permute(0, 3, 1, 4, 2, 5).reshape(-1, *self.shape)

    @property
    def _sizes(self) -> tuple[int, int]:
        return self.shape[1] // self.grid[0], self.shape[2] // self.grid[1]


def _small(values: Any) -> str:
    """Return an image of shape (channels, height, width) as a small ``data:`` address."""
    return small(Image.fromarray(np.ascontiguousarray(np.moveaxis(values, 0, -1))), SIDE)


def _below(above: Tensor, below: Tensor) -> Tensor:
    """Put states of two widths one below the other, the narrower filled with zeros."""
    wide = max(above.shape[1], below.shape[1])
    return torch.cat([functional.pad(one, (0, wide - one.shape[1])) for one in (above, below)])


def grid_of(model: Any, height: int, width: int) -> tuple[int, int]:
    """Return patches downwards and across: the model's own, where it has not many more of them."""
    size = getattr(_config_of(model), "patch_size", None)
    if isinstance(size, int) and height % size == 0 and width % size == 0:
        own = height // size, width // size
        if max(own) <= 2 * FINEST:
            return own
    return _parts(height), _parts(width)


def _config_of(model: Any) -> Any:
    config = unwrapped(model).config
    return getattr(config, "vision_config", config)


def _parts(length: int) -> int:
    return max(parts for parts in range(1, FINEST + 1) if length % parts == 0)


def has_own_patches(model: Any, grid: tuple[int, ...]) -> bool:
    """Whether a model attends from patch to patch, and these are its patches."""
    config = _config_of(model)
    size, side = getattr(config, "patch_size", None), getattr(config, "image_size", None)
    return isinstance(size, int) and isinstance(side, int) and grid == (side // size, side // size)
