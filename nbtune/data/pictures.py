"""An image in any of the forms that people have it in, and as text that a row can keep."""

from __future__ import annotations

import base64
import binascii
import io
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import xxhash
from PIL import Image, ImageOps, UnidentifiedImageError

from nbtune.data.faults import LONE, has_lone_surrogate, is_missing
from nbtune.data.files import IMAGE_SUFFIXES
from nbtune.errors import DataError

THUMBNAIL, LARGEST = 48, 2_600
"""Longest side of a small picture, and the bytes that it takes at most in a notebook."""
_INLINE = "data:image/"
_WHITE = (255, 255, 255)
_SEE_THROUGH = ("LA", "PA", "RGBA", "La", "RGBa")
_DEEP = ("I;16", "I;16B", "I;16L", "I", "F")
_CUT, _NONE = "an image that is cut off or damaged", "something that is no image"
NOT_THERE = "a file that is not there"


def check_picture(cell: Any) -> tuple[str, str]:
    """Return what is wrong with an image, empty for nothing, and the text that stands for it.

    That is the whole path of a file, or the image itself as a ``data:`` address; such texts are
    taken as well. Every image is decoded: one that is cut off looks well from outside.

    Examples
    --------
    >>> check_picture(b"")
    ('an empty image (0 bytes)', '')
    """
    if isinstance(cell, dict) and {"bytes", "path"} & set(cell):  # as `datasets` has it
        cell = cell["path"] if cell.get("bytes") is None else cell["bytes"]
    if is_missing(cell):
        return "no image", ""
    if isinstance(cell, str | Path):
        return _check_text(str(cell).strip())
    if isinstance(cell, bytes | bytearray | memoryview):
        raw = bytes(cell)
        fault = _fault_of(raw)
        return fault, "" if fault else _inline(raw)
    if isinstance(cell, Image.Image):
        return _check_object(cell)
    if hasattr(cell, "__array__") or isinstance(cell, list):
        return _check_array(cell)
    return f"an image of type {type(cell).__name__}", ""


def is_picture(cell: Any) -> bool:
    """Whether a cell can only be meant for an image, looked at from outside."""
    if isinstance(cell, str):
        return cell.startswith(_INLINE) or Path(cell).suffix.lower() in IMAGE_SUFFIXES
    if isinstance(cell, dict):
        return {"bytes", "path"} <= set(cell)
    if isinstance(cell, np.ndarray):
        return cell.ndim in (2, 3)
    return isinstance(cell, bytes | Image.Image) or (
        isinstance(cell, Path) and cell.suffix.lower() in IMAGE_SUFFIXES
    )


def _check_text(text: str) -> tuple[str, str]:
    if not text:
        return "no image", ""
    if text.startswith(_INLINE):
        try:
            return _fault_of(_bytes_of(text)), text
        except DataError:
            return _CUT, ""
    if "://" in text[:12]:
        return "an address on the web (nothing is downloaded)", ""
    if has_lone_surrogate(text):
        return LONE, ""
    try:
        path = Path(text).expanduser().absolute()
        if path.is_dir():
            return "a folder in place of a file", ""
        if not path.is_file():
            return NOT_THERE, ""
        return _fault_of(path.read_bytes()), str(path)
    except (OSError, ValueError, RuntimeError):  # no right to read it; a NUL; no such user
        return "a file that cannot be read", ""


def _check_object(image: Image.Image) -> tuple[str, str]:
    try:
        if fault := _too_large(image):
            return fault, ""
        held = io.BytesIO()
        kept = image if image.mode in ("1", "L", "LA", "P", "RGB", "RGBA") else as_rgb(image)
        kept.save(held, "PNG")
    except (OSError, ValueError, SyntaxError):
        return _CUT, ""
    return "", _inline(held.getvalue())


def _check_array(cell: Any) -> tuple[str, str]:
    try:
        found = np.asarray(cell)
        if found.dtype == object:  # rows of arrays, as Parquet has them
            found = np.array([list(map(list, row)) if np.ndim(row[0]) else list(row)
                              for row in found])  # fmt: skip
    except (TypeError, ValueError, IndexError):
        return "numbers that are no grid", ""
    if found.ndim == 3 and found.shape[0] in (1, 3, 4) and found.shape[2] not in (1, 3, 4):
        found = found.transpose(1, 2, 0)
    is_grid = found.ndim == 2 or (found.ndim == 3 and found.shape[2] in (1, 3, 4))
    if not is_grid or not found.size or found.dtype.kind not in "uifb":
        return "numbers that are no grid of 1, 3 or 4 channels", ""
    if found.ndim == 3 and found.shape[2] == 1:
        found = found[:, :, 0]
    low, high = float(found.min()), float(found.max())
    highest = 1.0 if found.dtype.kind in "fb" else 255.0
    if not 0 <= low <= high <= highest:  # NaN is refused as well
        return "numbers that are neither whole from 0 to 255 nor fractions from 0 to 1", ""
    scaled = np.round(found * (255 / highest)).astype(np.uint8)
    return _check_object(Image.fromarray(scaled))


