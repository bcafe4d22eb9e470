"""How far the quickstart's scores depend on the seed: each of its recipes, trained with several.

    python benchmarks/seeds.py --quick

The seed decides which rows validate, the order of the others, new weights and dropout. The test
rows are always the same; the baseline is that of the same rows.
"""

from __future__ import annotations

import argparse
import os
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from paired import machine, spread, table

import nbtune

RECIPES = {
    "from nothing": {"model": "scratch-transformer", "num_train_epochs": 4},
    "minilm, 1,500 rows": {"model": "minilm", "num_train_epochs": 2, "max_train_samples": 1500},
    "minilm, all rows": {"model": "minilm", "num_train_epochs": 2},
}
BASELINE = "TF-IDF + logistic regression"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--only", choices=list(RECIPES), help="one of the recipes")
    parser.add_argument("--quick", action="store_true", help="two seeds of the smallest recipe")
    options = parser.parse_args()
    names = [options.only] if options.only else list(RECIPES)
    if options.quick:
        names, options.seeds = ["minilm, 1,500 rows"], 2
    topics, rows = nbtune.datasets.load("topics"), []
    for name in names:
        judged = []
        for seed in range(options.seeds):
            with tempfile.TemporaryDirectory() as folder:
                run = nbtune.finetune(
                    topics,
                    recipe=nbtune.Recipe(**RECIPES[name], seed=seed),
                    set=options.set,
                    runs_dir=folder,
                    display="none",
                )
                judged.append(nbtune.evaluate(run, display="none"))
        theirs = [evaluation.scores["value"][BASELINE] for evaluation in judged]
        wins = sum(" beats " in evaluation.verdict for evaluation in judged)
        losses = sum(" loses to " in evaluation.verdict for evaluation in judged)
        rows.append(
            [
                name,
                spread([evaluation.metrics["accuracy"] for evaluation in judged]),
                spread([evaluation.metrics["f1_macro"] for evaluation in judged]),
                spread([scores["f1_macro"] for scores in theirs]),
                f"{wins} won, {losses} lost of {len(judged)}",
            ]
        )
    print(machine("nbtune", "torch", "transformers"), *options.set, "", sep="\n")
    print(table(["recipe", "accuracy", "f1_macro", f"f1_macro of {BASELINE}", "verdicts"], rows))


if __name__ == "__main__":
    main()
