import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbtune.data.around import encode_around
from nbtune.data.marks import (
    MARKS,
    add_marks,
    in_our_marks,
    marked,
    parts_of,
    places_of_marked,
    unmarked,
)
from nbtune.data.meant import task_meant
from nbtune.data.relations import RELATED
from nbtune.errors import DataError
from nbtune.recipe import Recipe
from nbtune.records.marking import near_marks, pieces_of
from nbtune.tasks import find_task
from nbtune.testing import tiny_tokenizer

CAT = "The cat sat on the mat."
MARKED = "The [E1] cat [/E1] sat on the [E2] mat [/E2]."


def usable(frame, **settings):
    recipe = Recipe(**settings)
    rows, notice = RELATED.usable(frame, RELATED.find(frame, {}).roles, recipe, "data")
    return list(rows["text"]), notice


@pytest.mark.parametrize(
    "columns",
    [
        {"text": CAT, "head": (4, 7), "tail": (19, 22)},
        {"text": CAT, "head": [4, 7], "tail": {"start": 19, "end": 22}},
        {"text": CAT, "head": "[4, 7]", "tail": "mat"},
        {"text": CAT, "head_start": 4, "head_end": 7, "tail_start": 19, "tail_end": 22},
        {"text": CAT, "head_start": "4", "head_end": "7", "tail_start": "19", "tail_end": "22"},
        {"text": "The <e1>cat</e1> sat on the <e2>mat</e2>."},
        {"text": "The [E1]cat[/E1] sat on the [E2] mat[/E2]."},
        {"text": CAT, "h": {"name": "cat", "pos": [4, 7]}, "t": {"name": "mat", "pos": [19, 22]}},
    ],
)
def test_spans_come_as_columns_or_as_marks(columns):
    frame = pd.DataFrame([{**columns, "relation": "on"}])
    assert usable(frame)[0] == [MARKED]


def test_spans_of_words_may_end_with_their_last_word():
    words = CAT[:-1].split()
    last = {"subj_start": [1, 1], "subj_end": [1, 1], "obj_start": [5, 4], "obj_end": [5, 5]}
    frame = pd.DataFrame({"token": [words, words], "relation": ["on", "off"], **last})
    settings = find_task("relation-extraction").suited(frame, Recipe())
    assert settings["span_ends"] == "inclusive"
    assert RELATED.find(frame, {}).note == "the end of a span is its last word"
    both = [MARKED[:-1], "The [E1] cat [/E1] sat on [E2] the mat [/E2]"]
    assert usable(frame, **settings)[0] == both
    behind = frame.assign(subj_end=2, obj_end=6)
    settings = find_task("relation-extraction").suited(behind, Recipe())
    assert settings["span_ends"] == "exclusive"
    assert usable(behind, **settings)[0] == both


def test_all_that_is_wrong_with_spans_is_named_at_once():
    heads = [(4, 7), (4, 99), (4, 4), (4, 12), (4, 7), "dog", "at", None]
    tails = [(19, 22), (19, 22), (19, 22), (8, 22), (4, 7), (19, 22), (19, 22), (19, 22)]
    frame = pd.DataFrame({"text": CAT, "head": heads, "tail": tails, "label": "on"})
    with pytest.raises(DataError) as error:
        usable(frame)
    told = str(error.value)
    assert "7 of 8 rows cannot be used" in told
    assert "a head outside the text (row 1, such as (4, 99) of 23 characters)" in told
    assert "an empty head (row 2" in told
    assert "a head and a tail that overlap (row 3, such as 'cat sat ' and 'sat on the mat')" in told
    assert "a head that is the tail as well (row 4" in told
    assert "a head that is not in the text (row 5, such as 'dog')" in told
    assert "a head that stands in the text more than once (row 6" in told
    assert "no head (start and end) (row 7" in told
    assert "count characters from 0" in told
    assert usable(frame, drop_bad_rows=True)[0] == [MARKED]


def test_all_that_is_wrong_with_marks_is_named_at_once():
    texts = [MARKED, "The [E1] cat [/E1] sat.", "A cat.", "[E1] a [E2] b [/E1] c [/E2]",
             "[E1] [/E1] [E2] b [/E2]", "[E1] a [/E1] [E1] c [/E1] [E2] b [/E2]"]  # fmt: skip
    with pytest.raises(DataError) as error:
        usable(pd.DataFrame({"text": texts, "label": "on"}))
    told = str(error.value)
    assert "no [E2], no [/E2] (row 1" in told
    assert "no marked spans (row 2" in told
    assert "spans that overlap, or end before they begin (row 3" in told
    assert "an empty span (row 4" in told
    assert "[E1] more than once (row 5" in told
    with pytest.raises(DataError, match="spans of columns and marks in the text as well"):
        usable(pd.DataFrame({"text": [MARKED], "head": "cat", "tail": "mat", "label": "on"}))


