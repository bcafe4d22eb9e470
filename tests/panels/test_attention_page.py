import pytest

from nbtune.errors import RunError
from nbtune.panels.attention_page import BY_ITSELF, AttentionPage
from nbtune.records import AttentionRecord

HALF = ((0.5, 0.5), (0.25, 0.75))


@pytest.fixture
def page():
    asked = []

    def look(name, text, layer, head, token):
        asked.append((name, text, layer, head, token))
        if text == "bad":
            raise RunError("it has no attention", hint="take another")
        return AttentionRecord(name, tuple(text.split()), (False, False), ((HALF,) * 3,) * 2,
                               (layer or 2) - 1, (head or 3) - 1, 0, "it shows most")  # fmt: skip

    page = AttentionPage(lambda: ["topics@1", "minilm"], look, lambda name: "@" in name)
    page.later.pause, page.asked = 0, asked
    return page


def test_a_sentence_is_looked_at_and_its_layers_heads_and_words_are_offered(page):
    assert "write a sentence" in page.picture.value
    page.text.value = "<b>small furry</b>"
    page.later.wait()
    assert "layer 2 of 2, head 3 of 3" in page.picture.value
    assert "<b>small" not in page.picture.value
    assert page.layer.options == (BY_ITSELF, 1, 2)
    assert page.head.options == (BY_ITSELF, 1, 2, 3)
    assert page.token.options == (BY_ITSELF, "<b>small", "furry</b>")
    page.layer.value = 1
    page.token.value = "furry</b>"
    page.later.wait()
    assert page.asked[-1] == ("topics@1", "<b>small furry</b>", 1, None, "furry</b>")
    asked = '%attention topics@1 "<b>small furry</b>" --layer 1 --token "furry</b>"'
    assert page.line.line == asked
    page.text.value = "large city"
    page.later.wait()
    assert page.asked[-1] == ("topics@1", "large city", 1, None, None), "another text, other words"


def test_what_goes_wrong_is_said_on_the_page(page):
    page.text.value = "bad"
    page.later.wait()
    assert "it has no attention" in page.picture.value
    assert not page.line.line
    page.text.value = "so good"
    page.model.value = "minilm"
    page.later.wait()
    assert page.line.line == '%attention --model minilm "so good"'
