"""The networks that a recipe may name, by their names."""

import torch

from chexnet.models.densenet import DenseNet121
from chexnet.models.efficientnet import EfficientNetLite0
from chexnet.models.network import Network
from chexnet.models.wang2017 import Wang2017
from chexnet.models.yao2017 import Yao2017

NETWORKS: dict[str, type[DenseNet121 | EfficientNetLite0 | Wang2017 | Yao2017]] = {
    "densenet121": DenseNet121,
    "efficientnet_lite0": EfficientNetLite0,
    "wang2017": Wang2017,
    "yao2017": Yao2017,
}


def build_network(name: str, outputs: int, generator: torch.Generator | None) -> Network:
    """The network of that name with new weights, and one output for each finding."""
    return NETWORKS[name](outputs, generator=generator)
