"""The recipe as a dataclass, the losses, the Lightning module. Needs the `train` extra."""

from chexnet.training.config import Hardware, TrainConfig, TrainedModel
from chexnet.training.train import train

__all__ = ["Hardware", "TrainConfig", "TrainedModel", "train"]
