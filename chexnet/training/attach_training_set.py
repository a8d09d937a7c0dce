"""The hashes of the images and patients that a model learned from become a part of its file."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import onnx

from chexnet._files import write_whole
from chexnet.classifier import KEY, TRAINING_SET_KEY, ModelMetadata, TrainingSet
from chexnet.datasets import read_manifest
from chexnet.leakage import TRAINING_IDS
from chexnet.tables import USUAL_COLUMNS, BadTable, hash_image_ids, read_image_list, read_table
from chexnet.training.data import TrainingData

_HASH = "train_ids_sha256"


@dataclass(frozen=True)
class AttachedTrainingSet:
    """What was written.

    Attributes:
        path: the model file.
        images: names in it.
        patients: likewise.
        lists: how many lists of training images the model's provenance knows, its teachers' included.
    """

    path: Path
    images: int
    patients: int
    lists: int


EARLIER_IDS = "earlier_training_ids.txt"
"""The names of the images that the teachers and initial weights of a run learned from, in its folder."""


def training_set_of(folder: Path, data: TrainingData, earlier: Sequence[Path]) -> TrainingSet:
    """What a run learns from, with what is known of the runs that it starts or learns from.

    Writes the names of the latter beside the run, for runs that start from this one.

    Args:
        folder: of the run.
        data: its images.
        earlier: its initial weights, its teacher, the run that it is averaged with; a file that no run of
            `chexnet train` left has no lists beside it, and adds nothing.
    """
    before: set[str] = set()
    for checkpoint in earlier:
        for name in (TRAINING_IDS, EARLIER_IDS):
            if (beside := checkpoint.with_name(name)).is_file():
                before.update(read_image_list(beside))
    if before:
        write_whole(folder / EARLIER_IDS, "".join(f"{name}\n" for name in sorted(before)))
    part = data.part("train")
    owners = dict(zip(part.image_ids, part.patients, strict=True)) | {
        name: data.owners[name] for name in before if name in data.owners
    }
    return TrainingSet.of(sorted({*part.image_ids, *before}), sorted(set(owners.values())))


def add_training_set(
    path: Path, lists: Sequence[Path], output: Path | None = None, *, labels: Path | None = None
) -> AttachedTrainingSet:
    """Write the model file again with hashes of what it, its teachers and its initial weights learned from.

    Every list must be one that the model's provenance knows by its hash, and none may be missing.

    Args:
        path: a model file.
        lists: names of training images, as `training_ids.txt`; or tables of `chexnet train`, whose rows of
            the split "train" count (all rows, without a column `split`) and which know the patients.
        output: where to write; None is the same file.
        labels: a table with an image and a patient column, whose patients go before those of `lists`.

    Raises:
        ValueError: a list is not one of the model's, or one is missing. Nothing is written.
    """
    model = onnx.load(path)
    stored = {entry.key: entry.value for entry in model.metadata_props}
    wanted = dict(_hashes_of(ModelMetadata.from_json(stored[KEY]).training, path.name))
    patients: dict[str, str] = {}
    for one in lists:
        names, owners = _read(one, wanted)
        digest = hash_image_ids(names)
        if digest not in wanted:
            raise ValueError(
                f"{one}: {len(names):,} training images with the hash {digest[:12]}; {path} knows "
                f"{', '.join(f'{known[:12]} ({whose})' for known, whose in wanted.items())}"
            )
        patients |= {name: owners.get(name, "") for name in names}
        wanted[digest] = ""
    if missing := [f"{digest[:12]} ({whose})" for digest, whose in wanted.items() if whose]:
        raise ValueError(f"{path} also learned from the lists {', '.join(missing)}; give them too")
    if labels is not None:
        patients |= {image: patient for image, patient in _owners(labels).items() if image in patients}
    training_set = TrainingSet.of(list(patients), [patient for patient in patients.values() if patient])
    return _write(model, stored, training_set, output or path, len(wanted))


def remove_patients(path: Path, output: Path | None = None) -> AttachedTrainingSet:
    """Write the model file again without the hashes of patients, which short numbers cannot hide behind.

    Raises:
        ValueError: the file has no hashes.
    """
    model = onnx.load(path)
    stored = {entry.key: entry.value for entry in model.metadata_props}
    if TRAINING_SET_KEY not in stored:
        raise ValueError(f"{path}: holds no hashes of training images")
    training_set = TrainingSet.from_json(stored[TRAINING_SET_KEY]).without_patients()
    return _write(model, stored, training_set, output or path, 0)


def _write(
    model: onnx.ModelProto, stored: Mapping[str, str], training_set: TrainingSet, path: Path, lists: int
) -> AttachedTrainingSet:
    onnx.helper.set_model_props(model, {**stored, TRAINING_SET_KEY: training_set.to_json()})
    write_whole(path, model.SerializeToString())
    return AttachedTrainingSet(path, len(training_set.images), len(training_set.patients), lists)


def _hashes_of(training: Mapping[str, Any], whose: str) -> Iterator[tuple[str, str]]:
    """The hash of each list that a model learned from, and whose list it is."""
    if _HASH in training:
        yield training[_HASH], whose
    for role in ("initial_weights", "teacher", "average"):
        earlier = (training.get(role) or {}).get("trained_on")
        if earlier:
            yield from _hashes_of(earlier, f"{role} of {whose}: {earlier.get('data')}")


def _owners(path: Path) -> dict[str, str]:
    table = read_table(path)
    images, patients = table.images(USUAL_COLUMNS), table.column("patient")
    if patients is None:
        raise BadTable(f"{path}: no column of patients, such as patient or Patient ID")
    return dict(zip(images, patients, strict=True))


def _read(path: Path, known: Collection[str]) -> tuple[list[str], dict[str, str]]:
    """Names of the training images in a list or a table, and their patients where it knows them.

    Runs before names were paths relative to an image root have hashed file names.
    """
    try:
        manifest = read_manifest(path)
    except BadTable:
        return list(read_image_list(path)), {}
    splits = manifest.splits or ("train",) * len(manifest)
    for ids in (manifest.image_ids, tuple(PurePosixPath(name).name for name in manifest.image_ids)):
        names = [name for name, split in zip(ids, splits, strict=True) if split == "train"]
        if hash_image_ids(names) in known:
            break
    return names, dict(zip(ids, manifest.patients, strict=True))
