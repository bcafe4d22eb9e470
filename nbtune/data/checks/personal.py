"""Personal data that has a form: counted and masked, never shown."""

from __future__ import annotations

import re
from collections.abc import Callable

EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[a-z0-9-]{1,63}\.){1,4}[a-z]{2,24}\b", re.I)
# A plus, a bracket, a zero or the American grouping begins it: other rows of digits are not meant.
PHONE = re.compile(
    r"(?<![\w.+/-])(?<!\d )(?:\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]?\d{2,4}){2,4}"
    r"|\(0?\d{2,4}\)[ .-]?\d{3,4}[ .-]?\d{3,4}|\d{3}[.-]\d{3}[.-]\d{4}"
    r"|0\d{2,4}[ /-]\d{3,4}[ -]?\d{2,5})(?![\w/-])"
)
CARD = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-])")
IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b")


def is_phone(found: str) -> bool:
    """Say whether it has as many digits as a telephone number: 8 to 15 (ITU-T E.164)."""
    digits = [char for char in found if char.isdigit()]
    return 8 <= len(digits) <= 15 and len(set(digits)) > 2


def is_card(found: str) -> bool:
    """Say whether the last digit of a card number checks the others (Luhn; ISO/IEC 7812-1).

    Examples
    --------
    >>> is_card("4111 1111 1111 1111"), is_card("4111 1111 1111 1112")
    (True, False)
    """
    digits = [int(char) for char in found if char.isdigit()]
    if len(set(digits)) == 1:  # a row of zeros checks as well
        return False
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def is_iban(found: str) -> bool:
    """Say whether its check digits are right: the whole is 1 modulo 97 (ISO 13616).

    Examples
    --------
    >>> is_iban("DE89 3704 0044 0532 0130 00"), is_iban("DE88 3704 0044 0532 0130 00")
    (True, False)
    """
    plain = found.replace(" ", "")
    turned = plain[4:] + plain[:4]
    return 15 <= len(plain) <= 34 and int("".join(str(int(char, 36)) for char in turned)) % 97 == 1


KINDS: dict[str, tuple[re.Pattern[str], Callable[[str], bool]]] = {
    "e-mail addresses": (EMAIL, lambda found: True),
    "IBANs": (IBAN, is_iban),
    "card numbers": (CARD, is_card),
    "phone numbers": (PHONE, is_phone),
}
_MASKS = {
    "e-mail addresses": "[email]",
    "IBANs": "[iban]",
    "card numbers": "[card]",
    "phone numbers": "[phone]",
}


def mask(text: str) -> str:
    """Put the name of its kind in the place of each.

    Examples
    --------
    >>> mask("write to ann@example.org or call +49 30 1234567")
    'write to [email] or call [phone]'
    """
    for kind, (pattern, is_meant) in KINDS.items():
        name = _MASKS[kind]
        text = pattern.sub(lambda m, ok=is_meant, n=name: n if ok(m[0]) else m[0], text)  # type: ignore[misc]
    return text
