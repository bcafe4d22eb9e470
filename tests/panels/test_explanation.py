import re
from base64 import b64decode
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from nbtune.panels.explanation import explanations_html, kept_of
from nbtune.records import Deletion, Explanation, WordShare


def explained(*random):
    words = (WordShare(0, 0, 3, 0.5), WordShare(0, 4, 8, 0.25))
    return Explanation(
        "run@1", 0, ("big tree",), "tree", 0.04, "integrated-gradients", words, 1.0, 0.25, "[MASK]",
        steps=16, deletion=Deletion((0, 1, 2), (0.04, 0.02, 0.01), random),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("random", "told"),
    [
        ((0.04, 0.03, 0.01), "courses is 0.005, more than chance"),
        ((0.04, 0.02001, 0.01), "courses is 0, no more than chance"),
        ((0.04, 0.01, 0.01), "courses is \N{MINUS SIGN}0.005, no more than chance"),
    ],
)
def test_a_small_difference_is_no_zero_that_is_more_than_chance(random, told):
    assert told in kept_of(explained(*random))


def test_a_small_probability_has_ticks_that_differ():
    html = explanations_html([explained(0.04, 0.03, 0.01)])
    drawing = b64decode(re.search(r"image/svg\+xml;base64,([^\"]+)", html)[1]).decode()
    assert ElementTree.fromstring(drawing).tag.endswith("}svg")  # noqa: S314 - our own
    assert '">0.040</text>' in drawing


def test_viewers_that_clean_html_keep_shades_and_get_no_words_of_drawings(read_html):
    page = read_html(explanations_html([explained(0.04, 0.03, 0.01)]))
    assert "background-color:rgba(0,114,178,0.55);border-bottom:2px solid #0072b2" in str(
        page.attributes["style"]
    )
    assert "svg" not in page.tags


def test_words_that_are_written_are_told_once_and_labels_of_several_rows_are_summed_up():
    written = [replace(explained(0.04, 0.03, 0.01), label=f"word{n}") for n in range(5)]
    assert "Words by what they speak for" not in explanations_html(written[:3])
    assert "Words by what they speak for</caption>" in explanations_html(written)
    labelled = [replace(written[0], row=row) for row in (0, 1, 1)]  # two spans of one row
    assert '<th scope="row" class="nbt-name">word0</th><td>2</td>' in explanations_html(labelled)
