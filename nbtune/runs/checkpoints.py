"""Checkpoints that are whole or absent: staged, synced, sealed by a manifest, then renamed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nbtune.errors import CheckpointError
from nbtune.runs.files import read_json, sync, write_json

MANIFEST = "manifest.json"
_READ_BYTES = 1 << 22


@dataclass(frozen=True)
class Checkpoint:
    """A verified checkpoint folder."""

    step: int
    path: Path
    bytes: int


class CheckpointStore:
    """The checkpoints of one kind (last, best) of a run; nothing else writes in its folder.

    Parameters
    ----------
    folder : Path
        Where they lie, one folder each: ``step-00000120``.
    keep : int
        How many of the newest are kept. Nothing is removed before a newer one has verified.
    """

    def __init__(self, folder: Path, keep: int = 1) -> None:
        self.folder = folder
        self.keep = keep

    def save(self, step: int, write: Callable[[Path], None]) -> Checkpoint:
        """Publish a checkpoint; ``write`` puts its files into the folder it is given.

        Raises
        ------
        CheckpointError
            When it could not be written or did not verify. Older ones are untouched.
        """
        stage = self.folder / f".stage-{step:08d}-{os.getpid()}"
        try:
            shutil.rmtree(stage, ignore_errors=True)
            stage.mkdir(parents=True)
            write(stage)
            _seal(stage, step)
            place = self._free_place(step)
            stage.rename(place)
            sync(self.folder)
            saved = verify(place)
        except Exception as error:
            raise CheckpointError(
                f"the checkpoint at step {step} could not be saved: {error}",
                hint=f"free some disk space, or make {self.folder} writable",
            ) from error
        finally:
            shutil.rmtree(stage, ignore_errors=True)
        self._prune(place)
        return saved

    def newest(self, up_to: int | None = None) -> tuple[Checkpoint | None, list[str]]:
        """Return the newest checkpoint that verifies, and why newer ones were passed over.

        Parameters
        ----------
        up_to : int, optional
            Made at this step or before.
        """
        passed_over: list[str] = []
        for place in self._places():
            try:
                found = verify(place)
            except CheckpointError as error:
                passed_over.append(str(error))
                continue
            if up_to is None or found.step <= up_to:
                return found, passed_over
        return None, passed_over

    def _places(self) -> Iterator[Path]:
        yield from sorted(self.folder.glob("step-*"), reverse=True)

    def _free_place(self, step: int) -> Path:
        """Return a place that sorts behind earlier saves of the same step."""
        name = f"step-{step:08d}"
        earlier = [place.name for place in self._places() if place.name.startswith(name)]
        serial = int(earlier[0][len(name) + 1 :] or 0) + 1 if earlier else 0
        return self.folder / (f"{name}-{serial:04d}" if serial else name)

    def _prune(self, newest: Path) -> None:
        """Keep this one and those before it; later steps are of a course that was left."""
        places = list(self._places())
        here = places.index(newest)
        old = places[:here] + places[here + self.keep :]
        for place in [*old, *self.folder.glob(".stage-*")]:
            shutil.rmtree(place, ignore_errors=True)


def verify(place: Path) -> Checkpoint:
    """Check every file of a checkpoint against its manifest.

    Raises
    ------
    CheckpointError
        When a file is missing, cut or changed.
    """
    manifest = read_json(place / MANIFEST)
    try:
        step, files = int(manifest["step"]), dict(manifest["files"])
    except (TypeError, KeyError, ValueError):
        raise CheckpointError(f"{place.name} has no whole manifest") from None
    total = 0
    for name, seal in files.items():
        if not (place / name).is_file():
            raise CheckpointError(f"{place.name} lacks {name}")
        size, digest = _fingerprint(place / name)
        if [size, digest] != seal:
            raise CheckpointError(f"{name} of {place.name} is cut or changed")
        total += size
    return Checkpoint(step, place, total)


def _seal(stage: Path, step: int) -> None:
    files = {}
    for file in sorted(stage.iterdir()):
        sync(file)
        files[file.name] = list(_fingerprint(file))
    write_json(stage / MANIFEST, {"step": step, "files": files})
    sync(stage)


def _fingerprint(file: Path) -> tuple[int, str]:
    import xxhash

    digest, size = xxhash.xxh3_64(), 0
    with file.open("rb") as stream:
        while block := stream.read(_READ_BYTES):
            digest.update(block)
            size += len(block)
    return size, digest.hexdigest()
