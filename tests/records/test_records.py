import json
import math

from hypothesis import given
from hypothesis import strategies as st

from nbtune.records import (
    Bin,
    Calibration,
    ClassScores,
    Confusion,
    Curve,
    EvaluationRecord,
    Judged,
    Score,
    Slice,
    Slices,
    WrongRow,
)

numbers = st.floats(allow_infinity=False)
words = st.text(max_size=8)
scores = st.builds(Score, numbers, numbers, numbers)
counts = st.integers(0, 10**9)


def few(strategy):
    return st.lists(strategy, max_size=3).map(tuple)


bins = st.builds(Bin, numbers, numbers, numbers, numbers, counts)
slices = st.builds(Slice, words, words, counts, scores, numbers, numbers)
records = st.builds(
    EvaluationRecord,
    run=words,
    split=words,
    rows=counts,
    labels=few(words),
    table=few(st.builds(Judged, words, words, st.dictionaries(words, scores))),
    classes=few(st.builds(ClassScores, words, scores, scores, scores, scores, counts)),
    confusion=st.builds(Confusion, few(words), few(few(counts))),
    roc=few(st.builds(Curve, words, few(numbers), few(numbers), numbers, st.booleans())),
    pr=few(st.builds(Curve, words, few(numbers), few(numbers), numbers)),
    errors=few(st.builds(WrongRow, counts, words, words, words, numbers)),
    verdict=words,
    calibration=st.none() | st.builds(Calibration, numbers, numbers, numbers, numbers, few(bins)),
    gain=few(st.builds(Curve, words, few(numbers), few(numbers), numbers)),
    top_k=few(scores),
    slices=st.none() | st.builds(Slices, words, few(slices), few(slices), counts),
)


@given(records)
def test_a_record_survives_being_written_and_read(record):
    text = record.to_json()
    again = EvaluationRecord.from_json(text)
    assert repr(again) == repr(record), "NaN is not equal to itself, but reads the same"
    assert again.to_json() == text


def empty(**parts):
    none = dict.fromkeys(("labels", "table", "classes", "roc", "pr", "errors"), ())
    return EvaluationRecord(
        **{"run": "r", "split": "test", "rows": 0, "confusion": Confusion((), ()), "verdict": ""}
        | none
        | parts
    )


def test_nan_is_written_as_null():
    record = empty(table=(Judged("r", "model", {"mcc": Score(math.nan)}),))
    written = json.loads(record.to_json())
    assert written["table"][0]["scores"] == {"mcc": {"value": None, "low": None, "high": None}}


def test_the_scores_are_those_of_the_last_in_the_table():
    models = [Judged(name, "model", {"mcc": Score(i)}) for i, name in enumerate("ab")]
    assert empty(table=tuple(models)).scores == {"mcc": Score(1)}


def test_fields_of_other_versions_do_no_harm():
    values = json.loads(empty(roc=(Curve("a", (0.0,), (1.0,), 0.5),)).to_json())
    del values["roc"][0]["average"]
    values["roc"][0]["colour"] = values["colour"] = "red"
    (curve,) = EvaluationRecord.from_json(json.dumps(values)).roc
    assert curve == Curve("a", (0.0,), (1.0,), 0.5)
