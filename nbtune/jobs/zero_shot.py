"""What the names of labels alone say about texts: nothing is trained.

A sentence encoder gives the label whose name lies nearest to the text (Yin et al. 2019). A model
that was trained on entailment gives the one whose sentence follows best from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from nbtune.errors import DataError, ModelError, did_you_mean
from nbtune.events import Progress
from nbtune.models.sources import ModelSource

if TYPE_CHECKING:
    from nbtune.models.loading import LoadedModel
    from nbtune.models.sentences import SentenceEncoder

Array = np.ndarray[Any, Any]
Labels = Sequence[str] | Mapping[str, str]

ABOUT = "This text is about {}."
EXAMPLE = "This example is {}."
SOMETHING = "something"
SCALE = 20.0
"""What cosines are multiplied by before the softmax: so all-MiniLM and its like were trained."""
PAIRS_AT_ONCE = 4096


class Reader(Protocol):
    """Something that tells labels of texts by their names."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def note(self) -> str: ...  # noqa: D102
    @property
    def sentences(self) -> tuple[str, ...]: ...  # noqa: D102
    def predict(self, texts: Sequence[str], progress: Progress | None = None) -> Array: ...  # noqa: D102


@dataclass(frozen=True)
class ByLikeness:
    """Gives labels by how near their sentences lie to the text."""

    encoder: SentenceEncoder
    sentences: tuple[str, ...]

    @property
    def name(self) -> str:
        """What the model is called."""
        return self.encoder.name

    @property
    def note(self) -> str:
        """What should be known of it."""
        if self.encoder.is_trained:
            return ""
        return f"{self.name} was not made to tell whether texts are alike, so expect little of it"

    def predict(self, texts: Sequence[str], progress: Progress | None = None) -> Array:
        """Return probabilities of shape (texts, labels): a softmax of cosines."""
        from nbtune.engine.embedding import embed
        from nbtune.models.heads import softmax

        likeness = embed(self.encoder, texts, progress) @ embed(self.encoder, self.sentences).T
        return softmax(SCALE * likeness)


@dataclass(frozen=True)
class EachByLikeness(ByLikeness):
    """Gives each label by itself: where its sentence lies nearer than one that says nothing."""

    def predict(self, texts: Sequence[str], progress: Progress | None = None) -> Array:
        """Return probabilities of shape (texts, labels), which need not add up to 1."""
        from scipy.special import expit

        from nbtune.engine.embedding import embed

        found = embed(self.encoder, texts, progress)
        nothing = found @ embed(self.encoder, [ABOUT.format(SOMETHING)]).T
        return np.asarray(expit(SCALE * (found @ embed(self.encoder, self.sentences).T - nothing)))


