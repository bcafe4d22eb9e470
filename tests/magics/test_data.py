def test_rows_are_looked_at_under_the_name_of_their_variable(cell):
    cell("df.loc[len(df)] = df.loc[0]")
    typed = cell("found = %data df --model ./tiny --max-length 8")
    assert typed.error is None
    finding = cell["found"]["duplicates"]
    assert finding.count == 1
    assert cell(finding.fix).error is None, "the line runs as it is"
    assert "duplicates" not in cell("%data df --no-tokens").value


def test_data_that_is_no_variable_yet_is_made_one(cell):
    record = cell("%data topics --no-tokens").value.record
    assert record.rows == {"train": 7_344, "test": 1_836}
    assert cell(record.origin).error is None
    assert len(cell["df"]) == 9_180


def test_rows_that_are_held_out_in_frames_of_their_own_are_compared(cell):
    cell("train_df, test_df = df.iloc[:50], df.iloc[45:]")
    found = cell("%data train_df --test-data test_df --no-tokens").value
    assert found.record.rows == {"train": 50, "test": 15}
    assert found["overlap"].count == 5
    line = "import nbtune; df = nbtune.mend({'train': train_df, 'test': test_df})"
    assert found.record.origin == line
    assert cell(f"{line}\n{found['overlap'].fix}").error is None, "the lines run as they are"
    assert cell["df"]["split"].value_counts().to_dict() == {"train": 45, "test": 15}
    cell("test_df.to_csv('test.csv', index=False)")
    found = cell("%data ${train_df.head(40)} --validation-data test.csv --no-tokens").value
    assert "overlap" not in found
    assert "nbtune.mend({'train': train_df.head(40), 'valid" in found.record.origin
    assert cell(found.record.origin).error is None


def test_mistakes_are_told_in_two_lines(cell):
    assert "no variable, file or data set is called 'fd'" in cell.mistake("%data fd")
    assert "there is no column 'txt'" in cell.mistake("%data df --text txt")
    assert "--test-data: no variable" in cell.mistake("%data df --test-data fd")


def test_names_of_rows_complete(cell):
    from nbtune.magics.completion import complete, find_place

    assert "df" in complete(find_place("%data d", 0, 7), cell.shell.user_ns)[1]
