"""What nbtune raises: the problem in one line, and one thing to try."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from nbtune.calls import as_typed_here


class NbtuneError(Exception):
    """A mistake that the user can mend; the base of all our errors.

    Parameters
    ----------
    problem : str
        What was wrong, with the offending value in it.
    hint : str, optional
        One thing to try next.

    Examples
    --------
    >>> print(NbtuneError("no run is called 'spma'", hint="did you mean 'spam'?"))
    no run is called 'spma'
      did you mean 'spam'?
    """

    def __init__(self, problem: str, hint: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.hint = hint

    def __str__(self) -> str:
        return as_typed_here(f"{self.problem}\n  {self.hint}" if self.hint else self.problem)


class RecipeError(NbtuneError):
    """Settings that cannot work; all of them are named at once.

    ``by_setting`` says of each what is wrong with it, where that is known.
    """

    def __init__(
        self, problem: str, hint: str = "", *, by_setting: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(problem, hint)
        self.by_setting = dict(by_setting or {})


class DataError(NbtuneError):
    """Rows, columns or labels that cannot be learnt from."""


class ModelError(NbtuneError):
    """A model or tokenizer that is missing, incomplete or unfit for the task."""


class RunError(NbtuneError):
    """A run that does not exist, is busy, or cannot do what was asked."""


class CheckpointError(RunError):
    """A checkpoint that cannot be written or does not verify."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word most like the one given, or None when none is close.

    Examples
    --------
    >>> nearest("learning_rat", ["learning_rate", "seed"])
    'learning_rate'
    """
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``did you mean 'x'?`` for a close word, else the known words once each, for a hint."""
    names = list(dict.fromkeys(known))
    if close := nearest(word, names):
        return f"did you mean {close!r}?"
    return f"known: {', '.join(names)}" if names else "there are none yet"


def in_one_line(error: BaseException) -> str:
    """Return what somebody else's error says, short and in one line."""
    return " ".join(str(error).split())[:200] or type(error).__name__
