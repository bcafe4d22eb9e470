import json
import time

import pytest

pytestmark = pytest.mark.kernel
# Some thousand steps of a tiny model: long enough to be interrupted.
LONG = "%%finetune topics --data df\nmodel: ./tiny\nnum_train_epochs: 5000\nbaseline: false"
SHORT = LONG.replace("5000", "1")


def interrupt(kernel, cell=LONG):
    asked = kernel.starts_training(cell)
    kernel.manager.interrupt_kernel()
    return kernel.finish(asked)


def test_a_run_is_one_display_that_ends_as_plain_pictures_and_tables(kernel):
    cell = SHORT.replace("num_train_epochs: 1", "num_train_epochs: 200")
    heard = kernel.finish(kernel.start(cell, headless=True))
    assert heard.status == "ok"
    displays, updates = heard.of("display_data"), heard.of("update_display_data")
    assert len(displays) == 1
    assert {u["transient"]["display_id"] for u in updates} == {
        displays[0]["transient"]["display_id"]
    }
    assert "image/png" in updates[-1]["data"]
    result = heard.of("execute_result")[0]["data"]
    assert set(result) == {"text/plain", "text/markdown", "text/html"}
    assert not [m for m in heard.messages if m["msg_type"].startswith("comm")]
    assert len(json.dumps([updates[-1], result])) < 60_000


def test_an_interrupt_pauses_and_resume_goes_on_to_the_end(kernel):
    heard = interrupt(kernel)
    assert heard.status == "ok"
    assert "%resume topics@1" in heard.html
    assert kernel.run("print(topics.status, len(topics.predict(['a cake'])))").text == "paused 1\n"
    before = int(kernel.run("print(topics.history['step'].max())").text)
    resumed = kernel.run(f"%resume topics --epochs {before // 3 + 20}")
    assert resumed.status == "ok"
    assert kernel.run("print(topics.status)").text == "finished\n"
    assert int(kernel.run("print(topics.history['step'].max())").text) > before


def test_the_same_cell_again_goes_on_with_a_paused_run(kernel):
    interrupt(kernel)
    asked = kernel.start(LONG)
    heard = kernel.listen(asked, kernel.trains)
    assert "going on with it" in heard.html
    kernel.manager.interrupt_kernel()
    kernel.finish(asked)
    assert kernel.run("import nbtune; print(len(nbtune.list_runs()))").text == "1\n"


def test_a_second_interrupt_stops_at_once_and_keeps_the_last_checkpoint(kernel):
    asked = kernel.starts_training(LONG)
    kernel.manager.interrupt_kernel()
    kernel.manager.interrupt_kernel()
    assert kernel.finish(asked).status == "ok"
    assert kernel.run("import nbtune; print(nbtune.load('topics').status)").text == "paused\n"


def test_an_interrupt_before_the_first_step_is_said_and_leaves_no_traceback(kernel):
    asked = kernel.start(LONG)
    kernel.listen(asked, lambda m: "loading model" in str(m["content"].get("data", "")))
    kernel.manager.interrupt_kernel()
    heard = kernel.finish(asked)
    assert heard.status == "ok"
    assert heard.of("error") == []


def test_a_killed_kernel_loses_nothing(kernels):
    first = kernels()
    asked = first.starts_training(LONG + "\nsave_interval_seconds: 0.2")
    first.listen(asked, first.trains)
    first.manager.signal_kernel(9)
    second = kernels()
    listed = second.run("import nbtune; print(nbtune.list_runs()[0].status)")
    assert listed.text == "interrupted\n"
    step = int(second.run("print(nbtune.load('topics').folder.last.newest()[0].step)").text)
    resumed = second.run(f"%resume topics --epochs {step // 3 + 20}")
    assert resumed.status == "ok"
    assert second.run("print(topics.status)").text == "finished\n"
    starts = "[e.step for _, e in topics.events if type(e).__name__ == 'RunStarted']"
    assert second.run(f"print({starts})").text == f"[0, {step}]\n"


def test_two_kernels_do_not_train_one_run(kernels):
    first, second = kernels(), kernels()
    asked = first.starts_training(LONG)
    heard = second.run("%resume topics")
    assert "is being trained already" in heard.text
    assert second.run("import nbtune; print(nbtune.list_runs()[0].status)").text == "running\n"
    first.manager.interrupt_kernel()
    first.finish(asked)


def test_completion_answers_through_the_protocol(kernel):
    text = "%%finetune t --data df\nbatching: "
    reply = kernel.client.complete(text, len(text), reply=True, timeout=30)["content"]
    assert set(reply["matches"]) == {"packed", "padded"}
    assert (reply["cursor_start"], reply["cursor_end"]) == (len(text), len(text))


def test_a_mistake_is_two_lines_on_the_error_stream(kernel):
    heard = kernel.run("%%finetune t --data df\nepoch: 1")
    assert heard.status == "error"
    stderr = "".join(c["text"] for c in heard.of("stream") if c["name"] == "stderr")
    assert stderr.startswith("UsageError: cell line 2: unknown setting 'epoch'")
    assert heard.of("error") == [] or "Traceback" not in str(heard.of("error")[0]["traceback"])


def test_rows_that_cannot_be_used_are_said_once(kernel):
    kernel.run("bad = df.assign(label='same')")
    heard = kernel.run(SHORT.replace("df", "bad"))
    stderr = "".join(c["text"] for c in heard.of("stream"))
    assert stderr.startswith("UsageError: label: all 60 training rows have the label 'same'")
    assert heard.of("update_display_data")[-1]["data"] == {"text/plain": "topics: failed"}


def test_a_question_mark_opens_the_help(kernel):
    payload = kernel.run("%finetune?").reply["content"]["payload"]
    assert "--learning-rate" in payload[0]["data"]["text/plain"]


def test_output_of_a_later_cell_is_its_own(kernel):
    """Nothing of a run is published once its cell has ended."""
    kernel.run(SHORT)
    heard = kernel.run("print('only this')")
    assert [c["text"] for c in heard.of("stream")] == ["only this\n"]
    assert heard.of("display_data", "update_display_data") == []


@pytest.mark.slow
def test_running_a_cell_again_and_again_keeps_no_memory(kernel):
    kernel.run("import psutil, gc, os")
    use = "gc.collect(); print(psutil.Process().memory_info().rss // 1024)"
    sizes = []
    for seed in range(12):
        kernel.run(f"{SHORT}\nseed: {seed}")
        kernel.run("%evaluate topics")
        sizes.append(int(kernel.run(use).text.split()[-1]))
    growth = (sizes[-1] - sizes[4]) / 7
    assert growth < 2_000, f"{growth:.0f} KiB a run: {sizes}"


def test_what_training_needs_is_imported_while_nobody_waits(kernels):
    kernel = kernels()
    look = "import sys; print({'matplotlib.figure', 'nbtune.engine.loop'} - set(sys.modules))"
    end = time.monotonic() + 60
    while kernel.run(look).text != "set()\n":
        assert time.monotonic() < end
        time.sleep(2)
    kernel.run("import os; os.environ['HF_HOME'] = 'elsewhere'")
    heard = kernel.run(SHORT)
    assert heard.status == "ok"
    assert "HF_HOME changed after" in heard.text
    assert "OMP" not in heard.text
