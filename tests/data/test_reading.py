import functools
import gzip

import datasets
import numpy as np
import pandas as pd
import pytest
from datasets import ClassLabel, Dataset, DatasetDict
from hypothesis import given
from hypothesis import strategies as st

from nbtune.data.files import header_of, read_file
from nbtune.data.reading import read, read_all, read_split
from nbtune.errors import DataError

ROWS = [{"text": "a b", "label": "x"}, {"text": "c", "label": "y"}]
FRAME = pd.DataFrame(ROWS)
HF = Dataset.from_list(ROWS).cast_column("label", ClassLabel(names=["x", "y"]))
zipped = functools.partial(gzip.compress, mtime=0)  # the same bytes, so the same test, always
words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\r"), max_size=20)


def rows_of(source, split="train") -> list[dict]:
    return read(source)[split].to_dict("records")


def message_for(source) -> str:
    with pytest.raises(DataError) as caught:
        read(source)
    return str(caught.value)


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


# Objects


@pytest.mark.parametrize(
    "source",
    [
        FRAME,
        FRAME.set_axis([5, 5]),
        FRAME.astype({"text": "string", "label": "category"}),
        Dataset.from_list(ROWS),
        HF,
        HF.with_format("torch"),
        DatasetDict(train=HF),
        {"train": FRAME},
        ROWS,
        (["a b", "c"], ["x", "y"]),
        (np.array(["a b", "c"]), np.array(["x", "y"], dtype=object)),
        (FRAME["text"].set_axis([8, 9]), FRAME["label"].astype("category")),
    ],
    ids=lambda source: type(source).__name__,
)
def test_rows_read_the_same_from_every_kind_of_object(source):
    assert rows_of(source) == ROWS


def test_numpy_labels_become_plain_values():
    for labels, kind in (([True, False], bool), ([0, 1], int), ([0.5, 1.5], float)):
        (frame,) = read((["a", "b"], np.array(labels, dtype=None))).values()
        assert [type(label) for label in frame["label"]] == [kind, kind]


def test_a_list_of_dicts_may_lack_keys():
    assert rows_of([{"text": "a"}, {"label": "x"}]) == [
        {"text": "a", "label": None},
        {"text": None, "label": "x"},
    ]


def test_rows_are_counted_from_0_whatever_index_they_had():
    frame = FRAME.set_axis([7, 7])
    assert list(read(frame)["train"].index) == [0, 1]
    assert list(frame.index) == [7, 7]


def test_columns_are_named_by_text():
    assert list(read(FRAME.set_axis([0, 1], axis="columns"))["train"].columns) == ["0", "1"]


def test_label_features_become_names_and_minus_one_becomes_none():
    source = Dataset.from_dict({"text": ["a", "b"], "label": [1, -1]}).cast(HF.features)
    labels = read(source)["train"]["label"]
    assert labels[0] == "y"
    assert pd.isna(labels[1])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            3,
            "data: a int holds no rows\n"
            "  give a DataFrame, a Dataset, a list of dicts, (texts, labels), or a file name",
        ),
        (["a", 1], "data: row 0 is a str, not a dict\n"
                '  write rows as [{"text": "...", "label": "..."}, ...]'),
        ((["a"], ["x", "y"]), "data: 1 texts but 2 labels\n  give as many labels as texts"),
        (("train.csv", "test.csv"), "data: the texts of (texts, labels) are a str\n"
                                    "  give one list, array or column for each"),
        (tuple(ROWS), "data: the texts of (texts, labels) are a dict\n"
                      "  give one list, array or column for each"),
        ((FRAME[["text"]], ["x", "y"]), "data: the texts of (texts, labels) are a DataFrame\n"
                                        "  give one list, array or column for each"),
        ((["a"], 1), "data: the labels of (texts, labels) are a int\n"
                     "  give one list, array or column for each"),
        ({"text": ["a"], "label": ["x"]},
         "data: a dict of text, label has no part called train\n"
         '  give parts: {"train": df, "test": df2}, or columns: pandas.DataFrame(data)'),
        ({}, "data: a dict of nothing has no part called train\n"
             '  give parts: {"train": df, "test": df2}, or columns: pandas.DataFrame(data)'),
        (pd.concat([FRAME, FRAME[["text"]]], axis="columns"),
         "data: two columns are named 'text'\n"
         "  drop the later ones: df = df.loc[:, ~df.columns.duplicated()]"),
        (pd.concat({"a": FRAME}, axis="columns"),
         "data: the columns have 2 levels, such as ('a', 'text')\n"
         "  make them one: df.columns = ['_'.join(map(str, c)) for c in df.columns]"),
        ({"train": FRAME, "val": FRAME, "dev": FRAME},
         "data: two of its parts are for validation: train, val, dev\n  keep one of them"),
    ],
)  # fmt: skip
def test_what_holds_no_rows_is_refused(source, message):
    assert message_for(source) == message


