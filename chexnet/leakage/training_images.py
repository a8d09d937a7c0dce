"""Has the model seen the test images? A model that has is measured on its own memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chexnet.tables import (
    ColumnNames,
    Labels,
    hash_image_ids,
    label_columns,
    match_images,
    read_image_list,
    read_labels,
    read_table,
)

TRAINING_IDS = "training_ids.txt"
"""The names of the images that a run of `chexnet train` has learned from, in its folder."""


@dataclass(frozen=True)
class TrainingImages:
    """What is known of the images that a model was trained on.

    Attributes:
        source: the list's or the model's name.
        images: their names; None where only the hash is known.
        sha256: ``hash_image_ids`` of the names.
        patients: image to patient, as far as known, for overlap by patient.
    """

    source: str
    images: frozenset[str] | None
    sha256: str | None
    patients: Mapping[str, str]

    def with_list(self, listed: "TrainingImages") -> "TrainingImages":
        """A model's hash together with the list that is said to be behind it.

        Raises:
            ValueError: the list is not that of the model.
        """
        if self.sha256 != listed.sha256:
            raise ValueError(
                f"{listed.source} is not the list that {self.source} was trained on: its hash is "
                f"{listed.sha256}, the model's {self.sha256}"
            )
        return listed


@dataclass(frozen=True)
class Contamination:
    """Overlap of training and test.

    Attributes:
        images: test images that were trained on; None where only a hash is known.
        patients: test patients with any image that was trained on; None where unknown.
        same_hash: whether the test set is, by its hash, exactly the training set.
        training_sha256: ``hash_image_ids`` of the training images.
    """

    source: str
    test_images: int
    images: int | None
    patients: int | None
    same_hash: bool | None
    training_sha256: str | None

    @property
    def found(self) -> bool:
        """Whether any overlap is known."""
        return bool(self.images or self.patients or self.same_hash)

    @property
    def message(self) -> str:
        """One line for the reader of the numbers."""
        if self.found:
            patients = "" if self.patients is None else f", {self.patients:,} patients in common"
            seen = self.test_images if self.images is None else self.images
            return (
                f"CONTAMINATED: the model was trained on {seen:,} of these {self.test_images:,} test images"
                f"{patients} ({self.source}); the numbers below flatter it"
            )
        if self.images is None:
            return (
                f"{self.source}: only the hash of the training images is known; it is not that of these test "
                "images, but a partial overlap cannot be excluded without the list"
            )
        if self.patients is None:
            return (
                f"no test image is in {self.source}; whether test patients are is not known, as the labels "
                "do not name the patient of every training image"
            )
        return f"no test image or patient is in {self.source}"


def read_training_list(path: Path, patients: Mapping[str, str] | None = None) -> TrainingImages:
    """The images of a list, as ``read_image_list`` reads it, with their hash.

    Raises:
        ValueError: see ``read_image_list``.
    """
    names = frozenset(read_image_list(path))
    return TrainingImages(Path(path).name, names, hash_image_ids(names), patients or {})


def find_training_images(
    trained_on: Path | None, labels: Path, names: ColumnNames, of_model: TrainingImages | None = None
) -> TrainingImages | None:
    """The list of training images, with their patients as far as the labels know them.

    Args:
        trained_on: the list; None leaves what the model file says.
        of_model: what the model file says; a list is checked against it.
    """
    if trained_on is None:
        return of_model
    listed = read_training_list(trained_on, _patients_of(labels, names))
    return of_model.with_list(listed) if of_model else listed


def find_contamination(labels: Labels, training: TrainingImages) -> Contamination:
    """Compare the evaluated images and patients with those trained on.

    Images are compared as ``match_images`` does: by name, or where none is common by the end of their paths.
    """
    names: Sequence[str] = labels.images
    same_hash = None if training.sha256 is None else hash_image_ids(names) == training.sha256
    if training.images is None:
        return Contamination(training.source, len(names), None, None, same_hash, training.sha256)
    trained = sorted(training.images)
    seen = match_images(names, trained).rows
    return Contamination(
        training.source,
        len(names),
        images=sum(row is not None for row in seen),
        patients=_shared_patients(labels, trained, training.patients or _own_patients(labels)),
        same_hash=same_hash,
        training_sha256=training.sha256,
    )


def _own_patients(labels: Labels) -> dict[str, str]:
    return dict(zip(labels.images, labels.patients or (), strict=False))


def _shared_patients(labels: Labels, trained: Sequence[str], patients: Mapping[str, str]) -> int | None:
    """Patients on both sides; None where none is found but not all of those trained on are known."""
    known = list(patients)
    rows = match_images(trained, known).rows
    owners = {patients[known[row]] for row in rows if row is not None}
    shared = len(owners & set(labels.patients or ()))
    return None if not shared and None in rows else shared


def _patients_of(labels: Path, names: ColumnNames) -> dict[str, str]:
    known = read_labels(labels, label_columns(read_table(labels), names)[:1], names)
    return _own_patients(known)
