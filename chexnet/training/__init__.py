"""The recipe as a dataclass, the losses, the Lightning module. Needs the `train` extra.

torch is imported with the first name that needs it, so that help and a wrong option are answered at once.
"""

from typing import TYPE_CHECKING

from chexnet._doors import lazy_door

if TYPE_CHECKING:
    from chexnet.training.attach_gate import add_gate
    from chexnet.training.attach_training_set import add_training_set, remove_patients
    from chexnet.training.callbacks import read_metrics
    from chexnet.training.config import Hardware, TrainConfig, TrainedModel
    from chexnet.training.earlier_runs import weights_file
    from chexnet.training.imported import ImportOptions, import_model
    from chexnet.training.run import train
    from chexnet.training.site_calibration import calibrate

_HOMES = {
    "attach_gate": "add_gate",
    "attach_training_set": "add_training_set remove_patients",
    "callbacks": "read_metrics",
    "config": "Hardware TrainConfig TrainedModel",
    "earlier_runs": "weights_file",
    "imported": "ImportOptions import_model",
    "run": "train",
    "site_calibration": "calibrate",
}

lazy_door(__name__, _HOMES)

__all__ = [
    "Hardware",
    "ImportOptions",
    "TrainConfig",
    "TrainedModel",
    "add_gate",
    "add_training_set",
    "calibrate",
    "import_model",
    "read_metrics",
    "remove_patients",
    "train",
    "weights_file",
]
