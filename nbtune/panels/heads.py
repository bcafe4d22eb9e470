"""The weights of all heads as one small image: a cell a pixel, drawn larger where it is shown."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from nbtune.records import AttentionRecord

LEVELS = ((0.1, 0.22), (0.25, 0.4), (0.5, 0.65), (0.75, 1.0))
"""From which weight on a cell is drawn, and how deep."""
GAP = 0.18
"""Between two heads, as a share of one."""
WIDTH, LARGEST = 488, 52
"""Of the whole map and of a head at most, in pixels of the page."""
_BLUE, _FAINT, _NONE = (0, 114, 178), (128, 128, 128, 24), (0, 0, 0, 0)


@dataclass(frozen=True)
class HeadMap:
    """The image as a ``data:`` address, and where its heads are in the page's pixels."""

    address: str
    width: float
    height: float
    side: float
    apart: float


def head_map(record: AttentionRecord, layers: Sequence[int], heads: Sequence[int]) -> HeadMap:
    """Draw these layers downwards and these heads across."""
    weights = np.array(record.weights)[np.ix_(layers, heads)]
    tokens = weights.shape[-1]
    gap = max(1, round(GAP * tokens))
    depths = np.digitize(weights, [level for level, _ in LEVELS])
    apart = np.pad(depths, ((0, 0), (0, 0), (0, gap), (0, gap)), constant_values=len(LEVELS) + 1)
    rows, columns = len(layers) * (tokens + gap), len(heads) * (tokens + gap)
    whole = apart.transpose(0, 2, 1, 3).reshape(rows, columns)[:-gap, :-gap]
    cell = min(LARGEST / tokens, WIDTH / columns)
    cell = cell if cell < 1 else int(cell)  # so that all cells are alike
    height, width = (cell * side for side in whole.shape)
    return HeadMap(_png(whole), width, height, cell * tokens, cell * (tokens + gap))


def _png(levels: np.ndarray) -> str:
    colours = [_FAINT, *((*_BLUE, round(255 * depth)) for _, depth in LEVELS), _NONE]
    picture = Image.fromarray(levels.astype(np.uint8))
    picture.putpalette(bytes(part for colour in colours for part in colour), "RGBA")
    stream = io.BytesIO()
    picture.save(stream, "PNG", optimize=True, bits=4)
    return f"data:image/png;base64,{b64encode(stream.getvalue()).decode()}"
