from collections import defaultdict
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
import transformers

import nbtune
from nbtune.data.batches import make_batch
from nbtune.data.encoding import write_beside, write_examples
from nbtune.data.grouped import Grouped
from nbtune.data.preferences import PREFERENCES
from nbtune.engine.stepping import Forward, total_loss
from nbtune.errors import DataError
from nbtune.models.scratch import new_tokenizer
from nbtune.recipe import Recipe
from nbtune.tasks import Known, find_task
from nbtune.tasks.preference_losses import dpo, kto, orpo, preference_loss
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


def usable(frame, **settings):
    recipe = Recipe(clean=("control", "unicode"), **settings)
    return PREFERENCES.usable(frame, PREFERENCES.find(frame, {}).roles, recipe, "data")


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    runs = tmp_path_factory.mktemp("runs")

    def train(frame=ROWS, name="liked", **settings):
        usual = {"task": "preference-tuning", "model": "scratch-decoder", "size": "tiny",
                 "max_length": 64}  # fmt: skip
        return nbtune.finetune(frame, name, runs_dir=runs, display="none", **usual | settings)

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

    def ours(self, loss_type):
        recipe = Recipe(task="preference-tuning", loss_type=loss_type, beta=0.3)
        task, known = TASK.tuned(recipe), Known(tokenizer=self.tokenizer)
        rows = usable(self.frame)[0]
        place = self.place / loss_type
        examples = write_examples(
            rows, lambda some: task.encode(some, self.tokenizer, 64, known), 400, place
        )
        sums = []
        for batch in (make_batch(examples, np.array([i]), 0) for i in range(len(examples))):
            with torch.no_grad():
                reference = preference_sums(self.models[1], batch)
            sums.append(reference)
        examples = write_beside(place, np.array(sums, dtype=np.float32))
        grouped = Grouped(examples, {"kto": 3}.get(loss_type, 2))
        loss = preference_loss(recipe, examples.targets, 0)
        every = np.arange(len(rows))
        batch = make_batch(grouped, every, self.tokenizer.pad_token_id)
        forward = Forward(self.models[0], torch.device("cpu"), "fp32", None, keep=task.keep)
        found = total_loss(loss, forward(batch), batch)
        return float(found.detach()) / loss.count(np.asarray(grouped.targets[every]))

    def chats(self, columns):
        from datasets import Dataset

        turns = {"prompt": "user", "chosen": "assistant", "rejected": "assistant"}
        return Dataset.from_list(
            [
                {c: [{"role": turns[c], "content": row[c]}] for c in columns}
                for row in self.frame.to_dict("records")
            ]
        )


def preference_sums(model, batch):
    logits = model(**batch.inputs).logits.log_softmax(-1)
    wanted = batch.targets
    own = logits.gather(2, wanted.clamp(min=0)[..., None])[..., 0]
    return float((own * (wanted != -100)).sum())


@pytest.fixture(scope="module")
def oracle(tmp_path_factory):
    pytest.importorskip("trl", reason="TRL is not installed")
    return Oracle(tmp_path_factory.mktemp("oracle"))


def arguments(kind, place):
    return kind(
        output_dir=str(place), report_to="none", use_cpu=True, beta=0.3, max_length=64,
        per_device_train_batch_size=4, bf16=False,
    )  # fmt: skip


def test_dpo_has_the_loss_of_trl_on_the_same_batch(oracle):
    from trl import DPOConfig, DPOTrainer

    trainer = DPOTrainer(
        oracle.models[0],
        oracle.models[1],
        args=arguments(DPOConfig, oracle.place),
        train_dataset=oracle.chats(("prompt", "chosen", "rejected")),
        processing_class=oracle.tokenizer,
    )
    batch = next(iter(trainer.get_train_dataloader()))
    with torch.no_grad():
        expected = trainer.compute_loss(trainer.model.eval(), batch).item()
    oracle.models[0].eval()
    assert oracle.ours("dpo") == pytest.approx(expected, rel=1e-4)


def test_preferences_that_may_be_wrong_count_both_ways():
    moved, beta = torch.tensor([[2.0, -1.0]]), 0.5
    right = np.log(1 + np.exp(-1.5))
    wrong = np.log(1 + np.exp(1.5))
    assert dpo(moved, beta).item() == pytest.approx(right)
    assert dpo(moved, beta, 0.2).item() == pytest.approx(0.8 * right + 0.2 * wrong)


def test_orpo_has_the_odds_ratio_of_trl():
    pytest.importorskip("trl", reason="TRL is not installed")
    from trl.experimental.orpo.orpo_trainer import ORPOTrainer

    means = torch.tensor([[-0.3, -2.0], [-4.0, -1.5], [-1e-3, -9.0]])
    about = SimpleNamespace(beta=0.3, accelerator=SimpleNamespace(device="cpu"))
    expected = ORPOTrainer.odds_ratio_loss(about, means[:, 0], means[:, 1])[0]
    # TRL's first loss, the likelihood of chosen texts, is that of prompt and answer; ours, as the
    # paper's, of the answer.
    torch.testing.assert_close(orpo(means, 0.3), -means[:, 0] - expected, rtol=1e-4, atol=1e-5)


def test_kto_has_the_loss_of_trl_on_the_same_batch(oracle):
    from trl import KTOTrainer

    generator = torch.Generator().manual_seed(0)
    said = torch.randn(4, 3, generator=generator) - 5
    before = said + 0.5 * torch.randn(4, 3, generator=generator)
    labels = torch.tensor([True] * 4 + [False] * 4)
    logps = torch.cat([said[:, 0], said[:, 1]])
    batch = {
        "label": labels,
        "input_ids": torch.zeros(8, 2, dtype=torch.long),
        "attention_mask": torch.ones(8, 2),
        "completion_mask": torch.ones(8, 2),
        "ref_logps": torch.cat([before[:, 0], before[:, 1]]),
        "ref_KL_logps": before[:, 2],
    }
    model = torch.nn.Identity()
    zeros = torch.zeros(8, 1)
    model.forward = lambda **_: SimpleNamespace(
        log_probs=logps[:, None], entropy=zeros, mean_logits=zeros
    )
    accelerator = SimpleNamespace(
        device="cpu", gather_for_metrics=lambda one: one, gather=lambda one: one
    )
    trainer = KTOTrainer.__new__(KTOTrainer)
    trainer.__dict__.update(
        model=model, accelerator=accelerator, aux_loss_enabled=False, precompute_ref_logps=True,
        calculate_KL=True, loss_type="kto", beta=0.3, desirable_weight=1.0, undesirable_weight=1.0,
        _compute_kl_logps=lambda *_: said[:, 2],
        _metrics={"train": defaultdict(list)}, _total_train_tokens=0, _tp_size=1,
    )  # fmt: skip
    expected = trainer._compute_loss(model, batch, False)
    assert kto(said - before, 0.3).mean().item() == pytest.approx(float(expected), rel=1e-5)
    assert 0 < oracle.ours("kto") < 1


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
