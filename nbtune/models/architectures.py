"""Classic architectures for texts, as models of transformers: recurrent, convolutional, a bag.

They train from nothing on the user's own rows, and save and load as any model does. Importing
this module makes ``AutoModel`` and its kin know them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.modeling_outputs import (
    BaseModelOutput,
    SequenceClassifierOutput,
    TokenClassifierOutput,
)

EMBEDDING_SCALE = 0.1
"""Standard deviation of new embeddings; nothing after them scales their sum."""
KERNELS = (3, 4, 5)
"""Tokens that a convolution sees at once (Kim 2014, section 3.1)."""


class ClassicConfig(PreTrainedConfig):  # type: ignore[misc]
    """What a classic model is made of.

    Parameters
    ----------
    architecture : {"lstm", "gru", "cnn", "bag"}
    vocab_size, hidden_size, num_hidden_layers : int
        A CNN has no layers above each other but kernels of several widths, a bag none at all.
    hidden_dropout_prob : float
        Dropout after embeddings, between layers and before the head.
    """

    model_type = "nbtune-classic"

    def __init__(
        self,
        architecture: str = "lstm",
        vocab_size: int = 8_000,
        hidden_size: int = 128,
        num_hidden_layers: int = 2,
        hidden_dropout_prob: float = 0.3,
        **others: Any,
    ) -> None:
        self.architecture = architecture
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.num_hidden_layers = num_hidden_layers
        self.hidden_dropout_prob = hidden_dropout_prob
        super().__init__(**others)


class _Recurrent(nn.Module):
    """One layer that reads rows from both ends (Hochreiter and Schmidhuber 1997; Cho et al. 2014).

    What stands behind the end of a row is not read, so padding changes nothing.
    """

    def __init__(self, kind: type[nn.LSTM] | type[nn.GRU], config: ClassicConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.reader = kind(width, width // 2, bidirectional=True, batch_first=True)
        self.norm = nn.LayerNorm(width)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        lengths = mask.sum(1).clamp(min=1).cpu()
        packed = pack_padded_sequence(states, lengths, batch_first=True, enforce_sorted=False)
        read, _ = pad_packed_sequence(
            self.reader(packed)[0], batch_first=True, total_length=states.shape[1]
        )
        return self.norm(read + states)  # type: ignore[no-any-return]


class _Convolution(nn.Module):
    """Filters over so many neighbouring tokens, with batch normalisation (Ioffe and Szegedy 2015).

    Means and variances are those of tokens, not of padding.
    """

    def __init__(self, kernel: int, filters: int, config: ClassicConfig) -> None:
        super().__init__()
        self.around = (kernel // 2, (kernel - 1) // 2)
        self.convolution = nn.Conv1d(config.hidden_size, filters, kernel)
        self.norm = nn.BatchNorm1d(filters)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        found = self.convolution(pad(states.transpose(1, 2), self.around)).transpose(1, 2)
        is_token = mask.bool()
        normed = torch.zeros_like(found)
        own = found[is_token]
        # A single token has no variance; the means of the run so far stand in.
        alone = self.norm.training and len(own) < 2
        normed[is_token] = (own if alone else self.norm(own)).to(normed.dtype)
        return normed.relu()


def _layers(config: ClassicConfig) -> list[nn.Module]:
    if config.architecture == "cnn":
        # Together they are as wide as the embeddings; the first takes what is left over.
        filters = [config.hidden_size // len(KERNELS)] * len(KERNELS)
        filters[0] += config.hidden_size - sum(filters)
        return [_Convolution(kernel, n, config) for kernel, n in zip(KERNELS, filters, strict=True)]
    if config.architecture == "bag":
        return []
    kind = nn.LSTM if config.architecture == "lstm" else nn.GRU
    return [_Recurrent(kind, config) for _ in range(config.num_hidden_layers)]


class _Classic(PreTrainedModel):  # type: ignore[misc]
    config_class = ClassicConfig
    base_model_prefix = "encoder"

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Draw embeddings; all other parts draw their own as torch does."""
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=EMBEDDING_SCALE)
        elif isinstance(module, nn.Linear | nn.Conv1d | nn.RNNBase | nn.LayerNorm | nn.BatchNorm1d):
            module.reset_parameters()


class ClassicModel(_Classic):
    """Token states of a row, and one state for the whole of it."""

    def __init__(self, config: ClassicConfig) -> None:
        super().__init__(config)
        self.embeddings = nn.Embedding(config.vocab_size, config.hidden_size)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.layers = nn.ModuleList(_layers(config))
        self.post_init()

    def get_input_embeddings(self) -> nn.Embedding:
        """Return the table of ids."""
        return self.embeddings

    def set_input_embeddings(self, value: nn.Embedding) -> None:
        """Replace the table of ids."""
        self.embeddings = value

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, **_: Any
    ) -> BaseModelOutput:
        """Return token states of shape (rows, longest, width); of padding they mean nothing."""
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        states = self.dropout(self.embeddings(input_ids))
        if self.config.architecture == "cnn":
            states = states * mask[:, :, None]  # a filter at the end of a row sees what is padding
            found = [layer(states, mask) for layer in self.layers]
            states = self.dropout(torch.cat(found, dim=-1))
        for layer in () if self.config.architecture == "cnn" else self.layers:
            states = self.dropout(layer(states, mask))
        return BaseModelOutput(last_hidden_state=states)


class ClassicForSequenceClassification(_Classic):
    """One label, some, or a number for each row.

    A row is the largest that its tokens say, filter by filter (max over time, Collobert et al.
    2011), and in a bag their mean (Joulin et al. 2016).
    """

    def __init__(self, config: ClassicConfig) -> None:
        super().__init__(config)
        self.encoder = ClassicModel(config)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, **_: Any
    ) -> SequenceClassifierOutput:
        """Return logits of shape (rows, labels)."""
        states = self.encoder(input_ids, attention_mask).last_hidden_state
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        pool = _mean if self.config.architecture == "bag" else _largest
        return SequenceClassifierOutput(logits=self.classifier(pool(states, mask)))


class ClassicForTokenClassification(_Classic):
    """A tag for each token."""

    def __init__(self, config: ClassicConfig) -> None:
        super().__init__(config)
        self.encoder = ClassicModel(config)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, **_: Any
    ) -> TokenClassifierOutput:
        """Return logits of shape (rows, longest, labels)."""
        states = self.encoder(input_ids, attention_mask).last_hidden_state
        return TokenClassifierOutput(logits=self.classifier(states))


def _mean(states: Tensor, mask: Tensor) -> Tensor:
    own = states * mask[:, :, None]
    return own.sum(1) / mask.sum(1, keepdim=True).clamp(min=1)


def _largest(states: Tensor, mask: Tensor) -> Tensor:
    lowest = torch.finfo(states.dtype).min
    return states.masked_fill(mask[:, :, None] == 0, lowest).amax(1)


AutoConfig.register(ClassicConfig.model_type, ClassicConfig)
AutoModel.register(ClassicConfig, ClassicModel)
AutoModelForSequenceClassification.register(ClassicConfig, ClassicForSequenceClassification)
AutoModelForTokenClassification.register(ClassicConfig, ClassicForTokenClassification)
