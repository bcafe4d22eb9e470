"""What ``%evaluate`` asks of a recipe rather than of a run: a learning curve, a spread of seeds."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING

from nbtune.magics.errors import LineError

if TYPE_CHECKING:
    from nbtune.results.learning_curve import LearningCurve
    from nbtune.results.run import Run
    from nbtune.results.seed_spread import SeedSpread

_OF_CURVES = ("shares", "draws", "more")
_OF_RUNS = ("data", "split", "by", "threshold", "labels", "model", "template")


def trained_again(
    found: Namespace, find_run: Callable[[str], Run], display: str | None
) -> LearningCurve | SeedSpread | None:
    """Train the recipe of a run on parts of its rows or with other seeds, where a line asks for it.

    Raises
    ------
    LineError
        When it asks for more beside.
    """
    seeds, curve = found.seeds is not None, found.learning_curve
    if seeds and curve:
        raise LineError(
            "--learning-curve and --seeds are two questions", hint="ask one after the other"
        )
    if not seeds and not curve:
        _refuse(found, _OF_CURVES, "only with --learning-curve", "add it")
        return None
    asked = "--seeds" if seeds else "--learning-curve"
    others = (*_OF_RUNS, *_OF_CURVES) if seeds else _OF_RUNS
    _refuse(found, others, f"not with {asked}, which trains the recipe anew", "leave it out")
    if found.run is None:
        raise LineError(f"{asked}: there is no run", hint=f"name one: %evaluate topics {asked}")
    from nbtune import api

    run = find_run(found.run)
    if seeds:
        return api.seed_spread(run, found.seeds, display=display)
    given = {name: value for name in _OF_CURVES if (value := getattr(found, name)) is not None}
    if found.shares is not None:
        given["shares"] = shares_in(found.shares)
    return api.learning_curve(run, **given, display=display)


def _refuse(found: Namespace, names: tuple[str, ...], why: str, hint: str) -> None:
    if given := [name for name in names if getattr(found, name) is not None]:
        told = ", ".join(f"--{name}" for name in given)
        raise LineError(f"{told}: {why}", hint=hint)


def shares_in(text: str) -> list[float]:
    """Read shares in per cent.

    Raises
    ------
    LineError
        When something among them is no number.

    Examples
    --------
    >>> shares_in("10, 25,50 %")
    [0.1, 0.25, 0.5]
    """
    try:
        return [float(part.strip(" %")) / 100 for part in text.split(",")]
    except ValueError:
        raise LineError(
            f"--shares {text}: not numbers", hint="per cents with commas: --shares 10,25,50"
        ) from None
