"""A cell that is run again and again leaves nothing behind but its run."""

import gc
import threading
import weakref

import psutil
import pytest

CELL = "%%finetune topics --data df --fresh\nmodel: ./tiny\nbaseline: false\nmax_steps: 3"


def alive(references):
    gc.collect()
    return [reference() is not None for reference in references]


def test_a_cell_that_is_run_again_holds_one_model_and_no_thread_or_file(cell):
    models, held = [], []
    for _ in range(4):
        cell.shell.run_cell(CELL, store_history=True).raise_error()
        models.append(weakref.ref(cell["topics"].model))
        gc.collect()  # else some mapped files are still open
        held.append((psutil.Process().num_fds(), threading.active_count()))
    assert alive(models) == [False, False, False, True], "although Out has all four runs"
    assert max(held[1:]) <= held[1]
    first = cell["Out"][1]
    assert first.name == "topics@1"
    assert first.predict(["a small furry mammal"]).shape == (1,), "it is loaded when asked for"


def test_a_run_that_fails_holds_no_model(cell, monkeypatch):
    models = []

    def broken(training):
        models.append(weakref.ref(training.job.forward.model))
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("nbtune.engine.loop.Training._waiting", broken)
    for _ in range(3):
        assert "ZeroDivisionError" in str(cell(CELL))
    assert alive(models)[:2] == [False, False], "IPython keeps the last error, and what it held"


@pytest.mark.slow
def test_thirty_runs_of_one_cell_take_no_more_memory_than_three(cell):
    held = []
    for _ in range(30):
        cell.shell.run_cell(CELL, store_history=True).raise_error()
        held.append(psutil.Process().memory_info().rss / 2**20)
    assert max(held[3:]) < held[2] + 16
