import copy

import numpy as np
import pandas as pd
import pytest
import torch
import transformers

import nbtune
from nbtune.data.batches import make_batch
from nbtune.data.encoding import write_beside, write_examples
from nbtune.data.preferences import PREFERENCES
from nbtune.engine.inference import predict_logits
from nbtune.engine.stepping import Forward, total_loss
from nbtune.errors import DataError, RecipeError
from nbtune.models.scratch import new_tokenizer
from nbtune.recipe import Recipe
from nbtune.tasks import Known, find_task
from nbtune.tasks.preference_losses import dpo, kto
from nbtune.testing import check_task, tiny_config

TASK = find_task("preference-tuning")
THINGS = ("sky", "grass", "snow", "sea", "sand", "stone", "rose", "coal")
ROWS = pd.DataFrame(
    [
        {"prompt": f"{thing} {n}?", "chosen": f"Dear, the {thing}.", "rejected": f"No {thing}!"}
        for n in range(6)
        for thing in THINGS
    ]
)

LIKED = pd.concat(
    [
        ROWS[["prompt"]].assign(completion=ROWS[side], label=side == "chosen")
        for side in ("chosen", "rejected")
    ]
).iloc[np.random.default_rng(0).permutation(2 * len(ROWS))]


def usable(frame, **settings):
    recipe = Recipe(clean=("control", "unicode"), **settings)
    return PREFERENCES.usable(frame, PREFERENCES.find(frame, {}).roles, recipe, "data")


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    runs = tmp_path_factory.mktemp("runs")

    def train(frame=ROWS, name="liked", **settings):
        usual = {"task": "preference-tuning", "model": "scratch-decoder", "size": "tiny",
                 "max_length": 64}  # fmt: skip
        wanted = {key: value for key, value in (usual | settings).items() if value is not None}
        return nbtune.finetune(frame, name, runs_dir=runs, display="none", **wanted)

    return train


@pytest.mark.parametrize("loss_type", ["dpo", "orpo"])
def test_it_keeps_what_every_task_must(loss_type):
    recipe = Recipe(loss_type=loss_type)
    check_task(TASK.tuned(recipe), usable(ROWS.head(9))[0], "gpt2", recipe)


class Oracle:
    """The same rows, tokenizer and two models (the second is the reference) for TRL and for us."""

    def __init__(self, place):
        self.place = place
        self.tokenizer = new_tokenizer([*ROWS["chosen"], *ROWS["prompt"]], "writing")
        TASK.dress(self.tokenizer)
        config = tiny_config("gpt2", len(self.tokenizer))
        self.models = []
        for seed in (0, 1):
            torch.manual_seed(seed)
            model = transformers.AutoModelForCausalLM.from_config(config).eval()
            model.config.pad_token_id = self.tokenizer.pad_token_id
            self.models.append(model)
        self.frame = ROWS.head(4).assign(rejected=lambda f: f["rejected"] + " and more")

    def ours(self, loss_type, frame=None, **settings):
        frame = self.frame if frame is None else frame
        recipe = Recipe(
            task="preference-tuning", loss_type=loss_type, beta=0.3, clean=("control",), **settings
        )
        columns = {role: name for role, name in settings.items() if name in frame}
        task, known = TASK.tuned(recipe), Known(tokenizer=self.tokenizer)
        rows = task.rows.usable(frame, task.rows.find(frame, columns).roles, recipe, "data")[0]
        place = self.place / f"{loss_type}{len(list(self.place.iterdir()))}"
        examples = write_examples(
            rows, lambda some: task.encode(some, self.tokenizer, 64, known), 400, place
        )
        if task.reference is not None:
            first = Forward(self.models[1], torch.device("cpu"), "fp32", None, keep=task.keep)
            kept = predict_logits(first, examples, self.tokenizer.pad_token_id)
            examples = write_beside(place, task.reference(kept, rows))
        grouped = task.shown(examples, known, recipe, True)
        loss = task.loss(recipe, examples.targets, 0)
        every = np.arange(len(rows))
        batch = make_batch(grouped, every, self.tokenizer.pad_token_id)
        forward = Forward(self.models[0], torch.device("cpu"), "fp32", None, keep=task.keep)
        found = total_loss(loss, forward(batch), batch)
        return float(found.detach()) / loss.count(np.asarray(grouped.targets[every]))

    def chats(self, columns, frame=None):
        from datasets import Dataset

        turns = {"prompt": "user", "chosen": "assistant", "rejected": "assistant",
                 "completion": "assistant"}  # fmt: skip
        return Dataset.from_list(
            [
                {
                    c: [{"role": turns[c], "content": row[c]}] if c in turns else row[c]
                    for c in columns
                }
                for row in (self.frame if frame is None else frame).to_dict("records")
            ]
        )


