import math
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from nbtune.events import (
    BaselineScored,
    DataReady,
    Evaluated,
    Notice,
    PhaseStarted,
    RunStarted,
    RunStopped,
    StepsDone,
)
from nbtune.panels.card import (
    card_html,
    card_markdown,
    card_text,
    final_html,
    status_line,
    verdict,
)
from nbtune.panels.state import fold
from nbtune.testing import made_up_events

EVENTS = made_up_events(reports=8, epochs=4)
BASELINE = BaselineScored("TF-IDF", "validation", {"f1_macro": 0.8, "log_loss": 0.5})


def seen(*events, title="topics"):
    return fold(title, [(0.0, event) for event in events])


def first(kind):
    return next(event for event in EVENTS if isinstance(event, kind))


def judged(ours, *baselines, metric="f1_macro", **scores):
    start = replace(first(RunStarted), metric=metric)
    look = Evaluated(10, 1.0, "validation", 1.0, {"f1_macro": ours, **scores}, 1.0, True)
    return seen(start, *baselines, look, RunStopped(10, "finished", 10))


@pytest.mark.parametrize(
    ("ours", "word"),
    [(0.9, "ahead of"), (0.7, "behind"), (0.8, "level with"), (0.8004, "level with")],
)
def test_the_verdict_says_where_the_model_stands_and_claims_no_more(ours, word):
    said = verdict(judged(ours, BASELINE))
    assert said == (
        f"On the validation rows minilm is {word} TF-IDF: f1_macro {ours:.3f} to 0.800. "
        "%evaluate says whether that is more than chance."
    )


def test_the_verdict_takes_the_best_baseline():
    poor, unknown = (replace(BASELINE, name=n, scores={"f1_macro": v}) for n, v in (
        ("majority", 0.1), ("broken", math.nan),
    ))  # fmt: skip
    assert " TF-IDF: " in verdict(judged(0.9, poor, BASELINE, unknown))


def test_a_lower_log_loss_is_ahead():
    poor = replace(BASELINE, name="majority", scores={"log_loss": 2.0})
    view = judged(0.9, poor, BASELINE, metric="log_loss", log_loss=0.4)
    assert "ahead of TF-IDF: log_loss 0.400 to 0.500" in verdict(view)


def test_there_is_no_verdict_without_a_rival_a_score_or_an_end():
    assert verdict(judged(0.9)) == ""
    assert verdict(seen(first(RunStarted), BASELINE, RunStopped(0, "failed"))) == ""
    assert verdict(seen(*EVENTS[:-1])) == ""


@pytest.mark.parametrize(
    ("stop", "step"),
    [
        (RunStopped(10, "finished", 10), "Next: %evaluate topics"),
        (RunStopped(10, "stopped early", 10), "Next: %evaluate topics"),
        (RunStopped(10, "interrupted", 10), "Go on: %resume topics"),
        (RunStopped(10, "killed"), "Go on: %resume topics"),
        (RunStopped(10, "failed", 10), "Once mended, go on: %resume topics"),
    ],
)
def test_the_final_card_says_what_to_do_next(stop, step, read_html):
    view = seen(*EVENTS[:-1], stop)
    assert step in read_html(final_html(view)).text
    assert step in card_text(view)
    assert step in card_markdown(view)


def test_a_run_that_failed_before_it_began_shows_why_and_nothing_else(read_html):
    view = seen(PhaseStarted("reading data"), RunStopped(0, "failed", None, "no column 'text'"))
    assert read_html(final_html(view)).text == "topics failed no column 'text'"
    assert card_text(view) == "topics: failed\n  no column 'text'"


def test_the_figures_of_the_live_card_are_always_the_same_eight(read_html):
    upto = EVENTS.index(first(RunStarted))
    for count in (0, 1, upto, upto + 1, upto + 3, len(EVENTS) - 1):
        html = card_html(seen(*EVENTS[:count]))
        names = re.findall(r"<div><span>(.*?)</span>", html)
        assert names == [
            "step", "epoch", "loss", "learning rate", "rows / s", "tokens / s", "time left",
            "memory",
        ]  # fmt: skip
        assert html.count("<svg") == 1


