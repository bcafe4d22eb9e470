"""A model and its tokenizer, ready for a number of labels."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import transformers

from nbtune.errors import ModelError, in_one_line
from nbtune.models.autos import IMAGES, IMAGES_WITH_TEXT, auto_class
from nbtune.models.decoders import end_of, set_ends, warm_config, warm_start
from nbtune.models.fitting import REWRITES, becomes_both, refuse_unfit
from nbtune.models.heads import bare_heads
from nbtune.models.marking import teach_marks
from nbtune.models.modes import own_modes
from nbtune.models.processors import Processor, load_processor, new_processor
from nbtune.models.scratch import Reads, new_config, new_tokenizer
from nbtune.models.scratch_images import new_image_config
from nbtune.models.sources import SCRATCH, ModelSource

_ATTENTION_DROPOUT = ("attention_probs_dropout_prob", "attention_dropout", "attn_pdrop")
_OF_WORDS = ("AutoModelForMaskedLM", "AutoModelForCausalLM")
_ANY = 1_000_000
"""Tokens; who says that a row may be longer says that it may have any length."""
_DROPOUT = (
    "hidden_dropout_prob", "hidden_dropout", "dropout", "resid_pdrop", "embd_pdrop",
    "resid_dropout", "embed_dropout", "embedding_dropout", "activation_dropout", "dropout_rate",
    "classifier_dropout", "classifier_dropout_prob", "seq_classif_dropout", "summary_first_dropout",
)  # fmt: skip
"""What dropout is called in configurations; one that is None follows another."""


@dataclass(frozen=True)
class LoadedModel:
    """A model on the CPU in float32, its tokenizer (of images a `Processor`), and notices.

    ``max_positions`` is the longest row in tokens that the model can take, None for no limit.
    """

    model: Any
    tokenizer: Any
    max_positions: int | None
    notices: tuple[str, ...] = ()


def load_reader(
    source: ModelSource,
    images: Sequence[str],
    texts: Sequence[str] | None = None,
    revision: str | None = None,
) -> Processor:
    """Load what reads images, and texts beside them; for a model from nothing it is made.

    Parameters
    ----------
    images, texts : sequence of str
        What it is made for; None where there are no texts.

    Raises
    ------
    ModelError
        When there is none, or none that can be used.
    """
    tokenizer = None if texts is None else load_tokenizer(source, texts, revision)
    if source.kind == "scratch":
        return Processor(new_processor(images), tokenizer)
    with quiet(), _named_failures(source, "image processor"):
        return Processor(load_processor(source.location, source.name, revision), tokenizer)


def load_tokenizer(
    source: ModelSource, texts: Sequence[str], revision: str | None = None, reads: Reads = "text"
) -> Any:
    """Load the tokenizer, or train one on the texts for a model that starts from nothing.

    Raises
    ------
    ModelError
        When there is none, or it has no token that could stand for padding, or for gaps where
        these are to be read.
    """
    if source.kind == "scratch":
        return new_tokenizer(texts, reads)
    with quiet(), _named_failures(source, "tokenizer"):
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            source.location, revision=revision, trust_remote_code=False
        )
    if len(tokenizer) <= len(tokenizer.all_special_ids):
        # What transformers makes up where the files of the tokenizer are missing.
        raise ModelError(
            f"the tokenizer of {source.name!r} knows no words: its files are missing",
            hint="copy tokenizer.json, or what stands for it, to the weights",
        )
    if tokenizer.pad_token is None:
        stand_in = tokenizer.eos_token or tokenizer.unk_token or tokenizer.bos_token
        if stand_in is None:
            raise ModelError(
                f"the tokenizer of {source.name!r} has no pad, end or unknown token",
                hint="set tokenizer.pad_token, save the tokenizer into the folder, and try again",
            )
        tokenizer.pad_token = stand_in
    if reads == "rewriting" and end_of(tokenizer) is None:
        raise ModelError(
            f"model: the tokenizer of {source.name!r} has no token that ends a text",
            hint="take a model such as t5, bart or bert",
        )
    if reads == "gaps" and tokenizer.mask_token is None:
        raise ModelError(
            f"model: the tokenizer of {source.name!r} has no mask token, so no word can be hidden",
            hint="take a model such as bert or roberta, or task: text-generation",
        )
    tokenizer.padding_side = "right"
    return tokenizer


@own_modes()
def load_model(
    source: ModelSource,
    tokenizer: Any,
    labels: Sequence[str],
    *,
    head: str = "AutoModelForSequenceClassification",
    outputs: int | None = None,
    problem_type: str | None = None,
    seed: int = 42,
    attention_dropout: float | None = None,
    dropout: float | None = None,
    revision: str | None = None,
    quantize: Callable[[Any], Any] | None = None,
    marks: Sequence[str] = (),
) -> LoadedModel:
    """Load weights under a head for these labels; new weights are drawn from ``seed``.

    Parameters
    ----------
    head : str
        The transformers auto class that adds the head.
    outputs : int, optional
        How many logits the head gives; by default one a label.
    problem_type : str, optional
        What Hugging Face calls the kind of problem; it is written into the model's configuration.
    attention_dropout : float, optional
        Replaces the model's own dropout on attention weights.
    dropout : float, optional
        Replaces the model's own dropout everywhere else.
    quantize : callable, optional
        (model without weights) to the ``quantization_config`` that it is loaded with.
    marks : sequence of str
        Tokens that the tokenizer was taught and the model is taught now, unless it knows them.

    Raises
    ------
    ModelError
        When the weights cannot be loaded, are incomplete below the head, or do not fit the
        tokenizer.
    """
    torch.manual_seed(seed)
    names = _names(labels, outputs, problem_type)
    info: dict[str, Any] = {}
    if source.kind == "scratch":
        config = _new_config(source, tokenizer, names, head)
        refuse_unfit(source, config, head)
        _set_dropout(config, attention_dropout, dropout)
        model = auto_class(head).from_config(config)
    else:
        with quiet(), _named_failures(source, "model"):
            config = _config_of(source, head, revision, names)
            _set_dropout(config, attention_dropout, dropout)
            model, info = _load_weights(source, config, head, revision, quantize)
    is_warm = source.kind != "scratch" and becomes_both(config, head)
    notices = (
        *_check_whole(source, model.encoder if is_warm else model, info),
        *_drawn_parts(source, model, head, info, is_warm),
    )
    words = tokenizer.tokenizer if isinstance(tokenizer, Processor) else tokenizer
    if words is None:
        return LoadedModel(model, tokenizer, None, notices)
    model.config.pad_token_id = words.pad_token_id
    if head == REWRITES:
        set_ends(model, words)
    with quiet():
        teach_marks(model, words, marks)
    _check_vocabulary(source, model, words)
    words.model_input_names = input_names(model, words)
    return LoadedModel(model, tokenizer, _max_positions(model, words), notices)


def _load_weights(
    source: ModelSource,
    config: Any,
    head: str,
    revision: str | None,
    quantize: Callable[[Any], Any] | None,
) -> tuple[Any, dict[str, Any]]:
    """Return the model with its weights, and what transformers says about how they fit."""
    if becomes_both(config, head):
        return warm_start(source.location, config, revision)
    auto = auto_class(head)
    model, info = auto.from_pretrained(
        source.location,
        revision=revision,
        trust_remote_code=False,
        config=config,
        dtype=torch.float32,
        ignore_mismatched_sizes=True,
        output_loading_info=True,
        **({} if quantize is None else _quantization(quantize, auto, config)),
    )
    if quantize is not None:
        _keep_unpacked(model)
    return model, info


def head_labels(source: ModelSource, revision: str | None = None) -> tuple[str, ...]:
    """Return the labels of a model that was saved as a classifier of texts, none for any other.

    Raises
    ------
    ModelError
        When its configuration cannot be loaded.
    """
    if source.kind == "scratch":
        return ()
    with quiet(), _named_failures(source, "model"):
        config = transformers.AutoConfig.from_pretrained(
            source.location, revision=revision, trust_remote_code=False
        )
    kinds = config.architectures or ()
    if not any(kind.endswith("ForSequenceClassification") for kind in kinds):
        return ()
    return tuple(config.id2label[place] for place in sorted(config.id2label))


@own_modes()
def outline_model(source: ModelSource, head: str, revision: str | None = None) -> Any:
    """Make a model without its weights, which answers what layers it has.

    Raises
    ------
    ModelError
        When its configuration cannot be loaded.
    """
    auto = auto_class(head)
    if source.kind == "scratch":
        config = _new_config(source, None, {}, head)
        refuse_unfit(source, config, head)
    else:
        with quiet(), _named_failures(source, "model"):
            config = _config_of(source, head, revision)
    with torch.device("meta"), quiet():
        if becomes_both(config, head):
            return transformers.EncoderDecoderModel(warm_config(config))
        return auto.from_config(config)


def _config_of(
    source: ModelSource, head: str, revision: str | None, names: Mapping[str, Any] | None = None
) -> Any:
    """Load the configuration of a model that has weights, for this head with these labels."""
    config = transformers.AutoConfig.from_pretrained(
        source.location, revision=revision, trust_remote_code=False, **(names or {})
    )
    if head == "AutoModelForQuestionAnswering":
        config.num_labels = 2  # where an answer begins and ends, whatever the model judged before
    refuse_unfit(source, config, head)
    return config


def _new_config(source: ModelSource, tokenizer: Any, names: dict[str, Any], head: str) -> Any:
    """Describe a model that starts from nothing; without a tokenizer it is a sketch of one."""
    model, size = _of_ours(source, head), source.size
    if head in (IMAGES, IMAGES_WITH_TEXT):
        return new_image_config(tokenizer, names, model, size, head)
    return new_config(tokenizer or new_tokenizer([]), names, model, size)


def _of_ours(source: ModelSource, head: str) -> str:
    """Return which of our models is meant: a Transformer that writes has a decoder."""
    if source.name != SCRATCH:
        return source.name
    made_for = {"AutoModelForCausalLM": "scratch-decoder", REWRITES: "scratch-encoder-decoder"}
    return made_for.get(head, SCRATCH)


def input_names(model: Any, tokenizer: Any) -> list[str]:
    """Return what a tokenizer should give the model: token types where it tells two texts apart."""
    names = [name for name in tokenizer.model_input_names if name != "token_type_ids"]
    known = inspect.signature(model.forward).parameters
    has_types = "token_type_ids" in known and getattr(model.config, "type_vocab_size", 0) > 1
    return [*names, "token_type_ids"] if has_types else names


def _names(labels: Sequence[str], outputs: int | None, problem_type: str | None) -> dict[str, Any]:
    """Return what a configuration says about the head."""
    found: dict[str, Any] = {}
    if count := outputs or len(labels):
        found["num_labels"] = count
    if labels:
        found["id2label"] = dict(enumerate(labels))
        found["label2id"] = {name: i for i, name in enumerate(labels)}
    if problem_type is not None:
        found["problem_type"] = problem_type
    return found


def _quantization(quantize: Callable[[Any], Any], auto: Any, config: Any) -> dict[str, Any]:
    with torch.device("meta"):
        return {"quantization_config": quantize(auto.from_config(config))}


def _keep_unpacked(model: Any) -> None:
    """Let layers of 4 bits be trained after they were asked.

    On a CPU with AVX512-BF16 bitsandbytes packs such a layer when it is first asked outside
    training: its scales are rounded, it breaks off where its width is no multiple of 64, and no
    gradient passes it any more.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def _set_dropout(config: Any, attention: float | None, elsewhere: float | None) -> None:
    own = [getattr(config, part, None) for part in ("encoder", "decoder")]
    for each in (config, *filter(None, own)):
        for names, value in ((_ATTENTION_DROPOUT, attention), (_DROPOUT, elsewhere)):
            for name in names:
                if value is not None and isinstance(getattr(each, name, None), int | float):
                    setattr(each, name, value)


