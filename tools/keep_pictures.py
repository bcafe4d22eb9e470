"""Take the pictures that the browser tests have made into the documentation.

python -m pytest tests/browser -k "states or forms or beside or background"
python tools/keep_pictures.py

Those that no page shows are left where they are.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[1]
MADE, KEPT = ROOT / "test-artifacts", ROOT / "docs" / "pictures"
MOST_BYTES = 500_000
COLOURS, FEW = 128, Image.Quantize.MAXCOVERAGE
"""Enough for lines, letters and the shades of a matrix, at a third of the bytes."""


def main() -> int:
    pages = "".join(page.read_text() for page in (ROOT / "docs").glob("*.md"))
    shown = {f"state-{name}" for name in re.findall(r"pictures/([\w-]+\.png)", pages)}
    made = [file for file in sorted(MADE.glob("state-*.png")) if file.name in shown]
    kept = [KEPT / file.name.removeprefix("state-") for file in made]
    for picture, place in zip(made, kept, strict=True):
        few = Image.open(picture).convert("RGB").quantize(COLOURS, FEW, kmeans=1)
        few.save(place, optimize=True)
    size = sum(file.stat().st_size for file in kept)
    print(f"{len(kept)} pictures, {size:,} bytes")
    return 0 if kept and size <= MOST_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
