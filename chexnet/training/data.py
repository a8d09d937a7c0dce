"""The images of a run, read and divided by patient."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chexnet.datasets import ChestXray14, Manifest, Split, hash_image_ids, read_manifest, split_of
from chexnet.datasets.manifest import SPLITS
from chexnet.training.config import TrainConfig


@dataclass(frozen=True)
class TrainingData:
    """The images of a run, divided by patient.

    Attributes:
        manifest: all images, with the label columns of the task.
        split: rows for training, validation and test.
    """

    manifest: Manifest
    split: Split

    def provenance(self) -> dict[str, Any]:
        """What the model file says of the data."""
        parts = {name: self.part(name) for name in SPLITS}
        return {
            "data": self.manifest.name,
            "images": {name: len(part) for name, part in parts.items()},
            "patients": {name: len(set(part.patients)) for name, part in parts.items()},
            "train_ids_sha256": hash_image_ids(parts["train"].image_ids),
        }

    def part(self, name: str) -> Manifest:
        """The images of train, validation or test."""
        return self.manifest.select(getattr(self.split, name))


def read_training_data(data: Path, config: TrainConfig, *, only_present: bool = False) -> TrainingData:
    """Images and labels from a CSV manifest or a ChestX-ray14 folder, with no patient on two sides.

    That the files are there is checked; that they can be read shows when they are, since reading a
    hundred thousand images takes as long as an epoch.

    Raises:
        ValueError: the table is damaged, lacks a label column of the task, names a file that is not
            there, has a split that shares a patient, or no label to learn from or to validate by.
    """
    is_folder = data.is_dir()
    manifest = ChestXray14(data).manifest(only_present=only_present) if is_folder else read_manifest(data)
    missing = [image for image in manifest.images if not image.is_file()]
    if missing:
        raise ValueError(
            f"{data}: {len(missing):,} of {len(manifest):,} images are missing, the first {missing[0]}"
        )
    manifest = manifest.with_findings(config.findings)
    training_data = TrainingData(manifest, split_of(manifest, seed=config.seed))
    for name in ("train", "validation"):
        if np.isnan(training_data.part(name).labels).all():
            raise ValueError(f"{data}: no image of {name} has a known label of {', '.join(config.findings)}")
    return training_data
