"""Whatever stands in the data, no face obeys it, and every face shows it."""

import base64
import re
from dataclasses import replace

import numpy as np
import pytest
from markdown_it import MarkdownIt

from nbtune.events import DataReady, Evaluated, Notice, RunStarted
from nbtune.panels.attention import attention_html, attention_markdown, attention_text
from nbtune.panels.card import card_html, card_markdown, card_text, final_html, status_line
from nbtune.panels.comparison import comparison_html, comparison_markdown, comparison_text
from nbtune.panels.data import data_html, data_markdown, data_text
from nbtune.panels.evaluation import evaluation_html, evaluation_markdown, evaluation_text
from nbtune.panels.explanation import (
    explanations_html,
    explanations_markdown,
    explanations_text,
)
from nbtune.panels.findings import findings_html, findings_markdown, findings_text
from nbtune.panels.runs import runs_html, runs_markdown, runs_text
from nbtune.panels.state import fold
from nbtune.plots.texts import short
from nbtune.records import (
    AttentionRecord,
    DataColumn,
    DataFinding,
    DataRecord,
    Deletion,
    Explanation,
    Lengths,
    Score,
    Steps,
    Truncation,
    WordShare,
)
from nbtune.testing import made_up_comparison, made_up_events, made_up_record

HOSTILE = [
    "<script>alert(1)</script>",
    "</style><style>*{display:none}</style>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</td></tr></table></div>",
    "<!-- a comment",
    "&lt;b&gt; & &amp;",
    "$x$ and $$y$$",
    r"\(x\) and \\[y\\]",
    "a | b || c",
    "`code` and ```",
    "**bold** _em_ ~~gone~~",
    "[a](javascript:alert(1)) ![b](x)",
    "{{7*7}} {% raw %}",
    "# heading",
    "- item",
    "1. item",
    "tur\u202ened \u2066round",
    "bell\x07 escape\x1b[2J null\x00",
    "two\nlines\r\nmore\u2028and",
    "x" * 100_000,
    "<b>" * 40_000,
]


def view(text, live):
    """The card of a run in which every text is this one."""
    told = []
    for event in made_up_events(reports=8, message=text):
        if isinstance(event, RunStarted):
            event = replace(event, task=text, model=text, method=text, device=text, batching=text)
        if isinstance(event, DataReady):
            event = replace(event, labels={text: 5, f"{text} too": 4})
        if isinstance(event, Evaluated):
            event = replace(event, split=text)
        if hasattr(event, "name"):
            event = replace(event, name=text)
        told.append(event)
    told[1:1] = [Notice(text), Notice(text, "warning")]
    return fold(text, [(0.0, event) for event in (told[:-1] if live else told)])


def record(text):
    made = made_up_record(3)
    names = (text, f"{text} too", "other")
    renamed = {f"label {i}": name for i, name in enumerate(names)}
    return replace(
        made,
        run=text,
        split=text,
        labels=names,
        table=tuple(replace(judged, name=text) for judged in made.table),
        classes=tuple(replace(one, label=renamed[one.label]) for one in made.classes),
        errors=tuple(
            replace(e, text=text, target=renamed[e.target], prediction=renamed[e.prediction])
            for e in made.errors
        ),
        verdict=text,
    )


def rows(text):
    names = dict.fromkeys(("run", "status", "model", "method", "created"), text)
    own = {"metric": text, "score": Score(0.5), "test": None, "settings": {text: text}}
    return [{**names, **own, "rows": 5, "seconds": 1.0, "memory": 1, "trained": 1}]


def comparison(text):
    made = made_up_comparison()
    return replace(
        made,
        split=text,
        contenders=tuple(replace(one, name=text, settings={text: text}) for one in made.contenders),
        pairs=tuple(replace(pair, first=text, second=text) for pair in made.pairs),
        verdict=text,
        notes=(text,),
    )


def data(text):
    finding = DataFinding(text, "error", 3, 9, text, (text, text), text)
    lengths = Lengths(text, 9, 3.0, 5.0, 8, 0.0, (0.0, 9.0), (9,), (Truncation(8, 0, 0, 1),))
    counts = {text: {text: 5, f"{text} too": 4}}
    column = DataColumn(text, "text", text, 1, 9)
    return DataRecord(text, {text: 9}, (column,), counts, {text: 1}, lengths, (finding,), 1, text)


def explanation(text):
    half = len(text) // 2
    words = (WordShare(0, 0, half, 0.5), WordShare(0, half, len(text), -0.25))
    left = Deletion((0, 1, 2), (0.9, 0.2, 0.1), (0.9, 0.7, 0.1))
    made = Explanation(
        text, 3, (text, text), text, 0.9, "integrated-gradients", words, 1.0, 0.75, text,
        steps=16, target=f"{text} too", span=(0, half), deletion=left,
    )  # fmt: skip
    return [made]


def attention(text):
    half = ((0.5, 0.5), (0.25, 0.75))
    steps = Steps((1.0, 2.0), (0.5, 1.0), 0.5, (0.25, 0.75), ((1.0,), (2.0,)), (1.75,))
    return AttentionRecord(text, (text, text), (True, False), ((half,),), 0, 0, 1, text, steps, 1)


def html_faces(text):
    return {
        "live card": card_html(view(text, live=True)),
        "final card": final_html(view(text, live=False)),
        "evaluation": evaluation_html(record(text)),
        "comparison": comparison_html(comparison(text)),
        "data": data_html(data(text)),
        "runs": runs_html(rows(text)),
        "findings": findings_html([(text, text, text)]),
        "explanation": explanations_html(explanation(text)),
        "several explanations": explanations_html(explanation(text) * 4, left=1),
        "attention": attention_html(attention(text)),
    }


