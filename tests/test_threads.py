import os
import subprocess
import sys

import pytest

REPORT = "import os; print(os.environ.get('OMP_WAIT_POLICY'))"


def policy(code, **env):
    plain = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    command = [sys.executable, "-c", f"{code}\n{REPORT}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=plain | env)
    return done.stdout.strip()


@pytest.mark.parametrize(
    "way",
    [
        "import nbtune; nbtune.finetune",
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "InteractiveShell.instance().run_line_magic('load_ext', 'nbtune')",
    ],
)
def test_threads_sleep_unless_the_user_wants_otherwise(way):
    assert policy(way) == "PASSIVE"
    assert policy(way, OMP_WAIT_POLICY="ACTIVE") == "ACTIVE"


def test_once_torch_is_loaded_nothing_is_pretended():
    assert policy("import torch, nbtune; nbtune.finetune") == "None"
