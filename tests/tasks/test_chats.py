from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import nbtune
from nbtune.data.chats import CHATS
from nbtune.data.dialogue import prompt_ids
from nbtune.data.turns import answer_of
from nbtune.data.written import Written
from nbtune.errors import DataError, RecipeError
from nbtune.evaluation.chats import weighted_scores
from nbtune.evaluation.tables import plain_scores
from nbtune.models.going_on import go_on
from nbtune.recipe import Recipe
from nbtune.tasks import find_task
from nbtune.tasks.chats import TASK
from nbtune.testing import check_task

COLOURS = {"sky": "It is blue.", "grass": "It is green.", "snow": "It is white, as ever."}
ROWS = pd.DataFrame(
    [
        {"prompt": f"{thing} {more}?", "completion": answer}
        for more in "abcdefghijkl"
        for thing, answer in COLOURS.items()
    ]
)


def usable(frame):
    return CHATS.usable(frame, CHATS.find(frame, {}).roles, Recipe(), "data")[0]


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    runs = tmp_path_factory.mktemp("runs")

    def train(frame=ROWS, name="chat", **settings):
        usual = {"task": "text-generation", "model": "scratch-decoder", "size": "small",
                 "max_length": 64}  # fmt: skip
        return nbtune.finetune(frame, name, runs_dir=runs, display="none", **usual | settings)

    return train


@pytest.fixture(scope="module")
def run(train):
    how = {"num_train_epochs": 20, "learning_rate": 2e-3, "eval_steps": 70}
    return train(per_device_train_batch_size=4, **how)


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_every_kind_of_model_can_learn_it(kind):
    check_task(TASK, usable(ROWS.head(12)), kind)


def test_answers_are_learnt_and_come_to_their_end(run):
    assert run.recipe.settings.completion_only_loss is True
    assert any("prompts and answers; columns: prompt is 'prompt'" in n.text
               for n in run.view().notices)  # fmt: skip
    assert ("target", "It is blue.<|endoftext|>") in run.view().preview.pieces[0]
    samples = run.view().evaluations[-1].samples
    assert len(samples) == 3
    assert all(wanted == written for _, wanted, written in samples)
    found = nbtune.predict(run, ["sky x?", "snow y?"])
    assert list(found.columns) == ["text_row", "prompt", "answer", "ended"]
    assert found["answer"].tolist() == ["It is blue.", "It is white, as ever."]
    assert found["ended"].all()
    short = nbtune.predict(run, "sky x?", max_new_tokens=1)
    assert not short["ended"].any()
    assert run.predict(["grass z?"]) == ["It is green."]
    asked = [{"role": "user", "content": "sky x?"}]
    assert run.predict([asked]) == ["It is blue."]
    assert nbtune.predict(run, pd.DataFrame({"prompt": ["sky x?"]}))["ended"].all()


def test_the_template_is_saved_with_the_model_and_speaks_as_transformers_does(run):
    import transformers

    folder = run.folder.model_path
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    ids = tokenizer.apply_chat_template(
        [{"role": "user", "content": "sky x?"}],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )
    out = model.generate(**ids, max_new_tokens=20, do_sample=False)
    said = tokenizer.decode(out[0, ids["input_ids"].shape[1] :], skip_special_tokens=True)
    assert said == "It is blue."


def test_the_loss_is_that_of_transformers_on_the_answers(run):
    rows = usable(ROWS.head(3))
    trained = run.trained
    said = run.ask(rows)
    examples = TASK.encode(rows, trained.tokenizer, 64, trained.known)
    losses = []
    for ids, targets in zip(examples.ids, examples.targets, strict=True):
        labels = torch.tensor([[-100, *targets[:-1].tolist()]])
        with torch.no_grad():
            own = trained.model(torch.tensor([ids]), labels=labels).loss
        losses.append(own.item() * int((targets != -100).sum()))
    assert said.spoken.sums()[:, 0] == pytest.approx(losses, rel=1e-3, abs=1e-4)


