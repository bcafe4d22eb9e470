from hypothesis import given
from hypothesis import strategies as st

from nbtune.plots.texts import short


@given(st.text(st.characters(exclude_categories=())), st.integers(1, 50))
def test_any_text_becomes_one_printable_line_of_the_length_asked_for(text, longest):
    line = short(text, longest)
    assert len(line) <= longest
    assert len(line.splitlines()) <= 1
    assert not set("\n\r\t\x00\x07\x1b\x7f\x85\u2028\u202e\u2066\ud800") & set(line)
    line.encode()


@given(st.text("abc é中😀", max_size=20))
def test_what_fits_is_shown_as_it_is(text):
    assert short(text, 20) == " ".join(text.split(" ")) or "  " in text


def test_what_is_cut_is_seen_to_be():
    assert short("x" * 100_000, 5) == "xxxx…"
    assert short("12345", 5) == "12345"


def test_signs_that_a_terminal_obeys_or_that_turn_the_writing_are_replaced():
    assert short("a\x1b[2Jb\u202ec") == "a�[2Jb�c"


def test_letters_that_need_joiners_keep_them():
    family = "👩\u200d👩\u200d👧"
    assert short(family) == family
