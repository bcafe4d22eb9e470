import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nbtune.plots.confusion import plot_confusion
from nbtune.plots.loss import plot_loss
from nbtune.plots.png import to_png
from nbtune.plots.style import new_figure
from nbtune.records import Confusion
from nbtune.testing import made_up_events


def curves(ax):
    plot_loss([(0.0, event) for event in made_up_events(reason="finished")], ax)


def shades(ax):
    """Draw a matrix of which every field is another shade, some of them faint."""
    size = 12
    counts = np.arange(size * size).reshape(size, size)
    labels = tuple(f"label {i}" for i in range(size))
    plot_confusion(Confusion(labels, tuple(map(tuple, counts.tolist()))), ax)


@pytest.mark.parametrize("ground", ["white", "black"])
@pytest.mark.parametrize(("draw", "colours"), [(curves, 48), (curves, 256), (shades, 256)])
def test_pictures_look_the_same_in_half_the_bytes(draw, colours, ground):
    figure, axes = new_figure(6.6, 2.5)
    draw(axes[0, 0])
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=144, transparent=True)
    few = to_png(figure, colours=colours)
    assert len(few) < len(stream.getvalue()) / 2

    def on(png):
        picture = Image.open(io.BytesIO(png)).convert("RGBA")
        base = Image.new("RGBA", picture.size, ground)
        return np.asarray(Image.alpha_composite(base, picture).convert("RGB"), dtype=int)

    gap = np.abs(on(stream.getvalue()) - on(few))
    assert gap.mean() < 0.2
    assert gap.max() < 40


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 256))
def test_pictures_of_few_colours_are_kept_to_the_pixel(count):
    figure, _ = new_figure(1, 1)
    figure.clear()
    shades = np.arange(256, dtype=np.uint8)[np.arange(100 * 100) % count].reshape(100, 100)
    opaque = np.dstack([shades, 255 - shades, shades, np.full_like(shades, 255)])
    figure.figimage(opaque, origin="upper")
    drawn = Image.open(io.BytesIO(to_png(figure, dpi=100))).convert("RGBA")
    assert np.array_equal(np.asarray(drawn), opaque)