def test_it_is_judged_beside_answers_that_need_no_model(run):
    found = nbtune.evaluate(run, by="length")
    assert (found.by["loss"] > 0).all()
    names = [judged.name for judged in found.record.table]
    assert names == ["commonest answer", "answer to the nearest prompt",
                     "scratch-decoder before training", "token frequencies", run.name]  # fmt: skip
    assert found.metrics["rougeL"] > 0.9
    assert found.metrics["exact_match"] > 0.9
    assert found.metrics["perplexity"] < 1.5
    commonest = found.scores.loc["commonest answer"]
    assert np.isnan(commonest.loc["perplexity", "value"])
    assert 0 < commonest.loc["rougeL", "value"] < 1
    one = found.record.rewritten[0]
    assert one.target in COLOURS.values()
    assert {"prompt", "target", "output", "perplexity"} <= set(found.frame.columns)
    assert "rougeL" in found.text
    drawn = [text.get_text() for axes in found.figure().axes for text in axes.get_yticklabels()]
    assert drawn == names[2:]


def test_what_is_written_together_is_what_is_written_alone(run):
    trained = run.trained
    chats = run.rows_of(["sky x?", "snow a or b or c or d?"])
    prompts = [prompt_ids(chat, trained.tokenizer, 60) for chat in chats["messages"]]
    how = {"max_new_tokens": 12, "pad_id": trained.tokenizer.pad_token_id,
           "ends": [trained.tokenizer.eos_token_id]}  # fmt: skip
    together = go_on(trained.model, prompts, **how)
    assert together == [go_on(trained.model, [prompt], **how)[0] for prompt in prompts]
    assert all(ids[-1] == trained.tokenizer.eos_token_id for ids in together)


def test_rows_for_which_nothing_was_written_do_not_count():
    rows = usable(ROWS.head(4))
    true = [answer_of(chat) for chat in rows["messages"]]
    scores = plain_scores(weighted_scores(true, Written({1: "it is GREEN"}, 4)), 4)
    assert scores["rougeL"] == 1
    assert scores["exact_match"] == 0
    assert np.isnan(scores["perplexity"])
    assert set(TASK.score(rows, Written({1: "no"}, 4), None)) == {"perplexity", "token_accuracy"}


def test_settings_that_do_not_suit_are_refused(train):
    with pytest.raises(RecipeError, match="chats are packed without padding anyway"):
        train(packing=True, name="no")
    texts = pd.DataFrame({"text": ["one two"] * 9})
    with pytest.raises(RecipeError, match=r"there are no answers; the data has text"):
        train(texts, completion_only_loss=True, name="no")
    with pytest.raises(DataError, match="there is no column 'reply'"):
        train(completion="reply", name="no")


def test_whole_chats_can_be_learnt():
    task = find_task("text-generation").tuned(Recipe(completion_only_loss=False))
    from nbtune.models.scratch import new_tokenizer

    tokenizer = new_tokenizer(list(ROWS["prompt"]), "writing")
    task.dress(tokenizer)
    found = task.encode(usable(ROWS.head(2)), tokenizer, 64, None)
    assert [(own != -100).sum() for own in found.targets] == [len(ids) - 1 for ids in found.ids]


@pytest.mark.slow
def test_real_chats_are_foretold_better_than_by_frequencies(train):
    """Chats that people wrote (BSD)."""
    import chatterbot_corpus as corpus
    import yaml

    roles = ("user", "assistant")
    folder = Path(corpus.__file__).parent / "data" / "english"
    topics = sorted(path for path in folder.glob("*.yml") if path.stem != "tech_support")
    chats = [
        [{"role": roles[i % 2], "content": str(said)} for i, said in enumerate(chat)]
        for topic in topics
        for chat in yaml.safe_load(topic.read_text())["conversations"]
    ]
    frame = pd.DataFrame({"messages": chats})
    run = train(frame, "real", size="small", num_train_epochs=4, drop_bad_rows=True)
    table = {judged.name: judged.scores for judged in nbtune.evaluate(run).record.table}
    ours = table[run.name]["perplexity"]
    assert ours.high < table["token frequencies"]["perplexity"].value
    assert ours.value < table["scratch-decoder before training"]["perplexity"].value / 5
