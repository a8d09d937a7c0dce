"""ChestX-ray14 and plain CSV manifests, patient-wise splits."""

from chexnet.datasets.chestxray14 import BOXES, OFFICIAL_LISTS, TABLES, ChestXray14, Inventory
from chexnet.datasets.download import DownloadConfig, Downloaded, download
from chexnet.datasets.manifest import SPLITS, Manifest, known_labels, read_manifest
from chexnet.datasets.pack.reader import BadPack, Pack, open_pack
from chexnet.datasets.pack.writer import PackConfig, Packed, pack_data, pack_films
from chexnet.datasets.selection import Selection
from chexnet.datasets.source import Source
from chexnet.datasets.splits.by_patient import (
    Split,
    label_strata,
    split_by_lists,
    split_folds,
    split_of,
    split_patients,
)
from chexnet.datasets.splits.draw import DrawnSplits, SplitConfig, draw_splits
from chexnet.datasets.splits.files import WrittenSplit, apply_split, read_split, write_split
from chexnet.datasets.splits.pneumonia import split_pneumonia
from chexnet.tables import SplitLists

__all__ = [
    "BOXES",
    "OFFICIAL_LISTS",
    "SPLITS",
    "TABLES",
    "BadPack",
    "ChestXray14",
    "DownloadConfig",
    "Downloaded",
    "DrawnSplits",
    "Inventory",
    "Manifest",
    "Pack",
    "PackConfig",
    "Packed",
    "Selection",
    "Source",
    "Split",
    "SplitConfig",
    "SplitLists",
    "WrittenSplit",
    "apply_split",
    "download",
    "draw_splits",
    "known_labels",
    "label_strata",
    "open_pack",
    "pack_data",
    "pack_films",
    "read_manifest",
    "read_split",
    "split_by_lists",
    "split_folds",
    "split_of",
    "split_patients",
    "split_pneumonia",
    "write_split",
]
