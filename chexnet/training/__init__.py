"""The recipe as a dataclass, the losses, the Lightning module. Needs the `train` extra.

torch is imported with the first name that needs it, so that help and a wrong option are answered at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from chexnet.training.config import Hardware, TrainConfig, TrainedModel

if TYPE_CHECKING:
    from chexnet.training.run import train

__all__ = ["Hardware", "TrainConfig", "TrainedModel", "train"]


def __getattr__(name: str) -> Any:
    if name != "train":
        raise AttributeError(f"module 'chexnet.training' has no attribute {name!r}")
    return import_module("chexnet.training.run").train