def test_the_live_card_tells_how_far_it_is(read_html):
    start = EVENTS.index(first(RunStarted))
    page = read_html(card_html(seen(*EVENTS[: start + 5])))
    assert "step 30 / 80" in page.text
    assert "rows / s 320" in page.text
    assert "tokens / s 3,800" in page.text
    assert "time left 2.5 s" in page.text
    assert "memory 700 MiB" in page.text
    assert page.attributes["role"] == ["status", "progressbar", "img"]
    assert (page.attributes["aria-valuenow"], page.attributes["aria-valuemax"]) == (["30"], ["80"])


def test_scores_are_in_a_table_with_baselines_first_and_the_best_marked(read_html):
    html = final_html(seen(*EVENTS))
    rows = re.findall(r'<th scope="row" class="nbt-wrap">(.*?)</th>', html)
    names = [re.sub("<.*?>", "", row) for row in rows]
    assert names == [
        "majority baseline", "minilm, epoch 1", "minilm, epoch 2", "minilm, epoch 3",
        "minilm, epoch 4 best",
    ]  # fmt: skip
    assert html.count('scope="col"') == 3, "only scores that there are"


def test_of_many_evaluations_the_last_and_the_best_are_shown():
    looks = [
        Evaluated(i, float(i), "validation", 1.0, {"f1_macro": 0.5}, 1.0, i == 2)
        for i in range(1, 30)
    ]
    text = card_text(seen(first(RunStarted), *looks))
    assert re.findall(r"epoch (\d+)", text) == ["2", "27", "28", "29"]


def test_unknown_scores_are_a_dash():
    look = Evaluated(10, 1.0, "validation", math.nan, {"f1_macro": math.nan}, 1.0, True)
    text = card_text(seen(first(RunStarted), look, RunStopped(10, "finished", 10)))
    assert "nan" not in text
    assert "–" in text


def test_only_the_last_notices_are_shown_and_warnings_are_marked():
    told = [Notice(f"note {i}", "warning" if i % 2 else "info") for i in range(9)]
    html = final_html(seen(*told))
    assert re.findall(r"note (\d)", html) == list("345678")
    assert html.count('<p class="nbt-warn">') == 3


def test_a_long_run_leaves_a_small_card():
    """100,000 reports, 12 labels, 1,000 evaluations and notices: 60 kB at most."""
    start = replace(first(RunStarted), total_steps=100_000)
    data = replace(first(DataReady), labels={f"label {i}": 10 for i in range(12)})
    told = [data, start, *(Notice("x" * 900, "warning") for _ in range(1000))]
    for i in range(1, 100_001):
        told.append(StepsDone(i, i / 1000, 1 + (i * 37 % 101) / 50, 1e-5, 1.0, 16, 99, 0.25, 1))
        if i % 100 == 0:
            told.append(Evaluated(i, i / 1000, "validation", 1.5, {"f1_macro": 0.5}, 0.1, True))
    view = seen(*told)
    assert len(card_html(view).encode()) < 30_000
    view.apply(RunStopped(100_000, "finished", 100_000, "", 9999.0))
    assert len(final_html(view).encode()) < 60_000


def test_the_status_line_has_at_most_79_characters():
    start = EVENTS.index(first(RunStarted))
    line = status_line(seen(*EVENTS[: start + 5]))
    assert line == "topics: step 30/80 · loss 0.855 · 320 rows/s · 2.5 s left"
    long = seen(*EVENTS[: start + 5], title="a_name_that_is_very_long" * 9)
    assert len(status_line(long)) <= 79
    assert len(status_line(seen(PhaseStarted("x" * 200)))) <= 79


DRAW = """
import sys
from nbtune.events import PhaseStarted
from nbtune.panels.card import card_html, card_text
from nbtune.panels.state import fold
view = fold("topics", [(0.0, PhaseStarted("loading model"))])
card_html(view), card_text(view)
print([name for name in ("torch", "matplotlib", "sklearn", "pandas") if name in sys.modules])
"""


def test_the_card_is_there_before_anything_heavy_is_imported():
    done = subprocess.run([sys.executable, "-c", DRAW], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
