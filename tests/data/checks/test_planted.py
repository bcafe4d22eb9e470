"""Problems are planted in the data that ships with us, and found."""

import pandas as pd
import pytest

import nbtune
from nbtune.data.checks.found import look
from nbtune.data.checks.scan import scan
from nbtune.data.cleaning import clean_text
from nbtune.recipe import Recipe
from nbtune.testing import plant_problems

STEPS = Recipe().clean
MISSED = {"near_duplicates": 1, "near_overlap": 1}
"""MinHash is a matter of chance: a pair in a hundred may be missed."""


def found_in(frames):
    scanned = scan(frames, "text", "label", lambda text: clean_text(text, STEPS))
    return {one.check: set(map(int, one.rows)) for one in look(scanned)}


@pytest.fixture(scope="module")
def frames():
    topics = nbtune.datasets.load("topics")
    parts = {split: topics[topics["split"] == split] for split in ("train", "test")}
    return {split: part.drop(columns="split").head(3_000) for split, part in parts.items()}


@pytest.fixture(scope="module")
def planted(frames):
    train, places = plant_problems(frames["train"], frames["test"], 20)
    return {"train": train, "test": frames["test"]}, places


@pytest.fixture(scope="module")
def found(planted):
    return found_in(planted[0])


def test_what_was_planted_is_found(found, planted):
    for check, places in planted[1].items():
        missed = set(places) - found.get(check, set())
        assert len(missed) <= MISSED.get(check, 0), (check, missed)


def test_nothing_else_is_found(found, frames, planted):
    before = found_in(frames)
    at = len(planted[0]["train"]) - len(frames["train"])
    there = {
        check: {row if row < len(frames["train"]) else row + at for row in rows}
        for check, rows in before.items()
    }
    # A copy with another label contradicts the row that it copies; both are told.
    allowed = set(planted[1]["conflicts"])
    for check, rows in found.items():
        false = rows - set(planted[1].get(check, ())) - there.get(check, set())
        if check == "conflicts":
            train = planted[0]["train"]
            texts = set(train["text"].iloc[sorted(allowed)])
            false = {row for row in false if train["text"].iat[row] not in texts}
        if check in ("overlap", "imbalance"):
            continue  # the planted ones change the balance; an exact leak is one too
        assert not false, (check, sorted(false)[:5])


def test_every_line_that_mends_runs_and_mends(planted):
    data = pd.concat([frame.assign(split=split) for split, frame in planted[0].items()])
    report = nbtune.check_data(data, name="df", tokenize=False, display="none")
    seen = set()
    for finding in report.record.findings:
        if not finding.fix.startswith("import nbtune"):
            continue
        names = {"df": data}
        exec(finding.fix, names)  # noqa: S102 - as a user types it
        again = nbtune.check_data(names["df"], tokenize=False, display="none")
        assert finding.check not in again, finding.check
        seen.add(finding.check)
    assert seen >= set(planted[1]) - {"markup"}


def test_what_is_given_stays_as_it_is(planted):
    before = planted[0]["train"].copy()
    nbtune.mend(planted[0]["train"], "personal", "encoding", "duplicates")
    pd.testing.assert_frame_equal(planted[0]["train"], before)
