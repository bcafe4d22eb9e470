"""From the start of Python to the end of the first training step: nbtune and the tutorial's way.

python benchmarks/first_step.py --quick

"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")

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
                    spread([seconds[name] / seconds[list(runs)[1]] for seconds in rounds]),
                ]
                for name in runs
            ],
        )
    )


if __name__ == "__main__":
    main()
