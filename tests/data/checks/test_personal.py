import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nbtune.data.checks.mojibake import DAMAGED, is_damaged, mend_encoding
from nbtune.data.checks.personal import EMAIL, KINDS, PHONE, is_card, is_iban, mask


@given(st.text("0123456789", min_size=12, max_size=18).filter(lambda t: len(set(t)) > 2))
def test_of_the_ten_last_digits_one_makes_a_card_number(digits):
    assert sum(is_card(f"{digits}{last}") for last in range(10)) == 1


@given(st.text("0123456789", min_size=12, max_size=18), st.integers(0, 11), st.integers(1, 9))
def test_one_wrong_digit_makes_no_card_number(digits, place, change):
    whole = next(f"{digits}{last}" for last in range(10) if is_card(f"{digits}{last}") or last == 9)
    wrong = str((int(whole[place]) + change) % 10)
    assert not is_card(whole) or not is_card(whole[:place] + wrong + whole[place + 1 :])


@pytest.mark.parametrize(
    "number",
    ["GB29 NWBK 6016 1331 9268 19", "FR14 2004 1010 0505 0001 3M02 606", "NL91ABNA0417164300"],
)
def test_published_example_ibans_check_and_their_neighbours_do_not(number):
    assert is_iban(number)
    assert not is_iban(number.replace("1", "2", 1))


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("mail ann.b+c@mail.example.org now", "mail [email] now"),
        ("call 555-123-4567 or (030) 1234 567", "call [phone] or [phone]"),
        ("call +1 (415) 555-2671.", "call [phone]."),
        ("pay with 4111-1111-1111-1111 today", "pay with [card] today"),
        ("to DE89 3704 0044 0532 0130 00 please", "to [iban] please"),
    ],
)
def test_what_is_personal_is_masked(text, masked):
    assert mask(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "on 2020-11-25 at 10:30", "from 1914 to 1918", "version 3.11.4 of 10.000.000",
        "1,234,567 people", "order 4111111111111112", "@home and a@b", "ISBN 978-3-16-148410-0",
        "DE00 0000 0000", "0000 0000 0000 0000", "pages 100-200", "3.14159265358979",
    ],
)  # fmt: skip
def test_other_rows_of_digits_and_signs_stay(text):
    assert mask(text) == text


def test_every_kind_has_a_pattern_that_ends_soon():
    hostile = "a." * 20_000 + "@" + "1 " * 20_000 + "+" * 20_000 + "AB12 " * 5_000
    for pattern, _ in KINDS.values():
        assert all(len(found[0]) < 200 for found in pattern.finditer(hostile))
    assert EMAIL.search("x@y.example")
    assert PHONE.search("+49 30 1234567")


@given(st.text("äöüßéèçñ—“” abcÅø", max_size=30))
def test_what_was_read_as_latin_1_is_mended(text):
    assume(mend_encoding(text) == text)  # it does not look damaged itself, as Å— does
    for encoding in ("latin-1", "cp1252"):
        try:
            garbled = text.encode("utf-8").decode(encoding)
        except UnicodeError:
            continue
        assert mend_encoding(garbled) == text
        if not text.isascii():
            assert any(is_damaged(found[0]) for found in DAMAGED.finditer(garbled))


@pytest.mark.parametrize("text", ["Ærø café", "naïve Ångström", "ÀÉÎ", "Â propos", "50 £ – 3 €"])
def test_what_is_well_stays(text):
    assert mend_encoding(text) == text
