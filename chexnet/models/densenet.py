"""DenseNet-121 (Huang et al. 2016) with the head that makes the activation map the model (sections 2.2, 6).

Parameter names are torchvision's, so that ImageNet weights and published CheXNet checkpoints load by name.
"""

from collections import OrderedDict
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from chexnet.arrays import Float

GROWTH_RATE = 32
BOTTLENECK = 4
BLOCK_LAYERS = (6, 12, 24, 16)
STEM_CHANNELS = 64
"""DenseNet-121: table 1 of Huang et al., k = 32, with bottleneck layers and compression 0.5."""


class NetworkOutput(NamedTuple):
    """What one forward pass gives.

    ``logits`` are log odds, before any calibration; ``maps`` are the class activation maps
    ``M_c = sum_k w_ck f_k`` of section 6, so that ``logits = mean(maps) + bias`` for `DenseNet121`. Other
    networks say how theirs relate to the logits; a network without maps gives None.
    """

    logits: Float[Tensor, "batch findings"]
    maps: Float[Tensor, "batch findings rows columns"] | None


class DenseLayer(nn.Module):
    """Bottleneck layer H_l: norm, ReLU, 1×1 convolution, norm, ReLU, 3×3 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = BOTTLENECK * GROWTH_RATE
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, inner, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, GROWTH_RATE, 3, padding=1, bias=False)

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b growth h w"]:
        """The new feature maps alone; the block concatenates."""
        bottleneck = self.conv1(functional.relu(self.norm1(features)))
        new: Tensor = self.conv2(functional.relu(self.norm2(bottleneck)))
        return new


class DenseBlock(nn.Module):
    """Layers that each see the feature maps of all layers before them."""

    def __init__(self, layers: int, channels: int) -> None:
        super().__init__()
        for index in range(layers):
            self.add_module(f"denselayer{index + 1}", DenseLayer(channels + index * GROWTH_RATE))

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h w"]:
        """Input and all new feature maps, concatenated along the channels."""
        for layer in self.children():
            features = torch.cat([features, layer(features)], dim=1)
        return features


class Transition(nn.Sequential):
    """Halves channels and resolution between blocks."""

    def __init__(self, channels: int) -> None:
        super().__init__(
            OrderedDict(
                norm=nn.BatchNorm2d(channels),
                relu=nn.ReLU(),
                conv=nn.Conv2d(channels, channels // 2, 1, bias=False),
                pool=nn.AvgPool2d(2, 2),
            )
        )


class DenseNet121(nn.Module):
    """CheXNet's network: one output for pneumonia, or one for each pathology.

    The paper's global average pooling and linear layer are swapped into a 1×1 convolution and an
    average. Both are linear, so the logits are the same, and the activation maps come for free.

    Args:
        outputs: number of findings.
        generator: source of the initial weights; the default is torch's own.
    """

    def __init__(self, outputs: int, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.features = nn.Sequential(
            OrderedDict(
                conv0=nn.Conv2d(3, STEM_CHANNELS, 7, stride=2, padding=3, bias=False),
                norm0=nn.BatchNorm2d(STEM_CHANNELS),
                relu0=nn.ReLU(),
                pool0=nn.MaxPool2d(3, stride=2, padding=1),
            )
        )
        channels = STEM_CHANNELS
        for number, layers in enumerate(BLOCK_LAYERS, start=1):
            self.features.add_module(f"denseblock{number}", DenseBlock(layers, channels))
            channels += layers * GROWTH_RATE
            if number < len(BLOCK_LAYERS):
                self.features.add_module(f"transition{number}", Transition(channels))
                channels //= 2
        self.features.add_module("norm5", nn.BatchNorm2d(channels))
        self.classifier = nn.Conv2d(channels, outputs, 1)
        self._initialise(generator)

    def _initialise(self, generator: torch.Generator | None) -> None:
        """He initialisation for convolutions, as in Huang et al., section 4.2."""
        for module in self.features.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, generator=generator)
        nn.init.normal_(self.classifier.weight, std=0.01, generator=generator)
        assert self.classifier.bias is not None
        nn.init.zeros_(self.classifier.bias)

    def feature_maps(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 1024 r c"]:
        """The maps f_k of section 6: outputs of the final convolutional layer, after norm and ReLU."""
        return functional.relu(self.features(images))

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> NetworkOutput:
        """Logits and class activation maps; rows and columns are 1/32 of the image's (7×7 at 224)."""
        maps = functional.conv2d(self.feature_maps(images), self.classifier.weight)
        assert self.classifier.bias is not None
        return NetworkOutput(maps.mean(dim=(2, 3)) + self.classifier.bias, maps)
