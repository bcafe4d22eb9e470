"""Magics as the calls that do the same, for a place where there are no magics."""

from __future__ import annotations

import re
import sys

FUNCTIONS = {
    "data": "check_data",
    "runs": "list_runs",
    "runs --purge": "purge_runs",
    "runs --free": "free_runs",
    "nbtune lr_find": "lr_find",
    "nbtune doctor": "doctor",
} | {
    name: name
    for name in (
        "attention", "compare", "estimate", "evaluate", "explain", "finetune", "pause", "predict",
        "resume", "review", "stop", "watch",
    )
}  # fmt: skip
"""The function of each magic, without its percent sign."""
ARGUMENTS = {"--epochs": "num_train_epochs"}
"""Options that are called otherwise as arguments; such a number is the sum, and not on top."""

_FLAG = r"--(?:fresh|background)\b"
_OPTION = r"--[a-z-]+ [\w.+]+"
_WHOLE = r"[^\s,;:()]+@\d+|[A-Z]{2,}\b|\.\.\.|\"[^\"]*\""
_SHORT = r"[\w-]+(?:\.[\w-]+)*(?= --|;|,|\)| \(|\.?$|\n| (?:ends|gives|goes|lets|shows|takes)\b)"
"""A name without its number is told from other words by what stands behind it."""
_NAME = f"{_WHOLE}|{_SHORT}"
_ARGUMENT = re.compile(f"{_FLAG}|{_OPTION}|{_NAME}")
_MAGIC = re.compile(
    r"%{1,2}("
    + "|".join(sorted(map(re.escape, FUNCTIONS), key=len, reverse=True))
    + rf")\b((?: (?:{_FLAG}|{_OPTION}|{_NAME}))*)"
)


def as_typed_here(text: str) -> str:
    """Return a text with its magics in IPython, and with calls in their place elsewhere."""
    ipython = sys.modules.get("IPython")
    has_magics = ipython is not None and ipython.get_ipython() is not None
    return text if has_magics else as_calls(text)


def as_calls(text: str) -> str:
    """Return a text in which calls stand for magics.

    Examples
    --------
    >>> as_calls("go on with it: %resume topics@1; %evaluate scores it")
    'go on with it: nbtune.resume("topics@1"); nbtune.evaluate scores it'
    >>> as_calls("%evaluate topics@1 --threshold default takes it back")
    'nbtune.evaluate("topics@1", threshold="default") takes it back'
    """
    return _MAGIC.sub(lambda found: _call(FUNCTIONS[found[1]], found[2]), text)


def _call(function: str, line: str) -> str:
    arguments = [_argument(one) for one in _ARGUMENT.findall(line)]
    return f"nbtune.{function}({', '.join(arguments)})" if arguments else f"nbtune.{function}"


def _argument(typed: str) -> str:
    """Write one word, or an option with its value, as an argument."""
    if not typed.startswith("--"):
        is_said = typed.startswith('"') or typed.isupper() or typed == "..."
        return typed if is_said else f'"{typed}"'
    option, _, value = typed.partition(" ")
    if option in ARGUMENTS:
        return f"{ARGUMENTS[option]}=..."
    if not value:
        return f"{option[2:]}=True"
    is_name = option == "--data" or value.replace(".", "").isdigit()
    written = value if is_name else f'"{value}"'
    return f"{option[2:].replace('-', '_')}={written}"
