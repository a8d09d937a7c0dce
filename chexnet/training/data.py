"""The images of a run, read and divided by patient."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chexnet.datasets import (
    SPLITS,
    Manifest,
    Source,
    Split,
    SplitLists,
    apply_split,
    open_pack,
    read_split,
    split_of,
)
from chexnet.tables import USUAL_COLUMNS, ColumnNames, hash_image_ids
from chexnet.training.config import TrainConfig


@dataclass(frozen=True)
class TrainingData:
    """The images of a run, divided by patient.

    Attributes:
        manifest: all images, with the label columns of the task.
        split: rows for training, validation and test.
        owners: the patient of each image of the table, whether this run uses it or not.
        lists: the file of the split, where one was given.
    """

    manifest: Manifest
    split: Split
    owners: Mapping[str, str]
    lists: SplitLists | None = None

    def provenance(self) -> dict[str, Any]:
        """What the model file says of the data."""
        parts = {name: self.part(name) for name in SPLITS}
        given = self.lists and {"split": {"name": self.lists.name, "sha256": self.lists.sha256()}}
        return (given or {}) | {
            "data": self.manifest.name,
            "images": {name: len(part) for name, part in parts.items()},
            "patients": {name: len(set(part.patients)) for name, part in parts.items()},
            "train_ids_sha256": hash_image_ids(parts["train"].image_ids),
        }

    def part(self, name: str) -> Manifest:
        """The images of train, validation or test."""
        return self.manifest.select(getattr(self.split, name))


def read_training_data(
    data: Path,
    config: TrainConfig,
    *,
    only_present: bool = False,
    split: Path | None = None,
    packed: Path | None = None,
    names: ColumnNames = USUAL_COLUMNS,
) -> TrainingData:
    """Images and labels from a CSV manifest or a ChestX-ray14 folder, with no patient on two sides.

    That the files are there is checked; that they can be read shows when they are, since reading a
    hundred thousand images takes as long as an epoch.

    Args:
        split: a file of `chexnet split`; images that it does not name are left out. Without it, the
            manifest's own split, or 70 / 10 / 20 by patient.
        packed: a pack of the images; their files need not be there.
        names: how the table names its columns, and where its images are.

    Raises:
        ValueError: the table is damaged, lacks a label column of the task, names a file that is not
            there, has a split that shares a patient, or no label to learn from or to validate by.
    """
    lists = None if split is None else read_split(split)
    pack = None if packed is None else open_pack(packed)
    if pack is not None and pack.size != config.image_size:
        raise ValueError(
            f"{packed}: images at {pack.size} pixels; image_size is {config.image_size}. Give `image_size` "
            f"{pack.size}, or pack the images at {config.image_size}"
        )
    # With a split, only its images have to be there.
    source = Source(data, names)
    manifest = source.manifest(
        only_present=only_present or lists is not None, present=None if pack is None else pack.rows
    )
    owners = _owners(source)
    if lists is not None:
        manifest = apply_split(manifest, lists, only_present=only_present)
    if pack is not None:
        manifest = manifest.read_from(pack)
    missing = [] if pack is not None else [image for image in manifest.images if not image.is_file()]
    if missing:
        raise ValueError(
            f"{data}: {len(missing):,} of {len(manifest):,} images are missing, the first {missing[0]}"
        )
    manifest = manifest.with_findings(config.findings)
    training_data = TrainingData(manifest, split_of(manifest, seed=config.seed), owners, lists)
    for name in ("train", "validation"):
        if np.isnan(training_data.part(name).labels).all():
            raise ValueError(f"{data}: no image of {name} has a known label of {', '.join(config.findings)}")
    return training_data


def _owners(source: Source) -> dict[str, str]:
    """The patient of every image of the table, not only of those that are there."""
    labels = source.labels()
    assert labels.patients is not None
    return dict(zip(labels.images, labels.patients, strict=True))
