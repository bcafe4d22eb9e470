from importlib.metadata import EntryPoint

import pytest

from nbtune import plugins
from nbtune.errors import RecipeError
from nbtune.plugins import Plugins

OURS = Plugins("method", {"full": "nbtune.methods.full"})


@pytest.fixture
def entries(monkeypatch):
    """Pretend that another package is installed which adds two methods."""
    theirs = [
        EntryPoint("deltas", "nbtune.methods.head:METHOD", "nbtune.methods"),
        EntryPoint("full", "nbtune.methods.head:METHOD", "nbtune.methods"),
    ]

    def found(group, name=None):
        return [e for e in theirs if e.group == group and name in (None, e.name)]

    monkeypatch.setattr(plugins, "entry_points", found)


def test_a_package_adds_a_thing_but_takes_no_name_of_ours(entries):
    assert OURS.names() == ["full", "deltas"]
    assert OURS.find("deltas").name == "head"
    assert OURS.find("full").name == "full"


def test_an_unknown_name_gets_the_nearest_one(entries):
    with pytest.raises(RecipeError, match="there is no method 'delta'") as raised:
        OURS.find("delta")
    assert raised.value.hint == "did you mean 'deltas'?"
