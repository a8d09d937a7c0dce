"""The open images that the recipes learn from and measure on, and which patient is in which part."""

import csv
import os
from pathlib import Path

import numpy as np

from chexnet.datasets import split_patients

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("CHEXNET_DATA", ROOT.parent / "shared" / "data"))
SHARES = {"train": 0.65, "validation": 0.15, "test": 0.2}
SEED = 1


def read(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file, each as a dict from column to text."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def parts(patients: list[str]) -> list[str]:
    """Return the part (train, validation or test) of each row, drawn by patient within one source."""
    split = split_patients(patients, SHARES, seed=SEED)
    named = np.empty(len(patients), dtype="U10")
    for name in SHARES:
        named[getattr(split, name)] = name
    return named.tolist()
