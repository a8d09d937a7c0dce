"""The head that makes the activation map the model (sections 2.2 and 6), for any convolutional network."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from chexnet.arrays import Float
from chexnet.models.network import Network, NetworkOutput


class CamNetwork(Network):
    """A convolutional network whose logits are the means of its class activation maps.

    Global average pooling and a linear layer are swapped into a 1×1 convolution and an average. Both
    are linear, so the logits are the same, and the activation maps come for free.

    Args:
        channels: of the feature maps f_k.
        outputs: number of findings.
    """

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__(channels)
        self.classifier = nn.Conv2d(channels, outputs, 1)

    def initialise_classifier(self, generator: torch.Generator | None) -> None:
        """Small random weights and no bias, so that every probability starts near one half."""
        nn.init.normal_(self.classifier.weight, std=0.01, generator=generator)
        assert self.classifier.bias is not None
        nn.init.zeros_(self.classifier.bias)

    def head(self, features: Float[Tensor, "batch k r c"]) -> NetworkOutput:
        """Logits and class activation maps of feature maps."""
        maps = functional.conv2d(features, self.classifier.weight)
        return NetworkOutput(maps.mean(dim=(2, 3)) + self.biases(), maps)

    def biases(self) -> Float[Tensor, " findings"]:
        """b_c, so that ``logits = mean(maps) + biases``."""
        assert self.classifier.bias is not None
        return self.classifier.bias
