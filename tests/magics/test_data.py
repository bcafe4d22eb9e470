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


def test_mistakes_are_told_in_two_lines(cell):
    assert "no variable, file or data set is called 'fd'" in cell.mistake("%data fd")
    assert "there is no column 'txt'" in cell.mistake("%data df --text txt")


def test_names_of_rows_complete(cell):
    from nbtune.magics.completion import complete, find_place

    assert "df" in complete(find_place("%data d", 0, 7), cell.shell.user_ns)[1]
