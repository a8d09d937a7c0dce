"""EfficientNet-Lite0 (Tan & Le 2019, in its variant without squeeze-and-excitation), as a small teacher.

No network of the paper: ImageNet weights of it come in a Python package, where those of DenseNet-121
must be downloaded, so a DenseNet-121 can learn from it on a machine without internet.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from chexnet.arrays import Float
from chexnet.models.cam import CamNetwork

STEM_CHANNELS, FEATURE_MAPS = 32, 1280
BLOCKS = (
    # repeats, kernel, stride of the first, expansion, channels (table 1 of Tan & Le, B0)
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class SameConvolution(nn.Conv2d):
    """Padded as in TensorFlow, where the weights come from: the odd row and column at the end."""

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        """Rows and columns are those of the input divided by the stride, rounded up."""
        (rows, columns) = (
            max((-(-side // stride) - 1) * stride + kernel - side, 0)
            for side, stride, kernel in zip(features.shape[2:], self.stride, self.kernel_size, strict=True)
        )
        padding = (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2)
        return super().forward(functional.pad(features, padding))


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class InvertedBottleneck(nn.Module):
    """MBConv: expand, convolve each channel by itself, project; added to its input where it can be."""

    def __init__(self, channels: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = channels * expansion
        self.residual = stride == 1 and channels == outputs
        self.expands = expansion > 1
        if self.expands:
            self.expand_conv = nn.Conv2d(channels, inner, 1, bias=False)
            self.bn0 = _norm(inner)
        self.depthwise_conv = SameConvolution(inner, inner, kernel, stride, groups=inner, bias=False)
        self.bn1 = _norm(inner)
        self.project_conv = nn.Conv2d(inner, outputs, 1, bias=False)
        self.bn2 = _norm(outputs)

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        """The next feature maps."""
        inner = functional.relu6(self.bn0(self.expand_conv(features))) if self.expands else features
        inner = functional.relu6(self.bn1(self.depthwise_conv(inner)))
        projected: Tensor = self.bn2(self.project_conv(inner))
        return projected + features if self.residual else projected


class EfficientNetLite0(CamNetwork):
    """EfficientNet-Lite0 with the head of `CamNetwork`.

    Args:
        outputs: number of findings.
        generator: source of the initial weights; the default is torch's own.
    """

    def __init__(self, outputs: int, *, generator: torch.Generator | None = None) -> None:
        super().__init__(FEATURE_MAPS, outputs)
        self.conv_stem = SameConvolution(3, STEM_CHANNELS, 3, 2, bias=False)
        self.bn0 = _norm(STEM_CHANNELS)
        blocks: list[nn.Module] = []
        channels = STEM_CHANNELS
        for repeats, kernel, stride, expansion, width in BLOCKS:
            for index in range(repeats):
                step = stride if index == 0 else 1
                blocks.append(InvertedBottleneck(channels, width, kernel, step, expansion))
                channels = width
        self.blocks = nn.Sequential(*blocks)
        self.conv_head = nn.Conv2d(channels, FEATURE_MAPS, 1, bias=False)
        self.bn1 = _norm(FEATURE_MAPS)
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module is not self.classifier:
                nn.init.kaiming_normal_(module.weight, mode="fan_out", generator=generator)
        self.initialise_classifier(generator)

    def feature_maps(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 1280 r c"]:
        """Outputs of the last convolution, after norm and ReLU6."""
        features = self.blocks(functional.relu6(self.bn0(self.conv_stem(images))))
        return functional.relu6(self.bn1(self.conv_head(features)))

    def folding(self) -> Iterator[tuple[nn.Module, str, str]]:
        """All of them."""
        yield self, "conv_stem", "bn0"
        yield self, "conv_head", "bn1"
        for block in self.blocks:
            assert isinstance(block, InvertedBottleneck)
            if block.expands:
                yield block, "expand_conv", "bn0"
            yield block, "depthwise_conv", "bn1"
            yield block, "project_conv", "bn2"