def _fault_of(raw: bytes) -> str:
    """Return what is wrong with an encoded image, empty for nothing."""
    if not raw:
        return "an empty image (0 bytes)"
    try:
        with _no_remarks(), Image.open(io.BytesIO(raw)) as image:
            if fault := _too_large(image):
                return fault
            image.load()
    except UnidentifiedImageError:
        return _NONE
    except Image.DecompressionBombError:
        return _bomb()
    except Exception:  # noqa: BLE001 - decoders raise many kinds: OSError, SyntaxError, struct.error
        return _CUT
    return ""


def _too_large(image: Image.Image) -> str:
    most = Image.MAX_IMAGE_PIXELS
    return _bomb() if most is not None and image.width * image.height > most else ""


def _bomb() -> str:
    return f"an image of more than {Image.MAX_IMAGE_PIXELS:,} pixels (the limit of Pillow)"


@contextmanager
def _no_remarks() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _inline(raw: bytes) -> str:
    with _no_remarks(), Image.open(io.BytesIO(raw)) as image:
        kind = (image.format or "png").lower()
    return f"{_INLINE}{kind};base64,{base64.b64encode(raw).decode()}"


def _bytes_of(value: str) -> bytes:
    if not value.startswith(_INLINE):
        return Path(value).read_bytes()
    try:
        return base64.b64decode(value.partition(",")[2], validate=True)
    except binascii.Error:
        raise DataError("an image is cut off", hint="give it anew") from None


def open_picture(value: str) -> Image.Image:
    """Return an image that `check_picture` has taken, upright and in RGB.

    Raises
    ------
    DataError
        When its file is gone or was changed since.
    """
    try:
        with _no_remarks(), Image.open(io.BytesIO(_bytes_of(value))) as image:
            return as_rgb(ImageOps.exif_transpose(image))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise DataError(
            f"the image {name_of(value)!r} does not open any more",
            hint=f"put it back where it was: {value[:200]}",
        ) from None


def kind_of(value: str) -> str:
    """Return the format of an image that `check_picture` has taken, and how its pixels are kept.

    Of greys and colours with 8 bits nothing is lost; the others become so.
    """
    with _no_remarks(), Image.open(io.BytesIO(_bytes_of(value))) as image:
        see_through = image.mode in _SEE_THROUGH or "transparency" in image.info
        kept = {"RGB": "colour", "L": "grey", "1": "black and white", "P": "palette"}
        how = kept.get(image.mode, image.mode)
        if see_through:
            how = "see-through, laid on white"
        elif image.mode in _DEEP:
            how = "more than 8 bits, made 8"
        return f"{image.format or 'PNG'}, {how}"


def is_one_colour(image: Image.Image) -> bool:
    """Whether all pixels of an image in RGB are the same."""
    return bool(np.ptp(np.asarray(image), axis=(0, 1)).max() == 0)


def as_rgb(image: Image.Image) -> Image.Image:
    """Return an image in RGB: what is see-through lies on white, 16 bits become 8."""
    if image.mode in _DEEP:
        values = np.asarray(image, dtype=np.float64)
        highest = 1.0 if values.max() <= 1 else 255.0 if values.max() <= 255 else 65_535.0
        eight = np.clip(np.round(values * (255 / highest)), 0, 255).astype(np.uint8)
        return Image.fromarray(eight).convert("RGB")
    if image.mode in _SEE_THROUGH or "transparency" in image.info:
        above = image.convert("RGBA")
        ground = Image.new("RGBA", above.size, (*_WHITE, 255))
        return Image.alpha_composite(ground, above).convert("RGB")
    return image.convert("RGB")


def content_of(values: Iterable[str]) -> list[str]:
    """Return a fingerprint of what each image holds, wherever it lies."""
    return [xxhash.xxh3_128_hexdigest(_bytes_of(value)) for value in values]


def name_of(value: str) -> str:
    """Return what an image is called: the last two parts of its path, or what is known of it.

    Examples
    --------
    >>> name_of("/data/train/cats/7.png")
    'cats/7.png'
    """
    if not value.startswith(_INLINE):
        return "/".join(Path(value).parts[-2:])
    return f"image {xxhash.xxh3_64_hexdigest(value.encode())[:8]}"


def thumbnail(value: str, side: int = THUMBNAIL) -> str:
    """Return a small copy of an image as a ``data:`` address.

    Of the usual size it has `LARGEST` letters at most, and larger ones as much more as they are.

    Empty when the image is gone, or cannot be made so small.
    """
    try:
        return small(open_picture(value), side)
    except DataError:
        return ""


def small(image: Image.Image, side: int = THUMBNAIL) -> str:
    """Return a small copy of an image as a ``data:`` address; see `thumbnail`."""
    if max(image.size) * 2 <= side:  # so small that its pixels are what there is to see
        times = side // max(image.size)
        image = image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST)
    image.thumbnail((side, side))
    most = LARGEST * max(1, side // THUMBNAIL) ** 2
    for kind, quality in (("png", 0), ("jpeg", 70), ("jpeg", 35)):
        held = io.BytesIO()
        image.save(held, kind, **({"quality": quality} if quality else {"optimize": True}))
        address = f"{_INLINE}{kind};base64,{base64.b64encode(held.getvalue()).decode()}"
        if len(address) <= most:
            return address
    return ""


def is_inline(value: str) -> bool:
    """Whether a text holds the image itself."""
    return value.startswith(_INLINE)
