"""ChestX-ray14 and plain CSV manifests, patient-wise splits."""

from chexnet.datasets.chestxray14 import ChestXray14
from chexnet.datasets.manifest import Manifest, known_labels, read_manifest
from chexnet.datasets.splits import Split, hash_image_ids, refuse_patient_overlap, split_of, split_patients

__all__ = [
    "ChestXray14",
    "Manifest",
    "Split",
    "hash_image_ids",
    "known_labels",
    "read_manifest",
    "refuse_patient_overlap",
    "split_of",
    "split_patients",
]
