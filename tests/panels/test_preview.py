import re

from nbtune.events import Previewed, from_json, to_json
from nbtune.panels.card import card_html, card_text, final_html
from nbtune.panels.preview import preview_html
from nbtune.panels.state import fold

SEEN = Previewed(
    (4, 7),
    (
        (("context", "### User:\nHi <b>\n"), ("target", "Hello.<|end|>")),
        (("cut", "long ago"), ("context", "Yes?"), ("target", "No"), ("cut", " way")),
    ),
)


def test_what_is_learnt_is_told_from_what_is_read_and_cut():
    html = preview_html(SEEN)
    assert re.findall(r'<span class="nbt-target">([^<]*)</span>', html) == [
        "learnt", "Hello.&lt;|end|&gt;", "No",
    ]  # fmt: skip
    assert '<span class="nbt-cut">long ago</span>' in html
    assert "### User:↵ Hi &lt;b&gt;↵" in html


def test_it_is_part_of_every_face_of_the_card():
    view = fold("chat", [(0.0, SEEN)])
    assert "Hello.&lt;|end|&gt;" in card_html(view)
    assert "Hello.&lt;|end|&gt;" in final_html(view)
    text = card_text(view)
    assert "row 4, learnt in «»: ### User:↵ Hi <b>↵ «Hello.<|end|>»" in text
    assert max(map(len, text.splitlines())) <= 80


def test_it_reads_back_from_a_history():
    assert from_json(to_json(SEEN, 1.0)) == (1.0, SEEN)


def test_images_stand_before_what_is_learnt_of_them():
    seen = Previewed((1,), ((("context", "a.png → "), ("target", "hill")),), ("data:image/x",))
    assert re.search(r'<img src="data:image/x" alt="[^"]+".*hill', preview_html(seen))
    assert from_json(to_json(seen, 1.0)) == (1.0, seen)


def test_without_rows_there_is_nothing():
    assert preview_html(None) == ""
