"""Rows that are there more than once: copies, near copies, leaks and contradictions."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbtune.data.checks.near import alike
from nbtune.data.checks.scan import Scan
from nbtune.events import Progress

Array = np.ndarray[Any, Any]
HELD_OUT = ("validation", "test")


def copies(scan: Scan) -> Array:
    """Return the rows to learn from whose text and label an earlier one has."""
    rows = scan.rows_of(scan.learnt)
    keys = scan.hashes[rows] ^ (scan.labels[rows].astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    usable = np.flatnonzero((scan.hashes[rows] > 0) & (scan.labels[rows] >= 0))
    _, first = np.unique(keys[usable], return_index=True)
    later: Array = np.sort(np.delete(usable, first)) + rows.start
    return later


def contradictions(scan: Scan) -> list[Array]:
    """Return the rows of each text that has different labels, whatever split they are in."""
    usable = np.flatnonzero((scan.hashes > 0) & (scan.labels >= 0))
    order = usable[np.argsort(scan.hashes[usable], kind="stable")]
    edges = np.flatnonzero(np.diff(scan.hashes[order])) + 1
    groups = np.split(order, edges) if len(order) else []
    return [rows for rows in groups if len(rows) > 1 and len(set(scan.labels[rows])) > 1]


def leaks(scan: Scan) -> Array:
    """Return the training rows whose text a validation or test row has."""
    held_out = scan.hashes[scan.among(HELD_OUT)]
    known = scan.among(["train"]) & np.isin(scan.hashes, held_out) & (scan.hashes > 0)
    leaked: Array = np.flatnonzero(known)
    return leaked


def near_copies(scan: Scan, progress: Progress) -> tuple[list[tuple[int, int]], bool]:
    """Return pairs of rows that are almost but not quite the same, and whether that is all."""
    distinct, places = np.unique(scan.hashes, return_index=True)
    places = np.sort(places[distinct > 0])
    pairs, complete = alike(scan.keys[:, places], lambda own: scan.texts_at(places[own]), progress)
    return [(int(places[one]), int(places[other])) for one, other in pairs], complete