@dataclass(frozen=True)
class ByEntailment:
    """Gives labels by how well their sentences follow from the text.

    ``entailed`` is the place of the logit that says so.
    """

    name: str
    loaded: LoadedModel
    entailed: int
    sentences: tuple[str, ...]
    note: str = ""

    def predict(self, texts: Sequence[str], progress: Progress | None = None) -> Array:
        """Return probabilities of shape (texts, labels): a softmax of the logits of entailment."""
        from nbtune.models.heads import softmax

        count = len(self.sentences)
        at_once = max(1, PAIRS_AT_ONCE // count)
        logits = np.empty((len(texts), count), dtype=np.float32)
        for start in range(0, len(texts), at_once):
            part = texts[start : start + at_once]
            pairs = [(text, sentence) for text in part for sentence in self.sentences]
            told = progress and _after(progress, start, len(texts), count)
            logits[start : start + len(part)] = self._logits(pairs, told).reshape(-1, count)
        return softmax(logits)

    def _logits(self, pairs: Sequence[tuple[str, str]], progress: Progress | None) -> Array:
        from nbtune.data.encoding import encode_texts
        from nbtune.engine.device import find_device
        from nbtune.engine.inference import predict_logits
        from nbtune.engine.precision import choose_precision
        from nbtune.engine.stepping import Forward
        from nbtune.jobs.trained import hidden_size
        from nbtune.models.modes import own_modes

        device, tokenizer = find_device(), self.loaded.tokenizer
        model = self.loaded.model.to(device)
        texts, sentences = zip(*pairs, strict=True)
        longest = min(512, self.loaded.max_positions or 512)
        examples = encode_texts(
            texts, np.zeros(len(pairs), dtype=np.int64), tokenizer, longest, sentences
        )
        forward = Forward(model, device, choose_precision("auto", device, hidden_size(model)), None)
        with own_modes(device):
            found = predict_logits(forward, examples, tokenizer.pad_token_id, progress)
        return np.asarray(found)[:, self.entailed]


def _after(progress: Progress, done: int, total: int, each: int) -> Progress:
    """Return the progress of pairs as that of texts, of which some are done."""
    return lambda pairs, _: progress(done + pairs // each, total)


def find_reader(
    source: ModelSource,
    labels: Labels,
    *,
    template: str | None = None,
    entailment: str | None = None,
) -> Reader:
    """Load what tells labels by their names; see `nbtune.api.zero_shot`.

    Raises
    ------
    DataError, ModelError
        When labels or template cannot work, or the model was trained for something else.
    """
    from nbtune.models.loading import head_labels, load_model, load_tokenizer
    from nbtune.models.sentences import load_encoder, pooling_of

    check_labels(labels)
    said = head_labels(source)
    if not said or (entailment is None and pooling_of(source) is not None):
        return ByLikeness(load_encoder(source), in_sentences(labels, template, ABOUT))
    place = _entailed(source, said, entailment)
    tokenizer = load_tokenizer(source, [])
    loaded = load_model(source, tokenizer, said)
    loaded = replace(loaded, model=loaded.model.eval())
    return ByEntailment(source.name, loaded, place, in_sentences(labels, template, EXAMPLE))


def _entailed(source: ModelSource, said: Sequence[str], named: str | None) -> int:
    """Return which logit says that one text follows from another."""
    if named is not None:
        if named not in said:
            raise ModelError(
                f"entailment: {source.name!r} knows no label {named!r}",
                hint=did_you_mean(named, said),
            )
        return said.index(named)
    found = [i for i, label in enumerate(said) if label.lower().startswith("entail")]
    if len(found) != 1:
        shown = ", ".join(said[:6]) + (", ..." if len(said) > 6 else "")
        raise ModelError(
            f"model: none of the labels of {source.name!r} is called entailment: {shown}",
            hint="take a sentence encoder (minilm) or a model of entailment; nbtune.zero_shot(..., "
            "entailment='follows') names the label where it is called otherwise",
        )
    return found[0]


def check_labels(labels: Labels) -> None:
    """Refuse labels that nothing can be chosen from; all that is wrong is named.

    Raises
    ------
    DataError
        Also for a text with commas that was not split.
    """
    names = [] if isinstance(labels, str) else list(labels)
    wrong = []
    if len(names) < 2:
        wrong.append(f"{labels!r} is not two or more labels"[:200])
    if bad := [name for name in names if not isinstance(name, str) or not name.strip()]:
        wrong.append(f"{bad[0]!r} is no name")
    if twice := sorted({str(name) for name in names if names.count(name) > 1}):
        wrong.append(f"{twice[0]!r} is named twice")
    if isinstance(labels, Mapping):
        wrong += [
            f"{name!r} is described by {words!r}"
            for name, words in labels.items()
            if not isinstance(words, str) or not words.strip()
        ]
    if wrong:
        raise DataError(
            f"labels: {'; '.join(wrong)}",
            hint="give names, such as ['sport', 'politics'], or {name: what it means}",
        )


def in_sentences(labels: Labels, template: str | None, usual: str) -> tuple[str, ...]:
    """Return a sentence for each label: its name in the template, or its description as it is.

    Raises
    ------
    DataError
        When the template has no place for a name, or more than one.

    Examples
    --------
    >>> in_sentences(["sport", "home_news"], None, "About {}.")
    ('About sport.', 'About home news.')
    >>> in_sentences({"B": "money and trade"}, None, "About {}.")
    ('money and trade',)
    """
    if template is not None and template.count("{}") != 1:
        raise DataError(
            f"template: {template!r} has no one place {{}} for the name of a label",
            hint=f"such as {usual!r}",
        )
    described = labels if isinstance(labels, Mapping) else {}
    return tuple(
        described[label]
        if label in described and template is None
        else (template or usual).format(described.get(label, in_words(label)))
        for label in labels
    )


def in_words(label: str) -> str:
    """Return the name of a label as words.

    Examples
    --------
    >>> in_words("home_news")
    'home news'
    """
    return " ".join(label.replace("_", " ").split())
