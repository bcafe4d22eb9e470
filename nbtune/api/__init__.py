"""What nbtune does, as plain functions; the magics and the command call these and nothing else.

Here the side that works and the side that shows meet.
"""

from __future__ import annotations

from nbtune.api.beginning import resolve
from nbtune.api.finding import list_runs, load
from nbtune.api.judging import compare, evaluate, predict, review
from nbtune.api.learning import learning_curve, seed_spread
from nbtune.api.looking import check_data, doctor, mend
from nbtune.api.steering import control, pause, stop, watch
from nbtune.api.training import finetune, replay, resume, train_here
from nbtune.api.trying import estimate, lr_find
from nbtune.api.understanding import attention, explain
from nbtune.api.untrained import zero_shot
from nbtune.threads import wait_asleep

wait_asleep()  # whatever is called here may be what loads torch

__all__ = [
    "attention",
    "check_data",
    "compare",
    "control",
    "doctor",
    "estimate",
    "evaluate",
    "explain",
    "finetune",
    "learning_curve",
    "list_runs",
    "load",
    "lr_find",
    "mend",
    "pause",
    "predict",
    "replay",
    "resolve",
    "resume",
    "review",
    "seed_spread",
    "stop",
    "train_here",
    "watch",
    "zero_shot",
]
