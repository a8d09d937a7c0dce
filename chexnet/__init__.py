"""CheXNet: 14 thoracic pathologies from a frontal chest radiograph, with class activation maps.

Research software, not a medical device. The public names load on first use, so that
``import chexnet`` is quick and never imports torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from chexnet._version import __version__
from chexnet.paper import PATHOLOGIES

if TYPE_CHECKING:
    from chexnet.classifier import Classifier, InvalidModel, Prediction, load
    from chexnet.datasets import ChestXray14, split_patients
    from chexnet.evaluation import compare_readers, evaluate
    from chexnet.radiograph import NotAChestRadiograph, Radiograph, UnreadableImage, read_radiograph
    from chexnet.statistics import auroc, bootstrap_interval
    from chexnet.training import TrainConfig, train

_HOMES = {
    "ChestXray14": "chexnet.datasets",
    "Classifier": "chexnet.classifier",
    "InvalidModel": "chexnet.classifier",
    "Prediction": "chexnet.classifier",
    "TrainConfig": "chexnet.training",
    "auroc": "chexnet.statistics",
    "bootstrap_interval": "chexnet.statistics",
    "compare_readers": "chexnet.evaluation",
    "evaluate": "chexnet.evaluation",
    "load": "chexnet.classifier",
    "split_patients": "chexnet.datasets",
    "train": "chexnet.training",
    "Radiograph": "chexnet.radiograph",
    "read_radiograph": "chexnet.radiograph",
    "UnreadableImage": "chexnet.radiograph",
    "NotAChestRadiograph": "chexnet.radiograph",
}

__all__ = [
    "PATHOLOGIES",
    "ChestXray14",
    "Classifier",
    "InvalidModel",
    "NotAChestRadiograph",
    "Prediction",
    "Radiograph",
    "TrainConfig",
    "UnreadableImage",
    "__version__",
    "auroc",
    "bootstrap_interval",
    "compare_readers",
    "evaluate",
    "load",
    "read_radiograph",
    "split_patients",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'chexnet' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
