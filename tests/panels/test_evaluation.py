import math
import re
from dataclasses import replace

from nbtune.panels.evaluation import (
    MOST_CLASSES,
    evaluation_html,
    evaluation_markdown,
    evaluation_text,
)
from nbtune.records import Confusion, Judged, Score
from nbtune.testing import made_up_record

RECORD = made_up_record(("animal", "food", "place"))


def rows(html, heading):
    table = html[html.index(heading) :]
    return re.findall(r"<tr>(.*?)</tr>", table[: table.index("</table>")])


def words(html):
    return " ".join(re.sub("<.*?>", " ", html).split())


def test_every_score_of_every_model_is_there_with_its_interval():
    html = evaluation_html(RECORD)
    found = [words(row) for row in rows(html, "Scores with")]
    assert found[0] == "score topics@1 TF-IDF + logistic regression"
    for row, (name, score) in zip(found[1:], RECORD.scores.items(), strict=True):
        assert row.startswith(name)
        assert f"{score.value:.3f} {score.low:.3f}–{score.high:.3f}" in row


def test_the_best_of_each_row_is_starred_and_less_is_better_for_log_loss():
    table = (
        Judged("majority", "baseline", {"mcc": Score(math.nan), "log_loss": Score(0.2)}),
        Judged("topics@1", "model", {"mcc": Score(0.1), "log_loss": Score(0.9)}),
    )
    html = evaluation_html(replace(RECORD, table=table))
    mcc, log_loss = (words(row) for row in rows(html, "Scores with")[1:])
    assert mcc == "mcc ★ 0.100 –"
    assert log_loss == "log_loss 0.900 ★ 0.200"


def test_that_no_row_is_wrong_is_said_only_where_rows_can_be():
    sound = "Not one row is wrong"
    assert sound in evaluation_html(replace(RECORD, errors=()))
    assert sound not in evaluation_html(replace(RECORD, errors=(), classes=()))


def test_labels_and_errors_have_their_tables():
    html = evaluation_html(RECORD)
    assert [words(row).split()[0] for row in rows(html, "By label")[1:]] == list(RECORD.labels)
    wrong = rows(html, "Most confidently wrong")[1:]
    assert len(wrong) == 10
    first = RECORD.errors[0]
    assert words(wrong[0]).startswith(f"{first.row} {first.text} {first.target} {first.prediction}")
    assert "more in .errors()" in html


def test_numbers_are_in_real_tables_with_heads_for_rows_and_columns():
    html = evaluation_html(RECORD)
    assert html.count("<table>") == html.count("<caption>") == html.count("<thead>") == 3
    assert all('<th scope="row"' in row for row in rows(html, "By label")[1:])
    assert 'scope="col"' in html


def test_all_right_is_said():
    assert "Not one row is wrong." in evaluation_html(replace(RECORD, errors=()))


def test_of_two_hundred_labels_the_worst_are_shown_in_little_space():
    names = tuple(f"a rather long name of label {i}" * 3 for i in range(200))
    made = made_up_record(200, rows=1000)
    classes = tuple(replace(c, label=n) for c, n in zip(made.classes, names, strict=True))
    errors = tuple(replace(e, text="long text " * 50, target=names[0]) for e in made.errors)
    html = evaluation_html(replace(made, labels=names, classes=classes, errors=errors))
    assert len(html.encode()) < 60_000
    shown = rows(html, "By label")[1:]
    assert len(shown) == MOST_CLASSES
    assert f"the worst {MOST_CLASSES} of 200 by F1" in html
    worst = min(made.classes, key=lambda one: one.f1.value)
    assert any(f"{worst.f1.value:.3f}" in row for row in shown)


def test_text_has_scores_labels_errors_and_verdict():
    text = evaluation_text(RECORD)
    assert text.splitlines()[0] == "topics@1 on 120 test rows"
    score = RECORD.scores["f1_macro"]
    assert f"{score.value:.3f} {score.low:.3f}–{score.high:.3f}" in text
    for one in RECORD.classes:
        assert re.search(rf"{one.label} .*{one.f1.value:.3f} .*{one.support}", text)
    assert f"{RECORD.errors[0].target} taken for {RECORD.errors[0].prediction}" in text
    assert " ".join(text.split()).endswith(RECORD.verdict)


def test_text_of_many_labels_and_models_keeps_to_80_columns():
    made = made_up_record(40, rows=400)
    table = tuple(replace(made.table[0], name=f"a baseline {i}") for i in range(5))
    text = evaluation_text(replace(made, table=(*table, made.table[-1])))
    assert max(map(len, text.splitlines())) <= 80
    assert "worst 20 of 40 labels" in text
    assert "topics@1" in text.splitlines()[1], "the model is never left out"


def test_markdown_is_the_score_table_and_the_verdict():
    lines = evaluation_markdown(RECORD).splitlines()
    assert lines[2] == "| score | TF-IDF + logistic regression | topics@1 |"
    assert len([line for line in lines if line.startswith("| ")]) == 1 + len(RECORD.scores)
    assert lines[-1] == RECORD.verdict


def test_calibration_and_top_k_are_said_in_every_face():
    said = (RECORD.calibration.words, "The true label is among the k likeliest")
    for face in (evaluation_html(RECORD), evaluation_markdown(RECORD), evaluation_text(RECORD)):
        plain = " ".join(face.replace("\\", "").split())
        assert all(text in plain for text in said)


def test_of_many_labels_the_commonest_mistakes_are_listed():
    names = tuple(f"<b>label {i}</b>" for i in range(20))
    counts = [[50 * (row == column) for column in range(20)] for row in range(20)]
    counts[3][7], counts[9][2] = 30, 4
    confusion = Confusion(names, tuple(map(tuple, counts)))
    made = replace(made_up_record(20, rows=200), confusion=confusion)
    (_, first, second) = rows(evaluation_html(made), "taken for others most often")
    assert "label 3" in first
    assert "label 7" in first
    assert "30" in first
    assert "38 %" in first
    assert "label 9" in second
    assert "<b>label" not in evaluation_html(made)
    text = evaluation_text(made)
    assert "for <b>label 7</b>" in text
    assert max(map(len, text.splitlines())) <= 80


def test_of_few_labels_the_matrix_says_it():
    assert "taken for others" not in evaluation_html(RECORD)
