"""Lists that went through a file of text, read again: as JSON, Python or numpy write them."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

import numpy as np
import pandas as pd

BROKEN = "a list that cannot be read"
AS_LISTS = (
    'write lists as JSON, such as ["a", "b"], or keep them as they are: df.to_json(file, '
    "orient='records', lines=True); or drop_bad_rows: true"
)
"""What to try where one cannot be read."""
_ONE = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|-?\d[\d.e+-]*|True|False)"""
_ARRAY = re.compile(rf"\[\s*{_ONE}(?:\s+{_ONE})+\s*\]")
_WITHIN = re.compile(r"array\((\[[^\]]*\])(?:,\s*dtype=\w+)?\)")
_LIKE_A_LIST = re.compile(r"""\[\s*['"\[{(].*\]""", re.DOTALL)


def read_spelled(cell: Any) -> Any:
    r"""Return the list or mapping that a text spells; anything else as it is.

    Nothing is run: a call, a name or an operation is no list. Quotes that only a space parts are
    those of an array, never one text.

    Examples
    --------
    >>> read_spelled('["a", "b"]'), read_spelled("['a', 'b']"), read_spelled("['a' 'b']")
    (['a', 'b'], ['a', 'b'], ['a', 'b'])
    >>> read_spelled("{'text': array(['a'], dtype=object)}"), read_spelled("[see below]")
    ({'text': ['a']}, '[see below]')
    """
    if not isinstance(cell, str):
        return cell
    text = cell.strip()
    if not text or text[0] + text[-1] not in ("[]", "{}"):
        return cell
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = _as_python(text)
    return cell if found is None else found


def _as_python(text: str) -> Any:
    if _ARRAY.fullmatch(text):
        return [ast.literal_eval(one) for one in re.findall(_ONE, text)]
    for each in (text, _WITHIN.sub(r"\1", text)):
        try:
            return ast.literal_eval(each)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
    return None


def is_broken(cell: Any) -> bool:
    """Whether a text looks like a list of texts or of more, and cannot be read as one.

    Examples
    --------
    >>> is_broken("['a', 'b"), is_broken("['a', b]"), is_broken("[see below]"), is_broken("['a']")
    (False, True, False, False)
    """
    return (
        isinstance(cell, str)
        and _LIKE_A_LIST.fullmatch(cell.strip()) is not None
        and isinstance(read_spelled(cell), str)
    )


def listed_words(cell: Any) -> Any:
    """Return words as a list: a text spells one, or has them parted by spaces."""
    found = read_spelled(cell)
    is_list = isinstance(found, list) and all(isinstance(one, str) for one in found)
    if isinstance(cell, str) and not is_list:
        return cell.split()
    return found


def spells_lists(column: pd.Series[Any]) -> bool:
    """Whether some of the first texts of a column spell a list of texts."""
    return any(
        isinstance(cell, str)
        and isinstance(found := read_spelled(cell), list)
        and bool(found)
        and all(isinstance(one, str) for one in found)
        for cell in column.head(20)
    )


def is_list(cell: Any) -> bool:
    """Whether a cell holds several things, in one of the ways that libraries give them."""
    return isinstance(cell, list | tuple | set | np.ndarray)
