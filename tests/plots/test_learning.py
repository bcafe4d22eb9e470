import math

from nbtune.panels import learning as faces
from nbtune.plots.learning import learning_figure
from nbtune.plots.seeds import seeds_figure
from nbtune.records import (
    Band,
    CurvePoint,
    LearningCurveRecord,
    PowerLaw,
    Score,
    SeedScores,
    SeedSpreadRecord,
)

EVIL = "<script>x</script>"


GAIN = Score(0.01, 0.002, 0.02)


def curve(gain=GAIN):
    points = tuple(
        CurvePoint(f"t_{rows}@1", rows, 1, Score(score, score - 0.02, score + 0.02), 0.7, 3.0)
        for rows, score in ((100, 0.6), (250, 0.75), (1000, 0.85))
    )
    band = Band((100.0, 1000.0, 2000.0), (0.6, 0.85, 0.86), (0.5, 0.8, 0.8), (0.7, 0.9, 0.9))
    law = PowerLaw(0.9, 3.0, 0.5)
    words = f"1,000 more labels {EVIL}"
    return LearningCurveRecord(
        EVIL, "test", 600, "f1_macro", points, 3, "TF-IDF", law, band, 1000, gain, words
    )


def spread():
    one = SeedScores(
        "f1_macro", (0.8, 0.82), Score(0.81, 0.79, 0.83), 0.014, 0.7, Score(0.11, 0.05, 0.2)
    )
    lone = SeedScores("log_loss", (0.5, 0.6), Score(0.55), 0.07, math.nan, Score(math.nan))
    return SeedSpreadRecord(
        EVIL, "test", 600, "f1_macro", (EVIL, "b@1"), (42, 43), 2, "TF-IDF", (one, lone), EVIL
    )


def test_points_curve_forecast_and_baseline_are_drawn():
    ax = learning_figure(curve()).axes[0]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["100", "250", "1,000", "2,000"]
    named = [text.get_text() for text in ax.get_legend().get_texts()]
    assert named == ["foretold for 1,000 more", "<script>x</script>", "TF-IDF"]
    assert ax.get_ylabel() == "f1_macro on 600 test rows"


def test_without_a_forecast_the_curve_ends_at_the_rows_there_are():
    ax = learning_figure(curve(gain=None)).axes[0]
    assert max(line.get_xdata()[-1] for line in ax.get_lines()) == 1000


def test_every_seed_is_a_ring_and_losses_are_left_out():
    ax = seeds_figure(spread()).axes[0]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["f1_macro"]
    assert any(list(line.get_xdata()) == [0.8, 0.82] for line in ax.get_lines())


def test_no_face_lets_data_become_markup():
    for html in (faces.curve_html(curve()), faces.seeds_html(spread())):
        assert "<script>" not in html
        assert "&lt;script&gt;" in html
    for text in (faces.curve_text(curve()), faces.seeds_text(spread())):
        assert max(map(len, text.splitlines())) <= 80
    for markdown in (faces.curve_markdown(curve()), faces.seeds_markdown(spread())):
        assert "<script>" not in markdown
