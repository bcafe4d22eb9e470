"""A small convolutional network for images, as a model of transformers.

It trains from nothing on the user's own images, and saves and loads as any model does. Importing
this module makes ``AutoModel`` and ``AutoModelForImageClassification`` know it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForImageClassification,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.modeling_outputs import BaseModelOutput, ImageClassifierOutput

NARROWEST = 32


class ConvolutionConfig(PreTrainedConfig):  # type: ignore[misc]
    """What the network is made of.

    Parameters
    ----------
    hidden_size : int
        Channels of the last layer; each layer before it has half of the next one's.
    num_hidden_layers : int
        Layers, each of two convolutions; between them the sides are halved.
    num_channels : int
        Those of an image.
    hidden_dropout_prob : float
        Dropout before the head.
    """

    model_type = "nbtune-convolutions"

    def __init__(
        self,
        hidden_size: int = 128,
        num_hidden_layers: int = 3,
        num_channels: int = 3,
        hidden_dropout_prob: float = 0.2,
        **others: Any,
    ) -> None:
        self.hidden_size = hidden_size
        self.num_hidden_layers = num_hidden_layers
        self.num_channels = num_channels
        self.hidden_dropout_prob = hidden_dropout_prob
        super().__init__(**others)


class _Layer(nn.Module):
    """Two convolutions of 3 x 3, each with batch normalisation (Simonyan and Zisserman 2014)."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(after)
        self.second = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(after)

    def forward(self, hidden_states: Tensor) -> Tensor:
        found = self.first_norm(self.first(hidden_states)).relu()
        return self.second_norm(self.second(found)).relu()  # type: ignore[no-any-return]


class _Convolutional(PreTrainedModel):  # type: ignore[misc]
    config_class = ConvolutionConfig
    base_model_prefix = "encoder"
    main_input_name = "pixel_values"

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Draw weights as torch does."""
        if isinstance(module, nn.Linear | nn.Conv2d | nn.BatchNorm2d):
            module.reset_parameters()


class ConvolutionModel(_Convolutional):
    """What stands where in an image."""

    def __init__(self, config: ConvolutionConfig) -> None:
        super().__init__(config)
        count = config.num_hidden_layers
        widths = [max(NARROWEST, config.hidden_size >> (count - 1 - i)) for i in range(count)]
        self.layers = nn.ModuleList(map(_Layer, [config.num_channels, *widths], widths))
        self.post_init()

    def forward(self, pixel_values: Tensor, **_: Any) -> BaseModelOutput:
        """Return states of shape (rows, channels, height, width), of a smaller image."""
        states = pixel_values
        for place, layer in enumerate(self.layers):
            if place and min(states.shape[2:]) > 1:
                states = nn.functional.max_pool2d(states, 2)
            states = layer(states)
        return BaseModelOutput(last_hidden_state=states)


class ConvolutionForImageClassification(_Convolutional):
    """One label for each image, from the mean over all places (Lin et al. 2013)."""

    def __init__(self, config: ConvolutionConfig) -> None:
        super().__init__(config)
        self.encoder = ConvolutionModel(config)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()

    def forward(self, pixel_values: Tensor, **_: Any) -> ImageClassifierOutput:
        """Return logits of shape (rows, labels)."""
        states = self.encoder(pixel_values).last_hidden_state.mean((2, 3))
        return ImageClassifierOutput(logits=self.classifier(self.dropout(states)))


AutoConfig.register(ConvolutionConfig.model_type, ConvolutionConfig)
AutoModel.register(ConvolutionConfig, ConvolutionModel)
AutoModelForImageClassification.register(ConvolutionConfig, ConvolutionForImageClassification)
