"""What went wrong on a page is said on that page, be it the user's mistake or one of ours."""

from __future__ import annotations

from collections.abc import Callable

from nbtune.errors import NbtuneError
from nbtune.panels.html import render

OURS = "this is a mistake of nbtune, not yours: the same in a cell shows where it happened"


def problem_html(error: BaseException) -> str:
    """Say what went wrong in its own words; of a mistake of ours also that it is one."""
    if isinstance(error, NbtuneError):
        lines = str(error).splitlines()
    elif isinstance(error, KeyboardInterrupt):
        lines = ["interrupted before it was done"]
    else:
        lines = [f"{type(error).__name__}: {error}".rstrip(": "), OURS]
    return render("problem.html.j2", problems=lines)


class said:  # noqa: N801 - reads as the context that it is
    """Give the HTML of what goes wrong inside this block to ``show``; the page lives on.

    What leaves the callback of a widget is logged where nobody looks, or lands in some cell.
    """

    def __init__(self, show: Callable[[str], None]) -> None:
        self.show = show

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, Exception | KeyboardInterrupt):
            return False
        self.show(problem_html(error))
        return True
