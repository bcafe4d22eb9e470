import threading

import pytest

from nbtune.panels.later import Latest


def test_only_the_last_thing_asked_for_is_done():
    done, shown = [], []
    later = Latest(
        lambda word: done.append(word) or word.upper(), shown.append, pytest.fail, pause=0.05
    )
    for word in ("o", "on", "one"):
        later.ask(word)
    later.wait()
    assert (done, shown) == (["one"], ["ONE"])
    later.ask("two")
    later.wait()
    assert shown == ["ONE", "TWO"]


def test_what_comes_too_late_is_not_shown():
    begun, go_on, shown = threading.Event(), threading.Event(), []

    def work(word):
        begun.set()
        go_on.wait(5)
        return word

    later = Latest(work, shown.append, pytest.fail, pause=0)
    later.ask("old")
    assert begun.wait(5)
    later.forget()
    go_on.set()
    later.wait()
    assert shown == []


@pytest.mark.parametrize("at", ["work", "show"])
def test_what_goes_wrong_is_told_and_leaves_no_thread(at, monkeypatch):
    left, told = [], []
    monkeypatch.setattr(threading, "excepthook", left.append)

    def bad(word):
        raise ValueError(word)

    work, show = (bad, print) if at == "work" else (str, bad)
    later = Latest(work, show, told.append, pause=0)
    for word in ("one", "two"):
        later.ask(word)
        later.wait()
    assert [str(error) for error in told] == ["one", "two"]
    assert left == []
