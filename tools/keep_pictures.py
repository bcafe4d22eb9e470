"""Take the pictures that the browser tests have made into the documentation.

python -m pytest tests/browser/test_states.py tests/browser/test_forms.py
python tools/keep_pictures.py
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[1]
MADE, KEPT = ROOT / "test-artifacts", ROOT / "docs" / "pictures"
MOST_BYTES = 500_000
COLOURS = 64
"""Enough for lines and letters, at a third of the bytes."""


def main() -> int:
    made = sorted(MADE.glob("state-*.png"))
    kept = [KEPT / file.name.removeprefix("state-") for file in made]
    for picture, place in zip(made, kept, strict=True):
        Image.open(picture).convert("RGB").quantize(COLOURS).save(place, optimize=True)
    size = sum(file.stat().st_size for file in kept)
    print(f"{len(kept)} pictures, {size:,} bytes")
    return 0 if kept and size <= MOST_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
