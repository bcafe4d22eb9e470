"""Buttons that act while the cell is busy, spoken to by the protocol; no browser."""

import os

import pytest

pytestmark = pytest.mark.kernel
LONG = (
    "%%finetune topics --fresh --data df\nmodel: ./tiny\nnum_train_epochs: 9000\n"
    "baseline: false\nlearning_rate: 2e-5\neval_strategy: no"
)
PLAIN = (
    "run = nbtune.finetune(df, 'topics', model='./tiny', num_train_epochs=9000, baseline=False, "
    "fresh=True)"
)


@pytest.fixture
def page(draw):
    """A page on which a run has begun to train."""
    return draw(LONG)


def stop(page) -> None:
    page.click("Stop and keep")
    page.until(lambda: page.ended(page.asked))


def test_a_kernel_has_the_lane_that_suits_it(page):
    """Where the kernel has subshells it is the router."""
    stop(page)
    found = page.kernel.run(
        "from nbtune.panels.lane import open_lane\nlane = open_lane([])\n"
        "print(lane.kind, hasattr(get_ipython().kernel, 'shell_channel_thread'))\nlane.close()"
    ).text
    assert found in ("router True\n", "drain False\n")
    if wanted := os.environ.get("NBTUNE_LANE"):
        assert found.startswith(wanted)


def test_pause_and_resume_act_within_a_step(page):
    page.click("Pause")
    assert page.until(lambda: page.has("Resume")) < 2
    at = page.step
    page.click("Resume")
    page.until(lambda: page.has("Pause") and page.step > at)
    stop(page)
    steered = page.kernel.run("print([e.action for _, e in topics.events if hasattr(e, 'action')])")
    assert steered.text == "['pause', 'resume']\n"


def test_stop_keeps_the_run(page):
    page.click("Stop and keep")
    assert page.until(lambda: page.ended(page.asked)) < 5
    assert page.kernel.run("print(topics.status, len(topics.predict(['a cake'])))").text == (
        "paused 1\n"
    )


def test_stop_ends_a_pause(page):
    page.click("Pause")
    page.until(lambda: page.has("Resume"))
    stop(page)
    assert page.kernel.run("print(topics.status)").text == "paused\n"


def test_save_and_evaluate_act(page):
    page.click("Save")
    page.click("Evaluate")
    page.until(lambda: "scored" in page.html)
    stop(page)
    steered = page.kernel.run("print([e.action for _, e in topics.events if hasattr(e, 'action')])")
    assert steered.text == "['save', 'evaluate']\n"


def test_rate_and_epochs_change_and_slider_and_number_keep_step(page):
    rate = page.find("learning rate")
    slider = next(
        c for c, s in page.widgets.items() if s.get("_model_name") == "FloatLogSliderModel"
    )
    page.type("learning rate", "1e-3")
    page.until(lambda: page.widgets[slider]["value"] == 1e-3)
    page.put(slider, value=10**-4.35)
    page.until(lambda: page.widgets[rate]["value"] == "4.5e-05")
    page.type("epochs in all", "8000.5")
    page.until(lambda: "24,002" in page.html)
    stop(page)
    changes = page.kernel.run(
        "print([(e.setting, e.value) for _, e in topics.events if getattr(e, 'setting', '')])"
    )
    assert changes.text == (
        "[('learning_rate', 0.001), ('learning_rate', 4.5e-05), ('num_train_epochs', 8000.5)]\n"
    )


def test_the_chart_is_looked_at_otherwise_also_in_a_pause(page):
    page.click("Pause")
    page.until(lambda: page.has("Resume"))
    faint = '" opacity=".4"'
    assert faint not in page.html
    page.put(page.find("smoothing"), value=0.9)
    page.until(lambda: faint in page.html, 2)
    stop(page)


def test_a_value_that_cannot_be_is_said_and_changes_nothing(page):
    page.type("learning rate", "-1")
    page.until(lambda: "learning_rate is -1.0" in page.html)
    page.type("learning rate", "fast")
    page.until(lambda: "learning_rate is &#39;fast&#39;" in page.html)
    page.type("learning rate", "2e-05")
    page.until(lambda: 'role="alert"' not in page.html)
    stop(page)
    assert (
        page.kernel.run("print([e for _, e in topics.events if getattr(e, 'setting', '')])").text
        == "[]\n"
    )