# Splits


def test_parts_get_the_names_of_our_splits_and_others_keep_theirs():
    parts = {"Training": FRAME, "val": FRAME, "test": HF, "unsupervised": FRAME}
    assert list(read(parts)) == ["train", "validation", "test", "unsupervised"]


def test_a_column_split_parts_the_rows_and_keeps_their_places():
    frame = pd.DataFrame({"text": list("abcd"), "split": ["train", "dev", "train", "TEST"]})
    parts = read(frame)
    assert {name: list(part.index) for name, part in parts.items()} == {
        "train": [0, 2],
        "validation": [1],
        "test": [3],
    }
    assert list(parts["test"].columns) == ["text"]


def test_a_column_split_without_training_rows_is_a_column_like_others():
    frame = FRAME.assign(split=["yes", "no"])
    pd.testing.assert_frame_equal(read(frame)["train"], frame)


def test_a_row_of_no_split_is_named():
    frame = pd.DataFrame({"text": list("abc"), "split": ["train", "tset", None]})
    assert message_for(frame) == (
        "split: 2 rows are for neither train, validation nor test (row 1 is 'tset')\n"
        "  mend them, or drop the column split"
    )


def test_all_rows_can_be_had_whatever_their_split():
    frame = FRAME.assign(split=["train", "test"])
    pd.testing.assert_frame_equal(read_all(frame), frame)
    both = read_all({"train": FRAME, "test": FRAME})
    assert list(both["text"]) == ["a b", "c", "a b", "c"]
    assert list(both.index) == [0, 1, 2, 3]


def test_a_part_that_has_splits_itself_gives_no_rows_of_another_one():
    """Else those that are held out would be trained on."""
    frame = FRAME.assign(split=["train", "test"])
    other = pd.DataFrame({"text": ["other"]})
    assert list(read({"train": frame, "test": other})["train"]["text"]) == ["a b"]
    assert list(read({"train": other, "test": frame})["test"]["text"]) == ["c"]
    assert list(read({"train": frame})["test"]["text"]) == ["c"], "alone it is as it is"
    with pytest.raises(DataError, match=r"^validation: none of its parts"):
        read({"train": other, "validation": frame})
    assert len(read({"train": "topics", "test": other})["train"]) == len(read("topics")["train"])


def test_one_split_can_be_had():
    frame = FRAME.assign(split=["train", "test"])
    assert list(read_split(frame, "test")["text"]) == ["c"]
    assert list(read_split(FRAME, "test")["text"]) == ["a b", "c"]
    assert list(read_split({"test": FRAME}, "validation")["text"]) == ["a b", "c"]
    with pytest.raises(DataError) as caught:
        read_split(frame, "validation")
    assert str(caught.value) == (
        "validation: none of its parts is called so: train, test\n  give one of them alone"
    )


# Files


