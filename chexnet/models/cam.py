"""The head that makes the activation map the model (sections 2.2 and 6), for any convolutional network."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from chexnet.arrays import Float


class NetworkOutput(NamedTuple):
    """What one forward pass gives.

    ``logits`` are log odds, before any calibration; ``maps`` are the class activation maps
    ``M_c = sum_k w_ck f_k`` of section 6, so that ``logits = mean(maps) + bias`` for a `CamNetwork`. Other
    networks say how theirs relate to the logits; a network without maps gives None.
    """

    logits: Float[Tensor, "batch findings"]
    maps: Float[Tensor, "batch findings rows columns"] | None


class CamNetwork(nn.Module, ABC):
    """A convolutional network whose logits are the means of its class activation maps.

    Global average pooling and a linear layer are swapped into a 1×1 convolution and an average. Both
    are linear, so the logits are the same, and the activation maps come for free.

    Args:
        channels: of the feature maps f_k.
        outputs: number of findings.
    """

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        self.channels = channels
        self.classifier = nn.Conv2d(channels, outputs, 1)

    def initialise_classifier(self, generator: torch.Generator | None) -> None:
        """Small random weights and no bias, so that every probability starts near one half."""
        nn.init.normal_(self.classifier.weight, std=0.01, generator=generator)
        assert self.classifier.bias is not None
        nn.init.zeros_(self.classifier.bias)

    @abstractmethod
    def feature_maps(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch k r c"]:
        """The maps f_k of section 6: what the head weighs and averages."""

    @abstractmethod
    def folding(self) -> Iterator[tuple[nn.Module, str, str]]:
        """Each convolution that a batch norm follows at once: their module, and both names in it."""

    def head(self, features: Float[Tensor, "batch k r c"]) -> NetworkOutput:
        """Logits and class activation maps of feature maps."""
        maps = functional.conv2d(features, self.classifier.weight)
        assert self.classifier.bias is not None
        return NetworkOutput(maps.mean(dim=(2, 3)) + self.classifier.bias, maps)

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> NetworkOutput:
        """Logits and class activation maps; rows and columns are 1/32 of the image's (7×7 at 224)."""
        return self.head(self.feature_maps(images))
