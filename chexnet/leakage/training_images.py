"""Has the model seen the test images? A model that has is measured on its own memory."""

from collections.abc import Mapping, Sized
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from chexnet.arrays import Bool
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


@runtime_checkable
class Hashes(Protocol):
    """Hashed names of training images and patients, as a model file holds them (``TrainingSet``)."""

    @property
    def patients(self) -> Sized:
        """Empty where the patients are not known."""

    def has_image(self, name: str) -> bool:
        """Whether an image of this name was trained on."""

    def has_patient(self, patient: str) -> bool:
        """Whether any image of the patient was trained on."""


@dataclass(frozen=True)
class TrainingImages:
    """What is known of the images that a model was trained on.

    Attributes:
        source: the list's or the model's name.
        images: their names; None where only hashes are known.
        sha256: ``hash_image_ids`` of the names.
        patients: image to patient, as far as known, for overlap by patient.
        hashes: of each name and patient, those of the model's teachers and initial weights included.
    """

    source: str
    images: frozenset[str] | None
    sha256: str | None
    patients: Mapping[str, str]
    hashes: Hashes | None = None

    def with_list(self, listed: "TrainingImages") -> "TrainingImages":
        """A model's hashes together with the list that is said to be behind them.

        Raises:
            ValueError: the list is not that of the model.
        """
        if self.sha256 != listed.sha256:
            raise ValueError(
                f"{listed.source} is not the list that {self.source} was trained on: its hash is "
                f"{listed.sha256}, the model's {self.sha256}"
            )
        return replace(listed, hashes=self.hashes)


@dataclass(frozen=True)
class SeenImages:
    """Which of some images a model was trained on.

    Attributes:
        images: whether each was trained on; None where only one hash of all names is known.
        patients: whether any image of its patient was; None where the patients are not known.
        unknown: names of the list of training images that are in no row of the labels; None without a list.
    """

    images: Bool[np.ndarray, " images"] | None
    patients: Bool[np.ndarray, " images"] | None
    unknown: int | None = None

    @property
    def either(self) -> Bool[np.ndarray, " images"]:
        """Whether an image or its patient was trained on, as far as known.

        Raises:
            ValueError: nothing is known of single images.
        """
        if self.images is None:
            raise ValueError(
                "only one hash of all training images is known, so none can be left out; name the list of "
                "them with `trained_on`, or use a model file that holds the hash of each"
            )
        return self.images if self.patients is None else self.images | self.patients


@dataclass(frozen=True)
class Contamination:
    """Overlap of training and test.

    Attributes:
        images: test images that were trained on; None where only a hash is known.
        patients: test patients with any image that was trained on; None where unknown.
        same_hash: whether the test set is, by its hash, exactly the training set.
        training_sha256: ``hash_image_ids`` of the training images.
        left_out: test images that are not measured, as they or their patients were trained on; None where
            nothing was to be left out.
        listed: names in the list of training images; None without one.
        unknown: those of them that are in no row of the labels.
    """

    source: str
    test_images: int
    images: int | None
    patients: int | None
    same_hash: bool | None
    training_sha256: str | None
    left_out: int | None = None
    listed: int | None = None
    unknown: int | None = None

    @property
    def found(self) -> bool:
        """Whether any overlap is known, and measured."""
        return self.left_out is None and bool(self.images or self.patients or self.same_hash)

    @property
    def message(self) -> str:
        """One line for the reader of the numbers."""
        unknown = (
            f"; {self.unknown:,} of the {self.listed:,} names in it are in no row of the labels"
            if self.unknown
            else ""
        )
        return self._verdict() + unknown

    def _verdict(self) -> str:
        if self.left_out is not None:
            return (
                f"{self.left_out:,} of {self.test_images:,} test images were left out, as the model was "
                f"trained on them or on their patients ({self.source})"
            )
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
    names = labels.images
    same_hash = None if training.sha256 is None else hash_image_ids(names) == training.sha256
    seen = find_seen(labels, training)
    return Contamination(
        training.source,
        len(names),
        images=None if seen.images is None else int(seen.images.sum()),
        patients=None if seen.patients is None else len(set(np.array(labels.patients)[seen.patients])),
        same_hash=same_hash,
        training_sha256=training.sha256,
        listed=None if training.images is None else len(training.images),
        unknown=seen.unknown,
    )


def find_seen(labels: Labels, training: TrainingImages) -> SeenImages:
    """Which images, and images of which patients, were trained on: by the list, by the hashes, or by both."""
    listed, hashed = _by_list(labels, training), _by_hash(labels, training.hashes)
    return SeenImages(
        _either(listed.images, hashed.images), _either(listed.patients, hashed.patients), listed.unknown
    )


def _by_list(labels: Labels, training: TrainingImages) -> SeenImages:
    if training.images is None:
        return SeenImages(None, None)
    trained, owners = sorted(training.images), training.patients or _own_patients(labels)
    known = list(owners)
    found = match_images(trained, known).rows
    images = np.array([row is not None for row in match_images(labels.images, trained).rows], dtype=bool)
    theirs = {owners[known[row]] for row in found if row is not None}
    patients = np.array([patient in theirs for patient in labels.patients or ()], dtype=bool)
    # That none is found says nothing where the patients of some training images are not known.
    certain = labels.patients is not None and (patients.any() or None not in found)
    return SeenImages(images, patients if certain else None, found.count(None))


def _by_hash(labels: Labels, hashes: Hashes | None) -> SeenImages:
    if hashes is None:
        return SeenImages(None, None)
    images = np.array([hashes.has_image(name) for name in labels.images], dtype=bool)
    if labels.patients is None or not len(hashes.patients):
        return SeenImages(images, None)
    return SeenImages(images, np.array([hashes.has_patient(one) for one in labels.patients], dtype=bool))


def _either(
    one: Bool[np.ndarray, " images"] | None, other: Bool[np.ndarray, " images"] | None
) -> Bool[np.ndarray, " images"] | None:
    if one is None or other is None:
        return other if one is None else one
    return one | other


def _own_patients(labels: Labels) -> dict[str, str]:
    return dict(zip(labels.images, labels.patients or (), strict=False))


def _patients_of(labels: Path, names: ColumnNames) -> dict[str, str]:
    known = read_labels(labels, label_columns(read_table(labels), names)[:1], names)
    return _own_patients(known)
