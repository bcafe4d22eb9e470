import pandas as pd

from nbtune.events import Evaluated
from nbtune.panels.answered import Answered
from nbtune.panels.evaluation import evaluation_html, evaluation_text
from nbtune.panels.glance import glance_html
from nbtune.panels.rewritten import differing, pair_of
from nbtune.panels.state import RunView
from nbtune.records import EvaluationRecord, Judged, Rewritten, Score

BAD = "<script>alert(1)</script>"
LONG = "a very long text of many words that goes on " * 20


def test_only_what_differs_is_marked():
    true, said = differing("The cat, sat", "the dog sat")
    assert [piece.text for piece in true if piece.is_own] == [" cat,"]
    assert [piece.text for piece in said if piece.is_own] == [" dog"]
    assert "".join(piece.text for piece in said) == "the dog sat"
    assert pair_of("x", "a b", "A b").is_right


def test_texts_of_the_data_are_never_markup():
    view = RunView("r")
    view.apply(Evaluated(7, 1.0, "validation", 1.0, {}, 1.0, samples=((BAD, BAD, "ok"),)))
    html = glance_html(view)
    assert "&lt;script&gt;" in html
    assert "<script" not in html
    assert "step 7" in html
    found = Answered({"text_row": [0], "source": [BAD], "output": [BAD]})
    assert "<script" not in found._repr_html_()


def test_an_evaluation_shows_source_target_and_output():
    record = EvaluationRecord(
        "r@1", "test", 9, (Judged("r@1", "model", {"rougeL": Score(0.5)}),), "verdict",
        decides="rougeL", rewritten=(Rewritten(3, BAD, "a b", "a c", 0.5),),
    )  # fmt: skip
    html = evaluation_html(record)
    assert "<script" not in html
    assert '<mark class="nbt-lacks"> b</mark>' in html
    assert '<mark class="nbt-adds"> c</mark>' in html
    assert "Not one row is wrong" not in html
    assert "row 3, rougeL 0.500" in evaluation_text(record)
    assert EvaluationRecord.from_json(record.to_json()) == record


def test_what_was_written_is_shown_whole():
    found = Answered({"text_row": [0], "source": ["s"], "output": [LONG + "\x1b[31m\nend"]})
    assert LONG.strip() in found._repr_html_()
    assert max(map(len, repr(found).split("\n"))) <= 80
    assert "\x1b" not in repr(found)
    assert repr(found).endswith("    end")
    assert type(found[["output"]]) is pd.DataFrame
    assert Answered({"a": ["x"] * 50})._repr_html_().count("<tr>") == 31