CSV = "text,label\na b,x\nc,y\n"
JSONL = '{"text": "a b", "label": "x"}\n{"text": "c", "label": "y"}\n'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", CSV),
        ("a.CSV", CSV),
        ("semicolons.csv", CSV.replace(",", ";")),
        ("windows.csv", b"\xef\xbb\xbf" + CSV.replace("\n", "\r\n").encode()),
        ("utf16.csv", CSV.encode("utf-16")),
        ("old-mac.csv", CSV.replace("\n", "\r")),
        ("blank-lines.csv", "\n" + CSV.replace("\n", "\n\n")),
        ("no-last-newline.csv", CSV.rstrip()),
        ("a.tsv", CSV.replace(",", "\t")),
        ("a.jsonl", JSONL),
        ("a.ndjson", JSONL.rstrip()),
        ("blank-lines.jsonl", JSONL.replace("\n", "\n\n")),
        ("a.json", f"[{JSONL.strip().replace(chr(10), ',')}]"),
        ("lines.json", JSONL),
        ("a.csv.gz", zipped(CSV.encode())),
        ("a.jsonl.gz", zipped(JSONL.encode())),
    ],
)
def test_rows_read_the_same_from_every_kind_of_file(write, name, content):
    path = write(name, content)
    assert rows_of(path) == rows_of(str(path)) == ROWS


def test_rows_read_the_same_from_parquet_with_the_names_of_its_labels(tmp_path):
    FRAME.set_axis([4, 5]).to_parquet(tmp_path / "pandas.parquet")
    HF.to_parquet(tmp_path / "datasets.parquet")
    assert rows_of(tmp_path / "pandas.parquet") == ROWS
    assert rows_of(tmp_path / "datasets.parquet") == ROWS


def test_cells_stay_the_text_they_are(write):
    path = write("a.csv", "text,label\nNone,NA\nnull,007\n NaN ,1.50\n")
    assert read_file(path).values.tolist() == [["None", "NA"], ["null", "007"], [" NaN ", "1.50"]]


def test_a_quoted_cell_holds_separators_lines_and_quotes(write):
    path = write("a.csv", '"text, or so";label\n"a;\n""b""";x\n')
    assert rows_of(path) == [{"text, or so": 'a;\n"b"', "label": "x"}]


def test_a_separator_of_lines_inside_json_text_ends_no_line(write):
    path = write("a.jsonl", '{"text": "a\u2028b\x85c"}\n')
    assert rows_of(path) == [{"text": "a\u2028b\x85c"}]


