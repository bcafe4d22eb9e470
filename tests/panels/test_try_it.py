from nbtune.errors import RunError
from nbtune.panels.try_it import TryIt
from nbtune.records import Explanation, WordShare


def ask(run, text):
    if text == "bad":
        raise RunError("it has no model", hint="train it")
    return [("<b>ham</b>", 0.25), ("spam", 0.75)]


def test_labels_are_shown_as_one_types_the_likeliest_first():
    box = TryIt(lambda: ["mails@1"], ask)
    assert not box.answer.value
    box.text.value = "win money"
    assert box.answer.value.index("spam") < box.answer.value.index("ham")
    assert "0.750" in box.answer.value
    assert "<b>ham" not in box.answer.value
    box.text.value = " "
    assert not box.answer.value


def test_what_goes_wrong_is_said_in_the_box():
    box = TryIt(lambda: ["mails@1"], ask)
    box.text.value = "bad"
    assert "it has no model" in box.answer.value


def test_without_a_run_it_says_how_to_get_one_and_finds_it_later():
    runs = []
    box = TryIt(lambda: runs, ask)
    assert "%%finetune" in box.answer.value
    runs.append("mails@1")
    box.text.value = "win money"
    box.refresh()
    assert "spam" in box.answer.value


def test_why_is_shown_once_one_stops_typing_and_never_for_another_text():
    def explain(run, text):
        if text == "odd":
            raise RunError("nothing is explained")
        word = WordShare(0, 0, 3, 0.5)
        return [
            Explanation(run, 0, (text,), "spam", 0.75, "gradient-x-input", (word,), 1.0, 0.5, "")
        ]

    box = TryIt(lambda: ["mails@1"], ask, explain)
    box.later.pause = 0.02
    box.text.value = "win money <b>"
    assert not box.why.value
    box.later.wait()
    assert "win +0.50" in box.why.value
    assert "<b>" not in box.why.value
    box.text.value = "odd"
    assert not box.why.value
    box.later.wait()
    assert "nothing is explained" in box.why.value
