from nbtune.events import Evaluated
from nbtune.panels.card import card_text, final_html
from nbtune.panels.changed import changed, changed_html
from nbtune.panels.state import fold


def seen(*outputs, source="Hi <b>"):
    events = [
        Evaluated(
            10 * (i + 1), i + 1.0, "validation", 1.0, {}, 1.0, samples=((source, "Yes.", text),)
        )
        for i, text in enumerate(outputs)
    ]
    return fold("chat", [(0.0, event) for event in events])


def test_the_same_row_is_shown_at_some_steps_from_first_to_last():
    (row,) = changed(seen(*"abcdefg"))
    assert row.target == "Yes."
    assert [step for step, _ in row.outputs] == [10, 30, 50, 70]
    assert [text for _, text in row.outputs] == ["a", "c", "e", "g"]


def test_it_is_part_of_the_card_with_nothing_that_could_be_markup():
    view = seen("", "<i>Yes")
    assert "&lt;i&gt;Yes" in final_html(view)
    assert "Hi &lt;b&gt;" in changed_html(view)
    text = card_text(view)
    assert "step 10: (nothing)" in text
    assert "wanted: Yes." in text


def test_one_evaluation_shows_no_course():
    assert changed_html(seen("a")) == ""
    assert changed_html(fold("x", [])) == ""