@given(st.lists(st.tuples(words, words), min_size=1))
def test_what_pandas_writes_reads_back(tmp_path_factory, cells):
    folder = tmp_path_factory.mktemp("files")
    frame = pd.DataFrame(cells, columns=["text", "label"], dtype=object)
    frame.to_csv(folder / "a.csv", index=False)
    frame.to_csv(folder / "a.tsv.gz", index=False, sep="\t")
    frame.to_json(folder / "a.jsonl", orient="records", lines=True, force_ascii=False)
    for name in ("a.csv", "a.tsv.gz", "a.jsonl"):
        assert [tuple(row) for row in read_file(folder / name).values] == cells


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "", "a.csv is empty\n  check that the file was written"),
        ("a.jsonl", " \n", "a.jsonl is empty\n  check that the file was written"),
        ("a.csv", "text,text\n", "a.csv has two columns named 'text'\n"
                                 "  rename one in the first line"),
        ("a.csv", CSV + "d,e,f\n", "a.csv line 4 has 3 cells, the header has 2\n"
                                   '  put cells that hold the separator in quotes: "one, two"'),
        ("a.csv", CSV + '"never ends,x\nd,y\n',
         "a.csv line 4: unexpected end of data\n"
         '  write a quote inside a quoted cell twice: "she said ""no"""'),
        ("a.jsonl", JSONL + '{"text": oops}\n[1]\n',
         "a.jsonl line 3 is not JSON (Expecting value): '{\"text\": oops}', and 1 more line\n"
         '  write one {"text": "...", "label": "..."} a line'),
        ("a.jsonl", JSONL + '["a"]\n', "a.jsonl line 3 is not an object: '[\"a\"]'\n"
                                       '  write one {"text": "...", "label": "..."} a line'),
        ("a.jsonl", JSONL + '{"text": "d', "a.jsonl line 3 was cut off: '{\"text\": \"d'\n"
                                           '  write one {"text": "...", "label": "..."} a line'),
        ("a.json", JSONL + "{\n", "a.json line 3 is not JSON (Expecting property name enclosed in "
                                  "double quotes): '{'\n"
                                  '  write one {"text": "...", "label": "..."} a line'),
        ("a.json", "[1", "a.json is not JSON: Expecting ',' delimiter: line 1 column 3 (char 2)\n"
                         '  write [{"text": "...", "label": "..."}, ...]'),
        ("a.json", "{}", "a.json holds a dict, not a list of rows\n"
                         '  write [{"text": "...", "label": "..."}, ...]'),
        ("a.csv.gz", CSV, "a.csv.gz is not whole gzip: Not a gzipped file (b'te')\n"
                          "  copy or write it again"),
        ("a.csv.gz", zipped(CSV.encode())[:-9],
         "a.csv.gz is not whole gzip: Compressed file ended before the end-of-stream marker was "
         "reached\n  copy or write it again"),
        ("a.doc", "a", "a.doc is of no known kind\n"
                       "  known kinds: .csv, .tsv, .jsonl, .ndjson, .json, .parquet, "
                       ".txt, .conll, .conllu, .conllup, .gold_conll, .v4_gold_conll, .bio, .iob2"),
        ("a.pkl", "a", "a.pkl is not read, as such files can run code when they are opened\n"
                       "  save the rows as Parquet, CSV or JSONL"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused_with_its_line(write, name, content, message):
    assert message_for(write(name, content)) == f"data: {message}"


@pytest.mark.parametrize(
    ("name", "reader"), [("a.csv", "read_csv({!r}, "), ("a.jsonl", "read_json({!r}, lines=True, ")]
)
def test_a_byte_that_is_not_utf8_is_named(write, name, reader):
    path = write(name, "a\nb\ngr\xfc\xdfe\n".encode("latin-1"))
    assert message_for(path) == (
        f"data: {name} line 3 is not UTF-8 (byte 0xfc)\n  save it as UTF-8, or read it yourself: "
        f"pandas.{reader.format(str(path))}encoding='latin-1')"
    )


def test_a_damaged_parquet_file_is_refused(write):
    message = message_for(write("a.parquet", "PAR1"))
    assert message.startswith("data: a.parquet is not whole Parquet: ")
    assert message.endswith("\n  write it again")


# Names


def test_a_missing_file_gets_the_nearest_names(write, tmp_path):
    write("train.csv", CSV)
    assert message_for(str(tmp_path / "trian.csv")) == (
        f"data: there is no file '{tmp_path}/trian.csv'\n  did you mean train.csv?"
    )
    assert message_for(tmp_path / "zzz") == (
        f"data: there is no file '{tmp_path}/zzz'\n  looked in {tmp_path}"
    )


def test_a_folder_of_files_has_a_split_a_file(write, tmp_path):
    write("train.csv", CSV)
    write("test.jsonl.gz", zipped(JSONL.encode()))
    write("README.md", "not rows")
    assert list(read(tmp_path)) == ["train", "test"]
    assert rows_of(tmp_path, "test") == ROWS
    write("train.tsv", CSV)
    assert message_for(tmp_path) == (
        "data: two of its parts are for train: test.jsonl.gz, train.csv, train.tsv\n"
        "  keep one of them"
    )


def test_a_folder_without_files_is_refused(tmp_path):
    assert message_for(tmp_path) == (
        f"data: the folder '{tmp_path}' has no train, validation or test file\n"
        "  name them train.csv, validation.csv, test.csv (or .tsv, .jsonl, .parquet); "
        "files of plain text may have any name: .txt; images lie in a folder a label"
    )


def test_what_datasets_saved_is_read_with_the_names_of_its_labels(tmp_path):
    HF.save_to_disk(tmp_path / "one")
    DatasetDict(train=HF, validation=HF).save_to_disk(tmp_path / "two")
    assert rows_of(tmp_path / "one") == ROWS
    assert rows_of(str(tmp_path / "two"), "validation") == ROWS
    next((tmp_path / "one").glob("*.arrow")).write_bytes(b"x")
    message = message_for(tmp_path / "one")
    assert message.startswith(f"data: the data set in '{tmp_path}/one' is damaged: ")
    assert message.endswith("\n  save it again with save_to_disk")


def test_our_own_data_has_a_name():
    assert {name: len(frame) for name, frame in read("topics").items()} == {
        "train": 7344,
        "test": 1836,
    }


def test_any_other_name_is_one_on_the_hub(monkeypatch):
    asked = []

    def load_dataset(name):
        asked.append(name)
        return DatasetDict(train=HF, test=HF)

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    assert rows_of("someone/emotions", "test") == ROWS
    assert asked == ["someone/emotions"]


def test_a_hub_out_of_reach_is_said(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    assert message_for("train_df") == (
        "data: 'train_df' is no file here, none of our data sets (topics, addresses, people, "
        "digits), and the hub gave: Couldn't reach 'train_df' on the Hub (OfflineModeIsEnabled)\n"
        "  check the name, or load it yourself and give the rows"
    )


# Plain text


def test_a_list_of_texts_is_rows_of_text():
    assert rows_of(["a b", "c"]) == [{"text": "a b"}, {"text": "c"}]


def test_paragraphs_of_a_text_file_are_rows_and_lines_where_there_are_none(write):
    assert rows_of(write("a.txt", "one\r\ntwo\r\n \r\n\r\nthree\n")) == [
        {"text": "one\ntwo"},
        {"text": "three"},
    ]
    assert rows_of(write("b.txt", "one\ntwo\n")) == [{"text": "one"}, {"text": "two"}]
    assert rows_of(write("c.txt.gz", zipped(b"one\ntwo"))) == [{"text": "one"}, {"text": "two"}]
    assert "empty.txt is empty" in message_for(write("empty.txt", " \n"))


def test_a_folder_of_text_files_is_read_whole(write, tmp_path):
    (tmp_path / "more").mkdir()
    for name, text in (("b.txt", "two"), ("a.txt", "one"), ("more/c.txt", "three"), ("d.txt", "")):
        write(name, text)
    assert rows_of(tmp_path) == [
        {"text": "one", "file": "a.txt"},
        {"text": "two", "file": "b.txt"},
        {"text": "three", "file": "more/c.txt"},
    ]


def test_copies_that_jupyter_keeps_of_texts_are_not_read(write, tmp_path):
    write("a.txt", "one")
    (tmp_path / ".ipynb_checkpoints").mkdir()
    write(".ipynb_checkpoints/a-checkpoint.txt", "one")
    assert rows_of(tmp_path) == [{"text": "one", "file": "a.txt"}]


def test_the_columns_of_a_file_are_read_from_its_beginning(tmp_path):
    frame = pd.DataFrame({"one": ["a, b"], "two words": ["c"]})
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_csv(tmp_path / "b.tsv.gz", index=False, sep="\t")
    frame.to_json(tmp_path / "c.jsonl", orient="records", lines=True)
    frame.to_parquet(tmp_path / "d.parquet")
    for name in ("a.csv", "b.tsv.gz", "c.jsonl", "d.parquet"):
        assert header_of(tmp_path / name) == ["one", "two words"]
    (tmp_path / "e.csv").write_bytes(b"\xff\x00")
    (tmp_path / "f.parquet").write_bytes(b"no")
    (tmp_path / "g.txt").write_text("words")
    assert not any(
        map(header_of, (tmp_path / "f.parquet", tmp_path / "g.txt", tmp_path / "no.csv"))
    )


def test_files_of_blanks_are_left_out_and_named(tmp_path):
    (tmp_path / "a.txt").write_text("one\ntwo\nthree\n")
    (tmp_path / "b.txt").write_text(" \n\n")
    frame = read(tmp_path)["train"]
    assert list(frame["text"]) == ["one", "two", "three"]
    assert frame.attrs["left_out"] == ["b.txt"]
    (tmp_path / "a.txt").write_text(" ")
    with pytest.raises(DataError, match=r"holds more than blanks: a.txt, b.txt"):
        read(tmp_path)
