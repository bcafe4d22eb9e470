"""Images with a label each as rows, and images with a text beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from nbtune.data.checking import check_label, mixed_labels
from nbtune.data.cleaning import clean_text
from nbtune.data.columns import TEXT_NAMES, infer_label, refuse_columns
from nbtune.data.faults import Check, Faults, cells_of, check_text, checked_rows
from nbtune.data.pictures import (
    NOT_THERE,
    check_picture,
    content_of,
    is_inline,
    is_picture,
    name_of,
)
from nbtune.data.rows import Found, Roles
from nbtune.data.texts import BETWEEN, LABELLED
from nbtune.errors import DataError
from nbtune.events import Progress
from nbtune.recipe import Recipe

IMAGE_NAMES = (
    "image", "img", "picture", "photo", "image_path", "path", "file_name", "filename", "file",
    "images",
)  # fmt: skip
_TEXTS = (*TEXT_NAMES, "caption")
_LOOKED_AT = 50
AT_ONCE = 64
"""So many images are decoded at a time: large ones take megabytes each."""
CONTENT = "content"
"""A column of fingerprints: what a file holds can change while its name stays."""


def image_columns(frame: pd.DataFrame) -> list[str]:
    """Return the columns most of whose cells can only be meant for images."""
    found = []
    for name in frame.columns:
        cells = [is_picture(cell) for cell in frame[name].head(_LOOKED_AT).astype(object)]
        if cells and 2 * sum(cells) > len(cells):
            found.append(str(name))
    return found


def find(frame: pd.DataFrame, named: Roles) -> Found:
    """Find image and label: by their usual names, then by what they hold.

    A text is read with the images where a column is named for it, and only there: which model
    suits depends on it.

    Raises
    ------
    DataError
        When named columns are missing, or it is not plain which ones are meant.
    """
    refuse_columns({role: named.get(role) for role in ("image", "text", "label")}, frame.columns)
    image = named.get("image") or _image_of(frame)
    rest = frame.drop(columns={*image_columns(frame), image} - {named.get("label")})
    label = named.get("label") or infer_label(rest, named.get("text"))
    roles = {"image": image, **({"text": named["text"]} if named.get("text") else {})}
    unread = [name for name in rest.columns if name.lower() in _TEXTS and name != label]
    note = (
        f"only images are read; name a text to read it as well, text: {unread[0]}"
        if unread and "text" not in roles
        else ""
    )
    inferred = bool(note) or not {"image", "label"} <= set(named)
    return Found({**roles, "label": label}, inferred, note)


def _image_of(frame: pd.DataFrame) -> str:
    usual = {name.lower(): name for name in reversed(frame.columns)}
    held = image_columns(frame)
    for name in IMAGE_NAMES:
        if name in usual and (usual[name] in held or not held):
            return usual[name]
    if len(held) == 1:
        return held[0]
    problem = f"it could be any of {', '.join(held)}" if held else "no column looks like it"
    shown = ", ".join(map(str, frame.columns[:12]))
    raise DataError(
        f"image: {problem}; the data has {shown}",
        hint=f"name it: image: {(held or list(frame.columns) or ['…'])[0]} (paths, PIL images, "
        "bytes or arrays); for texts leave task: image-classification out",
    )


def _checks(
    frame: pd.DataFrame, roles: Roles, recipe: Recipe, progress: Progress = lambda done, total: None
) -> dict[str, Any]:
    done = count(1)

    def check(cell: Any) -> tuple[str, Any]:
        return check_text(cell, lambda one: clean_text(one, recipe.clean))

    def check_image(cell: Any) -> tuple[str, str]:
        checked = check_picture(cell)
        progress(next(done), len(frame))
        return checked

    found: dict[str, tuple[Sequence[Any], Check]] = {
        "image": (_plain(frame[str(roles["image"])]), check_image)
    }
    if roles.get("text") is not None:
        found["text"] = (cells_of(frame[str(roles["text"])]), check)
    return found


def _plain(column: pd.Series[Any]) -> list[Any]:
    return list(column.astype(object))


def usable_pictures(
    frame: pd.DataFrame,
    roles: Roles,
    recipe: Recipe,
    what: str,
    progress: Progress = lambda done, total: None,
) -> tuple[pd.DataFrame, str]:
    """Return the rows whose images open and have a label; see `nbtune.data.rows.Rows.usable`."""
    labels = cells_of(frame[str(roles["label"])])
    rows, notice = checked_rows(
        frame,
        {**_checks(frame, roles, recipe, progress), "label": (labels, check_label)},
        hint=lambda faults, left: _hint(roles, faults, left),
        drop_bad_rows=recipe.drop_bad_rows,
        what=what,
        also=mixed_labels(labels, str(roles["label"])),
    )
    return rows.assign(**{CONTENT: content_of(rows["image"])}), notice


def _hint(roles: Roles, faults: Faults, left: bool) -> str:
    column = roles["image"]
    if NOT_THERE in faults and not left:
        first = str(faults[NOT_THERE][0][1])
        return (
            f"is {column!r} the column of images? paths such as {first[:40]!r} are looked for in "
            f"{Path.cwd()}"
        )
    if not left:
        return f"no row is left; is {column!r} the column of images?"
    return "mend them, or leave them out with drop_bad_rows: true"


def _given(images: Any, recipe: Recipe) -> pd.DataFrame:
    """Return images, or (image, text) where the run has learnt from both, as rows."""
    with_text = recipe.text is not None
    is_one = isinstance(images, str | Path | bytes | Image.Image | Mapping) or (
        with_text and isinstance(images, tuple)
    )
    listed = [images] if is_one else list(images)
    if with_text:
        pairs = [_pair(one, place) for place, one in enumerate(listed)]
        frame = pd.DataFrame(
            {role: pd.Series(cells, dtype=object)
             for role, cells in zip(("image", "text"), zip(*pairs, strict=True), strict=True)}
        )  # fmt: skip
        return _asked(frame, {"image": "image", "text": "text"}, recipe)
    cells = pd.Series(listed, dtype=object) if len(listed) else pd.Series([], dtype=object)
    return _asked(pd.DataFrame({"image": cells}), {"image": "image"}, recipe)


def _pair(one: Any, place: int) -> tuple[Any, Any]:
    parts = [p.strip() for p in one.split(BETWEEN.strip(), 1)] if isinstance(one, str) else one
    if not isinstance(parts, list | tuple) or len(parts) != 2:
        raise DataError(
            f"row {place} is {str(one)[:60]!r}, not an image with a text, which this run learnt "
            "from",
            hint=f'give (image, text), or both as one text: "cat.png{BETWEEN}a cat"',
        )
    return parts[0], parts[1]


def _unlabelled(frame: pd.DataFrame, roles: Roles, recipe: Recipe) -> pd.DataFrame:
    there = {role: name for role, name in roles.items() if name in frame and role != "label"}
    image = there.get("image") or _image_of(frame)
    own = {"image": image}
    if recipe.text is not None:
        if "text" not in there:
            raise DataError(
                f"there is no column {recipe.text!r}; the data has {', '.join(frame.columns[:12])}",
                hint="the run learnt from images with a text: name it so",
            )
        own["text"] = there["text"]
    return _asked(frame, own, recipe)


def _asked(frame: pd.DataFrame, roles: Roles, recipe: Recipe) -> pd.DataFrame:
    rows, _ = checked_rows(
        frame,
        _checks(frame, roles, recipe),
        hint=lambda faults, left: "leave them out, or mend them",
        what="images",
    )
    return rows.drop(columns="row")


def captions_of(rows: pd.DataFrame) -> list[str]:
    """Return what is said below an image: its file and its text, where it has them."""
    files = ["" if is_inline(value) else name_of(value) for value in rows["image"]]
    texts = list(rows["text"]) if "text" in rows else [""] * len(files)
    return [BETWEEN.join(filter(None, pair)) for pair in zip(files, texts, strict=True)]


def names_of(rows: pd.DataFrame) -> list[str]:
    """Return what images are called, with their texts where they have any."""
    names = [name_of(value) for value in rows["image"]]
    if "text" not in rows:
        return names
    return [f"{name}{BETWEEN}{text}" for name, text in zip(names, rows["text"], strict=True)]


def _contents(rows: pd.DataFrame) -> list[str]:
    found = list(rows[CONTENT]) if CONTENT in rows else content_of(rows["image"])
    if "text" not in rows:
        return found
    return [f"{one} {text}" for one, text in zip(found, rows["text"], strict=True)]


PICTURED = replace(
    LABELLED,
    inputs=("image",),
    find=find,
    usable=usable_pictures,
    texts=names_of,
    given=_given,
    asked=lambda recipe: {"image": "photos/cat.png, then Enter"},
    unlabelled=_unlabelled,
    seen=_contents,
    content=_contents,
    at_once=AT_ONCE,
)
PICTURED_WITH_TEXT = replace(
    PICTURED,
    inputs=("image", "text"),
    asked=lambda recipe: {"image": "photos/cat.png, then Enter", "text": "what stands beside it"},
)
