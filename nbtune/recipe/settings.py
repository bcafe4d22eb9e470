"""Everything that decides a run: one declaration per setting.

The options of ``%%finetune``, the validation, the completion, the reference table and the forms
are all made from the fields below. Names are those of Hugging Face ``TrainingArguments`` 5.x and,
under ``lora``, of PEFT's ``LoraConfig``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from nbtune.recipe.schedules import check_options

Column = Annotated[str, Field(min_length=1)]
Positive = Annotated[float, Field(gt=0)]


class Settings(BaseModel):
    """Settings are checked once, take no unknown names, and never change afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Lora(Settings):
    """Low-rank adapters (Hu et al. 2021), spelled as PEFT spells them."""

    r: int = Field(8, ge=1, le=1024, description="rank of the two small matrices")
    lora_alpha: float = Field(16, gt=0, description="scale; the update is multiplied by alpha / r")
    lora_dropout: float = Field(0.0, ge=0, lt=1, description="dropout before the adapter")
    target_modules: Literal["all-linear"] | tuple[str, ...] = Field(
        "all-linear", description="which layers get one: all-linear, or a list of module names"
    )
    use_rslora: bool = Field(False, description="scale by alpha / sqrt(r) (Kalajdzievski 2023)")
    use_dora: bool = Field(False, description="learn magnitude and direction apart (Liu 2024)")
    loraplus_lr_ratio: float = Field(
        1.0, gt=0, le=1000, description="rate of B over that of A; LoRA+ takes 16 (Hayou 2024)"
    )


