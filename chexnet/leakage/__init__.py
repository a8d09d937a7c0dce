"""Who was trained on: patients, images and pixels on two sides of a split, a list or a model."""

from chexnet.leakage.duplicates import (
    BITS,
    NEAR,
    Fingerprints,
    Twins,
    find_twins,
    fingerprint,
    fingerprint_files,
)
from chexnet.leakage.overlap import Shared, Side, find_shared, refuse_shared_patients
from chexnet.leakage.split_audit import NOTABLE, Audit, audit_splits
from chexnet.leakage.training_images import (
    TRAINING_IDS,
    Contamination,
    SeenImages,
    TrainingImages,
    find_contamination,
    find_seen,
    find_training_images,
    read_training_list,
)

__all__ = [
    "BITS",
    "NEAR",
    "NOTABLE",
    "TRAINING_IDS",
    "Audit",
    "Contamination",
    "Fingerprints",
    "SeenImages",
    "Shared",
    "Side",
    "TrainingImages",
    "Twins",
    "audit_splits",
    "find_contamination",
    "find_seen",
    "find_shared",
    "find_training_images",
    "find_twins",
    "fingerprint",
    "fingerprint_files",
    "read_training_list",
    "refuse_shared_patients",
]
