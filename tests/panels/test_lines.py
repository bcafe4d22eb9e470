import io

from nbtune.events import Controlled
from nbtune.panels.lines import LineView


def test_a_terminal_says_what_was_asked_of_a_run():
    stream = io.StringIO()
    view = LineView("topics", stream)
    view(Controlled(120, "change", "learning_rate", 1e-5, 2e-5, 900))
    view(Controlled(130, "pause"))
    assert stream.getvalue().splitlines() == [
        "after step 120: learning_rate 1e-05",
        "after step 130: paused",
    ]
