"""What `nbtune.check_data` costs with many rows, and what it finds of what was planted.

python benchmarks/data_checks.py --rows 1000000
python benchmarks/data_checks.py --planted
"""

from __future__ import annotations

import argparse
import json
import re
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

import nbtune
from nbtune.data.checks.found import look
from nbtune.data.checks.scan import scan
from nbtune.data.checks.taken import look_as
from nbtune.data.cleaning import clean_text
from nbtune.recipe import Recipe
from nbtune.testing import plant_problems
from nbtune.testing.planting import PLANTED, plant_in, rows_of_task

STEPS = Recipe().clean


def forget_peak() -> int:
    """Have Linux count the peak anew; returns the memory in use now."""
    Path("/proc/self/clear_refs").write_text("5")
    return psutil.Process().memory_info().rss


def peak_bytes() -> int:
    """Return the most memory in use since `forget_peak`."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) * 1024


def many_rows(rows: int, seed: int = 0) -> pd.DataFrame:
    """Put words of the definitions together anew, ten to forty a row; each hundredth is a copy."""
    rng = np.random.default_rng(seed)
    topics = nbtune.datasets.load("topics")
    words = np.array(sorted({word for text in topics["text"] for word in text.split()}))
    texts = []
    for start in range(0, rows, 10_000):
        count = min(10_000, rows - start)
        lengths = rng.integers(10, 40, count)
        drawn = iter(np.split(words[rng.integers(len(words), size=lengths.sum())],
                              np.cumsum(lengths)[:-1]))  # fmt: skip
        texts += [" ".join(one) for one in drawn]
    for row in range(99, rows, 100):
        texts[row] = texts[row - 99]
    labels = rng.choice(sorted(set(topics["label"])), rows)
    return pd.DataFrame({"text": texts, "label": labels})


def measure(rows: int, tokenize: bool) -> dict[str, float]:
    """Look at so many rows; the peak is that above the rows themselves."""
    nbtune.check_data(many_rows(2_000), tokenize=tokenize, display="none")  # imports
    frame = many_rows(rows)
    before, began, worked = forget_peak(), time.monotonic(), time.process_time()
    report = nbtune.check_data(frame, tokenize=tokenize, display="none")
    found = {one.check: one.count for one in report.record.findings}
    return {
        "rows": rows,
        "seconds": round(time.monotonic() - began, 1),
        "processor_seconds": round(time.process_time() - worked, 1),
        "extra_peak_MiB": round((peak_bytes() - before) / 2**20),
        "process_peak_MiB": round(peak_bytes() / 2**20),
        **found,
    }


def planted(count: int, seeds: int) -> pd.DataFrame:
    """Return planted, found and falsely found rows by check, summed over seeds."""
    topics = nbtune.datasets.load("topics")
    own, test = (topics[topics["split"] == s].drop(columns="split") for s in ("train", "test"))
    before = _found({"train": own, "test": test})
    table: dict[str, np.ndarray] = {}
    for seed in range(seeds):
        train, places = plant_problems(own, test, count, seed)
        found = _found({"train": train, "test": test})
        for check, rows in places.items():
            told = {row for row in found.get(check, set()) if row < len(train)}
            # Copies with another label contradict the rows that they copy, and those are told too.
            texts = set(train["text"].iloc[rows]) if check == "conflicts" else set()
            false = {
                row
                for row in told - set(rows) - before.get(check, set())
                if train["text"].iat[row] not in texts
            }
            line = np.array([len(rows), len(told & set(rows)), len(false)])
            table[check] = table.get(check, 0) + line
    return pd.DataFrame(table, index=["planted", "found", "false alarms"]).T


def planted_in_tasks(rows: int, count: int, seeds: int) -> pd.DataFrame:
    """Return the same of rows for other tasks, by task and check."""
    table: dict[tuple[str, str], np.ndarray] = {}
    for task in PLANTED:
        own, test = rows_of_task(task, rows)
        before = _found_as(task, own, test)
        for seed in range(seeds):
            train, places = plant_in(task, own, test, count, seed)
            found = _found_as(task, train, test)
            for check, planted in places.items():
                told = found.get(check, set())
                # What contradicts a row is told with the row itself.
                pairs = check in ("conflicts", "both_sides")
                false = {
                    row
                    for row in told - set(planted) - before.get(check, set())
                    if row < len(own) and not pairs
                }
                line = np.array([len(planted), len(told & set(planted)), len(false)])
                table[task, check] = table.get((task, check), 0) + line
    return pd.DataFrame(table, index=["planted", "found", "false alarms"]).T


def _found_as(task: str, train: pd.DataFrame, test: pd.DataFrame) -> dict[str, set[int]]:
    taken = look_as(task, {"train": train, "test": test}, Recipe(clean=()))
    return {one.check: set(map(int, one.rows)) for one in taken.meant}


def _found(frames: dict[str, pd.DataFrame]) -> dict[str, set[int]]:
    scanned = scan(frames, "text", "label", lambda text: clean_text(text, STEPS))
    return {one.check: set(map(int, one.rows)) for one in look(scanned)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--no-tokens", action="store_true")
    parser.add_argument("--planted", action="store_true")
    given = parser.parse_args()
    if given.planted:
        print(planted(30, 5).to_string())
        print(planted_in_tasks(900, 20, 5).to_string())
    else:
        print(json.dumps(measure(given.rows, not given.no_tokens)))
