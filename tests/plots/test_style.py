from nbtune.plots.style import (
    legend,
    look,
    name_at_left,
    new_figure,
)


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
