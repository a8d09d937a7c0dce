"""What training, weights and export need of a network."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar, NamedTuple

from torch import Tensor, nn

from chexnet.arrays import Float


class NetworkOutput(NamedTuple):
    """What one forward pass gives.

    ``logits`` are log odds, before any calibration; ``maps`` are the class activation maps
    ``M_c = sum_k w_ck f_k`` of section 6, so that ``logits = mean(maps) + bias`` for a `CamNetwork`. Other
    networks say how theirs relate to the logits; a network without maps gives None.
    """

    logits: Float[Tensor, "batch findings"]
    maps: Float[Tensor, "batch findings rows columns"] | None


class Network(nn.Module, ABC):
    """Feature maps of a film, and a head that makes logits of them.

    Attributes:
        imagenet_url: where ImageNet weights of its trunk can be had; None where it is no such place.
        head_keys: how the names of the weights begin that are not the trunk's.
        channels: of the feature maps.
    """

    imagenet_url: ClassVar[str | None] = None
    head_keys: ClassVar[tuple[str, ...]] = ("classifier.",)

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    @abstractmethod
    def feature_maps(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch k r c"]:
        """The maps f_k of section 6; rows and columns are 1/32 of the image's (7×7 at 224)."""

    @abstractmethod
    def head(self, features: Float[Tensor, "batch k r c"]) -> NetworkOutput:
        """Logits and activation maps of feature maps."""

    @abstractmethod
    def biases(self) -> Float[Tensor, " findings"]:
        """What a logit is where all maps are zero; 0 without maps."""

    @abstractmethod
    def folding(self) -> Iterator[tuple[nn.Module, str, str]]:
        """Each convolution that a batch norm follows at once: their module, and both names in it."""

    def training_logits(
        self, features: Float[Tensor, "batch k r c"], _labels: Float[Tensor, "batch findings"]
    ) -> Float[Tensor, "batch findings"]:
        """The logits that the loss compares with the labels; a network may look at the labels itself."""
        return self.head(features).logits

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> NetworkOutput:
        """Logits and activation maps of images."""
        return self.head(self.feature_maps(images))
