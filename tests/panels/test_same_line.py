import shlex

import pytest

from nbtune.panels.same_line import SameLine, asking, word


@pytest.mark.parametrize("text", ["plain words", "it's", 'a "word"', "50 $ and `x`", "back\\slash"])
def test_a_line_reads_back_as_the_text_that_was_asked(text):
    assert shlex.split(asking("predict", "run@1", text))[2] == text
    assert shlex.split(word(text)) == [text]


def test_what_a_line_cannot_hold_becomes_a_cell():
    assert asking("predict", "run", "-5 degrees") == "%%predict run\n-5 degrees"
    assert asking("predict", "run", "a\nb") == "%%predict run\na\nb\n---"


def test_it_is_shown_escaped_with_a_button_that_copies_it(read_html):
    line = SameLine()
    assert not line.box.value
    line.show('%predict run "<b>&"')
    page = read_html(line.box.value)
    assert page.attributes["data-text"] == ['%predict run "<b>&"']
    assert "Copied" not in page.text
    line.show()
    assert not line.box.value