def _check_whole(source: ModelSource, model: Any, info: Mapping[str, Any]) -> tuple[str, ...]:
    """Refuse weights that do not fill the inner model; tell what else was noticed."""
    other_size = {key for key, *_ in info.get("mismatched_keys", ())}
    if lost := _inner(model, info.get("missing_keys", ())):
        raise ModelError(
            f"the weights of {source.name!r} are incomplete: {len(lost)} tensors are missing, "
            f"{lost[0]} first",
            hint="copy or download the model again",
        )
    if unfit := _inner(model, other_size):
        raise ModelError(
            f"the weights of {source.name!r} do not fit its config.json: {len(unfit)} tensors "
            f"have another size, {unfit[0]} first",
            hint="copy config.json and weights from the same model",
        )
    notices = []
    if other_size:
        notices.append(f"the saved head of {source.name} has another size; a new one is trained")
    if unused := _inner(model, info.get("unexpected_keys", ())):
        notices.append(
            f"the config.json of {source.name} leaves out {len(unused)} tensors of its weights, "
            f"{unused[0]} first"
        )
    return tuple(notices)


def _drawn_parts(
    source: ModelSource, model: Any, head: str, info: Mapping[str, Any], is_warm: bool
) -> Iterator[str]:
    """Tell of parts besides a classifier that begin at random."""
    if is_warm:
        yield (
            f"{source.name} only reads: what writes begins with the same weights, and what it "
            "looks at the source with is drawn at random and trained"
        )
    if head in _OF_WORDS and (drawn := _head(model, info.get("missing_keys", ()))):
        yield (
            f"{source.name} comes without its head for words ({len(drawn)} tensors, {drawn[0]} "
            "first): one is drawn at random and trained, so expect little before training"
        )


