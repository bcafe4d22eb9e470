"""The loss curves of several runs, laid over each other."""

from __future__ import annotations

from typing import Any

from nbtune.plots.style import legend, look, title
from nbtune.plots.texts import short
from nbtune.records import ComparisonRecord

LONGEST_NAME = 22


def plot_courses(record: ComparisonRecord, ax: Any) -> Any:
    """Draw training losses thin and validation losses thick, over epochs, one colour a run.

    Runs that differ in their seed only share a colour.
    """
    highest = 0.0
    for i, one in enumerate(record.contenders):
        own = look(i)
        for j, course in enumerate(one.courses):
            name = {} if j else {"label": short(one.name, LONGEST_NAME)}
            ax.plot(course.epochs, course.losses, alpha=0.45, linewidth=0.8, **own)
            ax.plot(
                course.validation_epochs,
                course.validation_losses,
                linewidth=1.8,
                marker="o",
                markersize=3.5,
                **own,
                **name,
            )
            highest = max([highest, *course.validation_losses, *course.losses[:1]])
    ax.set_xlabel("epoch")
    ax.set_ylabel("loss")
    ax.set_ylim(0, 1.05 * highest if highest else None)
    legend(ax)
    title(ax, "Validation loss (thin: training)")
    return ax
