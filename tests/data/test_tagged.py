import json

import pandas as pd
import pytest
from datasets import ClassLabel, Dataset, Features, Sequence, Value
from hypothesis import given
from hypothesis import strategies as st

from nbtune.data.conll import from_conll
from nbtune.data.reading import read
from nbtune.data.spans import (
    Span,
    as_bio,
    bio_of_iob1,
    breaks_bio,
    is_iob1,
    places_in,
    spans_of,
    tags_of,
    word_places,
)
from nbtune.data.tagged import TAGGED, word_splitting_of
from nbtune.errors import DataError
from nbtune.recipe import Recipe

types = st.sampled_from(["PER", "LOC"])


@st.composite
def tagged(draw):
    """Words with spans that do not overlap."""
    words = draw(st.lists(st.text("abc", min_size=1, max_size=4), min_size=1, max_size=12))
    spans, at = [], 0
    while at < len(words):
        stop = draw(st.integers(at, len(words)))
        if stop > at and draw(st.booleans()):
            spans.append(Span(at, stop, draw(types)))
        at = stop + (stop == at)
    return words, spans


def usable(frame, **settings):
    found = TAGGED.find(frame, {})
    return TAGGED.usable(frame, found.roles, Recipe(**settings), "data")[0]


def message_for(frame):
    with pytest.raises(DataError) as caught:
        usable(frame)
    return str(caught.value)


def words(tokens, tags):
    return pd.DataFrame({"tokens": tokens, "tags": tags})


def spans(text, *found):
    return pd.DataFrame({"text": [text], "spans": [list(found)]})


@given(tagged())
def test_spans_survive_being_tags(words_and_spans):
    words, found = words_and_spans
    tags = tags_of(found, len(words))
    assert breaks_bio(tags) == ""
    assert spans_of(tags) == found


@given(tagged())
def test_spans_of_characters_become_the_tags_of_their_words(words_and_spans):
    words, found = words_and_spans
    text = " ".join(words)
    places = places_in(text, words)
    marks = [
        {"start": places[s.start][0], "end": places[s.stop - 1][1], "label": s.type} for s in found
    ]
    row = usable(spans(text, *marks)).iloc[0]
    assert row["tokens"] == words
    assert spans_of(row["tags"]) == found


def test_other_schemes_become_bio():
    assert as_bio(["B-a", "I-a", "L-a", "U-b", "O"]) == ["B-a", "I-a", "I-a", "B-b", "O"]
    assert as_bio(["S-a", "B-a", "E-a", "NOUN"]) == ["B-a", "B-a", "I-a", "NOUN"]


def test_a_span_inside_a_word_parts_the_word():
    row = usable(spans("ab-cd", [0, 1, "X"])).iloc[0]
    assert row["tokens"] == ["a", "b", "-", "cd"]
    assert row["tags"] == ["B-X", "O", "O", "O"]


def test_words_and_tags_come_as_lists_or_as_texts():
    rows = usable(words([["a", "b"], "c d"], [["O", "B-X"], "B-X I-X"]))
    assert rows[["text", "tokens", "tags"]].to_numpy().tolist() == [
        ["a b", ["a", "b"], ["O", "B-X"]],
        ["c d", ["c", "d"], ["B-X", "I-X"]],
    ]
    assert TAGGED.labels(rows) == ("O", "B-X", "I-X")


def test_every_bad_row_of_tags_is_named():
    frame = words(
        [["a"], ["a", "b"], ["a"], [], [1], ["a"]],
        [["B-X"], ["O"], ["I-X"], ["O"], ["O"], [3]],
    )
    assert message_for(frame) == (
        "data: 5 of 6 rows cannot be used: "
        "1 with more or fewer tags than words (row 1, such as 1 for 2); "
        "1 with the tag I-X where no B-X began (row 2, such as ['I-X']); "
        "1 with no words (row 3, such as []); "
        "1 with a int among its words (row 4, such as [1]); "
        "1 with tags that are numbers, not names (row 5, such as [3])\n"
        "  a span begins with B- and goes on with I-; mend them, or drop_bad_rows: true"
    )


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        ([[3, 9, "X"]], "a span outside the text (row 0, such as (3, 9, 'X') of 5 characters)"),
        ([[2, 2, "X"]], "a span outside the text (row 0, such as (2, 2, 'X') of 5 characters)"),
        (
            [[0, 3, "X"], [2, 4, "Y"]],
            "spans that overlap (row 0, such as (0, 3, 'X') and (2, 4, 'Y'))",
        ),
        ([[2, 3, "X"]], "a span without a word (row 0, such as (2, 3, 'X'): ' ')"),
        ([[0, "x", "X"]], "spans that are not start, end and label"),
        ([[0, float("inf"), "X"]], "spans that are not start, end and label"),
        ([[0, 1.9, "X"]], "spans that are not start, end and label"),
        ([{"start": 0, "end": 1}], "spans that are not start, end and label"),
    ],
)
def test_every_bad_span_is_named(found, fault):
    frame = pd.DataFrame({"text": ["ab cd", "ok"], "spans": [found, [[0, 2, "X"]]]})
    assert f"1 of 2 rows cannot be used: 1 with {fault}" in message_for(frame)


