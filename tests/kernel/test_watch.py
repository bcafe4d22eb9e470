"""A run seen from another cell or another kernel than the one that trains it."""

import time

import pytest

pytestmark = pytest.mark.kernel
LONG = "%%finetune topics --fresh --data df\nmodel: ./tiny\nnum_train_epochs: 5000\nbaseline: false"
BESIDE = (
    "import threading, time, nbtune\n"
    "of = dict(model='./tiny', num_train_epochs=9000, baseline=False, display='none')\n"
    "thread = threading.Thread(target=nbtune.finetune, args=(df, 'beside'), kwargs=of)\n"
    "thread.start()\n"
    "while not nbtune.list_runs('beside') or not nbtune.load('beside').history.size:\n"
    "    time.sleep(0.05)"
)


def shown(heard):
    """Return the displays by their ids, as a page has them at the end."""
    found = {}
    for content in heard.of("display_data", "update_display_data"):
        found[content["transient"].get("display_id", len(found))] = content["data"]
    return list(found.values())


def watched(kernel, cell="%watch topics"):
    """Watch, and listen until the card that is followed has moved."""
    first = kernel.run(cell)
    assert first.status == "ok"
    assert "follows it" in first.text
    kernel.listen("", kernel.trains)
    return first


def until_resume(kernel):
    """Listen to what comes, in no cell, until one is told how to go on."""
    return kernel.listen("", lambda m: "%resume" in str(m["content"].get("data", "")), 20)


def test_naming_a_run_of_another_kernel_follows_it_until_its_end(second_kernel, shared_kernel):
    trains, looks = second_kernel, shared_kernel
    training = trains.starts_training(LONG)
    looks.run("import nbtune")
    watched(looks, "nbtune.load('topics')")
    trains.manager.interrupt_kernel()
    trains.finish(training)
    last = until_resume(looks)
    assert "paused" in last.messages[-1]["content"]["data"]["text/plain"]
    again = looks.run("%watch topics")
    assert ["image/png" in data for data in shown(again)] == [True, False]
    assert "<Run" in looks.run("print(repr(nbtune.load('topics')))").text


def test_where_nobody_watches_the_cell_lasts_as_long_as_the_run(second_kernel, shared_kernel):
    trains, looks = second_kernel, shared_kernel
    training = trains.starts_training(LONG)
    asked = looks.start("%watch topics\nprint('after', end='')", headless=True)
    looks.listen(asked, looks.trains)
    trains.manager.interrupt_kernel()
    trains.finish(training)
    heard = looks.finish(asked)
    assert heard.text.startswith("after")
    assert "paused" in shown(heard)[-1]["text/plain"]


def test_an_interrupt_ends_the_watching_and_not_the_run(second_kernel, shared_kernel):
    trains, looks = second_kernel, shared_kernel
    training = trains.starts_training(LONG)
    asked = looks.start("%watch topics --wait")
    looks.listen(asked, looks.trains)
    looks.manager.interrupt_kernel()
    assert "is not watched any more; it goes on" in looks.finish(asked).text
    assert looks.run("import nbtune; print(nbtune.load('topics').status)").text == "running\n"
    trains.manager.interrupt_kernel()
    trains.finish(training)


def test_two_views_of_a_run_of_this_kernel_stay_in_step(shared_kernel, draw):
    shared_kernel.run(BESIDE)
    first = draw("%watch beside")
    first.until(lambda: first.ended(first.asked))
    second = shared_kernel.start("nbtune.load('beside')")
    first.until(lambda: len(buttons(first, "Pause")) == 2)
    first.click("Pause")
    first.until(lambda: len(buttons(first, "Resume")) == 2)
    first.until(lambda: len(steps_shown(first)) == 1)
    first.click("Resume")
    first.until(lambda: len(buttons(first, "Pause")) == 2)
    shared_kernel.run("nbtune.control('beside').stop(); thread.join()")
    time.sleep(0.5)
    first.until(lambda: "image/png" in first.shown or "text/html" in first.shown)
    assert second != first.asked


def buttons(page, label):
    return [s for s in page.widgets.values() if s.get("description") == label]


def steps_shown(page):
    """Return the different steps that the cards show at this moment."""
    cards = [s["value"] for s in page.widgets.values() if "data-status" in str(s.get("value"))]
    return {card.split("<span>step</span>")[1][:12] for card in cards}


def test_a_run_that_ended_is_shown_as_it_ended(shared_kernel):
    kernel = shared_kernel
    kernel.run(LONG.replace("5000", "30").replace("topics", "short"))
    heard = kernel.run("%watch short")
    picture, tables = shown(heard)
    assert set(picture) == {"image/png", "text/plain"}
    assert ": finished" in tables["text/plain"]
    threads = kernel.run("import threading; print([t.name for t in threading.enumerate()])").text
    assert "nbtune-watch" not in threads
    assert "there is no run 'shot'" in kernel.run("%watch shot").text


def test_at_last_a_run_of_a_killed_kernel_is_said_to_be_lost(second_kernel, shared_kernel):
    trains, looks = second_kernel, shared_kernel
    trains.starts_training(LONG + "\nsave_interval_seconds: 0.2")
    first = watched(looks)
    between = looks.run("print('free for other work')")
    assert [c["text"] for c in between.of("stream")] == ["free for other work\n"]
    trains.manager.signal_kernel(9)
    last = until_resume(looks)
    picture, tables = shown(type(last)(messages=first.messages + last.messages))
    assert set(picture) == {"image/png", "text/plain"}
    assert "interrupted: its process ended" in tables["text/plain"]
    assert "%resume topics@" in tables["text/html"]
    assert [m for m in last.messages if m["msg_type"] == "display_data"] == []