def _inner(model: Any, keys: Iterable[str]) -> list[str]:
    """Return the keys of tensors below the head, but for the pooler that many models lack."""
    parts = {model.base_model_prefix, *(name for name, _ in model.base_model.named_children())}
    parts -= set(bare_heads(model))
    return sorted(key for key in keys if key.split(".")[0] in parts and "pooler" not in key)


def _head(model: Any, keys: Iterable[str]) -> list[str]:
    """Return the keys of tensors above the inner model."""
    return sorted(key for key in keys if not key.startswith(f"{model.base_model_prefix}."))


def _check_vocabulary(source: ModelSource, model: Any, tokenizer: Any) -> None:
    rows = model.get_input_embeddings().num_embeddings
    if len(tokenizer) > rows:
        raise ModelError(
            f"the tokenizer of {source.name!r} has {len(tokenizer)} tokens, "
            f"but the model knows {rows}",
            hint="use the tokenizer that belongs to the model",
        )


def places_of(config: Any, tokenizer: Any) -> int | None:
    """Return the longest row in tokens that a model of this configuration says it can take."""
    limits = [tokenizer.model_max_length]
    for own in (config, getattr(config, "text_config", None)):
        if positions := getattr(own, "max_position_embeddings", None):
            limits.append(int(positions))
    shortest = min(limits)
    return int(shortest) if shortest < _ANY else None


