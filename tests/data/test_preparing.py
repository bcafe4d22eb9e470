import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbtune.data.preparing import labelled_rows, prepare
from nbtune.errors import DataError
from nbtune.recipe import Recipe
from nbtune.testing import topic_rows

ROWS = topic_rows(60)
COLUMNS = "columns: text is 'text', label is 'label'"


def sizes(prepared) -> dict[str, int]:
    return {split: len(frame) for split, frame in prepared.splits.items()}


def message_for(*data, **settings) -> str:
    with pytest.raises(DataError) as caught:
        prepare(Recipe(**settings), *data)
    return str(caught.value)


@given(st.integers(8, 80), st.floats(0, 0.4), st.floats(0, 0.4), st.integers(0, 99))
def test_every_row_is_in_one_split(rows, validation_size, test_size, seed):
    recipe = Recipe(validation_size=validation_size, test_size=test_size, seed=seed)
    splits = prepare(recipe, topic_rows(rows, labels=2)).splits
    assert sorted(row for frame in splits.values() for row in frame["row"]) == list(range(rows))


def test_a_tenth_each_is_kept_for_validation_and_test():
    prepared = prepare(Recipe(), ROWS)
    assert sizes(prepared) == {"train": 48, "validation": 6, "test": 6}
    assert prepared.labels == ("animal", "food", "place")
    assert prepared.notices == (COLUMNS,)


def test_sizes_of_0_keep_nothing_back():
    assert sizes(prepare(Recipe(validation_size=0, test_size=0), ROWS)) == {"train": 60}


def test_sizes_above_1_are_rows():
    prepared = prepare(Recipe(validation_size=9, test_size=3), ROWS)
    assert sizes(prepared) == {"train": 48, "validation": 9, "test": 3}


def test_given_splits_are_taken_and_only_the_missing_one_is_made():
    prepared = prepare(Recipe(), {"train": ROWS, "test": topic_rows(12, seed=1)})
    assert sizes(prepared) == {"train": 54, "validation": 6, "test": 12}
    prepared = prepare(Recipe(), ROWS, topic_rows(9, seed=1), topic_rows(12, seed=2))
    assert sizes(prepared) == {"train": 60, "validation": 9, "test": 12}


def test_rows_keep_their_places_in_the_source():
    frame = ROWS.assign(split=["test" if row % 4 == 0 else "train" for row in range(60)])
    splits = prepare(Recipe(validation_size=0), frame.set_axis(range(100, 160))).splits
    assert list(splits["test"]["row"]) == list(range(0, 60, 4))
    assert list(splits["test"]["text"]) == list(ROWS["text"][::4])


def test_rows_given_for_a_split_may_name_their_columns_otherwise():
    other = topic_rows(9, seed=1).rename(columns={"text": "review", "label": "category"})
    assert len(prepare(Recipe(), ROWS, other).splits["validation"]) == 9


def test_the_same_data_has_the_same_fingerprint_and_any_change_another():
    def fingerprint(frame=ROWS, **settings):
        return prepare(Recipe(**settings), frame).fingerprint

    changed = ROWS.copy()
    changed.loc[3, "label"] = "place"
    assert fingerprint() == fingerprint(ROWS.set_axis(range(5, 65)))
    others = [fingerprint(changed), fingerprint(seed=1), fingerprint(test_size=0.2)]
    assert len({fingerprint(), *others}) == 4


def test_the_frame_of_the_user_is_left_alone():
    frame = ROWS.assign(text=" " + ROWS["text"]).set_axis([4] * 60)
    before = frame.copy(deep=True)
    prepare(Recipe(), frame)
    pd.testing.assert_frame_equal(frame, before)


def test_texts_are_cleaned_as_the_recipe_says():
    rows = [{"text": f" <b>{i}</b>\u200b ", "label": i % 2} for i in range(4)]
    recipe = Recipe(validation_size=0, test_size=0, clean=["markup", "control", "whitespace"])
    assert list(prepare(recipe, rows).splits["train"]["text"]) == ["0", "1", "2", "3"]


