from hypothesis import given
from hypothesis import strategies as st

from nbtune.data.words import word_of_each, words_in


@given(st.text(max_size=30))
def test_words_hold_all_that_is_no_space(text):
    words = words_in(text)
    assert "".join(text[a:b] for a, b in words) == "".join(text.split())
    assert words == sorted(words)
    assert all(a < b and not any(c.isspace() for c in text[a:b]) for a, b in words)


def test_words_of_many_scripts_stay_whole():
    for word in (
        "naïve",
        "हिन्दी",
        "Übergrößenträger",
        "don't",
        "don’t",
        "e-mail",
        "Łódź",
        "snake_case",
    ):
        assert [f" {word} "[a:b] for a, b in words_in(f" {word} ")] == [word]


def test_tokens_are_of_the_word_that_they_begin_in_though_they_count_a_space_in():
    words = [(0, 3), (4, 9)]
    assert word_of_each([(0, 0), (0, 2), (2, 3), (3, 6), (6, 9), (9, 10)], words) == [
        -1, 0, 0, 1, 1, -1,
    ]  # fmt: skip
