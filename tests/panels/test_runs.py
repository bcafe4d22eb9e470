from nbtune.panels.runs import COLUMNS, EMPTY, runs_html, runs_markdown, runs_text
from nbtune.records import Score

ROW = {
    "run": "topics@1", "status": "finished", "model": "minilm", "method": "full", "rows": 7344,
    "metric": "f1_macro", "score": Score(0.8612, 0.84, 0.88), "test": None, "settings": {},
    "seconds": 1263.0, "memory": 734003200, "trained": 22_700_000, "created": "2026-11-24 17:40",
    "note": "",
}  # fmt: skip
KILLED = {**ROW, "run": "topics@2", "score": None, "seconds": 0.0, "memory": 0, "trained": 0}


def test_every_run_is_a_row_with_its_figures(read_html):
    page = read_html(runs_html([ROW, KILLED]))
    own = "topics@1 finished minilm full 7,344 0.861 0.840–0.880 21 min 3 s 700 MiB 22.7 M 2026"
    assert own in page.text
    assert "topics@2 finished minilm full 7,344 – – – – 2026-11-24 17:40" in page.text
    assert "rows f1_macro time memory trained" in page.text
    left_out = ("test", "settings", "note")
    assert page.attributes["scope"].count("col") == len(COLUMNS) - len(left_out)


def test_runs_of_other_tasks_name_their_scores_and_settings_stand_in_words(read_html):
    other = {**ROW, "metric": "rmse", "score": Score(0.5), "test": Score(0.6),
             "settings": {"learning_rate": "2e-05", "lora.r": "<b>"}}  # fmt: skip
    page = read_html(runs_html([ROW, other]))
    assert "score on test rows settings that differ" in page.text
    assert "f1_macro 0.861 0.840–0.880 –" in page.text
    assert "rmse 0.500 rmse 0.600 learning_rate 2e-05, lora.r <b>" in page.text


def test_a_note_has_a_column_where_a_run_has_one(read_html):
    noted = {**ROW, "note": "#best <b>of all</b>"}
    assert "2026-11-24 17:40 #best <b>of all</b>" in read_html(runs_html([ROW, noted])).text
    assert "note" in runs_markdown([ROW, noted]).splitlines()[0]
    assert "note" not in runs_markdown([ROW]).splitlines()[0]


def test_text_is_aligned_and_keeps_to_80_columns():
    long = {**ROW, "run": "a_name_that_is_very_long@12", "model": "/home/me/models/very-long-name"}
    head, one, other = runs_text([ROW, long]).splitlines()
    assert max(map(len, (head, one, other))) <= 80
    for name, cell in (("status", "finished"), ("method", "full"), ("f1_macro", "0.861")):
        assert head.index(name) == one.index(cell) == other.index(cell)


def test_markdown_has_a_line_a_run():
    head, rule, *rows = runs_markdown([ROW, KILLED]).splitlines()
    assert len(rows) == 2
    assert head.count("|") == rule.count("|") == rows[0].count("|") == rows[1].count("|")


def test_no_runs_say_how_to_make_one(read_html):
    assert runs_text([]) == runs_markdown([]) == EMPTY
    assert read_html(runs_html([])).text == EMPTY
