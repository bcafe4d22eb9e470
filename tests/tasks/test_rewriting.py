import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
import transformers

import nbtune
from nbtune import events
from nbtune.data.rewritten import REWRITTEN
from nbtune.errors import DataError, ModelError, RecipeError, RunError
from nbtune.models.loading import load_model
from nbtune.models.scratch import new_tokenizer
from nbtune.models.sources import ModelSource
from nbtune.recipe import Recipe
from nbtune.tasks import Known, find_task
from nbtune.testing import check_task, tiny_config, tiny_model_folder

WORDS = {"red": "rouge", "green": "vert", "old": "vieux", "new": "neuf", "cat": "chat",
         "dog": "chien", "tree": "arbre", "book": "livre"}  # fmt: skip
TASK = find_task("translation")


def pairs(rows=80):
    """Say a word up to four times, and its translation once: nothing has to be aligned."""
    rng = np.random.default_rng(0)
    chosen = [(word, int(rng.integers(1, 5))) for word in rng.choice(list(WORDS), rows)]
    columns = {
        "source": [" ".join([word] * count) for word, count in chosen],
        "target": [WORDS[word] for word, _ in chosen],
    }
    return pd.DataFrame(columns)


def usable(frame):
    return REWRITTEN.usable(frame, REWRITTEN.find(frame, {}).roles, Recipe(), "data")[0]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def train(place):
    def train(frame=None, name="fr", **settings):
        usual = {"task": "translation", "model": "scratch-encoder-decoder", "max_length": 32,
                 "max_target_length": 8}  # fmt: skip
        return nbtune.finetune(
            pairs() if frame is None else frame, name, runs_dir=place, display="none",
            **usual | settings,
        )  # fmt: skip

    return train


@pytest.fixture(scope="module")
def run(train):
    settings = {"num_train_epochs": 12, "per_device_train_batch_size": 8, "learning_rate": 3e-3,
                "size": "tiny", "dropout": 0.0, "num_beams": 2, "eval_strategy": "steps",
                "eval_steps": 100}  # fmt: skip
    return train(pairs(150), **settings)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    place = tmp_path_factory.mktemp("models")
    tokenizer = new_tokenizer([*pairs()["source"], *pairs()["target"]], "rewriting")
    for kind in ("t5", "bart", "marian"):
        torch.manual_seed(0)
        config = tiny_config(kind, len(tokenizer))
        transformers.AutoModelForSeq2SeqLM.from_config(config).save_pretrained(place / kind)
        tokenizer.save_pretrained(place / kind)
    tiny_model_folder(place / "bert")
    return place


@pytest.mark.parametrize("kind", ["t5", "bart", "marian"])
def test_every_kind_of_model_can_learn_it(kind):
    check_task(TASK, usable(pairs(24)), kind)


@pytest.mark.parametrize("kind", ["t5", "bart", "marian", "bert"])
def test_the_loss_is_that_of_transformers(kind, folders):
    source = ModelSource(kind, "local", str(folders / kind))
    tokenizer = transformers.AutoTokenizer.from_pretrained(folders / kind)
    model = load_model(source, tokenizer, (), head=TASK.head).model.eval()
    rows, known = usable(pairs(9)), Known(tokenizer=tokenizer)
    examples = TASK.encode(rows, tokenizer, 32, known)
    from nbtune.engine.inference import predict_logits
    from nbtune.engine.stepping import Forward

    forward = Forward(model, torch.device("cpu"), "fp32", None, keep=TASK.keep)
    found = predict_logits(forward, examples, tokenizer.pad_token_id)
    for row in range(9):
        labels = torch.tensor([examples.targets.row(row).tolist()])
        with torch.no_grad():
            own = model(input_ids=torch.tensor([examples.ids[row]]), labels=labels).loss.item()
        assert found.row(row)[:, 0].mean() == pytest.approx(own, rel=1e-4)


