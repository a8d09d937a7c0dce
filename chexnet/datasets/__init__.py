"""ChestX-ray14 and plain CSV manifests, patient-wise splits."""

from chexnet.datasets.boxes import Boxes, read_boxes
from chexnet.datasets.chestxray14 import ChestXray14
from chexnet.datasets.contamination import (
    Contamination,
    TrainingImages,
    find_contamination,
    read_training_list,
)
from chexnet.datasets.image_lists import hash_image_ids, read_image_list
from chexnet.datasets.labels import Labels, read_labels
from chexnet.datasets.manifest import Manifest, known_labels, read_manifest
from chexnet.datasets.selection import Selection
from chexnet.datasets.splits import Split, refuse_patient_overlap, split_of, split_patients
from chexnet.datasets.tables import BadTable, ColumnNames

__all__ = [
    "BadTable",
    "Boxes",
    "ChestXray14",
    "ColumnNames",
    "Contamination",
    "Labels",
    "Manifest",
    "Selection",
    "Split",
    "TrainingImages",
    "find_contamination",
    "hash_image_ids",
    "known_labels",
    "read_boxes",
    "read_image_list",
    "read_labels",
    "read_manifest",
    "read_training_list",
    "refuse_patient_overlap",
    "split_of",
    "split_patients",
]
