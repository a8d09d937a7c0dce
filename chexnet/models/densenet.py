"""DenseNet-121 (Huang et al. 2016), the network of the paper (section 2.2).

Parameter names are torchvision's, so that ImageNet weights and published CheXNet checkpoints load by name.
"""

from collections import OrderedDict
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from chexnet.arrays import Float
from chexnet.models.cam import CamNetwork

GROWTH_RATE = 32
BOTTLENECK = 4
BLOCK_LAYERS = (6, 12, 24, 16)
STEM_CHANNELS = 64
FEATURE_MAPS = 1024
"""DenseNet-121: table 1 of Huang et al., k = 32, with bottleneck layers and compression 0.5."""

IMAGENET_URL = "https://download.pytorch.org/models/densenet121-a639ec97.pth"
"""torchvision's DenseNet121_Weights.IMAGENET1K_V1; the name carries the head of its SHA-256."""


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


class DenseNet121(CamNetwork):
    """CheXNet's network: one output for pneumonia, or one for each pathology.

    Args:
        outputs: number of findings.
        generator: source of the initial weights; the default is torch's own.
    """

    imagenet_url = IMAGENET_URL

    def __init__(self, outputs: int, *, generator: torch.Generator | None = None) -> None:
        super().__init__(FEATURE_MAPS, outputs)
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
        # He initialisation for convolutions, as in Huang et al., section 4.2.
        for module in self.features.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, generator=generator)
        self.initialise_classifier(generator)

    def feature_maps(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 1024 r c"]:
        """The maps f_k of section 6: outputs of the final convolutional layer, after norm and ReLU."""
        return functional.relu(self.features(images))

    def folding(self) -> Iterator[tuple[nn.Module, str, str]]:
        """The stem's convolution, and the first of each dense layer."""
        return folding_of(self.features)


def folding_of(features: nn.Sequential) -> Iterator[tuple[nn.Module, str, str]]:
    """`Network.folding` of DenseNet-121's trunk."""
    yield features, "conv0", "norm0"
    for module in features.modules():
        if isinstance(module, DenseLayer):
            yield module, "conv1", "norm2"
