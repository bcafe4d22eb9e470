"""A user's mistake is two lines in the notebook; a mistake of ours keeps its traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from IPython.core.error import UsageError

from nbtune.errors import NbtuneError
from nbtune.panels.display import is_headless


class LineError(NbtuneError):
    """A magic's line that cannot be read."""


class HelpAsked(Exception):  # noqa: N818 - not an error
    """The line asks for help; the message is it."""


@contextmanager
def friendly(*, debug: bool = False) -> Iterator[None]:
    """Show mistakes in two lines, help as text, and an interrupt as a sentence.

    Where nobody watches (nbclient, papermill) the error itself is raised, so that the saved
    notebook and the exit code show it.
    """
    try:
        yield
    except HelpAsked as asked:
        print(asked)
    except NbtuneError as error:
        if debug or is_headless():
            raise
        # Only the exact class is shown without a traceback.
        raise UsageError(str(error)) from None
    except KeyboardInterrupt:
        print("nbtune: interrupted before it was done")
