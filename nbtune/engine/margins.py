"""By how much each training row was told right while it was learnt: its margin, mean over epochs.

Rows whose label is wrong are told otherwise for as long as they are not learnt by heart, so their
margins stay low (Pleiss et al. 2020; Swayamdipta et al. 2020).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

if TYPE_CHECKING:
    from nbtune.engine.stepping import Step
    from nbtune.tasks import Loss

MARGINS = "margins.safetensors"


class Margins:
    """Sums of margins by row, on the device; without a loss that has margins it does nothing.

    Logits of steps are there anyway; margins of many steps are reckoned at once, when these are
    told, so that a step does not become slower.
    """

    def __init__(self, loss: Loss, targets: Any, device: torch.device) -> None:
        self.of, self.targets = loss.margin, targets
        rows = 0 if self.of is None else len(targets)
        self.sums, self.counts = (torch.zeros(rows, device=device) for _ in range(2))

    def add(self, steps: Sequence[Step]) -> None:
        """Take in what steps that were made said of their rows; nobody waits for the device."""
        steps = [step for step in steps if step.seen.logits]
        if self.of is None or not steps:
            return
        rows = np.concatenate([step.seen.rows for step in steps])
        wanted = torch.from_numpy(np.asarray(self.targets[rows])).to(self.sums.device)
        found = self.of(torch.cat([each for step in steps for each in step.seen.logits]), wanted)
        # A number that is not finite says nothing of its row.
        known = torch.isfinite(found)
        places = torch.from_numpy(rows).to(self.sums.device)
        self.sums.index_add_(0, places, torch.where(known, found, 0.0))
        self.counts.index_add_(0, places, known.float())

    @property
    def means(self) -> np.ndarray[Any, Any] | None:
        """The mean margin of each row, from -1 to 1, NaN where it was not learnt; None for none."""
        if self.of is None or not self.counts.any():
            return None
        return (self.sums / self.counts).cpu().numpy()

    def save(self, folder: Path) -> None:
        """Write what there is."""
        if self.of is not None:
            save_file({"sums": self.sums, "counts": self.counts}, folder / MARGINS)

    def load(self, folder: Path | None) -> None:
        """Read what `save` wrote; where it wrote nothing, or without a folder, begin anew."""
        file = None if folder is None else folder / MARGINS
        saved = load_file(file) if file is not None and file.is_file() else {}
        for name, own in (("sums", self.sums), ("counts", self.counts)):
            if name in saved and saved[name].shape == own.shape:
                own.copy_(saved[name])
            else:
                own.zero_()
