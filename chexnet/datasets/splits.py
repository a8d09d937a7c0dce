"""Splits by patient: no patient is on two sides (sections 3.1 and 5)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from chexnet.arrays import Int
from chexnet.datasets.manifest import SPLITS, Manifest
from chexnet.paper import PATHOLOGY_SPLIT


@dataclass(frozen=True)
class Split:
    """Rows of a manifest for training, validation and test; no patient is in two of them."""

    train: Int[np.ndarray, " train"]
    validation: Int[np.ndarray, " validation"]
    test: Int[np.ndarray, " test"]


def split_patients(
    patients: Sequence[str], shares: Mapping[str, float] = PATHOLOGY_SPLIT, *, seed: int = 0
) -> Split:
    """Draw patients at random until each part holds its share of the images.

    The draw depends on the set of patients and the seed alone, not on the order of the rows.

    Args:
        patients: the patient of each image.
        shares: of the images in train, validation and test; they sum to one.
        seed: another seed, another split.

    Raises:
        ValueError: shares that are none, or a part that no patient is left for.
    """
    if set(shares) != set(SPLITS) or min(shares.values()) < 0 or not np.isclose(sum(shares.values()), 1):
        raise ValueError(
            f"shares are {dict(shares)}; expected {', '.join(SPLITS)}, not negative, summing to 1"
        )
    names, owner, images = np.unique(np.asarray(patients), return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(names))
    # A patient goes where the middle of their images falls, so that no part drifts from its share.
    reached = np.cumsum(images[order]) - images[order] / 2
    bounds = np.cumsum([shares[name] for name in SPLITS])[:-1] * len(patients)
    part = np.empty(len(names), dtype=np.int64)
    part[order] = np.searchsorted(bounds, reached, side="right")
    rows = [np.flatnonzero(part[owner] == index) for index in range(len(SPLITS))]
    for name, found in zip(SPLITS, rows, strict=True):
        if shares[name] > 0 and not len(found):
            raise ValueError(f"{len(names)} patients are too few: none is left for {name}")
    return Split(*rows)


def split_of(manifest: Manifest, *, seed: int = 0) -> Split:
    """The manifest's own split, checked; where it has none, 70 / 10 / 20 by patient (section 5).

    Raises:
        ValueError: a patient is in two parts, or a part is empty.
    """
    if manifest.splits is None:
        return split_patients(manifest.patients, seed=seed)
    refuse_patient_overlap(manifest)
    given = np.asarray(manifest.splits)
    split = Split(*(np.flatnonzero(given == name) for name in SPLITS))
    for name in ("train", "validation"):
        if not len(getattr(split, name)):
            raise ValueError(f"{manifest.name}: the column split puts no image into {name}")
    return split


def refuse_patient_overlap(manifest: Manifest) -> None:
    """Raise ValueError at the first image whose patient is already in another part."""
    assert manifest.splits is not None
    home: dict[str, str] = {}
    for image, patient, part in zip(manifest.image_ids, manifest.patients, manifest.splits, strict=True):
        if home.setdefault(patient, part) != part:
            raise ValueError(
                f"{image}: patient {patient} is in both {home[patient]} and {part}; "
                "put all images of a patient into one part, or leave out the column split to have it drawn"
            )