def test_other_widgets_and_the_next_cell_wait_in_their_order(shared_kernel, draw):
    kernel = shared_kernel
    kernel.run(
        "import ipywidgets\nown, seen = ipywidgets.IntText(description='own'), []\n"
        "own.observe(lambda change: seen.append(change['new']), 'value')"
    )
    own = kernel.run("print(own.comm.comm_id)").text.strip()
    page = draw(LONG)
    page.put(own, value=1)
    first = kernel.start("print(seen, topics.status)")
    page.put(own, value=2)
    second = kernel.start("print(seen)")
    at = page.step
    page.until(lambda: page.step > at + 20)
    stop(page)
    page.until(lambda: page.ended(second))
    assert page.heard("stream", first)[0]["text"] == "[1] paused\n"
    assert page.heard("stream", second)[0]["text"] == "[1, 2]\n"


def test_after_a_failed_cell_those_that_waited_are_left_out(draw):
    """As Run All has it."""
    page = draw(f"import nbtune\n{PLAIN}\n1 / 0")
    waiting = page.kernel.start("print('too far')")
    at = page.step
    page.until(lambda: page.step > at + 20)
    stop(page)
    page.until(lambda: page.ended(waiting))
    assert page.heard("stream", waiting) == []


def test_a_page_loaded_in_mid_run_gets_kernel_and_widgets(page):
    asked = page.kernel.send("kernel_info_request", {})
    page.load()
    page.until(
        lambda: (
            page.ended(asked)
            and any(c["data"].get("method") == "update_states" for c in page.heard("comm_msg"))
        ),
        10,
    )
    states = next(
        c["data"]["states"]
        for c in page.heard("comm_msg")
        if c["data"]["method"] == "update_states"
    )
    assert {page.box, page.find("Pause"), page.find("learning rate")} <= set(states)
    assert not page.ended(page.asked)
    stop(page)
    assert page.box not in page.closed, "the page that was loaded shows nothing else"


def test_the_kernel_reads_busy_as_long_as_the_cell_runs(page):
    page.click("Save")
    at = page.step
    page.until(lambda: page.step > at + 50)
    states = [m for m in page.messages if m["msg_type"] == "status"]
    assert states[-1]["content"]["execution_state"] == "busy"
    assert states[-1]["parent_header"]["msg_id"] == page.asked
    stop(page)


def test_at_the_end_there_is_a_picture_and_no_widget(page):
    at = page.step
    page.until(lambda: page.step > at)  # a line has two points
    stop(page)
    assert set(page.shown) == {"image/png", "text/plain"}
    page.draw(0)  # the page takes the widgets out
    page.until(lambda: set(page.widgets) <= page.closed)


def test_a_pyplot_figure_of_the_cell_stays_in_the_cell(shared_kernel, draw):
    shared_kernel.run("%matplotlib inline\nimport matplotlib.pyplot as plt, nbtune")
    page = draw(f"figure, axes = plt.subplots()\n{PLAIN}\naxes.set_title('after')")
    page.click("Save")
    page.until(lambda: "saved" in page.html)
    stop(page)
    pictures = [c for c in page.heard("display_data") if "image/png" in c["data"]]
    assert len(pictures) == 1
    assert page.heard("display_data", page.asked)[-1] == pictures[0], "not taken by the click"


def test_where_no_page_draws_widgets_the_display_goes_on(draw):
    page = draw(LONG, trains=False, answers=False)
    page.until(lambda: page.box)
    page.until(
        lambda: "widget-view" not in str(page.shown) and "rows/s" in page.shown["text/plain"]
    )
    page.kernel.manager.interrupt_kernel()
    page.until(lambda: page.ended(page.asked))
    assert page.box in page.closed


def test_where_nobody_watches_there_are_no_widgets(draw):
    page = draw(LONG.replace("9000", "20"), trains=False, headless=True)
    page.until(lambda: page.ended(page.asked), 120)
    assert page.heard("comm_open") == []
    assert "image/png" in page.shown


def test_an_interrupt_pauses_and_saves_beside_the_buttons(page):
    page.kernel.manager.interrupt_kernel()
    page.until(lambda: page.ended(page.asked))
    assert page.kernel.run("print(topics.status)").text == "paused\n"


def test_where_nobody_watches_the_forms_leave_no_widgets(shared_kernel):
    heard = shared_kernel.finish(shared_kernel.start("%nbtune panel", headless=True))
    assert heard.status == "ok"
    assert "run %nbtune panel in a notebook" in heard.text
    assert not [m for m in heard.messages if m["msg_type"].startswith("comm")]
