"""Have a run trained, in this process or in one of its own, while a view shows how it goes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from nbtune.events import Controlled, Notice, PhaseStarted, as_it_stands
from nbtune.jobs.training import work
from nbtune.recipe import from_yaml
from nbtune.results.run import Run, let_go
from nbtune.results.telling import Teller, room_for
from nbtune.runs import RunFolder

if TYPE_CHECKING:
    from nbtune.panels.watch import Watch


def work_here(
    folder: RunFolder,
    teller: Teller,
    *,
    resume: bool = False,
    extend: Mapping[str, Any] | None = None,
    course: Iterable[Controlled] | None = None,
    in_background: bool = False,
) -> Run:
    """Train a run in this process, steered by ``course`` where it is one that is replayed."""
    from nbtune.engine.control import Control, steered
    from nbtune.runs.letters import take_letters

    with folder.hold():
        take_letters(folder)  # what was asked when nobody trained it any more
        history = folder.history() if resume else []
        teller.recall([event for _, event in history])
        asked = [e for _, e in as_it_stands(history) if isinstance(e, Controlled)]
        control = Control(
            from_yaml(folder.recipe_text),
            asked if course is None else course,
            partial(take_letters, folder),
        )
        let_go(folder)
        steering = teller.steered_by(control, folder)
        with steered(folder.path, control), steering, room_for(folder):
            folder.sign(in_background=in_background)
            teller.attach(folder)
            trained = work(folder, teller, control, resume=resume, extend=extend)
    return Run(folder, trained)


def work_beside(
    folder: RunFolder,
    teller: Teller,
    show_result: bool,
    num_train_epochs: float | None = None,
) -> Run:
    """Have a process of its own train a run, and the view that is open here follow it."""
    from nbtune.jobs.background import launch
    from nbtune.panels.watch import Watch

    with folder.hold():  # says so where somebody trains it already
        history = folder.history()
    teller.recall([event for _, event in history])
    teller.attach(folder)
    teller(PhaseStarted("starting a process"))
    let_go(folder)
    following = None if teller.view is None else Watch(folder, teller.view, is_told=True)
    launch(folder, num_train_epochs=num_train_epochs)
    teller.view = None  # it lasts longer than what is told here
    return _look_on(Run(folder), following, show_result)


def _look_on(run: Run, following: Watch | None, show_result: bool) -> Run:
    """Follow a run beside this cell; where nobody watches, return when it has ended."""
    from nbtune.panels.display import is_headless

    waits = is_headless()
    if following is None:
        return run.wait() if waits else run
    following.ends_with_tables = show_result or not waits
    return run.wait() if following.begin(run.steering(), wait=waits) else run


def reuse(folder: RunFolder, teller: Teller, background: bool, show_result: bool) -> Run:
    """Give back a run of the same recipe and data: as it is, as it trains, or trained further."""
    if background and folder.is_busy():
        from nbtune.panels.watch import Watch

        teller.show(Notice(f"{folder.title} trains already: the same recipe and data"))
        following = None if teller.view is None else Watch(folder, teller.view)
        teller.view = None
        return _look_on(Run(folder), following, show_result)
    if folder.status() != "finished":
        teller(Notice(f"the same recipe and data as {folder.title}: going on with it"))
        if background:
            return work_beside(folder, teller, show_result)
        return work_here(folder, teller, resume=True)
    teller.recall([event for _, event in folder.history()])
    teller.show(
        Notice(f"the same recipe and data as {folder.title}: nothing trained; --fresh trains anew")
    )
    return Run(folder)
