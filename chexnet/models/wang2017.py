"""The network of Wang et al. 2017 (ChestX-ray8): ResNet-50, a transition layer, log-sum-exp pooling.

Parameter names of the ResNet-50 are torchvision's, so that ImageNet weights load by name.
"""

import math
from collections import OrderedDict
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from chexnet.arrays import Float
from chexnet.models.network import Network, NetworkOutput

STEM_CHANNELS = 64
STAGE_LAYERS = (3, 4, 6, 3)
EXPANSION = 4
"""ResNet-50: table 1 of He et al. 2016."""

IMAGENET_URL = "https://download.pytorch.org/models/resnet50-0676ba61.pth"
"""torchvision's ResNet50_Weights.IMAGENET1K_V1; the name carries the head of its SHA-256."""

CHANNELS = 2048
"""D, the dimension of the transition layer's output, which Wang et al. give for ResNet."""

LSE_R = 10.0
"""r of the log-sum-exp pooling, their best."""


def log_sum_exp_pooling(
    features: Float[Tensor, "batch channels rows columns"], r: float = LSE_R
) -> Float[Tensor, "batch channels"]:
    """``(1/r) log(mean(exp(r x)))`` of each channel: its average for r towards 0, its maximum for large r."""
    places = features.shape[2] * features.shape[3]
    # The largest value is taken out of the sum first, so that no exponential overflows.
    return (torch.logsumexp(r * features.flatten(2), dim=2) - math.log(places)) / r


class Bottleneck(nn.Module):
    """Residual block: 1×1, 3×3 (which strides) and 1×1 convolution, each with its norm, beside a shortcut."""

    def __init__(self, channels: int, inner: int, stride: int) -> None:
        super().__init__()
        outer = inner * EXPANSION
        self.conv1 = nn.Conv2d(channels, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, outer, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outer)
        self.downsample: nn.Module = nn.Identity()
        if channels != outer or stride != 1:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, outer, 1, stride=stride, bias=False), nn.BatchNorm2d(outer)
            )

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d i j"]:
        """The shortcut plus what the three convolutions add to it."""
        residual = functional.relu(self.bn1(self.conv1(features)))
        residual = functional.relu(self.bn2(self.conv2(residual)))
        residual = self.bn3(self.conv3(residual))
        return functional.relu(residual + self.downsample(features))


class Wang2017(Network):
    """ResNet-50, transition layer, log-sum-exp pooling and prediction layer.

    The activation maps are the paper's heat maps: activations of the transition layer, weighted by the
    prediction layer. Because each feature is pooled before it is weighted, and not by its average, their
    mean is not the logit. What holds instead is that ``map + bias`` at one place is the logit of a film
    that looks like this place everywhere.

    Args:
        outputs: number of findings.
        generator: source of the initial weights; the default is torch's own.
    """

    imagenet_url = IMAGENET_URL
    head_keys = ("transition.", "classifier.")

    def __init__(self, outputs: int, *, generator: torch.Generator | None = None) -> None:
        super().__init__(CHANNELS)
        self.conv1 = nn.Conv2d(3, STEM_CHANNELS, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(STEM_CHANNELS)
        channels = STEM_CHANNELS
        for number, layers in enumerate(STAGE_LAYERS, start=1):
            inner = STEM_CHANNELS * 2 ** (number - 1)
            blocks = [Bottleneck(channels, inner, 1 if number == 1 else 2)]
            channels = inner * EXPANSION
            blocks += [Bottleneck(channels, inner, 1) for _ in range(layers - 1)]
            self.add_module(f"layer{number}", nn.Sequential(*blocks))
        self.transition = nn.Sequential(
            OrderedDict(
                conv=nn.Conv2d(channels, CHANNELS, 1, bias=False),
                norm=nn.BatchNorm2d(CHANNELS),
                relu=nn.ReLU(),
            )
        )
        self.classifier = nn.Conv2d(CHANNELS, outputs, 1)
        self._initialise(generator)

    def _initialise(self, generator: torch.Generator | None) -> None:
        """He initialisation for convolutions, as in He et al., section 3.4."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu", generator=generator
                )
        nn.init.normal_(self.classifier.weight, std=0.01, generator=generator)
        assert self.classifier.bias is not None
        nn.init.zeros_(self.classifier.bias)

    def trunk(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 2048 r c"]:
        """ResNet-50 without its own pooling and classifier."""
        features = functional.relu(self.bn1(self.conv1(images)))
        features = functional.max_pool2d(features, 3, stride=2, padding=1)
        for number in range(1, len(STAGE_LAYERS) + 1):
            features = self.get_submodule(f"layer{number}")(features)
        return features

    def feature_maps(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 2048 r c"]:
        """Activations of the transition layer, 1/32 of the image's size (32×32 at 1024)."""
        features: Tensor = self.transition(self.trunk(images))
        return features

    def head(self, features: Float[Tensor, "batch 2048 r c"]) -> NetworkOutput:
        """Logits of the pooled features, and the features weighted at each place."""
        maps = functional.conv2d(features, self.classifier.weight)
        pooled = log_sum_exp_pooling(features)[:, :, None, None]
        return NetworkOutput(self.classifier(pooled).flatten(1), maps)

    def biases(self) -> Float[Tensor, " findings"]:
        """Of the prediction layer."""
        assert self.classifier.bias is not None
        return self.classifier.bias

    def folding(self) -> Iterator[tuple[nn.Module, str, str]]:
        """All convolutions but the prediction layer."""
        yield self, "conv1", "bn1"
        for block in (module for module in self.modules() if isinstance(module, Bottleneck)):
            for number in range(1, 4):
                yield block, f"conv{number}", f"bn{number}"
            if isinstance(block.downsample, nn.Sequential):
                yield block.downsample, "0", "1"
        yield self.transition, "conv", "norm"