def test_the_tags_that_conll_2003_was_published_with_are_known_by_what_they_are():
    text = "EU I-ORG\nrejects O\n\nPeter I-PER\nBlackburn I-PER\nJill B-PER\nBonn I-LOC\n"
    frame = from_conll(text, "x.conll")
    rows, notice = TAGGED.usable(frame, TAGGED.find(frame, {}).roles, Recipe(), "data")
    assert list(rows["tags"]) == [["B-ORG", "O"], ["B-PER", "I-PER", "B-PER", "B-LOC"]]
    assert notice == ("data: the tags are IOB1, in which I- begins a span: they are read as BIO")
    assert list(usable(words(["a b"], ["O B-X"]))["tags"]) == [["O", "B-X"]]


@given(tagged())
def test_spans_survive_iob1(words_and_spans):
    words, found = words_and_spans
    tags = tags_of(found, len(words))
    ends = {(span.stop, span.type) for span in found}
    begins = {span.start: span.type for span in found}
    old = [
        f"I-{tag[2:]}" if at in begins and (at, begins[at]) not in ends else tag
        for at, tag in enumerate(tags)
    ]
    assert bio_of_iob1(old) == tags
    assert is_iob1([old]) == bool(found)


@pytest.mark.parametrize(
    "word", ["cafe\N{COMBINING ACUTE ACCENT}", "\u0939\u093f\u0928\u094d\u0926\u0940"]
)
def test_a_word_does_not_end_before_an_accent_or_a_vowel_that_is_written_on_it(word):
    assert [f"{word}, "[a:b] for a, b in word_places(f"{word}, ")] == [word, ","]


def test_what_is_no_tagging_is_said():
    with pytest.raises(DataError, match="there are no words with tags, nor texts with spans"):
        TAGGED.find(pd.DataFrame({"a": [1]}), {})
    with pytest.raises(DataError, match="there is no column 'tgas'"):
        TAGGED.find(words([["a"]], [["O"]]), {"tags": "tgas"})
    with pytest.raises(DataError, match="all words of the 1 training rows have the tag O"):
        TAGGED.labels(usable(words([["a"]], [["O"]])))


def test_a_conll_file_is_sentences_of_words_and_tags():
    text = "-DOCSTART- -X- O\n\nJohn NNP B-PER\nsleeps VBZ O\n\n\n# a note\nBonn\tB-LOC\n"
    assert from_conll(text, "x.conll").to_dict("list") == {
        "tokens": [["John", "sleeps"], ["Bonn"]],
        "tags": [["B-PER", "O"], ["B-LOC"]],
    }
    with pytest.raises(DataError, match="line 2 has a word without a tag: 'b'"):
        from_conll("a O\nb\n", "x.conll")


def test_a_conll_file_is_read_by_its_name(tmp_path):
    file = tmp_path / "train.conll"
    file.write_text("a O\nb B-X\n", encoding="utf-8")
    assert list(read(file)["train"]["tags"]) == [["O", "B-X"]]


def test_spans_of_characters_come_from_json_lines(tmp_path):
    file = tmp_path / "train.jsonl"
    rows = [
        {"text": "Ann went to New York.", "entities": [[0, 3, "PER"], [12, 20, "LOC"]]},
        {"text": "Nobody did.", "entities": []},
        {"text": "Bonn!", "entities": [{"start": 0, "end": 4, "label": "LOC"}]},
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert list(usable(read(file)["train"])["tags"]) == [
        ["B-PER", "O", "O", "B-LOC", "I-LOC", "O"], ["O"] * 3, ["B-LOC", "O"],
    ]  # fmt: skip


def test_numbers_of_a_data_set_become_the_names_they_stand_for():
    features = Features(
        {"tokens": Sequence(Value("string")), "ner_tags": Sequence(ClassLabel(names=["O", "B-X"]))}
    )
    data = Dataset.from_dict({"tokens": [["a", "b"]], "ner_tags": [[0, 1]]}, features=features)
    assert usable(read(data)["train"])["tags"].tolist() == [["O", "B-X"]]


def test_texts_fall_into_words_as_the_training_rows_did():
    joined = words([["Main", "St,", "Bonn"]], [["O", "O", "O"]])
    parted = words([["Main", "St", ",", "Bonn"]], [["O"] * 4])
    assert word_splitting_of(joined, Recipe()) == "spaces"
    assert word_splitting_of(parted, Recipe()) == "punctuation"
    assert [b - a for a, b in word_places("St, Bonn", "spaces")] == [3, 4]
    assert [b - a for a, b in word_places("St, Bonn")] == [2, 1, 4]
