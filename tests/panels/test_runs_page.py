from dataclasses import replace

import pytest

from nbtune.magics.forms.shelf import shelf_of
from nbtune.panels.runs_page import RunsPage
from nbtune.runs import RunStore
from nbtune.shelf import describe_run
from nbtune.testing import made_up_events


@pytest.fixture
def store(tmp_path):
    """Two finished runs and one that was paused."""
    store = RunStore(tmp_path / "runs")
    for name, reason in (("topics", "finished"), ("topics", "finished"), ("mails", "interrupted")):
        run = store.create(name)
        created = len(store.folders())
        run.describe({"created": created, "model": "minilm", "method": "full"}, "model: minilm\n")
        for event in made_up_events(reason=reason):
            run.append(event)
        (run.path / "model").mkdir()
        (run.path / "checkpoints").mkdir()
        (run.path / "checkpoints" / "weights").write_bytes(b"0" * 4096)
    return store


@pytest.fixture
def page(store):
    return RunsPage(shelf_of(str(store.root)))


def listed(page):
    return [title for _, title in page.list.options]


def press(page, words):
    button = next(b for b in family(page.box) if getattr(b, "description", "") == words)
    button.click()


def family(widget):
    for child in getattr(widget, "children", ()):
        yield child
        yield from family(child)


def test_runs_are_filtered_and_sorted(page):
    assert listed(page) == ["topics@1", "topics@2", "mails@1"]
    page.pattern.value = "topics*"
    assert listed(page) == ["topics@1", "topics@2"]
    page.pattern.value = ""
    page.sort.value = "run"
    assert listed(page) == ["mails@1", "topics@1", "topics@2"]
    assert "finished" in page.list.options[1][0]


def test_words_are_looked_for_in_names_notes_tags_and_status(page, store):
    describe_run("topics@2", note="with Weights", tags=["Kept"], runs_dir=store.root)
    for words, found in (
        ("TOPIC", ["topics@1", "topics@2"]),
        ("weights", ["topics@2"]),
        ("#kept topics", ["topics@2"]),
        ("paused", ["mails@1"]),
        ("Topics@?", ["topics@1", "topics@2"]),
        ("nowhere <b>", []),
    ):
        page.pattern.value = words
        assert listed(page) == found
    assert "no run fits &#39;nowhere &lt;b&gt;&#39;" in page.heads.value
    assert "no runs here yet" not in page.heads.value


def test_what_was_deleted_is_brought_back_by_undo(page):
    assert page.undo.layout.display == "none"
    page.list.value = ["topics@1", "mails@1"]
    press(page, "Delete")
    assert listed(page) == ["topics@2"]
    assert "deleted topics@1, mails@1" in page.told.value
    assert page.undo.layout.display != "none"
    press(page, "Undo")
    assert sorted(listed(page)) == ["mails@1", "topics@1", "topics@2"]
    assert page.undo.layout.display == "none"


def test_undo_brings_back_what_it_can_and_can_be_tried_again(page):
    page.list.value = ["topics@1", "mails@1"]
    press(page, "Delete")
    restore, page.shelf = page.shelf.restore, replace(page.shelf, restore=refuse("mails@1"))
    press(page, "Undo")
    assert "brought back topics@1" in page.told.value
    assert "no room for mails@1" in page.told.value
    assert page.undo.layout.display != "none"
    page.shelf = replace(page.shelf, restore=restore)
    press(page, "Undo")
    assert "mails@1" in listed(page)
    assert page.undo.layout.display == "none"


def refuse(one):
    def restore(title):
        if title == one:
            raise OSError(f"no room for {title}")

    return restore


def test_a_mistake_of_ours_is_said_in_place_of_what_was_awaited(page):
    def compare(titles):
        raise ValueError("of <two> kinds")

    page.shelf = replace(page.shelf, compare=compare)
    page.list.value = ["topics@1", "topics@2"]
    press(page, "Compare")
    assert "ValueError: of &lt;two&gt; kinds" in page.told.value
    assert "comparing" not in page.told.value


def test_a_run_is_renamed_and_described(page):
    page.list.value = ["mails@1"]
    page.name.value = "post"
    press(page, "Rename")
    assert "mails@1 is post@1 now" in page.told.value
    page.list.value = ["post@1"]
    page.note.value, page.tags.value = "with <b>old</b> labels", "best, kept"
    press(page, "Write down")
    page.list.value = ["topics@1"]
    assert (page.note.value, page.tags.value) == ("", "")
    page.list.value = ["post@1"]
    assert (page.note.value, page.tags.value) == ("with <b>old</b> labels", "best, kept")


def test_the_disk_is_freed_of_finished_runs_only(page, store):
    page.list.value = ["topics@1"]
    press(page, "Free disk")
    assert "4 KiB freed" in page.told.value
    page.list.value = ["topics@2", "mails@1"]
    press(page, "Free disk")
    assert "checkpoints of topics@2 removed: 4 KiB freed" in page.told.value
    assert "goes on from its checkpoints" in page.told.value
    assert (store.get("mails").path / "checkpoints").is_dir()


def test_a_run_of_a_learning_curve_is_chosen_like_any_other(store):
    part = store.create("topics_25pct")
    part.describe({"created": 4, "part": {"of": "topics@2", "rows": 25}}, "model: minilm\n")
    page = RunsPage(shelf_of(str(store.root)))
    assert listed(page) == ["topics@1", "topics@2", "topics_25pct@1", "mails@1"]
    assert page.list.options[2][0].startswith("↳")
    page.list.value = ["topics_25pct@1"]
    page.note.value = "a quarter"
    press(page, "Write down")
    assert "noted on topics_25pct@1" in page.told.value
    press(page, "Delete")
    assert "deleted topics_25pct@1" in page.told.value


@pytest.mark.parametrize(
    ("words", "said"),
    [("Delete", "choose a run"), ("Rename", "choose one run"), ("Compare", "choose 2 runs")],
)
def test_a_button_says_what_is_to_be_chosen_first(page, words, said):
    press(page, words)
    assert said in page.told.value


def test_what_cannot_be_is_said_and_changes_nothing(page):
    page.list.value = ["mails@1"]
    page.name.value = "no name"
    press(page, "Rename")
    assert "is not a name for a run" in page.told.value
    assert "mails@1" in listed(page)


def test_without_runs_the_page_says_how_to_make_one(tmp_path):
    page = RunsPage(shelf_of(str(tmp_path)))
    assert listed(page) == []
    assert "no runs here yet" in page.heads.value
