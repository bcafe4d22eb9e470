import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from nbtune.data import encoding
from nbtune.data.encoding import AT_ONCE, encode_texts, length_report, open_examples
from nbtune.errors import DataError
from nbtune.testing import tiny_tokenizer

TOKENIZER = tiny_tokenizer()
texts = st.lists(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60), min_size=1, max_size=30
)


def bare_tokenizer(vocabulary, model=models.WordLevel):
    """Make one token a word, with nothing around them."""
    inner = Tokenizer(model(vocabulary, []) if model is models.BPE else model(vocabulary))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=inner)


def write_examples(texts, targets, tokenizer, max_length, folder, progress=None):
    rows = list(zip(texts, targets, strict=True))

    def encode(some):
        own = np.array([target for _, target in some])
        return encode_texts([text for text, _ in some], own, tokenizer, max_length)

    return encoding.write_examples(rows, encode, len(tokenizer), folder, progress)


@given(texts, st.integers(2, 20))
def test_examples_read_back_as_the_tokenizer_gave_them(tmp_path_factory, texts, max_length):
    folder = tmp_path_factory.mktemp("tokens") / "train"
    targets = [len(text) % 3 for text in texts]
    examples = write_examples(texts, targets, TOKENIZER, max_length, folder)
    expected = TOKENIZER(texts, truncation=True, max_length=max_length)["input_ids"]
    for again in (examples, open_examples(folder)):
        assert [list(again[row]) for row in range(len(again))] == expected
        assert [list(row) for row in again.take([0, -1])] == [expected[0], expected[-1]]
        assert list(again.lengths) == list(map(len, expected))
        assert list(again.targets) == targets


@given(texts, st.integers(3, 12))
def test_a_row_counts_as_cut_when_the_tokenizer_would_have_gone_on(
    tmp_path_factory, texts, max_length
):
    folder = tmp_path_factory.mktemp("tokens") / "train"
    examples = write_examples(texts, [0] * len(texts), TOKENIZER, max_length, folder)
    whole = TOKENIZER(texts)["input_ids"]
    assert list(examples.cut) == [len(row) > max_length for row in whole]
    assert length_report(examples)["truncated"] == sum(examples.cut)


def test_rows_beyond_one_helping_keep_their_order(tmp_path):
    texts = [f"{row}" for row in range(AT_ONCE + 5)]
    seen = []
    examples = write_examples(
        texts, range(len(texts)), TOKENIZER, 8, tmp_path / "t", lambda *done: seen.append(done)
    )
    assert TOKENIZER.decode(examples[AT_ONCE + 2], skip_special_tokens=True).strip() == "1002"
    assert list(examples.targets) == list(range(AT_ONCE + 5))
    assert seen == [(AT_ONCE, AT_ONCE + 5), (AT_ONCE + 5, AT_ONCE + 5)]


def test_a_megabyte_is_cut_without_being_tokenised_whole(tmp_path):
    asked = []

    class Counting:
        def __len__(self):
            return len(TOKENIZER)

        def __call__(self, texts, **options):
            asked.extend(map(len, texts))
            return TOKENIZER(texts, **options)

    examples = write_examples(["word " * 200_000, "short"], [0, 1], Counting(), 16, tmp_path / "t")
    assert list(examples.cut) == [True, False]
    assert len(examples[0]) == 16
    assert max(asked) < 1_000


def test_small_vocabularies_take_two_bytes_a_token_and_large_ones_four(tmp_path):
    small = write_examples(["a"], [0], bare_tokenizer({"a": 0}), 4, tmp_path / "small")
    large = {"a": 0, **{f"w{i}": i for i in range(1, 70_000)}}
    big = write_examples(["w69999 a"], [0], bare_tokenizer(large), 4, tmp_path / "big")
    assert (small.ids.dtype, big.ids.dtype) == (np.uint16, np.int32)
    assert list(big[0]) == [69_999, 0]


def test_examples_are_mapped_from_disk_not_held(tmp_path):
    examples = write_examples(["a b"], [0], TOKENIZER, 8, tmp_path / "t")
    assert isinstance(examples.ids.base, np.memmap)


def test_a_text_without_a_token_is_named_and_nothing_is_left_behind(tmp_path):
    letters = bare_tokenizer({"a": 0}, models.BPE)  # which leaves unknown ones out
    with pytest.raises(DataError) as caught:
        write_examples(["a", "zzz"], [0, 1], letters, 4, tmp_path / "train")
    assert str(caught.value) == (
        "the tokenizer finds no token in the text 'zzz'\n"
        "  leave such rows out, or use a tokenizer that knows their characters"
    )
    assert os.listdir(tmp_path) == []  # noqa: PTH208


def test_the_length_report_counts_tokens(tmp_path):
    tokenizer = bare_tokenizer({"a": 0})
    examples = write_examples(
        ["a", "a a", "a a a", "a a a a a"], [0] * 4, tokenizer, 4, tmp_path / "t"
    )
    report = length_report(examples)
    assert report == {"median": 2.5, "p95": pytest.approx(3.85), "max": 4, "truncated": 1}
