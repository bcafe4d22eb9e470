"""Who looks at whom: one head in words, and all of them as small matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from nbtune.plots.style import COLOURS, new_figure, title
from nbtune.plots.texts import short
from nbtune.records import AttentionRecord

LONGEST_NAME = 14
GAP = 0.15
"""Between two heads of the map, as a share of one."""


def plot_head(record: AttentionRecord, ax: Any) -> Any:
    """Draw the weights of the head that is shown: from the token at the left to the one above."""
    names = [short(token, LONGEST_NAME) for token in record.tokens]
    places = range(len(names))
    ax.imshow(np.array(record.shown), cmap=_shades(), vmin=0, vmax=1, interpolation="nearest")
    ax.grid(visible=False)
    ax.xaxis.tick_top()
    ax.set_xticks(places, names, rotation=60, ha="left", rotation_mode="anchor", parse_math=False)
    ax.set_yticks(places, names, parse_math=False)
    ax.set_xlabel(f"layer {record.layer + 1}, head {record.head + 1}")
    return ax


def plot_heads(record: AttentionRecord, ax: Any) -> Any:
    """Draw the weights of all heads as small matrices: a layer a line, the lowest one first."""
    weights = np.array(record.weights)
    layers, heads, tokens, _ = weights.shape
    gap = max(1, round(GAP * tokens))
    wide = np.pad(weights, ((0, 0), (0, 0), (0, gap), (0, gap)), constant_values=np.nan)
    side = tokens + gap
    whole = wide.transpose(0, 2, 1, 3).reshape(layers * side, heads * side)
    ax.imshow(whole, cmap=_shades(), vmin=0, vmax=1, interpolation="nearest")
    ax.grid(visible=False)
    middle = (tokens - 1) / 2
    ax.set_xticks([head * side + middle for head in range(heads)], range(1, heads + 1))
    ax.set_yticks([layer * side + middle for layer in range(layers)], range(1, layers + 1))
    ax.set_xlabel("head")
    ax.set_ylabel("layer")
    left, top = record.head * side - 1, record.layer * side - 1
    right, bottom = left + tokens + 1, top + tokens + 1
    across, down = (left, right, right, left, left), (top, top, bottom, bottom, top)
    ax.plot(across, down, color=COLOURS[5], linewidth=1.2)
    title(ax, "All heads (outlined: the one shown)")
    return ax


def attention_figure(record: AttentionRecord) -> Figure:
    """Return both, side by side."""
    layers, heads = record.layers, record.heads
    height = min(7.0, max(3.2, 0.28 * len(record.tokens) + 1.2))
    figure, axes = new_figure(5 + height * heads / max(layers, 1) * 0.9, height, 1, 2)
    plot_head(record, axes[0, 0])
    plot_heads(record, axes[0, 1])
    return figure


def _shades() -> Any:
    """Return a scale from nothing to the colour of what is shown, on white and black alike."""
    from matplotlib.colors import LinearSegmentedColormap, to_rgb

    shade = to_rgb(COLOURS[0])
    made = LinearSegmentedColormap.from_list("looks", [(*shade, 0.0), (*shade, 1.0)])
    return made.with_extremes(bad=(*shade, 0.0))
