from nbtune.errors import DataError, did_you_mean


def test_an_error_shows_problem_and_hint():
    error = DataError("column 'text' is missing", hint="name it: --text review")
    assert str(error) == "column 'text' is missing\n  name it: --text review"
    assert str(DataError("no rows")) == "no rows"


def test_a_far_name_gets_the_list_instead_of_a_guess():
    assert did_you_mean("spma", ["spam", "news"]) == "did you mean 'spam'?"
    assert did_you_mean("zzz", ["spam", "news"]) == "known: spam, news"
    assert did_you_mean("zzz", ["spam", "news", "spam"]) == "known: spam, news", "each once"
    assert did_you_mean("zzz", []) == "there are none yet"