def test_targets_end_and_those_that_are_cut_do_not():
    tokenizer = new_tokenizer(["one two three four"], "rewriting")
    rows = pd.DataFrame({"row": [0, 1], "source": ["a", "b"], "target": ["one", "one two three"]})
    task = find_task("summarization").tuned(Recipe(max_target_length=2, source_prefix="sum: "))
    found = task.encode(rows, tokenizer, 32, Known())
    assert [tokenizer.decode(ids) for ids in found.ids] == [" sum: a</s>", " sum: b</s>"]
    assert [tokenizer.decode(ids) for ids in found.targets] == [" one</s>", " one two"]
    assert found.targets_cut.tolist() == [0, 2]
    said = task.remarks(rows, found, Known(tokenizer=tokenizer))
    assert said == ["1 of 2 targets are longer than max_target_length and were cut there"]


def test_a_tokenizer_that_loses_letters_is_named():
    tokenizer = new_tokenizer(["Rouge"], "text")  # small letters only
    rows = pd.DataFrame({"row": [0], "source": ["a"], "target": ["Rouge"]})
    found = TASK.encode(rows, tokenizer, 32, Known())
    assert "'Rouge' becomes 'rouge'" in TASK.remarks(rows, found, Known(tokenizer=tokenizer))[0]


def test_it_learns_and_is_judged_beside_what_copies(run):
    found = nbtune.evaluate(nbtune.Run(run.folder), by="length")
    assert found.by[found.record.decides].notna().all()
    names = [one.name for one in found.record.table]
    assert names[0] in ("copy of the source", "first sentence")
    assert names[-2:] == ["target of the nearest source", "fr@1"]
    copy, *_, own = (one.scores["chrf"].value for one in found.record.table)
    assert own > 80 > copy
    assert run.predict(["tree tree"]) == ["arbre"]
    assert list(found.frame["output"]) == run.predict(list(found.frame["source"]))


def test_texts_are_sampled_while_it_trains_and_written_all_at_the_end(run):
    looks = [e for _, e in run.events if isinstance(e, events.Evaluated)]
    assert len(looks) > 1
    assert all(len(e.samples) == 3 and set(e.scores) == {"perplexity", "token_accuracy"}
               for e in looks)  # fmt: skip
    (last,) = [e for _, e in run.events if isinstance(e, events.BestScored)]
    assert last.scores["chrf"] == run.metrics["chrf"]
    assert run.history["validation_chrf"].notna().sum() == 1
    assert "chrf" in run._repr_mimebundle_()["text/plain"]


def test_a_prefix_is_read_before_every_source_here_and_wherever_the_run_is_loaded(train, run):
    found = train(pairs(30), "told", source_prefix="say: ", max_steps=2, size="tiny")
    again = nbtune.Run(found.folder)
    assert "source_prefix: 'say: '" in again.folder.recipe_text
    assert again.predict(["red cat", "old dog"]) == found.predict(["red cat", "old dog"])
    trained, own = again.trained, again.rows_of(["red cat"])
    ids = again.task.encode(own, trained.tokenizer, 32, Known(tokenizer=trained.tokenizer)).ids
    assert trained.tokenizer.decode(ids[0], skip_special_tokens=True).strip() == "say: red cat"


def test_scores_of_texts_can_pick_the_weights(train):
    found = train(name="by_text", metric_for_best_model="chrf", max_steps=4, eval_steps=2)
    looks = [e for _, e in found.events if isinstance(e, events.Evaluated)]
    assert all("chrf" in e.scores for e in looks)
    assert not [e for _, e in found.events if isinstance(e, events.BestScored)]


def test_another_process_writes_the_same(run, place):
    code = ("import json, sys, nbtune; run = nbtune.load('fr', runs_dir=sys.argv[1]); "
            "print(json.dumps(run.predict(['red cat', 'old dog new cat'])))")  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", code, str(place)], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout.splitlines()[-1]) == run.predict(["red cat", "old dog new cat"])


def test_what_is_saved_writes_so_without_us(run):
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(run.folder.model_path)
    tokenizer = transformers.AutoTokenizer.from_pretrained(run.folder.model_path)
    ids = tokenizer(["old dog new cat"], return_tensors="pt")
    out = model.generate(ids["input_ids"])
    assert model.generation_config.num_beams == 2
    assert [tokenizer.decode(out[0], skip_special_tokens=True).strip()] == run.predict(
        ["old dog new cat"]
    )


