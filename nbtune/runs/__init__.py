"""Runs on disk: one folder a run, plain files that any tool can read."""

from nbtune.runs.checkpoints import Checkpoint, CheckpointStore
from nbtune.runs.folder import RunFolder
from nbtune.runs.store import RunStore

__all__ = ["Checkpoint", "CheckpointStore", "RunFolder", "RunStore"]
