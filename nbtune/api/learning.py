"""How far a recipe is to be trusted: with fewer rows, with more, and with other seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nbtune.api.finding import run_of
from nbtune.api.working import work_here
from nbtune.errors import RunError
from nbtune.events import Event, RunStarted, StepsDone
from nbtune.jobs.parts import Part, curve_parts, find_part, make_part, seed_parts
from nbtune.results.run import Run
from nbtune.results.telling import Teller
from nbtune.runs import RunFolder, RunStore

if TYPE_CHECKING:
    from nbtune.results.learning_curve import LearningCurve
    from nbtune.results.seed_spread import SeedSpread

SHARES = (0.1, 0.25, 0.5)
DRAWS = 2
SEEDS = 5


def learning_curve(
    run: str | Run,
    *,
    shares: Sequence[float] = SHARES,
    draws: int = DRAWS,
    more: int | None = None,
    metric: str | None = None,
    runs_dir: str | Path | None = None,
    display: str | None = None,
) -> LearningCurve:
    """Train the recipe of a run on shares of its rows, and say what more of them would bring.

    Each share is stratified and lies within the next larger one; all runs are scored on the same
    test rows, and the run itself is the point of all rows. They stay as runs, tagged
    ``learning-curve``; what is trained already is not trained again, and an interrupt keeps it.

    Parameters
    ----------
    shares : sequence of float
        Parts of the training rows, above 0 and below 1.
    draws : int
        Each share is drawn so often, and trained with as many seeds: what they differ in is how
        far a point can be off.
    more : int, optional
        So many more rows are foretold; by default 1,000, or fewer where there are fewer rows.
    metric : str, optional
        The score that is foretold; by default the main one of the task.
    display : {"auto", "rich", "text", "none"}, optional
        How to show progress, as for `finetune`.

    Raises
    ------
    RunError
        When the run is not finished; when shares, draws, rows or the score make no curve.

    Examples
    --------
    >>> nbtune.learning_curve("topics").gain  # doctest: +SKIP
    Score(value=0.019, low=0.012, high=0.025)
    """
    from nbtune.results.learning_curve import LearningCurve, check_curve, reach

    run = run_of(run, runs_dir)
    more = reach(run) if more is None else more
    metric = check_curve(run, shares, draws, more, metric)
    parts = curve_parts(run.folder, sorted(set(shares)), draws)
    done = _trained(run, parts, f"{run.name}: learning curve", display)
    return LearningCurve.of(run, done, len(parts) + 1, more, metric)


def seed_spread(
    run: str | Run,
    seeds: int = SEEDS,
    *,
    metric: str | None = None,
    runs_dir: str | Path | None = None,
    display: str | None = None,
) -> SeedSpread:
    """Train the recipe of a run with other seeds on the same rows, and see how far scores move.

    Splits stay; new weights, dropout and the order of rows change. The runs stay, tagged
    ``seeds``; what is trained already is not trained again, and an interrupt keeps it.

    Parameters
    ----------
    seeds : int
        So many in all, the run itself among them.
    metric : str, optional
        The score that the verdict goes by; by default the main one of the task.
    display : {"auto", "rich", "text", "none"}, optional
        How to show progress, as for `finetune`.

    Raises
    ------
    RunError
        When the run is not finished, or there are fewer than two seeds.

    Examples
    --------
    >>> print(nbtune.seed_spread("topics", 5).verdict)  # doctest: +SKIP
    """
    from nbtune.results.seed_spread import SeedSpread, check_seeds

    run = run_of(run, runs_dir)
    metric = check_seeds(run, seeds, metric)
    parts = seed_parts(run.folder, seeds)
    done = _trained(run, parts, f"{run.name}: {seeds} seeds", display)
    return SeedSpread.of(run, [one for _, one in done], seeds, metric)


def _trained(
    run: Run, parts: Sequence[Part], what: str, display: str | None
) -> list[tuple[Part, Run]]:
    """Train the runs beside a run that are not trained yet; what an interrupt leaves is enough."""
    from nbtune.panels.html import duration
    from nbtune.panels.progress import Progress
    from nbtune.panels.series import Series
    from nbtune.results.points import judged

    store, whole = RunStore(run.folder.path.parent), run.folder
    left = [part for part in parts if not _is_finished(store, run, part)]
    steps, seconds = _took(run)
    shares = [part.rows / whole.about["rows"]["train"] for part in left]
    if left:
        runs = f"{len(left)} run{'s' * (len(left) != 1)}"
        what = f"{what}, {runs} to train, about {duration(seconds * sum(shares))}; steps"
    weights, finished = [max(1, round(steps * share)) for share in shares], 0
    done: list[tuple[Part, Run]] = []
    curves = Series(run.view())
    with Progress(what, display, below=curves.html) as progress:
        if left:
            progress.begin(sum(weights))
        try:
            for part in parts:
                folder = find_part(store, whole, part) or make_part(store, whole, part)
                if part in left:
                    at = sum(weights[:finished])
                    curves.begin(folder.title)
                    _train(folder, curves, _steps_as(progress, at, sum(weights)))
                    finished += 1
                    if folder.status() != "finished":
                        break
                one = Run(folder)
                curves.add(one.view())
                judged(one)
                done.append((part, one))
        except KeyboardInterrupt:
            pass  # what is trained is kept, and judged as far as it goes
    return done


def _is_finished(store: RunStore, run: Run, part: Part) -> bool:
    found = find_part(store, run.folder, part)
    return found is not None and found.status() == "finished"


def _train(folder: RunFolder, *views: Callable[[Event], None]) -> None:
    def show(event: Event) -> None:
        for view in views:
            view(event)

    started = any(isinstance(event, RunStarted) for _, event in folder.history())
    work_here(folder, Teller(show), resume=started)  # type: ignore[arg-type]


def _steps_as(
    progress: Callable[[int, int], None], done: int, total: int
) -> Callable[[Event], None]:
    """Return a view that shows the steps of one run among those of all."""

    def show(event: Event) -> None:
        if isinstance(event, StepsDone):
            progress(min(total, done + event.step), total)

    return show


def _took(run: Run) -> tuple[int, float]:
    """Return the steps of a run and its seconds."""
    view = run.view()
    if view.stop is None or view.start is None:
        raise RunError(f"{run.name} is not trained yet", hint=f"%resume {run.name}")
    return view.stop.step, view.stop.seconds