@pytest.mark.parametrize(("kind", "method"), [("t5", "lora"), ("bart", "ia3"), ("bert", "lora")])
def test_methods_train_it_and_are_loaded_again(train, folders, kind, method):
    found = train(pairs(30), f"{kind}_{method}", model=str(folders / kind), method=method,
                  max_steps=2)  # fmt: skip
    again = nbtune.Run(found.folder)
    assert again.predict(["red cat"]) == found.predict(["red cat"])
    # The head of words came with the model: it is the table of words, and stays.
    trained = {n for n, w in found.model.named_parameters() if w.requires_grad}
    assert any("lm_head" in name for name in trained) is False


def test_how_it_writes_can_be_asked_for(run):
    one = nbtune.predict(run, ["old dog new cat"], max_new_tokens=1)["output"][0]
    assert len(one.split()) <= 1
    drawn = [
        nbtune.predict(run, ["red cat"] * 3, temperature=50.0, seed=seed)["output"].tolist()
        for seed in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    with pytest.raises(RunError, match="num_beams is 0"):
        nbtune.predict(run, ["red cat"], num_beams=0)


def test_what_cannot_work_is_named_before_weights_are_read(train, folders):
    with pytest.raises(RecipeError) as both:
        train(name="no", model=str(folders / "bart"), max_target_length=500, max_new_tokens=600,
              method="prompt-tuning")  # fmt: skip
    assert "max_target_length" in both.value.problem
    assert "writes 128 tokens at most, and 600 are asked for" in both.value.problem
    assert "prompt-tuning: its tokens stand before texts that are only read" in both.value.problem
    with pytest.raises(ModelError, match="has no head for this task") as wrong:
        train(name="no", model="scratch-lstm")
    assert "bart" in wrong.value.hint
    assert "made of encoders: bert" in wrong.value.hint


def test_columns_that_can_only_mean_a_summary_need_no_task(place):
    frame = pairs(30).set_axis(["document", "summary"], axis="columns")
    found = nbtune.finetune(frame, "meant", model="scratch-encoder-decoder", size="tiny",
                            max_steps=1, num_beams=1, runs_dir=place, display="none")  # fmt: skip
    assert not [e for _, e in found.events if "does nothing" in getattr(e, "text", "")]
    assert found.recipe.settings.task == "summarization"


def test_such_rows_are_looked_at_and_estimated(place):
    frame = pairs(20)
    looked = nbtune.check_data(frame, display="none", tokenize=False)
    assert looked.record.task == "text2text-generation"
    found = nbtune.estimate(frame, task="translation", model="scratch-encoder-decoder", size="tiny",
                            runs_dir=place, display="none")  # fmt: skip
    assert found.record.seconds["writing"] > 0
    assert "at the end all validation rows are written" in " ".join(found.record.notes)


def test_runs_are_compared_by_what_they_write(run, place):
    new = [(f"{word} {other}", WORDS[word]) for word in WORDS for other in WORDS if other != word]
    data = pd.DataFrame(new[:20], columns=["source", "target"])
    other = nbtune.load("by_text", runs_dir=place)
    found = nbtune.compare(run, other, data=data, display="none")
    assert found.record.metric == "chrf"
    said = nbtune.evaluate(run, data, display="none").metrics
    for name in ("chrf", "bleu", "rougeL"):
        assert found.scores.loc[(run.name, name), "value"] == pytest.approx(said[name])
    with pytest.raises(RunError, match="there is no score 'length_ratio' to decide by"):
        nbtune.compare(run, other, data=data, metric="length_ratio", display="none")


def test_a_column_of_sources_can_be_named(run):
    frame = pd.DataFrame({"a": ["cat cat"], "b": ["dog"]})
    assert nbtune.predict(run, frame, text="b")["source"].tolist() == ["dog"]
    with pytest.raises(DataError, match="no column of sources"):
        nbtune.predict(run, frame)


def test_an_interrupt_leaves_out_the_writing_at_the_end(run):
    from nbtune.engine.control import Control
    from nbtune.jobs.scoring import score_best

    control, told = Control(), []
    control.stop()
    score_best(run.folder, run.recipe.settings, run.trained, 1, told.append, control)
    assert told[-1].text.startswith("interrupted: not all validation rows were written")