@pytest.fixture(scope="module")
def oracle(tmp_path_factory):
    pytest.importorskip("trl", reason="TRL is not installed")
    return Oracle(tmp_path_factory.mktemp("oracle"))


def arguments(kind, place, rows=4, **more):
    return kind(
        output_dir=str(place), report_to="none", use_cpu=True, beta=0.3, max_length=64,
        per_device_train_batch_size=rows, bf16=False, **more,
    )  # fmt: skip


def loss_of(trainer):
    """The loss of the only batch, with nothing dropped at random."""
    batch = next(iter(trainer.get_train_dataloader()))
    with torch.no_grad():
        found = trainer.compute_loss(trainer.model.eval(), batch).item()
    return found


def test_dpo_has_the_loss_of_trl_on_the_same_batch(oracle):
    from trl import DPOConfig, DPOTrainer

    trainer = DPOTrainer(
        oracle.models[0],
        oracle.models[1],
        args=arguments(DPOConfig, oracle.place),
        train_dataset=oracle.chats(("prompt", "chosen", "rejected")),
        processing_class=oracle.tokenizer,
    )
    assert oracle.ours("dpo") == pytest.approx(loss_of(trainer), rel=1e-4)


def test_preferences_that_may_be_wrong_count_both_ways():
    moved, beta = torch.tensor([[2.0, -1.0]]), 0.5
    right = np.log(1 + np.exp(-1.5))
    wrong = np.log(1 + np.exp(1.5))
    assert dpo(moved, beta).item() == pytest.approx(right)
    assert dpo(moved, beta, 0.2).item() == pytest.approx(0.8 * right + 0.2 * wrong)


def test_orpo_has_the_loss_of_trl_on_the_same_batch(oracle):
    from trl.experimental.orpo import ORPOConfig, ORPOTrainer

    plain = copy.deepcopy(oracle.tokenizer)
    plain.bos_token = None  # or TRL puts one before texts that the template has no such token for
    trainer = ORPOTrainer(
        oracle.models[0],
        args=arguments(ORPOConfig, oracle.place),
        train_dataset=oracle.chats(("prompt", "chosen", "rejected")),
        processing_class=plain,
    )
    # TRL learns prompts as well, and takes the mean over tokens: the same of rows of one length.
    assert oracle.ours("orpo", completion_only_loss=False) == pytest.approx(
        loss_of(trainer), rel=1e-4
    )
    batch = next(iter(trainer.get_train_dataloader()))
    with torch.no_grad():
        chosen, rejected, *_ = trainer.concatenated_forward(trainer.model.eval(), batch)
        odds = trainer.odds_ratio_loss(chosen, rejected)[0]
    # Of the answers alone, as in the paper: the rest is TRL's.
    assert oracle.ours("orpo") == pytest.approx((-chosen - odds).mean().item(), rel=1e-4)


def kto_trainer(oracle, rows, columns, frame):
    from trl import KTOConfig, KTOTrainer

    return KTOTrainer(
        oracle.models[0],
        oracle.models[1],
        args=arguments(KTOConfig, oracle.place, rows, train_sampling_strategy="sequential"),
        train_dataset=oracle.chats(columns, frame),
        processing_class=oracle.tokenizer,
    )


def test_kto_has_the_loss_of_trl_on_the_same_batch(oracle):
    trainer = kto_trainer(oracle, 8, ("prompt", "chosen", "rejected"), oracle.frame)
    assert oracle.ours("kto") == pytest.approx(loss_of(trainer), rel=1e-4)


