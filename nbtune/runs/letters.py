"""What one process asks of a run that another one trains: small files in the folder of the run."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbtune.runs.files import write_text
from nbtune.runs.folder import RunFolder

_NUMBERS = itertools.count()


def leave_letter(folder: RunFolder, letter: Mapping[str, Any]) -> None:
    """Leave something for who trains the run; letters are read in the order they were left."""
    place = _place(folder)
    place.mkdir(exist_ok=True)
    name = f"{time.time_ns():020d}-{os.getpid()}-{next(_NUMBERS)}.json"
    write_text(place / name, json.dumps(letter, allow_nan=False))


def take_letters(folder: RunFolder) -> list[dict[str, Any]]:
    """Return what was left since the last call, each letter once; one that does not read is lost.

    Costs a look into a folder that is mostly empty or not there.
    """
    found = []
    for path in _waiting(folder):
        try:
            letter = json.loads(path.read_text(encoding="utf-8"))
            path.unlink()  # a letter that stays would be read again and again
        except OSError:
            continue
        except ValueError:
            path.unlink(missing_ok=True)
            continue
        if isinstance(letter, dict):
            found.append(letter)
    return found


def is_letter_waiting(folder: RunFolder) -> bool:
    """Whether something was left that nobody took yet."""
    return bool(_waiting(folder))


def _place(folder: RunFolder) -> Path:
    return folder.path / "letters"


def _waiting(folder: RunFolder) -> list[Path]:
    place = _place(folder)
    try:
        names = os.listdir(place)  # noqa: PTH208 - twice as fast, and asked for while a run trains
    except OSError:
        return []
    return [place / name for name in sorted(names) if name.endswith(".json")]