class Recipe(Settings):
    """What to train, on what, and how."""

    # What is learnt, from which rows
    task: str = Field("text-classification", description="what is learnt; a task's name")
    problem_type: (
        Literal["single_label_classification", "multi_label_classification", "regression"] | None
    ) = Field(None, description="kind of text-classification; empty asks the labels")
    model: str | None = Field(
        None,
        description="minilm, scratch-transformer (-lstm, -gru, -cnn, -bag, -decoder, "
        "-encoder-decoder), a run of yours, a local folder or a hub id; "
        "empty takes minilm when it is installed, else scratch-transformer; of images scratch-cnn",
    )
    size: Literal["tiny", "small", "base"] = Field(
        "small", description="of a scratch model: 1, 2 or 4 layers of width 64, 128 or 256"
    )
    revision: str | None = Field(None, description="branch, tag or commit of a hub model")
    data: str | None = Field(
        None, description="training rows: a notebook variable, a file, topics, or a hub id"
    )
    validation_data: str | None = Field(None, description="rows looked at while training")
    test_data: str | None = Field(None, description="rows looked at once, at the end")
    text: Column | None = Field(None, description="column of the text; empty infers it")
    text_pair: Column | None = Field(
        None, description="column of a second text, where the label is about two"
    )
    pair_encoding: Literal["cross-encoder", "bi-encoder"] = Field(
        "cross-encoder",
        description="two texts are read as one, or each by itself, so that vectors can be compared",
    )
    image: Column | None = Field(
        None, description="column of images: paths, PIL images, bytes or arrays; empty infers it"
    )
    label: Column | tuple[Column, ...] | None = Field(
        None, description="column of the label; several are 0/1 columns of one label each"
    )
    tokens: Column | None = Field(None, description="column of lists of words; empty infers it")
    tags: Column | None = Field(
        None, description="column of lists of tags, one a word: BIO, BILOU or BIOES"
    )
    spans: Column | None = Field(
        None, description="column of lists of spans in the text: start, end, label"
    )
    word_splitting: Literal["punctuation", "spaces"] | None = Field(
        None, description="how texts fall into words to tag; empty does as the training rows do"
    )
    predicate: Column | None = Field(
        None, description="column of the word that roles are of: its place, or a 0 or 1 a word"
    )
    head: Column | tuple[Column, Column] | None = Field(
        None, description="column of a relation's first span: (start, end); or two columns of these"
    )
    tail: Column | tuple[Column, Column] | None = Field(
        None, description="column of its second span; empty also where the text has marks: [E2]"
    )
    span_ends: Literal["exclusive", "inclusive"] | None = Field(
        None, description="whether the end of a span of words is its last word; empty asks the rows"
    )
    none_label: str | None = Field(
        None, description="label of no relation, which F1 leaves out; empty finds Other, none ..."
    )
    context: Column | None = Field(None, description="column of texts that hold the answers")
    question: Column | None = Field(None, description="column of questions about the contexts")
    answers: Column | None = Field(
        None, description="column of answers: a text, several, or as in SQuAD; [] for none"
    )
    answer_start: Column | None = Field(
        None, description="column of the characters where answers begin; empty looks for them"
    )
    doc_stride: int = Field(
        128, ge=0, description="tokens that two windows over a long context have in common"
    )
    max_answer_length: int = Field(30, ge=1, description="longest answer in tokens")
    version_2_with_negative: bool | None = Field(
        None, description="some questions have no answer in their context; empty asks the rows"
    )
    messages: Column | None = Field(
        None, description="column of chats: lists of role and content, or of from and value"
    )
    prompt: Column | tuple[Column, ...] | None = Field(
        None, description="column of what is asked; several are put one below the other"
    )
    completion: Column | None = Field(None, description="column of what is answered to it")
    system: Column | None = Field(
        None, description="column of what is said to the model before a chat; empty infers it"
    )
    completion_only_loss: bool | None = Field(
        None, description="learn the answers of chats, not what was asked; empty does"
    )
    chosen: Column | None = Field(
        None, description="column of the answers that are preferred; empty infers it"
    )
    rejected: Column | None = Field(
        None, description="column of the answers to the same prompts that are not"
    )
    loss_type: Literal["dpo", "orpo", "kto"] = Field(
        "dpo",
        description="how preferences are learnt; orpo needs no model to compare with, kto no pairs",
    )
    beta: float = Field(
        0.1,
        gt=0,
        le=10,
        description="how much a preference counts; dpo and kto: more stays nearer to the model",
    )
    source: Column | None = Field(
        None, description="column of texts that others are made of; empty infers it"
    )
    target: Column | None = Field(
        None, description="column of what is made of them, such as summaries; empty infers it"
    )
    source_prefix: str = Field(
        "", description="words before each source, as T5 wants them: 'summarize: '"
    )
    source_lang: str | None = Field(
        None, description="language of the sources as the model calls it: en_XX, eng_Latn, en"
    )
    target_lang: str | None = Field(
        None, description="language that is written, for models of many: fr_XX, fra_Latn, fr"
    )
    max_target_length: int = Field(
        64, ge=2, description="longest target in tokens; longer ones are cut"
    )
    num_beams: int = Field(
        4, ge=1, le=64, description="texts that are written side by side, the best is kept"
    )
    max_new_tokens: int | None = Field(
        None, ge=1, description="longest text that is written; empty takes max_target_length"
    )
    length_penalty: float = Field(
        1.0, ge=-10, le=10, description="above 0 favours long texts among the beams, below 0 short"
    )
    no_repeat_ngram_size: int = Field(
        0, ge=0, description="so many tokens in a row are never written twice; 0 allows it"
    )
    label_separator: str | None = Field(
        None, min_length=1, description="what parts several labels of a text; empty looks for it"
    )
    mlm_probability: float = Field(
        0.15, gt=0, lt=1, description="share of the tokens that fill-mask hides"
    )
    whole_word_mask: bool = Field(False, description="hide all tokens of a word, or none of them")
    packing: bool | None = Field(
        None,
        description="language modelling reads texts one after the other, in blocks of max_length; "
        "empty does for text-generation, where texts go on, and not for fill-mask",
    )
    streaming: bool = Field(
        False,
        description="files of text larger than memory are read piece by piece; a row is then a "
        "stretch of 16 KiB",
    )
    validation_size: float = Field(
        0.1, ge=0, description="share (below 1) or number of rows kept for validation"
    )
    test_size: float = Field(0.1, ge=0, description="share (below 1) or number of rows for test")
    max_train_samples: int | None = Field(
        None, ge=1, description="train on this many rows, drawn per label"
    )
    clean: tuple[Literal["control", "unicode", "whitespace", "markup"], ...] = Field(
        ("control", "unicode", "whitespace"), description="what is cleaned out of the texts"
    )
    corrections: str | None = Field(
        None, description="file of rows that are relabelled or left out, as %review writes it"
    )
    drop_bad_rows: bool = Field(False, description="leave out rows that cannot be used")
    checks: Literal["off", "warn", "strict"] = Field(
        "warn", description="look at the rows first: say what is wrong, or strict: refuse errors"
    )
    max_length: int = Field(256, ge=2, description="longest text in tokens; longer ones are cut")

    # Which weights move
    method: str = Field("full", description="which weights are trained; %nbtune methods lists all")
    freeze: int | None = Field(
        None, ge=0, description="embeddings and this many of the lowest layers are not trained"
    )
    gradual_unfreezing: float | None = Field(
        None, gt=0, description="epochs until the next layer is trained as well, from the top down"
    )
    lora: Lora = Field(Lora(), description="adapter settings of methods lora and qlora")
    bits: Literal[4, 8] = Field(4, description="bits of the frozen weights with method qlora")
    num_virtual_tokens: int = Field(
        20, ge=1, le=1000, description="learnt tokens before each row, in the tuning of prompts"
    )
    contrastive_epochs: int = Field(
        10, ge=1, le=1000, description="passes of method setfit that learn which texts are alike"
    )

    # How they move
    learning_rate: float | None = Field(
        None,
        gt=0,
        le=10,
        description="highest rate; empty takes the method's and model's usual one",
    )
    head_learning_rate: float | None = Field(
        None, gt=0, le=10, description="highest rate of the head; empty takes the learning rate"
    )
    layerwise_lr_decay: float = Field(
        1.0, gt=0, le=1, description="share of the rate that each layer has of the one above it"
    )
    num_train_epochs: float = Field(3.0, gt=0, le=10_000, description="passes over the rows")
    max_steps: int | None = Field(None, ge=1, description="optimiser steps; overrides the epochs")
    per_device_train_batch_size: int = Field(16, ge=1, description="rows a micro-batch")
    gradient_accumulation_steps: int = Field(1, ge=1, description="micro-batches a step")
    optim: Literal[
        "adamw_torch_fused", "adamw_torch", "adamw_bnb_8bit", "adam", "sgd", "adagrad", "rmsprop",
        "adafactor", "lion", "muon",
    ] = Field("adamw_torch_fused", description="optimiser")  # fmt: skip
    weight_decay: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="decay of matrices; empty takes 0.01 where it is decoupled from the gradient, "
        "0 for adam, sgd, adagrad and rmsprop, where it is not",
    )
    adam_beta1: float = Field(0.9, ge=0, lt=1, description="decay of Adam's first moment")
    adam_beta2: float = Field(0.999, ge=0, lt=1, description="decay of Adam's second moment")
    adam_epsilon: float = Field(1e-8, gt=0, description="Adam's epsilon")
    max_grad_norm: float = Field(1.0, ge=0, description="gradients are clipped to it; 0 does not")
    lr_scheduler_type: Literal[
        "linear", "cosine", "cosine_with_restarts", "cosine_with_min_lr",
        "cosine_warmup_with_min_lr", "polynomial", "constant", "constant_with_warmup",
        "inverse_sqrt", "warmup_stable_decay", "reduce_lr_on_plateau", "one_cycle",
    ] = Field("linear", description="course of the rate after the warm-up")  # fmt: skip
    lr_scheduler_kwargs: dict[str, Any] = Field(
        {}, description="options of that course, such as {num_cycles: 2}"
    )
    warmup_steps: float = Field(
        0.06, ge=0, description="steps with a rising rate; below 1 a share of all steps"
    )
    label_smoothing_factor: float = Field(0.0, ge=0, lt=1, description="label smoothing")
    focal_gamma: float = Field(
        0.0,
        ge=0,
        le=10,
        description="rows that are easy weigh (1 - p)^gamma; 2 is usual (Lin 2017)",
    )
    class_weight: Literal["balanced"] | dict[str, Positive] | tuple[Positive, ...] | None = Field(
        None,
        description="balanced weighs labels by 1 / frequency; or {label: weight}, others weigh 1",
    )
    train_sampling_strategy: Literal["random", "weighted", "group_by_length", "sequential"] = Field(
        "random",
        description="weighted draws every label equally often; group_by_length saves padding",
    )
    neftune_noise_alpha: float | None = Field(
        None, gt=0, le=100, description="noise on the embeddings; 5 is usual (NEFTune, Jain 2023)"
    )
    dropout: float | None = Field(
        None, ge=0, lt=1, description="dropout but for attention weights; empty keeps the model's"
    )
    attention_dropout: float | None = Field(
        0.0, ge=0, lt=1, description="dropout on attention weights; null keeps the model's own"
    )

    # When it is looked at, kept and stopped
    eval_strategy: Literal["epoch", "steps", "no"] = Field(
        "epoch", description="when the validation rows are scored"
    )
    eval_steps: int | None = Field(None, ge=1, description="steps between two evaluations")
    metric_for_best_model: str | None = Field(
        None, description="score that picks the best weights; empty takes the task's first"
    )
    ema_decay: float | None = Field(
        None, gt=0, lt=1, description="keep an exponential mean of the weights; 0.999 is usual"
    )
    swa_start: float | None = Field(
        None,
        ge=0,
        description="keep the mean of all weights from this step on; below 1 a share of the steps",
    )
    early_stopping_patience: int | None = Field(
        None, ge=1, description="stop after so many evaluations without a better score"
    )
    on_divergence: Literal["roll_back", "stop"] = Field(
        "roll_back",
        description="what follows a loss that is not finite, or stays far above where it began: "
        "roll_back goes on from the last checkpoint at half the rate, at most three times",
    )
    save_interval_seconds: float = Field(
        60, gt=0, description="a checkpoint is made at least so often, and at each evaluation"
    )

    # On what it runs
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto", description="number format of the forward and backward pass; auto is what is faster"
    )
    batching: Literal["packed", "padded"] = Field(
        "packed", description="packed leaves padding out; the updates are the same"
    )
    cache_frozen: bool = Field(
        True, description="run frozen layers once for all epochs, without dropout"
    )
    gradient_checkpointing: bool = Field(False, description="less memory for more time")
    seed: int = Field(42, ge=0, lt=2**32, description="fixes splits, order, dropout, new weights")
    full_determinism: bool = Field(
        False, description="deterministic algorithms while it trains; says what has none"
    )
    baseline: bool = Field(True, description="score majority and TF-IDF on the same rows")
    zero_shot: bool | dict[str, str] = Field(
        True,
        description="score what label names alone say, where a sentence encoder is at hand; "
        "{label: what it means} describes them",
    )

    @field_validator("class_weight", "zero_shot", mode="before")
    @classmethod
    def _labels_are_texts(cls, weights: Any) -> Any:
        return {str(k): v for k, v in weights.items()} if isinstance(weights, dict) else weights

    @field_validator("lr_scheduler_kwargs")
    @classmethod
    def _options_suit_the_schedule(cls, options: Any, info: ValidationInfo) -> Any:
        kind = info.data.get("lr_scheduler_type")  # missing where it is wrong itself
        return options if kind is None else check_options(kind, options)

    @model_validator(mode="before")
    @classmethod
    def _steps_imply_strategy(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("eval_steps") and "eval_strategy" not in values:
            return {**values, "eval_strategy": "steps"}
        return values

    @model_validator(mode="before")
    @classmethod
    def _columns_imply_a_task(cls, values: Any) -> Any:
        if isinstance(values, dict) and "task" not in values:
            if values.get("source") and values.get("target"):
                return {**values, "task": "text2text-generation"}
            if values.get("head") and values.get("tail"):
                return {**values, "task": "relation-extraction"}
        return values

    @model_validator(mode="after")
    def _settings_agree(self) -> Recipe:
        if self.eval_strategy == "steps" and self.eval_steps is None:
            raise ValueError("eval_strategy: steps needs eval_steps")
        if self.early_stopping_patience and self.eval_strategy == "no":
            raise ValueError("early_stopping_patience needs an eval_strategy of epoch or steps")
        if self.ema_decay is not None and self.swa_start is not None:
            raise ValueError("ema_decay and swa_start are two means of the weights; keep one")
        if self.class_weight is not None and self.train_sampling_strategy == "weighted":
            raise ValueError("class_weight and weighted sampling both favour rare labels; keep one")
        if self.lr_scheduler_type == "reduce_lr_on_plateau" and self.eval_strategy == "no":
            raise ValueError("reduce_lr_on_plateau needs an eval_strategy of epoch or steps")
        return self
