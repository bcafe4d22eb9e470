import json
import subprocess
from types import SimpleNamespace

import pytest
import torch

from nbtune.engine import precision
from nbtune.engine.precision import choose_precision, pays, try_bf16, works
from nbtune.engine.precision_trial import trial
from nbtune.errors import RecipeError

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture(autouse=True)
def machine(monkeypatch, tmp_path):
    """A CPU that says it has bf16, and on which nothing was measured yet."""
    monkeypatch.delenv("NBTUNE_PRECISION", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(precision, "has_bf16", lambda: True)
    try_bf16.cache_clear()
    yield
    try_bf16.cache_clear()


def measured(monkeypatch, share=None, code=0):
    """Let the trial end like this; return the list of its calls."""
    calls = []

    def run(command, **_):
        calls.append(command)
        return SimpleNamespace(returncode=code, stdout=f"{share}\n")

    monkeypatch.setattr(subprocess, "run", run)
    return calls


@pytest.mark.parametrize(("native", "chosen"), [(True, "bf16"), (False, "fp32")])
def test_auto_takes_bf16_only_where_the_gpu_has_it(monkeypatch, native, chosen):
    """A T4 says that it supports bf16, and emulates it."""
    monkeypatch.setattr(
        torch.cuda,
        "is_bf16_supported",
        lambda including_emulation=True: including_emulation or native,
    )
    assert choose_precision("auto", CUDA) == chosen


@pytest.mark.parametrize(("share", "chosen"), [(0.5, "bf16"), (0.9, "fp32"), (1.4, "fp32")])
def test_auto_takes_on_a_cpu_what_was_measured_to_be_faster(monkeypatch, share, chosen):
    calls = measured(monkeypatch, share)
    assert choose_precision("auto", CPU, 384) == chosen
    assert calls[0][-1] == "384"


def test_a_cpu_that_dies_of_bf16_takes_fp32(monkeypatch):
    measured(monkeypatch, code=-4)
    assert choose_precision("auto", CPU, 384) == "fp32"


def test_a_start_up_file_that_speaks_does_not_hide_the_answer(monkeypatch):
    measured(monkeypatch, "hello from sitecustomize\n0.5")
    assert choose_precision("auto", CPU, 384) == "bf16"


def test_a_trial_that_hangs_is_given_up(monkeypatch):
    def hang(command, *, timeout, **_):
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(subprocess, "run", hang)
    assert choose_precision("auto", CPU, 384) == "fp32"


def test_what_was_measured_is_kept_for_the_next_kernel(monkeypatch, tmp_path):
    calls = measured(monkeypatch, 0.5)
    assert pays(768)
    try_bf16.cache_clear()
    assert pays(768)
    assert len(calls) == 1
    [(key, share)] = json.loads((tmp_path / "cache" / "nbtune" / "bf16.json").read_text()).items()
    assert "width 768" in key
    assert torch.__version__ in key
    assert share == 0.5


def test_a_trial_that_could_not_begin_is_not_kept(monkeypatch, tmp_path):
    """As when the child does not find nbtune: that says nothing of the CPU."""
    measured(monkeypatch, code=1)
    assert not pays(768)
    with pytest.raises(RecipeError, match="bf16 could not be tried"):
        choose_precision("bf16", CPU)
    assert not (tmp_path / "cache").exists()
    try_bf16.cache_clear()
    measured(monkeypatch, 0.5)
    assert pays(768)


def test_a_run_of_another_machine_goes_on_in_its_format_where_that_works(monkeypatch):
    assert works("fp32", CPU, 384)
    assert works("bf16", CUDA, 384)
    measured(monkeypatch, 1.5)
    assert works("bf16", CPU, 384), "slow is no reason to compute otherwise"
    measured(monkeypatch, code=-4)
    try_bf16.cache_clear()
    assert not works("bf16", CPU, 768)
    assert not works("bf16", CPU, None)
    monkeypatch.setattr(precision, "has_bf16", lambda: False)
    assert not works("bf16", CPU, 384)


@pytest.mark.parametrize("text", ["", "{", "[1, 2]"])
def test_a_damaged_file_of_measurements_is_written_anew(monkeypatch, tmp_path, text):
    measured(monkeypatch, 0.5)
    place = tmp_path / "cache" / "nbtune" / "bf16.json"
    place.parent.mkdir(parents=True)
    place.write_text(text)
    assert pays(768)
    assert list(json.loads(place.read_text()).values()) == [0.5]


def test_measuring_goes_on_where_nothing_can_be_kept(monkeypatch, tmp_path):
    measured(monkeypatch, 0.5)
    (tmp_path / "cache").write_text("no folder")
    assert pays(768)


@pytest.mark.parametrize("width", [None, 128])
def test_narrow_and_unknown_models_are_not_measured(monkeypatch, width):
    calls = measured(monkeypatch, 0.5)
    assert choose_precision("auto", CPU, width) == "fp32"
    assert calls == []


def test_a_cpu_without_bf16_is_not_measured(monkeypatch):
    calls = measured(monkeypatch, 0.5)
    monkeypatch.setattr(precision, "has_bf16", lambda: False)
    assert choose_precision("auto", CPU, 768) == "fp32"
    assert calls == []


@pytest.mark.parametrize("chosen", ["fp32", "bf16"])
def test_the_environment_says_what_auto_means(monkeypatch, chosen):
    measured(monkeypatch, 1.0)
    monkeypatch.setenv("NBTUNE_PRECISION", chosen)
    assert choose_precision("auto", CPU, 768) == chosen
    assert choose_precision("fp32", CPU, 768) == "fp32"


def test_an_environment_that_names_no_format_is_said(monkeypatch):
    monkeypatch.setenv("NBTUNE_PRECISION", "int3")
    with pytest.raises(RecipeError, match="NBTUNE_PRECISION is 'int3'"):
        choose_precision("auto", CPU, 768)


def test_fp16_needs_a_gpu():
    assert choose_precision("fp16", CUDA) == "fp16"
    with pytest.raises(RecipeError, match="precision: fp16 needs a CUDA GPU"):
        choose_precision("fp16", CPU)


@pytest.mark.parametrize("signal", [0, -4])
def test_bf16_on_a_cpu_is_tried_in_a_child_that_may_die(monkeypatch, signal):
    measured(monkeypatch, 1.3, signal)
    if signal:
        with pytest.raises(RecipeError, match="bf16 kills Python on this CPU"):
            choose_precision("bf16", CPU)
    else:
        assert choose_precision("bf16", CPU) == "bf16"


def test_the_trial_says_a_share_of_time():
    if try_bf16(64) is None:
        pytest.skip("this CPU cannot multiply in bf16")
    assert 0.05 < trial(64) < 20