def test_fewer_rows_are_drawn_per_label():
    train = prepare(Recipe(max_train_samples=6), ROWS).splits["train"]
    assert sorted(train["label"]) == ["animal"] * 2 + ["food"] * 2 + ["place"] * 2


def test_a_label_with_one_row_stays_in_training_and_is_said():
    rare = pd.DataFrame({"text": ["a rare one"], "label": ["rare"]})
    prepared = prepare(Recipe(), pd.concat([ROWS, rare]))
    assert "rare" in set(prepared.splits["train"]["label"])
    assert "labels with a single training row: 'rare'" in prepared.notices


def test_texts_seen_in_training_are_counted():
    prepared = prepare(Recipe(), {"train": ROWS, "test": ROWS.head(3)}, topic_rows(6, seed=1))
    assert prepared.notices == (COLUMNS, "3 of 3 test texts are training texts too")


def test_bad_rows_that_were_left_out_are_said():
    rows = pd.concat([ROWS, pd.DataFrame({"text": [None], "label": ["food"]})])
    prepared = prepare(Recipe(drop_bad_rows=True), rows)
    assert prepared.notices == (COLUMNS, "data: left out 1 of 61 rows: 1 with no text (row 60)")


@pytest.mark.parametrize("secret", [{"label": None}, {}])
def test_a_part_with_secret_labels_is_left_out_and_a_test_made(secret):
    prepared = prepare(Recipe(), {"train": ROWS, "test": ROWS[["text"]].assign(**secret)})
    assert sizes(prepared) == {"train": 48, "validation": 6, "test": 6}
    assert prepared.notices == (COLUMNS, "left out the part 'test': no row has a 'label'")


def test_a_part_of_no_known_name_is_left_out_and_said():
    prepared = prepare(Recipe(), {"train": ROWS, "tset": ROWS})
    assert "left out the part 'tset': known are train, validation, test" in prepared.notices


@pytest.mark.parametrize(
    ("data", "settings", "message"),
    [
        ([[]], {}, "data: there are no rows\n  check how the data was made"),
        ([ROWS, ROWS.head(0)], {}, "validation: there are no rows\n  check how the data was made"),
        ([{"test": ROWS}], {}, "data: none of its parts is for training: test\n"
                               "  name one of them train"),
        ([ROWS], {"text": "txt"}, "text: there is no column 'txt'; the data has text, label\n"
                                  "  did you mean text: text?"),
        ([ROWS.assign(label="x")], {}, "label: all 60 training rows have the label 'x'\n"
                                       "  classification needs two labels or more; "
                                       "is it the right column?"),
        ([ROWS, ROWS.assign(label="other")], {},
         "validation: labels that no training row has: 'other' (60 rows)\n"
         "  known labels: animal, food, place"),
        ([ROWS], {"test_size": 60}, "test_size: 60 rows cannot be taken from 60\n"
                                    "  keep some to train on: test_size: 0.1"),
        ([ROWS], {"test_size": 0.5, "validation_size": 0.5},
         "validation_size: 30 rows cannot be taken from 30\n"
         "  keep some to train on: validation_size: 0.1"),
        ([ROWS], {"max_train_samples": 2},
         "max_train_samples: 2 rows cannot hold one of each of the 3 labels\n  take 3 or more"),
    ],
)  # fmt: skip
def test_what_cannot_be_learnt_from_is_refused(data, settings, message):
    assert message_for(*data, **settings) == message


def test_rows_to_score_on_are_taken_whole_under_the_columns_of_the_run():
    frame = ROWS.rename(columns={"text": "said"}).assign(
        title="not this one", split=["train", "test"] * 30
    )
    known = ["animal", "food", "place"]
    rows, _ = labelled_rows(Recipe(), frame, {"text": "said", "label": "label"}, known)
    assert list(rows["text"]) == list(ROWS["text"])
    assert list(rows["row"]) == list(range(60))


def test_rows_to_score_on_must_have_known_labels():
    with pytest.raises(DataError, match="labels that no training row has: 'place'"):
        labelled_rows(Recipe(), ROWS, {"text": "text", "label": "label"}, ["animal", "food"])
