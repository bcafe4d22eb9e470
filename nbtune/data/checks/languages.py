"""Which language a text seems to be in: by its letters, then by its commonest small words.

A rough guess from a few dozen words a language, good enough to see that rows are mixed; it says
nothing about most texts of two or three words.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

_SMALL_WORDS = {
    "English": "the of and to is that for with as was by are this from which be or an it has have "
    "not they you were at his her",
    "German": "der die das und ist von mit den ein eine zu auf für nicht sich dem des im als auch "
    "wird werden sind ich es bei oder",
    "French": "le la les des et est dans pour que qui une du au pas sur avec sont il elle par ce "
    "cette nous vous ou",
    "Spanish": "el los las y es en por una que del con para se su al lo como más pero este esta "
    "son fue muy",
    "Italian": "il di che è per una con sono della del gli nel alla dei delle anche come questo "
    "più ma lo non si",
    "Portuguese": "o os as e é em um uma que do da com para não se por mais dos das como foi ao "
    "ou mas",
    "Dutch": "het een van en is dat op te voor met zijn aan niet er om ook als maar bij naar dan "
    "wordt deze dit ik",
}
_LANGUAGES = {
    word: [name for name, words in _SMALL_WORDS.items() if word in words.split()]
    for words in _SMALL_WORDS.values()
    for word in words.split()
}
_WORD = re.compile(r"[^\W\d_]+")
_SCRIPTS = {
    "CYRILLIC": "Cyrillic", "GREEK": "Greek", "ARABIC": "Arabic", "HEBREW": "Hebrew",
    "DEVANAGARI": "Devanagari", "THAI": "Thai", "HANGUL": "Korean", "HIRAGANA": "Japanese",
    "KATAKANA": "Japanese", "CJK": "Chinese or Japanese", "BENGALI": "Bengali", "TAMIL": "Tamil",
}  # fmt: skip
LONGEST_LOOKED_AT = 400
FEWEST_WORDS = 3
"""Of one language's small words a text must have so many, and more than twice those of the next."""


def guess_language(text: str) -> str:
    """Return the language, or the script where it is not Latin; empty where it cannot be told.

    Examples
    --------
    >>> guess_language("the cat that was on the roof of the house is not here")
    'English'
    >>> guess_language("Это кошка")
    'Cyrillic'
    >>> guess_language("large cat")
    ''
    """
    text = text[:LONGEST_LOOKED_AT]
    if not text.isascii() and (script := _script(text)):
        return script
    votes: Counter[str] = Counter()
    for word in _WORD.findall(text.lower()):
        votes.update(_LANGUAGES.get(word, ()))
    (first, most), (_, next_most) = [*votes.most_common(2), ("", 0), ("", 0)][:2]
    return first if most >= FEWEST_WORDS and most > 2 * next_most else ""


def _script(text: str) -> str:
    """Return the script of most letters, empty for Latin."""
    letters = [char for char in text if char.isalpha()]
    foreign = [char for char in letters if ord(char) > 0x24F]
    if 2 * len(foreign) <= len(letters):
        return ""
    names = Counter(unicodedata.name(char, "").split(" ")[0].split("-")[0] for char in foreign)
    return _SCRIPTS.get(names.most_common(1)[0][0], "")
