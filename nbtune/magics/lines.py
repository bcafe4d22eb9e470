"""The line of a magic: split strictly, checked option by option, helped by name."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from typing import Any, NoReturn, get_args

from pydantic.fields import FieldInfo

from nbtune.errors import nearest
from nbtune.magics.errors import HelpAsked, LineError
from nbtune.recipe import Recipe
from nbtune.recipe.compose import choices


class LineParser(argparse.ArgumentParser):
    """An argument parser that raises what nbtune raises, and never leaves the process."""

    def __init__(self, magic: str, description: str, usage: str | None = None) -> None:
        super().__init__(
            prog=magic,
            usage=usage,
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            add_help=False,
        )
        self.add_argument("-h", "--help", action="store_true", help="show this help")

    def parse(self, line: str) -> argparse.Namespace:
        """Read a line.

        Raises
        ------
        LineError
            For quotes left open, unknown options and bad values.
        HelpAsked
            For ``-h`` or ``--help``, whatever else there is.
        """
        words = [_hyphened(word) for word in split(line)]
        if "-h" in words or "--help" in words:
            raise HelpAsked(self.format_help())
        found, unknown = self.parse_known_intermixed_args(words)
        if unknown:
            self._refuse(unknown)
        return found

    def options(self) -> list[str]:
        """Return all options, the long names first."""
        names = [name for action in self._actions for name in action.option_strings]
        return sorted(names, key=lambda name: (not name.startswith("--"), name))

    def is_switch(self, option: str) -> bool:
        """Say whether an option takes no value."""
        action = self._option_string_actions.get(option)
        return action is not None and action.nargs == 0

    def choices(self, option: str) -> list[str]:
        """Return the words that an option allows, empty when it allows others as well."""
        action = self._option_string_actions.get(option)
        return [str(word) for word in action.choices or ()] if action else []

    def error(self, message: str) -> NoReturn:
        """Raise instead of ending the process."""
        raise LineError(f"{self.prog}: {message}", hint=f"see {self.prog} --help")

    def _refuse(self, unknown: Sequence[str]) -> NoReturn:
        option = next((word for word in unknown if word.startswith("-")), None)
        if option is None:
            self.error(f"there is one word too many: {unknown[0]!r}")
        name = option.split("=")[0]
        long = [known for known in self.options() if known.startswith("--")]
        raise LineError(
            f"{self.prog}: there is no option {name}", hint=_near(name, long, self.prog)
        )


def _near(name: str, known: list[str], magic: str) -> str:
    close = nearest(name, known)
    return f"did you mean {close}?" if close else f"see {magic} --help"


def split(line: str) -> list[str]:
    """Split a line into words as a shell does, quotes included.

    Raises
    ------
    LineError
        When a quote is left open.

    Examples
    --------
    >>> split('spam --data "my file.csv"')
    ['spam', '--data', 'my file.csv']
    """
    try:
        return shlex.split(line)
    except ValueError:
        quote = '"' if line.count('"') % 2 else "'"
        raise LineError(
            f"a quote {quote} is opened and never closed", hint=f"close it: ... {quote}"
        ) from None


def _hyphened(word: str) -> str:
    """Spell an option with hyphens, so that a setting's own name works as well."""
    name, equals, value = word.partition("=")
    return f"{name.replace('_', '-')}{equals}{value}" if name.startswith("--") else word


def recipe_options(parser: argparse.ArgumentParser) -> None:
    """Give a parser one option for every setting of a recipe; the parser is changed in place."""
    group = parser.add_argument_group("settings of the recipe (also as lines of the cell)")
    for name, info in Recipe.model_fields.items():
        if name in ("data", "validation_data", "test_data", "lora"):
            continue
        names = [name, *([_SHORT[name]] if name in _SHORT else [])]
        text = (info.description or "").replace("%", "%%")
        group.add_argument(
            *(f"--{own.replace('_', '-')}" for own in names),
            dest=f"setting_{name}",
            metavar=_metavar(info),
            help=text if info.default is None else f"{text} [{_written(info.default)}]",
        )


_SHORT = {
    "learning_rate": "lr",
    "num_train_epochs": "epochs",
    "per_device_train_batch_size": "batch_size",
}


def _metavar(info: FieldInfo) -> str:
    if info.annotation is bool:
        return "true|false"
    kinds = {info.annotation, *get_args(info.annotation)}
    return "|".join(choices(info)) or ("N" if kinds & {int, float} else "VALUE")


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def given_settings(found: argparse.Namespace) -> list[str]:
    """Return the settings on a line as ``key=value`` texts."""
    return [
        f"{name.removeprefix('setting_')}={value}"
        for name, value in vars(found).items()
        if name.startswith("setting_") and value is not None
    ]
