from dataclasses import replace

import pandas as pd
import pytest

import nbtune
from nbtune.magics.forms.rows import desk_of
from nbtune.panels.data_page import DataPage

TEXTS = [
    ("the cat sat on the mat today", "animal"),
    ("the cat sat on the mat today", "animal"),
    ("a loaf of <b>bread</b> on the table", "food"),
    ("a loaf of <b>bread</b> on the table", "animal"),
    ("write to jane.doe@example.org about it", "food"),
    ("soup with beans and a slice of ham", "food"),
]


@pytest.fixture
def notebook():
    return {"df": pd.DataFrame(TEXTS, columns=["text", "label"])}


@pytest.fixture
def used():
    return []


@pytest.fixture
def page(notebook, used):
    page = DataPage(desk_of(notebook, used.append))
    page.source.value = "df"
    press(page, "Look")
    return page


def family(widget):
    for child in getattr(widget, "children", ()):
        yield child
        yield from family(child)


def press(page, words):
    next(b for b in family(page.box) if getattr(b, "description", "") == words).click()


def listed(page):
    return [check for _, check in page.list.options]


def test_nothing_is_looked_at_before_one_says_so(notebook):
    page = DataPage(desk_of(notebook, print))
    assert "df" in page.source.options
    assert "topics" in page.source.options
    assert page.after.layout.display == "none"
    press(page, "Look")
    assert "choose rows first" in page.told.value


def test_findings_are_listed_the_gravest_first_and_by_severity(page):
    assert "df: 6 rows" in page.told.value
    assert listed(page)[0] == "conflicts"
    assert "duplicates" in listed(page)
    page.severity.value = "error"
    assert listed(page) == ["conflicts"]


def test_the_rows_of_a_finding_are_shown_escaped_and_searched(page):
    page.list.value = ["conflicts"]
    assert "&lt;b&gt;bread" in page.one.value
    assert "<b>bread" not in page.one.value
    assert "2 rows" in page.one.value
    page.search.value = "nowhere"
    assert "bread" not in page.one.value


def test_rows_are_looked_for_once_however_much_one_searches(page):
    asked, found = [], page.desk.found

    def count(rows, check):
        asked.append(check)
        return found(rows, check)

    page.desk = replace(page.desk, found=count)
    page.list.value = ["conflicts"]
    for words in ("b", "br", "bre", ""):
        page.search.value = words
    page.severity.value = "error"
    assert asked == ["conflicts"]
    assert "2 rows" in page.one.value
    press(page, "Look")
    assert asked == ["conflicts"] * 2, "the rows may be others by now"


def test_what_gives_somebody_away_is_never_shown(page):
    page.list.value = ["personal"]
    assert "about it" in page.one.value
    assert "jane" not in page.one.value
    assert "jane" not in page.all.value


def test_rows_are_mended_in_a_copy_and_that_is_undone(page, notebook, used):
    page.list.value = ["conflicts", "duplicates"]
    press(page, "Mend")
    mended = notebook["df_mended"]
    assert len(notebook["df"]) == 6
    assert len(mended) < 6
    pd.testing.assert_frame_equal(mended, nbtune.mend(notebook["df"], "conflicts", "duplicates"))
    assert page.line.line == "df_mended = nbtune.mend(df, 'conflicts', 'duplicates')"
    assert not {"conflicts", "duplicates"} & set(listed(page))
    press(page, "Train on these")
    assert used == ["df_mended"]
    press(page, "Undo")
    assert "df_mended" not in notebook
    assert page.source.value == "df"
    assert "conflicts" in listed(page)


def test_a_variable_of_the_notebook_is_not_written_over(page, notebook):
    notebook["df_mended"] = "mine"
    page.list.value = ["duplicates"]
    press(page, "Mend")
    press(page, "Mend")
    assert notebook["df_mended"] == "mine"
    assert "df_mended2" in notebook
    assert "choose what to mend" in page.told.value


def test_what_cannot_be_looked_at_or_mended_is_said(page):
    page.source.value = "dg"
    press(page, "Look")
    assert "DataFrames here: df" in page.told.value
    assert page.looked_at.name == "df"
    press(page, "Mend")
    assert "choose what to mend in the list first" in page.told.value


def test_columns_are_named(notebook):
    notebook["other"] = notebook["df"].rename(columns={"text": "first", "label": "second"})
    page = DataPage(desk_of(notebook, print))
    page.source.value, page.text.value, page.label.value = "other", "first", "second"
    press(page, "Look")
    page.list.value = ["duplicates"]
    press(page, "Mend")
    assert "text='first'" in page.line.line
    assert len(notebook["other_mended"]) < 6
