"""Tabs that are closed or opened, and kernels that are restarted or killed, in mid-run."""

import os
import signal

import pytest

pytestmark = pytest.mark.browser

SETUP = """import os
%load_ext nbtune
import nbtune.panels.pulse
nbtune.panels.pulse.BEAT, nbtune.panels.pulse.PATIENCE = 1.0, 4
print("kernel", os.getpid())"""
TRAIN = (
    "%%finetune scratch --data topics\nmodel: scratch-transformer\nmax_train_samples: 1200\n"
    "num_train_epochs: 200\nbaseline: false\nsave_interval_seconds: 1"
)


def begin(lab, cell=1):
    lab.run(0)
    lab.done(0)
    lab.run(cell)
    lab.wait(lambda: lab.step(cell) > 10)


def moves(lab, cell=1):
    at = lab.step(cell)
    lab.wait(lambda: lab.step(cell) > at)


def test_a_closed_tab_is_opened_again_and_two_tabs_stay_in_step(lab):
    lab = lab([SETUP, TRAIN])
    begin(lab)
    lab.save()
    first, context = lab.page, lab.page.context
    first.close()
    lab.page = context.new_page()
    lab.open_again()
    lab.button("Pause", 1).wait_for()
    moves(lab)
    second = lab.beside()
    second.button("Pause", 1).wait_for()
    moves(second)
    second.button("Pause", 1).click()
    lab.button("Resume", 1).wait_for()
    lab.wait(lambda: lab.step(1) == second.step(1))
    second.picture("second-tab", 1)
    lab.button("Resume", 1).click()
    second.button("Pause", 1).wait_for()
    second.page.close()
    moves(lab)
    lab.button("Stop and keep", 1).click()
    card = lab.cell(1).locator('[data-nbtune="card"]')
    lab.wait(lambda: card.get_attribute("data-status") == "paused")


def test_a_kernel_that_is_restarted_or_killed_is_said_to_be_lost(lab):
    lab = lab([SETUP, TRAIN, "%load_ext nbtune\n%watch scratch", "%resume scratch"])
    begin(lab)
    lost = lab.cell(1).get_by_text("No sign of life from this kernel")
    assert not lost.is_visible()
    lab.page.wait_for_timeout(6000)
    assert not lost.is_visible(), "a kernel that lives gives signs"
    lab.restart_kernel()
    lab.wait(lost.is_visible, 3)
    lab.picture("kernel-restarted", 1)
    begin(lab, 3)
    moves(lab, 3)
    pid = int(lab.output(0).split("kernel ")[1])
    os.kill(pid, signal.SIGKILL)
    lost = lab.cell(3).get_by_text("No sign of life from this kernel")
    lab.wait(lost.is_visible, 20)
    lab.dismiss()
    lab.picture("kernel-killed", 3)
    lab.run(2)
    lab.wait(lambda: "%resume scratch@1" in lab.output(2))
    assert "interrupted" in lab.output(2)
