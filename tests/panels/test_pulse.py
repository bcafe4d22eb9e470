import time

from nbtune.panels import pulse
from nbtune.panels.pulse import Pulse


def until(so, seconds=5):
    end = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_signs_come_again_and_again_until_the_end(monkeypatch):
    monkeypatch.setattr(pulse, "BEAT", 0.01)
    beating = Pulse("topics@1")
    seen = []
    beating.shown.observe(lambda change: seen.append(change["new"]), "value")
    beating.begin()
    until(lambda: len(seen) > 3)
    assert len(set(seen)) == len(seen), "each is new to the page"
    beating.end()
    until(lambda: beating.shown.value == "")
    time.sleep(0.05)
    assert beating.shown.value == "", "no clock is left in the page"


def test_it_says_what_may_have_happened_and_how_to_go_on(read_html):
    text = read_html(Pulse("<b>topics@1").shown.value).text
    assert "No sign of life from this kernel for 15 seconds" in text
    assert "%watch <b>topics@1" in text
