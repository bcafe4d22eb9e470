"""Runs beside a run, to judge its recipe by: on shares of its rows, or with other seeds."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nbtune.jobs.folders import read_rows
from nbtune.recipe import from_yaml, to_yaml
from nbtune.runs import RunFolder, RunStore
from nbtune.runs.tidying import describe

if TYPE_CHECKING:
    import numpy as np

CURVE, SEEDS = "learning-curve", "seeds"
LONGEST_NAME = 48


@dataclass(frozen=True)
class Part:
    """What a run beside a run is: of which kind, on how many of its rows, with which seed.

    ``draw`` counts the draws of as many rows, from 1.
    """

    kind: str
    rows: int
    seed: int
    draw: int = 1
    share: float = 1.0

    def about(self) -> dict[str, Any]:
        """Return what the folder says of it."""
        return {"kind": self.kind, "rows": self.rows, "seed": self.seed, "draw": self.draw}

    def name(self, whole: RunFolder) -> str:
        """Return what such a run is called."""
        last = f"{self.share * 100:g}pct" if self.kind == CURVE else f"seed{self.seed}"
        return f"{whole.name[:LONGEST_NAME]}_{last.replace('.', '_')}"


def curve_parts(whole: RunFolder, shares: Sequence[float], draws: int) -> list[Part]:
    """Return the runs of a learning curve, the quickest first; the run itself is none of them.

    Each draw has its own rows and its own seed, so that draws differ in all that chance decides.
    """
    rows, seed = whole.about["rows"]["train"], from_yaml(whole.recipe_text).seed
    return [
        Part(CURVE, max(1, round(rows * share)), (seed + draw) % 2**32, draw, share)
        for share in sorted(shares)
        for draw in range(1, draws + 1)
    ]


def seed_parts(whole: RunFolder, seeds: int) -> list[Part]:
    """Return the runs of so many seeds, of which the run itself has the first."""
    rows, seed = whole.about["rows"]["train"], from_yaml(whole.recipe_text).seed
    return [Part(SEEDS, rows, (seed + more) % 2**32) for more in range(1, seeds)]


def find_part(store: RunStore, whole: RunFolder, part: Part) -> RunFolder | None:
    """Return the run that stands for a part already, unless it failed."""
    wanted = {"of": whole.title, **part.about()}
    found = [one for one in store.folders(f"{part.name(whole)}") if one.about.get("part") == wanted]
    return next((one for one in reversed(found) if one.status() != "failed"), None)


def make_part(store: RunStore, whole: RunFolder, part: Part) -> RunFolder:
    """Lay out the run of a part: the rows, recipe and held-out rows of the whole one."""
    recipe = from_yaml(whole.recipe_text).model_copy(update={"seed": part.seed})
    with store.making(part.name(whole)) as folder:
        shutil.copytree(whole.path / "data", folder.path / "data")
        if (said := whole.path / "zero_shot").is_dir():  # of the same held-out rows
            shutil.copytree(said, folder.path / "zero_shot")
        train = read_rows(whole, "train")
        if part.rows < len(train):
            keep = nested_order([tuple(own) for own in _strata(whole, train)], part.draw)
            chosen = train.iloc[sorted(keep[: part.rows])].reset_index(drop=True)
            chosen.to_parquet(folder.path / "data" / "train.parquet", index=False)
        about = whole.about
        own = {
            "created": round(time.time(), 3),
            "identity": None,
            "rows": {**about["rows"], "train": part.rows},
            "part": {"of": whole.title, **part.about()},
        }
        folder.describe(about | own, to_yaml(recipe))
        describe(folder, tags=[part.kind])
    return folder


def _strata(whole: RunFolder, train: Any) -> Sequence[Any]:
    from nbtune.tasks import task_of

    return task_of(from_yaml(whole.recipe_text)).rows.labels_of(train)


def nested_order(labels: Sequence[Any], seed: int) -> np.ndarray[Any, Any]:
    """Return all rows in an order whose every beginning is stratified.

    So the rows of a small share are among those of a larger one. Each label comes once before any
    comes twice.

    Examples
    --------
    >>> labels = ["a"] * 6 + ["b"] * 3
    >>> [labels[row] for row in nested_order(labels, 0)[:3]].count("b")
    1
    """
    import numpy as np

    rng = np.random.default_rng([seed, 1])
    _, groups = np.unique(np.array([str(label) for label in labels]), return_inverse=True)
    place = np.empty(len(labels))
    for group in range(groups.max() + 1):
        rows = rng.permutation(np.flatnonzero(groups == group))
        place[rows] = (np.arange(len(rows)) + rng.random(len(rows))) / len(rows)
        place[rows[0]] = -rng.random()
    return np.argsort(place)