def test_kto_of_single_answers_has_the_loss_of_trl_on_the_same_batch(oracle):
    trainer = kto_trainer(oracle, 5, ("prompt", "completion", "label"), LIKED.head(5))
    found = oracle.ours("kto", LIKED.head(5), completion="completion", label="label")
    assert found == pytest.approx(loss_of(trainer), rel=1e-4)
    one_sided = LIKED[~LIKED["label"]].head(3)
    trainer = kto_trainer(oracle, 3, ("prompt", "completion", "label"), one_sided)
    found = oracle.ours("kto", one_sided, completion="completion", label="label")
    assert found == pytest.approx(loss_of(trainer), rel=1e-4)


def test_kto_measures_by_how_far_other_answers_have_moved():
    moved, others = torch.tensor([[2.0], [-1.0]]), torch.tensor([[3.0], [-1.0]])
    found = kto(moved, others, torch.tensor([[True], [False]]), 0.5)
    sigmoid = [1 / (1 + np.exp(-0.5 * gained)) for gained in (2 - 1, 1 - -1)]
    assert found.flatten().tolist() == pytest.approx([1 - one for one in sigmoid])


@pytest.mark.parametrize("loss_type", ["dpo", "orpo", "kto"])
def test_what_is_preferred_is_learnt(train, loss_type):
    run = train(name=loss_type, loss_type=loss_type, num_train_epochs=4, learning_rate=2e-3)
    found = nbtune.evaluate(run, by="length")
    assert found.by["right"].between(0, 1).all()
    assert found.metrics["reward_accuracy"] == 1
    assert found.metrics["reward_margin"] > 0
    names = [judged.name for judged in found.record.table]
    assert names == ["longer answer", "TF-IDF + logistic regression",
                     "scratch-decoder before training", run.name]  # fmt: skip
    start = found.scores.loc["scratch-decoder before training"]
    assert start.loc["reward_accuracy", "value"] <= 1
    assert (found.frame["margin"] > 0).all()
    titles = [axes.get_title(loc="left") or axes.get_title() for axes in found.figure().axes]
    assert titles[0] == "How far chosen answers are ahead"
    losses = run.history["validation_loss"].dropna()
    assert losses.iloc[-1] < losses.iloc[0]


def test_what_is_evaluated_is_what_was_seen_while_training(train):
    run = train(name="again", num_train_epochs=1, learning_rate=1e-3, seed=3)
    found = nbtune.evaluate(run, split="validation").metrics
    seen = run.metrics
    assert found["reward_margin"] == pytest.approx(seen["reward_margin"], rel=1e-3, abs=1e-6)
    assert set(nbtune.predict(run, "sky?").columns) == {"text_row", "prompt", "answer", "ended"}


def test_held_out_pairs_that_a_chat_has_learnt_are_told(train):
    chats = ROWS.rename(columns={"chosen": "completion"})[["prompt", "completion"]]
    train(chats, "told", task="text-generation", num_train_epochs=1)
    again = train(name="after", model="told", num_train_epochs=1)
    said = [notice.text for notice in again.view().notices]
    # The same rows, and the same seed: what was held out still is.
    assert not any("was trained on" in text for text in said)
    other = train(name="later", model="told", num_train_epochs=1, seed=7)
    assert any("told@1 was trained on" in one.text for one in other.view().notices)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"rejected": "Dear, the sky."}, "chosen equal to rejected"),
        ({"chosen": " "}, "an empty chosen answer"),
        ({"rejected": None}, "an empty rejected answer"),
        ({"prompt": None}, "an empty prompt"),
    ],
)
def test_what_cannot_be_learnt_is_named(change, fault):
    frame = pd.DataFrame([ROWS.iloc[0].to_dict() | change, *ROWS.iloc[1:3].to_dict("records")])
    with pytest.raises(DataError, match=f"1 of 3 rows cannot be used: 1 with {fault}"):
        usable(frame)
    rows, notice = usable(frame, drop_bad_rows=True)
    assert len(rows) == 2
    assert fault in notice


