"""Rows that a run had seen are told, and the others are scored without them."""

import pandas as pd
import pytest
from sklearn.metrics import f1_score

import nbtune
from nbtune.jobs.folders import read_rows
from nbtune.records import EvaluationRecord
from nbtune.testing import topic_rows


@pytest.fixture(scope="module")
def mixed(trained):
    """Six training rows, two validation rows, and fifty new ones, some with wrong labels."""
    parts = [
        read_rows(trained.folder, split).head(n) for split, n in (("train", 6), ("validation", 2))
    ]
    new = topic_rows(50, seed=5)
    new["text"] = [f"{text} anew" for text in new["text"]]
    new.loc[:9, "label"] = "food"
    return pd.concat([*parts, new])[["text", "label"]].reset_index(drop=True)


def test_scores_without_rows_that_were_seen_stand_beside_all(trained, mixed):
    judged = nbtune.evaluate(trained, data=mixed)
    leaked = judged.record.leaked
    assert (leaked.rows, leaked.train, leaked.validation) == (58, 6, 2)
    rest = judged.frame.iloc[8:]
    theirs = f1_score(rest["label"], rest["prediction"], average="macro")
    assert leaked.scores["f1_macro"].value == pytest.approx(theirs)
    assert leaked.scores["f1_macro"].low < theirs < leaked.scores["f1_macro"].high
    assert judged.scores.loc[("without 8 leaked rows", "f1_macro"), "value"] == pytest.approx(
        theirs
    )
    said = "6 are training rows and 2 are validation rows too"
    for face in judged._repr_mimebundle_().values():
        assert said in " ".join(face.split())
        assert "without 8 leaked" in face
    again = EvaluationRecord.from_json(judged.record.to_json())
    assert again.leaked == leaked


def test_training_rows_say_that_they_are(trained):
    for judged in (nbtune.evaluate(trained, split="train"),
                   nbtune.evaluate(trained, data=read_rows(trained.folder, "train"))):  # fmt: skip
        assert judged.record.leaked.scores == {}
        assert "how well it remembers them" in " ".join(judged.text.split())
        assert len(judged.record.lines) == len(judged.record.table)


def test_of_other_rows_nothing_is_said(trained, mixed):
    judged = nbtune.evaluate(trained, data=mixed.iloc[8:])
    assert judged.record.leaked is None
    assert "remembers" not in judged.text