def test_what_a_run_is_asked_takes_all_forms():
    forms = [
        MARKED,
        (CAT, (4, 7), (19, 22)),
        {"text": CAT, "head": "cat", "tail": "mat"},
        [(CAT, "cat", "mat")],
    ]
    for asked in forms:
        assert list(RELATED.given(asked, Recipe())["text"]) == [MARKED]
    with pytest.raises(DataError, match=r"2 of 3 rows cannot be used: 2 with no marked") as error:
        RELATED.given([MARKED, "a cat", "a mat"], Recipe())
    assert "drop_bad_rows" not in str(error.value)
    frame = pd.DataFrame({"doc": [CAT], "a": ["cat"], "b": ["mat"]})
    roles = {"text": "doc", "head": "a", "tail": "b", "label": "x"}
    assert list(RELATED.unlabelled(frame, roles, Recipe())["text"]) == [MARKED]


def test_columns_that_can_only_be_relations_are_taken_for_them():
    row = {"text": CAT, "label": "on"}
    assert task_meant(pd.DataFrame([{**row, "head": (4, 7), "tail": (19, 22)}])) is not None
    assert task_meant(pd.DataFrame([{**row, "text": MARKED}])) == "relation-extraction"
    assert task_meant(pd.DataFrame([row, {**row, "text": MARKED}])) is None
    assert task_meant(pd.DataFrame([{**row, "subject": "hello", "object": "a mail"}])) is None


words = st.lists(st.text("abc,. ", min_size=1, max_size=6), min_size=5, max_size=5)


@given(words, st.booleans())
def test_a_marked_text_holds_what_it_held(pieces, swapped):
    if not pieces[1].strip() or not pieces[3].strip():
        return
    edges = [0]
    for piece in pieces:
        edges.append(edges[-1] + len(piece))
    places = [(edges[1], edges[2]), (edges[3], edges[4])]
    text = marked("".join(pieces), places[::-1] if swapped else places)
    assert in_our_marks(text) == (text, "")
    before, first, between, second, after, is_head = parts_of(text)
    assert (before, between, after) == (pieces[0], pieces[2], pieces[4])
    assert (first, second) == (pieces[1].strip(), pieces[3].strip())
    assert is_head != swapped
    assert unmarked(text) == "".join([before, first, between, second, after])


def test_what_is_shown_of_a_long_text_is_what_is_marked():
    long = f"{'a ' * 300}[E1] cat [/E1]{' b' * 300} [E2] mat [/E2]{' c' * 300}"
    pieces = pieces_of(long, 100)
    assert [kind for _, kind in pieces] == ["", "head", "", "tail", ""]
    assert sum(len(piece) for piece, _ in pieces) <= 105
    assert "[E1] cat [/E1]" in near_marks(long, 120)
    assert pieces_of("a text", 3) == [("a text", "")]


@pytest.fixture(scope="module")
def tokenizer():
    found = tiny_tokenizer()
    add_marks(found, MARKS)
    return found


def test_a_long_text_is_cut_around_its_spans(tokenizer):
    filler = "small furry mammal " * 40
    apart = f"{filler}[E1] sweet [/E1] {filler}[E2] city [/E2] {filler}"
    examples = encode_around(
        [MARKED, apart], [places_of_marked(MARKED), places_of_marked(apart)], [0, 0], tokenizer,
        40, rows=[0, 1],
    )  # fmt: skip
    assert list(examples.cut) == [False, True]
    tokens = tokenizer.convert_ids_to_tokens(examples.ids[1])
    assert len(tokens) == 40
    assert [token for token in tokens if token in MARKS] == list(MARKS)
    assert tokens[0] == tokenizer.cls_token
    assert tokens[-1] == tokenizer.sep_token
    begin, end = tokens.index("[E1]"), tokens.index("[/E1]")
    assert [token.strip("Ġ") for token in tokens[begin + 1 : end]] == ["sweet"]
    assert begin > 5
    assert tokens.index("[E2]") - end > 5


def test_spans_that_do_not_fit_are_named_with_the_length_they_need(tokenizer):
    long = f"[E1] {'sweet ' * 30}[/E1] and [E2] city [/E2] in the north"
    needed = r"max_length: 16 tokens do not hold the marked spans of 1 row \(7\)"
    with pytest.raises(DataError, match=needed) as error:
        encode_around([long], [places_of_marked(long)], [0], tokenizer, 16, rows=[7])
    assert "max_length: 37, or leave" in str(error.value)