def test_whole_chats_need_no_prompt():
    asked = {"role": "user", "content": "Hi"}
    whole = {
        side: [[asked, {"role": "assistant", "content": text}]]
        for side, text in (("chosen", "Hello."), ("rejected", "Go."))
    }
    rows, _ = usable(pd.DataFrame(whole))
    assert rows.iloc[0].tolist() == [0, [asked], "Hello.", "Go."]
    other = [[{"role": "user", "content": "Ho"}, {"role": "assistant", "content": "Go."}]]
    with pytest.raises(DataError, match="to different prompts"):
        usable(pd.DataFrame({**whole, "rejected": other}))
    with pytest.raises(DataError, match="there is no column of prompts; the data has chosen"):
        usable(pd.DataFrame({"chosen": ["a"], "rejected": ["b"]}))
    with pytest.raises(DataError, match="there is no column of rejected; the data has prompt"):
        usable(pd.DataFrame({"prompt": ["a"], "chosen": ["b"]}))


def test_answers_that_stand_alone_are_learnt(train):
    run = train(LIKED, "alone", task=None, num_train_epochs=4, learning_rate=2e-3)
    assert run.recipe.settings.loss_type == "kto"
    assert any("answers that somebody liked" in one.text for one in run.view().notices)
    found = nbtune.evaluate(run)
    assert found.metrics["reward_accuracy"] == 1
    assert found.metrics["chosen_reward"] > found.metrics["rejected_reward"]
    assert [judged.name for judged in found.record.table][:2] == [
        "longer answer", "TF-IDF + logistic regression",
    ]  # fmt: skip
    assert {"prompt", "completion", "label", "reward"} <= {*found.frame}
    titles = [axes.get_title(loc="left") or axes.get_title() for axes in found.figure().axes]
    assert titles == ["What answers are worth", "ROC"]
    assert "reward" in found._repr_mimebundle_()["text/html"]
    other = LIKED.assign(label=~LIKED["label"])
    assert nbtune.evaluate(run, other).metrics["reward_accuracy"] == 0
    assert set(nbtune.predict(run, "sky?").columns) == {"text_row", "prompt", "answer", "ended"}


def test_how_often_liked_answers_are_worth_more_is_counted_over_all_pairs():
    from nbtune.data.preferred import Preferred
    from nbtune.evaluation.liked import weighted_scores

    said = Preferred(np.array([[2.0], [0.0], [1.0]]))
    score = weighted_scores(said, np.array([True, True, False]))
    found = score(np.ones((1, 3)))
    assert {name: value[0] for name, value in found.items()} == {
        "reward_accuracy": 0.5, "reward_margin": 0, "chosen_reward": 1, "rejected_reward": 1,
    }  # fmt: skip
    assert np.isnan(score(np.array([[1.0, 1.0, 0.0]]))["reward_margin"])


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"label": "perhaps"}, "1 with neither true nor false as a label"),
        ({"label": None}, "1 with nothing that says whether the answer is liked"),
        ({"completion": " "}, "1 with an empty answer"),
    ],
)
def test_single_answers_that_cannot_be_learnt_are_named(train, change, fault):
    frame = LIKED.head(9).astype(object).reset_index(drop=True)
    frame.loc[3, list(change)] = list(change.values())
    named = {"completion": "completion", "label": "label", "loss_type": "kto"}
    with pytest.raises(DataError, match=rf"1 of 9 rows cannot be used: {fault} \(row 3"):
        train(frame, "odd", **named)
    with pytest.raises(RecipeError, match="loss_type: dpo compares two answers to a prompt"):
        train(LIKED, "odd", **named | {"loss_type": "dpo"})


def test_single_answers_are_looked_at():
    frame = pd.concat([LIKED.head(40), LIKED.head(2).assign(label=lambda f: ~f["label"])])
    found = {one.check: one for one in nbtune.check_data(frame).record.findings}
    assert found["both_sides"].count == 4
    assert len(nbtune.mend(frame, "both_sides", task="liked-answers")) == 38
