"""The networks that a recipe may name, by their names."""

import torch

from chexnet.models import DenseNet121, EfficientNetLite0, Network, Wang2017, Yao2017
from chexnet.training.config import TrainConfig

NETWORKS: dict[str, type[DenseNet121 | EfficientNetLite0 | Wang2017 | Yao2017]] = {
    "densenet121": DenseNet121,
    "efficientnet_lite0": EfficientNetLite0,
    "wang2017": Wang2017,
    "yao2017": Yao2017,
}


def build_network(name: str, config: TrainConfig, generator: torch.Generator | None) -> Network:
    """The network that a recipe names, with the outputs of `config`'s task."""
    return NETWORKS[name](len(config.findings), generator=generator)
