import math

from hypothesis import given
from hypothesis import strategies as st

from nbtune.events import Evaluated, Event, Notice, StepsDone, from_json, to_json

numbers = st.floats(allow_nan=False)
events = st.one_of(
    st.builds(Notice, st.text(), st.sampled_from(["info", "warning"])),
    st.builds(
        StepsDone,
        st.integers(0, 10**9),
        *[numbers] * 4,
        st.integers(0),
        st.integers(0),
        numbers,
        st.integers(0),
    ),
    st.builds(
        Evaluated,
        st.integers(0),
        numbers,
        st.text(),
        numbers,
        st.dictionaries(st.text(), numbers),
        numbers,
        st.booleans(),
    ),
)


@given(events, st.floats(0, 1e10))
def test_an_event_survives_being_written_and_read(event, time):
    line = to_json(event, time)
    assert "\n" not in line
    assert from_json(line) == (time, event)


def test_nan_is_written_as_json_can_and_read_as_nan():
    line = to_json(StepsDone(1, 0.1, math.nan, 1e-3, math.inf, 8, 80, 0.1, 0), 0)
    assert '"nan"' in line
    _, event = from_json(line)
    assert math.isnan(event.loss)
    assert event.gradient_norm == math.inf


def test_a_field_from_a_newer_version_is_passed_over():
    assert from_json('{"event": "Notice", "time": 1, "text": "hi", "colour": "red"}') == (
        1.0,
        Notice("hi"),
    )


def test_what_is_not_an_event_is_none():
    for line in ("", "{", "[]", "3", '{"event": "Nothing", "time": 1}', '{"event": "Notice"}'):
        assert from_json(line) is None


def test_every_event_has_a_docstring():
    assert all(kind.__doc__ for kind in Event.kinds.values())
