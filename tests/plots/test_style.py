import io

import numpy as np
import pytest
from PIL import Image

from nbtune.plots.loss import plot_loss
from nbtune.plots.style import (
    legend,
    look,
    name_at_left,
    new_figure,
    to_png,
    with_few_colours,
)
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


def test_a_name_is_shown_as_it_is_and_makes_room_for_a_long_legend():
    (few, many) = new_figure(6, 3, 1, 2)[1][0]
    for ax, lines in ((few, 2), (many, 5)):
        for place in range(lines):
            ax.plot([0, 1], label=f"line {place}")
        legend(ax)
        name_at_left(ax, "$x$@1")
        assert ax.get_title(loc="left") == "$x$@1"
        assert not ax._left_title.get_parse_math()
    beside, above = (ax.titleOffsetTrans.get_matrix()[1, 2] for ax in (few, many))
    assert beside < above