def markdown_faces(text):
    return {
        "card": card_markdown(view(text, live=False)),
        "evaluation": evaluation_markdown(record(text)),
        "comparison": comparison_markdown(comparison(text)),
        "data": data_markdown(data(text)),
        "runs": runs_markdown(rows(text)),
        "findings": findings_markdown([(text, text, text)]),
        "explanation": explanations_markdown(explanation(text)),
        "attention": attention_markdown(attention(text)),
    }


def text_faces(text):
    return {
        "line": status_line(view(text, live=True)),
        "card": card_text(view(text, live=False)),
        "evaluation": evaluation_text(record(text)),
        "comparison": comparison_text(comparison(text)),
        "data": data_text(data(text)),
        "runs": runs_text(rows(text)),
        "findings": findings_text([(text, text, text)]),
        "explanation": explanations_text(explanation(text)),
        "attention": attention_text(attention(text)),
    }


OURS = {
    "style", "div", "h4", "span", "b", "i", "p", "code", "br",
    "table", "caption", "thead", "tbody", "tr", "th", "td",
    "svg", "title", "desc", "g", "path", "text", "circle", "polyline", "rect", "h5", "img",
}  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:20]))
def test_html_has_our_tags_only_and_shows_the_text_as_it_is(text, read_html):
    for face, html in html_faces(text).items():
        page = read_html(html)
        assert page.tags <= OURS, face
        assert not [name for name in page.attributes if name.startswith("on")], face
        assert page.styles == read_html(html_faces("plain")[face]).styles, face
        seen = short(text, 60)
        assert seen[:50].strip() in page.text, face
        assert len(html.encode()) < 60_000, face


def holds_all_of_itself(image, read_html):
    """Whether nothing runs in a drawing that is an image, nor is looked up elsewhere."""
    kind, _, coded = image.partition(";base64,")
    drawing = read_html(base64.b64decode(coded).decode())
    assert kind == "data:image/svg+xml"
    assert drawing.tags <= {"svg", "g", "path", "rect", "text", "image"}
    assert all(one.startswith("data:image/") for one in drawing.attributes.pop("href", []))
    del drawing.attributes["xmlns"]
    inside = " ".join([*drawing.attributes, *(f"{one}" for one in drawing.attributes.values())])
    return not re.search(r"\bon|url\(|https?:|javascript:", inside)


@pytest.mark.parametrize(
    "face", ["live card", "final card", "evaluation", "runs", "explanation", "attention"]
)
def test_html_fetches_nothing_and_runs_nothing(face, read_html):
    page = read_html(html_faces("https://example.org/x.js")[face])
    assert all(holds_all_of_itself(image, read_html) for image in page.attributes.pop("src", []))
    assert not {"href", "srcset", "action", "data", "xlink:href"} & page.attributes.keys()
    inside = " ".join([*page.styles, *(f"{values}" for values in page.attributes.values())])
    assert not re.search(r"url\(|@import|https?:|javascript:", inside)
    assert not {"script", "iframe", "object", "link"} & page.tags


def test_nothing_that_stays_falls_apart_where_drawings_are_cleaned_away(read_html):
    for face, html in html_faces("plain").items():
        if face != "live card":
            assert "svg" not in read_html(html).tags, f"{face}: its words would be left behind"


def test_attention_of_many_heads_is_small_and_names_the_heads_that_do_the_same():
    rng = np.random.default_rng(3)
    odds = rng.gamma(0.2, size=(12, 16, 24, 24))
    odds[4, 7] += 9 * np.eye(24)
    weights = (odds / odds.sum(-1, keepdims=True)).round(3).tolist()
    tokens = tuple(f"token{i}" for i in range(24))
    record = AttentionRecord("large", tokens, (False,) * 24, weights, 11, 2, 5, "it is asked for")
    html = attention_html(record)
    assert len(html.encode()) < 80_000
    assert "itself in 1 (layer 5, head 8)" in html


def parsed(markdown):
    blocks = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown)
    return [token for block in blocks for token in [block, *(block.children or ())]]


def structure(tokens):
    kinds = [token.type for token in tokens]
    return [kind for kind in kinds if kind not in ("text", "text_special")]


def columns(source):
    """How many cells each line of the tables has."""
    return [line.count("|") for line in source.splitlines() if line.startswith("|")]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:20]))
def test_markdown_has_our_markup_only_and_shows_the_text_as_it_is(text):
    for face, source in markdown_faces(text).items():
        tokens = parsed(source)
        assert structure(tokens) == structure(parsed(markdown_faces("plain")[face])), face
        shown = "".join(t.content for t in tokens if t.type in ("text", "text_special"))
        assert short(text, 60)[:50].strip() in shown, face
        assert "$" not in source, f"{face}: JupyterLab would look for mathematics"
        cells = columns(source)
        assert cells == columns(markdown_faces("plain")[face]), f"{face}: a cell was torn"


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:20]))
def test_text_is_at_most_80_columns_and_has_no_sign_that_a_terminal_obeys(text):
    for face, lines in text_faces(text).items():
        assert max(map(len, lines.split("\n"))) <= 80, face
        assert lines.replace("\n", "").isprintable(), face
        assert short(text, 11)[:10] in lines, face


def test_markdown_reads_well_where_it_is_not_rendered():
    assert "f1_macro" in evaluation_markdown(made_up_record(3))
    assert "TF-IDF + logistic regression" in evaluation_markdown(made_up_record(3))
