"""Reads the history of a run while somebody else writes it."""

from __future__ import annotations

from nbtune import events
from nbtune.events import Event
from nbtune.runs.folder import RunFolder


class Follower:
    """Remembers how far a history was read; a line that is not whole yet waits until it is."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.place = 0

    def new(self) -> list[tuple[float, Event]]:
        """Return the events, with their times, that came since the last call."""
        try:
            with self.folder.history_path.open("rb") as stream:
                stream.seek(self.place)
                added = stream.read()
        except OSError:  # deleted or renamed meanwhile: there is no more to come
            return []
        whole = added[: added.rfind(b"\n") + 1]
        self.place += len(whole)
        lines = whole.decode("utf-8", errors="replace").splitlines()
        return [pair for line in lines if (pair := events.from_json(line))]
