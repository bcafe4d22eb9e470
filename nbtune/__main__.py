"""``python -m nbtune`` is the command ``nbtune``."""

import sys

from nbtune.cli import main

if __name__ == "__main__":
    sys.exit(main())
