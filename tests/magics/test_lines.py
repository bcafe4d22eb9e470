import pytest

from nbtune.magics.errors import HelpAsked, LineError
from nbtune.magics.lines import given_settings, split
from nbtune.magics.parsers import PARSERS
from nbtune.recipe import Recipe


def test_every_setting_is_an_option():
    options = set(PARSERS["finetune"]().options())
    named = {f"--{name.replace('_', '-')}" for name in Recipe.model_fields if name != "lora"}
    assert named <= options


def test_options_are_read_with_hyphens_underscores_and_aliases():
    parse = PARSERS["finetune"]().parse
    for line in ("t --learning-rate 2e-5", "t --learning_rate=2e-5", "t --lr 2e-5"):
        assert given_settings(parse(line)) == ["learning_rate=2e-5"]


def test_values_keep_their_underscores_and_quotes():
    found = PARSERS["finetune"]().parse('t --data "my_file 1.csv" --set text=a_b')
    assert (found.data, found.set) == ("my_file 1.csv", ["text=a_b"])


def test_options_stand_before_and_after_texts():
    parse = PARSERS["predict"]().parse
    for line in ('topics --text body "one" "two"', 'topics "one" --text body "two"'):
        found = parse(line)
        assert (found.run, found.texts, found.text) == ("topics", ["one", "two"], "body")


def test_options_are_not_abbreviated():
    with pytest.raises(LineError, match="there is no option --learning"):
        PARSERS["finetune"]().parse("t --learning 1")


def test_help_wins_over_mistakes():
    with pytest.raises(HelpAsked, match="num-train-epochs"):
        PARSERS["finetune"]().parse("--nonsense --help")


def test_an_open_quote_is_named():
    with pytest.raises(LineError, match="a quote ' is opened"):
        split("it's")
