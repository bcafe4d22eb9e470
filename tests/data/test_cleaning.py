import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nbtune.data.cleaning import clean_text, clean_texts

USUAL = ("control", "unicode", "whitespace")
ALL = ("markup", *USUAL)
pieces = st.sampled_from(
    ["<b>", "</p>", "<", ">", "&amp;", "amp;", "&lt;", "lt;", "<!--", "-->", "<script>", "\u200b"]
) | st.text(max_size=3)
messy = st.lists(pieces, max_size=8).map("".join)


@given(st.text())
@example("e\u200b\u0301")  # out with the invisible, then the accent joins its letter
def test_cleaning_a_clean_text_changes_nothing(text):
    once = clean_text(text, USUAL)
    assert clean_text(once, USUAL) == once


@given(messy)
@example("<\u200bb>")
@example("&amp;lt;b&amp;gt;")
def test_cleaning_a_text_free_of_markup_changes_nothing(text):
    once = clean_text(text, ALL)
    assert clean_text(once, ALL) == once


@given(st.text())
def test_without_steps_a_text_stays_as_it_is(text):
    assert clean_text(text, ()) == text


@given(st.lists(messy))
def test_many_texts_are_cleaned_like_one(texts):
    assert clean_texts(texts, ALL) == [clean_text(text, ALL) for text in texts]


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("a\x00b\x1bc\ufeff", "abc"),
        ("tab\tand\r\nnew\u2028line \u00a0", "tab and new line"),
        ("cafe\u0301", "café"),
        ("می\u200cخواهم", "می\u200cخواهم"),  # the joiner is part of Persian spelling
        ("👩\u200d🚀", "👩\u200d🚀"),
        ("half \ud800 a pair", "half a pair"),
        ("a <b>c</b> &amp;", "a <b>c</b> &amp;"),
        ("None", "None"),
    ],
)
def test_the_usual_steps_take_out_what_nobody_meant(text, cleaned):
    assert clean_text(text, USUAL) == cleaned


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("<p>one</p><p>two</p>", "one two"),
        ("in<b>side</b> a word", "inside a word"),
        ("<a href='x' title=\"y\">link</a><br/>next", "link next"),
        ("a <script>alert(1)</script> b <style>p {}</style>", "a b"),
        ("x <!-- aside --> y <?php z ?><!DOCTYPE html>", "x y"),
        ("AT&amp;T &lt;b&gt;bold&lt;/b&gt; &quot;q&quot;", 'AT&T bold "q"'),
        ("a < b and c > d, I <3 you", "a < b and c > d, I <3 you"),
        ("<ann@x.org> wrote: see <https://x.org/a>", "<ann@x.org> wrote: see <https://x.org/a>"),
        ("about <script> tags", "about tags"),
        ("<![odd]> kept", "kept"),
    ],
)
def test_markup_goes_and_the_words_stay(text, cleaned):
    assert clean_text(text, ALL) == cleaned


@pytest.mark.parametrize("piece", ["<", "<a ", "<!--", "</", "<a b='", "<script>", "&amp;", "<p>"])
def test_a_megabyte_of_broken_markup_takes_no_time(piece):
    text = piece * (1_000_000 // len(piece))
    begun = time.perf_counter()
    clean_text(text, ALL)
    assert time.perf_counter() - begun < 10  # a parser that looks ahead takes minutes
