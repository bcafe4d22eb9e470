"""From the start of Python to the end of the first training step: nbtune and the tutorial's way.

    python benchmarks/first_step.py --quick

In a notebook nbtune imports what it needs while the user types, so there it is also measured from
the start of the cell, in a kernel that was idle for long enough.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from jupyter_client.manager import start_new_kernel
from paired import alternate, machine, spread, table

OURS = """
import nbtune
texts = ["a small furry mammal", "a sweet baked dish", "a city on a river"] * 40
run = nbtune.finetune((texts, ["animal", "food", "place"] * 40), "first", model="minilm",
                      max_steps=1, validation_size=0, test_size=0, baseline=False,
                      eval_strategy="no", display="none")
print(next(when for when, event in run.events if type(event).__name__ == "StepsDone"))
"""
TUTORIAL = """
import time
import transformers
transformers.utils.logging.set_verbosity_error()
from datasets import Dataset
from transformers import (AutoModelForSequenceClassification, AutoTokenizer,
                          DataCollatorWithPadding, Trainer, TrainerCallback, TrainingArguments)
from nbtune.models.sources import find_model
path = find_model("minilm").location
texts = ["a small furry mammal", "a sweet baked dish", "a city on a river"] * 40
tokenizer = AutoTokenizer.from_pretrained(path)
data = Dataset.from_dict({"text": texts, "label": [0, 1, 2] * 40})
data = data.map(lambda rows: tokenizer(rows["text"], truncation=True), batched=True)
model = AutoModelForSequenceClassification.from_pretrained(path, num_labels=3)
class Tell(TrainerCallback):
    def on_step_end(self, *args, **kwargs):
        print(time.time())
Trainer(model=model, train_dataset=data, callbacks=[Tell()],
        data_collator=DataCollatorWithPadding(tokenizer),
        args=TrainingArguments(output_dir="out", max_steps=1, per_device_train_batch_size=16,
                               save_strategy="no", report_to="none", disable_tqdm=True)).train()
"""


WAIT = """
import asyncio
warming = get_ipython().magics_manager.registry["NBTune"].warming
while warming.left:
    await asyncio.sleep(0.1)
"""


def start_cell(code: str) -> float:
    """Run the code as a cell of a kernel that has imported all; returns seconds to its first step.

    The wait runs as a cell that gives the kernel's loop its turn, as an idle kernel does.
    """
    with tempfile.TemporaryDirectory() as folder:
        manager, client = start_new_kernel(cwd=folder)
        try:
            for cell in ("%load_ext nbtune", WAIT):
                client.execute_interactive(cell, timeout=120)
            heard: list[str] = []
            began = time.time()
            client.execute_interactive(
                code, timeout=120, output_hook=lambda m: heard.append(m["content"].get("text", ""))
            )
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
    return float("".join(heard)) - began


def start(code: str) -> float:
    """Run the code in a new process and folder; returns seconds until its first step was made."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.time()
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise SystemExit(done.stderr)
    told = [line for line in done.stdout.splitlines() if line[:1].isdigit()]
    return float(told[0]) - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one round")
    options = parser.parse_args()
    runs = {
        "nbtune.finetune": lambda _: start(OURS),
        "the same in a notebook, imported while the user typed": lambda _: start_cell(OURS),
        "Trainer, as in the tutorial": lambda _: start(TUTORIAL),
    }
    alternate(runs, 1)  # fills the disk cache, and writes byte code
    rounds = alternate(runs, 1 if options.quick else options.rounds)
    print(machine("nbtune", "torch", "transformers"))
    print()
    print(
        table(
            ["median (range)", "seconds", "share of the tutorial"],
            [
                [
                    name,
                    spread([seconds[name] for seconds in rounds]),
                    spread(
                        [
                            seconds[name] / seconds["Trainer, as in the tutorial"]
                            for seconds in rounds
                        ]
                    ),
                ]
                for name in runs
            ],
        )
    )


if __name__ == "__main__":
    main()
