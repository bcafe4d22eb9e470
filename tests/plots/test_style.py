import io

import numpy as np
import pytest
from PIL import Image

from nbtune.plots.loss import plot_loss
from nbtune.plots.style import look, new_figure, to_png, with_few_colours
from nbtune.testing import made_up_events


@pytest.mark.parametrize("ground", ["white", "black"])
def test_curves_look_the_same_in_a_third_of_the_bytes(ground):
    figure, axes = new_figure(6.6, 2.5)
    plot_loss([(0.0, event) for event in made_up_events(reason="finished")], axes[0, 0])
    whole = to_png(figure)
    few = with_few_colours(whole)
    assert len(few) < len(whole) / 2

    def on(png):
        picture = Image.open(io.BytesIO(png)).convert("RGBA")
        base = Image.new("RGBA", picture.size, ground)
        return np.asarray(Image.alpha_composite(base, picture).convert("RGB"), dtype=int)

    gap = np.abs(on(whole) - on(few))
    assert gap.mean() < 0.5
    assert gap.max() < 64


def test_no_two_of_many_lines_look_alike():
    looks = {str(sorted(look(place).items(), key=str)) for place in range(36)}
    assert len(looks) == 36
