"""Rows kept apart for validation and test, label by label, the same for the same seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Indices = np.ndarray[Any, np.dtype[np.int64]]


def stratified_split(
    labels: Sequence[str], size: float, seed: int, groups: Sequence[str] | None = None
) -> tuple[Indices, Indices]:
    """Take a part of the rows, with the labels in the same proportions.

    Parameters
    ----------
    labels : sequence of str
        One label a row.
    size : float
        Share of the rows below 1, else their number.
    seed : int
        Decides which rows of a label are taken.
    groups : sequence of str, optional
        One a row: rows of the same group are taken together. A group counts as a row with the
        label of its first one, and the same share of the groups is taken.

    Returns
    -------
    kept, taken : ndarray of int
        Row positions, ascending. A label never loses its last row to ``taken``.
    """
    if groups is not None:
        return _by_group(labels, size, seed, groups)
    codes, counts = _codes(labels)
    rows = len(codes)
    wanted = min(rows, round(size * rows) if size < 1 else int(size))
    quotas = _shares(counts, wanted, np.maximum(counts - 1, 0))
    taken = _draw(codes, quotas, seed)
    return np.setdiff1d(np.arange(rows), taken), taken


def _by_group(
    labels: Sequence[str], size: float, seed: int, groups: Sequence[str]
) -> tuple[Indices, Indices]:
    _, first, group = np.unique(
        np.array(groups, dtype=object), return_index=True, return_inverse=True
    )
    share = size if size < 1 else size / len(labels)
    chosen = max(1, round(share * len(first)))
    _, taken = stratified_split([labels[row] for row in first], float(chosen), seed)
    is_taken = np.isin(group, taken)
    return np.flatnonzero(~is_taken), np.flatnonzero(is_taken)


def sample_per_label(labels: Sequence[str], count: int, seed: int) -> Indices:
    """Choose ``count`` rows with the labels in proportion, at least one of each if it can be."""
    codes, counts = _codes(labels)
    if count >= len(codes):
        return np.arange(len(codes))
    least = np.ones_like(counts) if count >= len(counts) else np.zeros_like(counts)
    quotas = least + _shares(counts - least, count - int(least.sum()), counts - least)
    return _draw(codes, quotas, seed)


def _codes(labels: Sequence[str]) -> tuple[Indices, Indices]:
    order = {label: i for i, label in enumerate(sorted(set(labels)))}
    codes = np.array([order[label] for label in labels], dtype=np.int64)
    return codes, np.bincount(codes, minlength=len(order))


def _shares(counts: Indices, wanted: int, limits: Indices) -> Indices:
    """Share ``wanted`` out in proportion to the counts by largest remainder, within limits."""
    total = max(1, int(counts.sum()))
    exact = counts * (wanted / total)
    quotas: Indices = np.minimum(np.floor(exact).astype(np.int64), limits)
    for label in np.argsort(-(exact - np.floor(exact)), kind="stable"):
        if quotas.sum() >= wanted:
            break
        quotas[label] = min(quotas[label] + 1, limits[label])
    return quotas


def _draw(codes: Indices, quotas: Indices, seed: int) -> Indices:
    rng = np.random.default_rng(seed)
    parts = [
        rng.permutation(np.flatnonzero(codes == label))[:quota]
        for label, quota in enumerate(quotas.tolist())
    ]
    return np.sort(np.concatenate(parts)) if parts else np.empty(0, dtype=np.int64)