def _max_positions(model: Any, tokenizer: Any) -> int | None:
    limits = [places_of(model.config, tokenizer) or _ANY]
    for name, module in model.named_modules():
        if name.endswith(("position_embeddings", "wpe")) and isinstance(module, torch.nn.Embedding):
            shift = 0 if module.padding_idx is None else module.padding_idx + 1
            limits.append(module.num_embeddings - shift)
    shortest = min(limits)
    return shortest if shortest < _ANY else None


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the bars, reports and advice of transformers; we say what matters ourselves."""
    logging = transformers.utils.logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


@contextmanager
def _named_failures(source: ModelSource, what: str) -> Iterator[None]:
    try:
        yield
    except ModelError:
        raise
    except Exception as error:
        if "trust_remote_code" in str(error):
            raise ModelError(
                f"model: {source.name!r} brings code of its own, which is not run",
                hint="take a model of a kind that transformers knows",
            ) from error
        if "weights_only" in str(error):
            raise ModelError(
                f"model: the weights of {source.name!r} hold more than tensors, so they are not "
                "opened: such files can run code",
                hint="take a model with safetensors",
            ) from error
        raise ModelError(
            f"cannot load the {what} of {source.name!r}: {in_one_line(error)}",
            hint=f"check the name, and that {source.location} is whole",
        ) from error
