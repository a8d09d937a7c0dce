"""ChestX-ray14 and plain CSV manifests, patient-wise splits."""

from chexnet.datasets.audit import Audit, audit_splits
from chexnet.datasets.boxes import Boxes, read_boxes
from chexnet.datasets.chestxray14 import ChestXray14, Inventory
from chexnet.datasets.contamination import (
    Contamination,
    TrainingImages,
    find_contamination,
    read_training_list,
)
from chexnet.datasets.download import DownloadConfig, Downloaded, download
from chexnet.datasets.drawing import DrawnSplits, SplitConfig, draw_splits
from chexnet.datasets.fingerprints import Fingerprints, Twins, find_twins, fingerprint, fingerprint_files
from chexnet.datasets.image_lists import hash_image_ids, read_image_list
from chexnet.datasets.known_images import read_known_images
from chexnet.datasets.labels import Labels, read_labels
from chexnet.datasets.manifest import Manifest, known_labels, read_manifest
from chexnet.datasets.packed import BadPack, Pack, open_pack
from chexnet.datasets.packing import PackConfig, Packed, pack_data, pack_films
from chexnet.datasets.pneumonia_split import split_pneumonia
from chexnet.datasets.selection import Selection
from chexnet.datasets.split_files import SplitLists, WrittenSplit, apply_split, read_split, write_split
from chexnet.datasets.splits import (
    Split,
    label_strata,
    refuse_patient_overlap,
    split_by_lists,
    split_folds,
    split_of,
    split_patients,
)
from chexnet.datasets.tables import BadTable, ColumnNames

__all__ = [
    "Audit",
    "BadPack",
    "BadTable",
    "Boxes",
    "ChestXray14",
    "ColumnNames",
    "Contamination",
    "DownloadConfig",
    "Downloaded",
    "DrawnSplits",
    "Fingerprints",
    "Inventory",
    "Labels",
    "Manifest",
    "Pack",
    "PackConfig",
    "Packed",
    "Selection",
    "Split",
    "SplitConfig",
    "SplitLists",
    "TrainingImages",
    "Twins",
    "WrittenSplit",
    "apply_split",
    "audit_splits",
    "download",
    "draw_splits",
    "find_contamination",
    "find_twins",
    "fingerprint",
    "fingerprint_files",
    "hash_image_ids",
    "known_labels",
    "label_strata",
    "open_pack",
    "pack_data",
    "pack_films",
    "read_boxes",
    "read_image_list",
    "read_known_images",
    "read_labels",
    "read_manifest",
    "read_split",
    "read_training_list",
    "refuse_patient_overlap",
    "split_by_lists",
    "split_folds",
    "split_of",
    "split_patients",
    "split_pneumonia",
    "write_split",
]
