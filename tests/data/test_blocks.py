import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbtune.data.blocks import Ends, Pieces, cut_texts, ends_of
from nbtune.data.ragged import IGNORED
from nbtune.errors import DataError, RecipeError
from nbtune.models.scratch import new_tokenizer
from nbtune.testing import tiny_tokenizer

TOKENIZER = tiny_tokenizer()
texts = st.lists(st.text("ab c.", min_size=1).filter(str.strip), min_size=1, max_size=6)


@given(texts, st.integers(4, 20), st.booleans(), st.integers(0, 1))
def test_every_token_is_in_a_piece_in_order(given, max_length, is_joined, shared):
    pieces = Pieces(max_length, Ends((2,), (3,)), (3,), shared, is_joined=is_joined)
    found = cut_texts(given, TOKENIZER, pieces)
    whole = [
        token
        for text in given
        for token in (*TOKENIZER(text, add_special_tokens=False)["input_ids"], 3)
    ]
    inner = [row[1:-1] for row in found.ids]
    assert all(row[0] == 2 and row[-1] == 3 and len(row) <= max_length for row in found.ids)
    if is_joined:
        assert inner[0] + [t for row in inner[1:] for t in row[shared:]] == whole
        assert {len(row) for row in inner[:-1]} <= {max_length - 2}
    elif not shared:
        assert [token for row in inner for token in row] == whole
    for row, own in enumerate(found.ids):
        assert found.targets.row(row).tolist() == [IGNORED, *own[1:-1], IGNORED]


@given(texts)
def test_a_piece_knows_its_text_and_where_its_tokens_stand_in_it(given):
    found = cut_texts(given, TOKENIZER, Pieces(6, ends_of(TOKENIZER)))
    for row, ids, spans in zip(found.rows, found.ids, found.spans, strict=True):
        for token, (start, end) in zip(ids[1:-1], spans[1:-1], strict=True):
            own = TOKENIZER.decode([token]).strip()
            assert own in given[row][start:end].lower()


def test_ends_are_those_of_the_tokenizer():
    assert ends_of(TOKENIZER) == Ends((2,), (3,))
    assert ends_of(new_tokenizer(["a b"], "writing")) == Ends()


def test_no_room_and_no_token_are_said():
    with pytest.raises(RecipeError, match="max_length: 2 tokens have no room for words"):
        cut_texts(["a"], TOKENIZER, Pieces(2, Ends((2,), (3,))))

    class Deaf:
        is_fast = True

        def __call__(self, texts, **_):
            return {"input_ids": [[] for _ in texts], "offset_mapping": [[] for _ in texts]}

    with pytest.raises(DataError, match="finds no token in the text 'a'"):
        cut_texts(["a"], Deaf(), Pieces(8))
