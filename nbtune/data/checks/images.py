"""What images are like: each is opened once, and leaves its size, its kind and a tiny grey copy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from nbtune.data.checks.found import SHOWN, Meant
from nbtune.data.checks.same import HELD_OUT
from nbtune.data.pictured import CONTENT, names_of, usable_pictures
from nbtune.data.pictures import is_one_colour, kind_of, open_picture
from nbtune.data.rows import Roles
from nbtune.events import Progress
from nbtune.recipe import Recipe
from nbtune.records import DataColumn, Pictures

Array = np.ndarray[Any, Any]
ALIKE = 4.0
"""Tiny copies of images that are almost the same differ by no more levels of 255 on average."""
LONG = 4.0
"""An image is long with so many times its shorter side; models see a square of it."""
_SIDE, _ORDERS, _NEIGHBOURS = 16, 4, 3
_BINS, _AT_ONCE = 30, 50_000


def opened(
    frame: pd.DataFrame, roles: Roles, recipe: Recipe, split: str, progress: Progress
) -> tuple[pd.DataFrame, str]:
    """Return the rows whose images open, with their looks, and what was left out."""
    rows, notice = usable_pictures(frame, roles, recipe, split, progress)
    return with_looks(rows, progress), notice


def with_looks(rows: pd.DataFrame, progress: Progress = lambda done, total: None) -> pd.DataFrame:
    """Open every image; returns the rows with ``width``, ``height``, ``kind``, ``plain``, ``tiny``.

    ``plain`` says that all of it is one colour, ``tiny`` holds 16 times 16 levels of grey.
    """
    found: dict[str, list[Any]] = {
        name: [] for name in ("width", "height", "kind", "plain", "tiny")
    }
    for done, value in enumerate(rows["image"], 1):
        image = open_picture(value)
        grey = image.convert("L")
        looks = (*image.size, kind_of(value), is_one_colour(image), grey.resize((_SIDE, _SIDE)))
        for own, one in zip(found.values(), looks, strict=True):
            own.append(one)
        progress(done, len(rows))
    found["tiny"] = [np.asarray(one).tobytes() for one in found["tiny"]]
    return rows.assign(**found)


def of_images(frames: Mapping[str, pd.DataFrame], starts: Mapping[str, int]) -> Iterator[Meant]:
    """Find images of one colour, long ones, and those that look like another; if they were opened.

    Shortly before a run they were not: it opens each of them again and again anyway.
    """
    rows = pd.concat(frames.values(), ignore_index=True)
    if "tiny" not in rows:
        return
    names = names_of(rows)
    for check, severity, has, what in (
        ("one_colour", "warning", rows["plain"], "images are of one colour all over"),
        ("long_images", "info", _times(rows) > LONG,
         f"images are more than {LONG:g} times as long as wide; models look at a square"),
    ):  # fmt: skip
        places = np.flatnonzero(has.to_numpy(dtype=bool))
        if len(places):
            yield Meant(check, severity, places, what, tuple(names[i] for i in places[:SHOWN]))
    yield from _near(rows, names, frames, starts)


def _times(rows: pd.DataFrame) -> pd.Series[Any]:
    sides = rows[["width", "height"]]
    return sides.max(axis=1) / sides.min(axis=1)


def _near(
    rows: pd.DataFrame,
    names: list[str],
    frames: Mapping[str, pd.DataFrame],
    starts: Mapping[str, int],
) -> Iterator[Meant]:
    pairs = near_images(rows)
    learnt = "train" if "train" in frames else next(iter(frames))
    split = np.repeat(list(frames), [len(own) for own in frames.values()])
    inside = [(a, b) for a, b in pairs if split[a] == split[b] == learnt]
    either_way = [one for a, b in pairs for one in ((a, b), (b, a))]
    crossing = [(a, b) for a, b in either_way if split[a] == "train" and split[b] in HELD_OUT]
    for check, severity, found, place, what in (
        ("near_overlap", "warning", crossing, 0,
         "training images look almost the same as a validation or test image"),
        ("near_duplicates", "info", inside, 1, "images look almost the same as an earlier one"),
    ):  # fmt: skip
        if found:
            shown = tuple(f"{names[a]} ≈ {names[b]}" for a, b in found[:SHOWN])
            yield Meant(check, severity, sorted({pair[place] for pair in found}), what, shown)


def near_images(rows: pd.DataFrame) -> list[tuple[int, int]]:
    """Return pairs of images that look almost the same, but are not the same file.

    Each is compared with those beside it when images are sorted by a difference hash, which tells
    which parts are lighter than the part to their right, and again with other parts first.

    Parameters
    ----------
    rows : DataFrame
        As `with_looks` returns them.
    """
    if not len(rows):
        return []
    tiny = np.frombuffer(b"".join(rows["tiny"]), np.uint8).reshape(-1, _SIDE, _SIDE)
    parts = tiny.reshape(-1, _SIDE // 2, 2, _SIDE // 2, 2).mean(axis=(2, 4))
    lighter = (parts > np.roll(parts, -1, axis=2)).reshape(len(rows), -1)
    bits, level = np.packbits(lighter, axis=1), tiny.mean(axis=(1, 2))
    found: set[tuple[int, int]] = set()
    content, plain = rows[CONTENT].to_numpy(), rows["plain"].to_numpy(dtype=bool)
    for turn in range(0, bits.shape[1], bits.shape[1] // _ORDERS):
        turned = np.ascontiguousarray(np.roll(bits, turn, axis=1))
        order = np.lexsort((level, turned.view(">u8")[:, 0]))
        for gap in range(1, _NEIGHBOURS + 1):
            first, second = np.sort([order[:-gap], order[gap:]], axis=0)
            near = (_apart(tiny, first, second) <= ALIKE) & ~plain[first]
            near &= content[first] != content[second]
            found |= set(zip(first[near].tolist(), second[near].tolist(), strict=True))
    return sorted(found)


def _apart(tiny: Array, first: Array, second: Array) -> Array:
    """Return by how many levels tiny copies differ on average."""
    found = np.empty(len(first))
    for start in range(0, len(first), _AT_ONCE):
        own = slice(start, start + _AT_ONCE)
        difference = tiny[first[own]].astype(np.int16) - tiny[second[own]]
        found[own] = np.abs(difference).mean(axis=(1, 2))
    return found


def described(frames: Mapping[str, pd.DataFrame]) -> Pictures:
    """Return sizes and kinds of all images together; rows as `with_looks` returns them."""
    rows = pd.concat(frames.values(), ignore_index=True)
    shorter = rows[["width", "height"]].min(axis=1).to_numpy()
    end = int(shorter.max()) + 1
    edges = np.unique(np.linspace(0, end, min(_BINS, end) + 1).round())
    counts, _ = np.histogram(shorter, edges)
    return Pictures(
        widths=_spread(rows["width"]),
        heights=_spread(rows["height"]),
        kinds=dict(Counter(rows["kind"]).most_common()),
        edges=tuple(map(float, edges)),
        counts=tuple(map(int, counts)),
    )


def column(
    frames: Mapping[str, pd.DataFrame], usable: Mapping[str, pd.DataFrame], name: str
) -> DataColumn:
    """Say of a column of images what is said of others; these differ by what they hold."""
    given = pd.concat([frame[name].astype(object) for frame in frames.values()])
    distinct = pd.concat([rows[CONTENT] for rows in usable.values()]).nunique()
    return DataColumn(name, "image", "images", int(given.isna().sum()), int(distinct))


def _spread(sides: pd.Series[Any]) -> tuple[int, ...]:
    return tuple(int(sides.quantile(share, "nearest")) for share in (0, 0.5, 1))
