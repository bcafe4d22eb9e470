import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from nbtune.evaluation.baselines import (
    MAJORITY,
    TFIDF,
    fit_baselines,
    load_baselines,
    save_baselines,
)
from nbtune.testing import topic_rows


def fitted(labels, rows=60):
    frame = topic_rows(rows, labels)
    ids = sorted(set(frame["label"]))
    return list(frame["text"]), [ids.index(label) for label in frame["label"]]


@pytest.mark.parametrize("labels", [2, 3])
def test_probabilities_are_those_of_a_scikit_learn_pipeline(labels):
    texts, targets = fitted(labels)
    theirs = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        LogisticRegression(C=10, max_iter=200, tol=1e-3, random_state=0),
    ).fit(texts, targets)
    _, tfidf = fit_baselines(texts, targets, labels)
    new = [*texts[:5], "a word that nobody knows", ""]
    np.testing.assert_allclose(tfidf.predict_proba(new), theirs.predict_proba(new), atol=1e-12)


def test_words_tell_the_topics_apart_and_the_majority_does_not():
    texts, targets = fitted(3)
    majority, tfidf = fit_baselines(texts, targets, 3)
    assert (majority.name, tfidf.name) == (MAJORITY, TFIDF)
    new, wanted = fitted(3, rows=30)
    assert (tfidf.predict_proba(new).argmax(axis=1) == wanted).mean() > 0.9


def test_the_majority_gives_every_text_the_frequencies_of_training():
    majority = fit_baselines(["a b", "c d", "e f", "g h"], [0, 1, 1, 1], 2)[0]
    assert majority.predict_proba(["x", ""]).tolist() == [[0.25, 0.75]] * 2


@pytest.mark.parametrize("texts", [["", "  ", "!"], ["a", "b", "c"]])
def test_without_a_word_there_is_the_majority_only(texts):
    """Words of one letter are none to TF-IDF."""
    assert [b.name for b in fit_baselines(texts, [0, 1, 1], 2)] == [MAJORITY]


@pytest.mark.parametrize("labels", [2, 3])
def test_baselines_read_back_give_the_same_probabilities(labels, tmp_path):
    texts, targets = fitted(labels)
    made = fit_baselines(texts, targets, labels)
    save_baselines(tmp_path / "baselines", made)
    read = load_baselines(tmp_path / "baselines")
    assert [b.name for b in read] == [b.name for b in made]
    for ours, theirs in zip(read, made, strict=True):
        assert (ours.predict_proba(texts) == theirs.predict_proba(texts)).all()


def test_a_majority_alone_can_be_read_back(tmp_path):
    save_baselines(tmp_path / "baselines", fit_baselines(["", ""], [0, 1], 2))
    assert [b.name for b in load_baselines(tmp_path / "baselines")] == [MAJORITY]


def test_no_folder_means_no_baselines(tmp_path):
    assert load_baselines(tmp_path / "baselines") == ()


def test_what_a_killed_save_left_is_not_taken_for_baselines(tmp_path, monkeypatch):
    texts, targets = fitted(2)
    made = fit_baselines(texts, targets, 2)
    with monkeypatch.context() as patched:
        patched.setattr("nbtune.evaluation.baselines.save_file", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            save_baselines(tmp_path / "baselines", made)
    assert load_baselines(tmp_path / "baselines") == ()
    save_baselines(tmp_path / "baselines", made)
    assert len(load_baselines(tmp_path / "baselines")) == 2


def test_no_pickle_is_written(tmp_path):
    save_baselines(tmp_path / "baselines", fit_baselines(*fitted(2), 2))
    written = {path.name for path in (tmp_path / "baselines").iterdir()}
    assert written == {"baselines.safetensors", "vocabulary.json"}
