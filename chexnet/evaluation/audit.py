"""Splits, lists and models by their files, audited."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from chexnet._options import Progress
from chexnet.datasets import BOXES, OFFICIAL_LISTS, ChestXray14, Inventory, Source, SplitLists, read_split
from chexnet.leakage import (
    NEAR,
    TRAINING_IDS,
    Audit,
    TrainingImages,
    audit_splits,
    find_twins,
    fingerprint_files,
    read_training_list,
)
from chexnet.tables import USUAL_COLUMNS, ColumnNames


@dataclass(frozen=True)
class AuditedFiles:
    """An audit, and what else was seen on the way.

    Attributes:
        near: bits within which films count as near-duplicates.
        inventory: of a ChestX-ray14 folder, where films were compared.
        unreadable: films that could not be read, with the reason.
    """

    audit: Audit
    near: int = NEAR
    inventory: Inventory | None = None
    unreadable: Mapping[str, str] | None = None


def audit_files(
    data: Path,
    split: Path,
    against: Sequence[Path] = (),
    *,
    pixels: bool = False,
    near: int = NEAR,
    workers: int = 2,
    progress: Progress | None = None,
    names: ColumnNames = USUAL_COLUMNS,
) -> AuditedFiles:
    """Audit a split, alone and against others.

    Args:
        data: a ChestX-ray14 folder, its table, or a CSV to train from: whose the images are. From the folder,
            the official test list and the boxed images too.
        split: a file of `chexnet split`, a list, a folder of lists, a run's folder or its model file.
        against: others of the kind.
        pixels: compare the images that are there.
        names: how the table names its columns, and where its images are.

    Raises:
        ValueError: a file cannot be read, or a model's list of images is not the one it was trained on.
    """
    source = Source(data, names)
    labels = source.labels()
    found = [find_audited(path) for path in (split, *against)]
    splits = _with_own_names([one for one in found if isinstance(one, SplitLists)])
    hashes = {one.source: one.sha256 for one in found if isinstance(one, TrainingImages) and one.sha256}
    inventory, unreadable, twins, films = None, None, [], None
    if pixels:
        if data.is_dir():
            inventory = ChestXray14(data).inventory()
        wanted = {name for one in splits for names in one.images.values() for name in names}
        files = {name: file for name, file in sorted(source.files().items()) if name in wanted}
        fingerprints = fingerprint_files(files, workers=workers, progress=progress)
        twins, films = find_twins(fingerprints, near), len(fingerprints.names)
        unreadable = fingerprints.unreadable
    result = audit_splits(
        labels, splits, reserved=_reserved(source.folder), hashes=hashes, twins=twins, films=films
    )
    return AuditedFiles(result, near, inventory, unreadable)


def find_audited(path: Path) -> SplitLists | TrainingImages:
    """The images of a split; of a model, those of the list that its run left beside it, or their hash alone.

    Raises:
        ValueError: the file cannot be read, or the list beside a model is not the one it was trained on.
    """
    if path.suffix.lower() not in {".onnx", ".ckpt"}:
        return read_split(path)
    trained = _hash_of_model(path)
    beside = path.parent / TRAINING_IDS
    if not beside.is_file():
        return trained
    listed = read_training_list(beside)
    trained.with_list(listed)
    assert listed.images is not None
    return SplitLists(path.name, {"train": tuple(sorted(listed.images))}, {})


def _hash_of_model(path: Path) -> TrainingImages:
    if path.suffix.lower() == ".onnx":
        # Imported here: an audit of lists needs no network runtime.
        from chexnet.classifier import load
        from chexnet.evaluation.model_run import training_of

        trained = training_of(load(path, threads=1))
        if trained is None:
            raise ValueError(f"{path}: the model does not say what it was trained on")
        return trained
    # The run's own record, which needs no training framework.
    recipe = path.parent / "recipe.json"
    if not recipe.is_file():
        raise ValueError(f"{path}: no recipe.json beside it; expected the folder of a run of chexnet train")
    return TrainingImages(
        path.name, None, json.loads(recipe.read_text(encoding="utf-8"))["train_ids_sha256"], {}
    )


def _with_own_names(splits: Sequence[SplitLists]) -> list[SplitLists]:
    """Number the files that have the same name in different folders."""
    seen: dict[str, int] = {}
    named = []
    for split in splits:
        seen[split.name] = seen.get(split.name, 0) + 1
        number = seen[split.name]
        named.append(split if number == 1 else replace(split, name=f"{split.name} ({number})"))
    return named


def _reserved(folder: ChestXray14) -> dict[str, Sequence[str]]:
    """Images that nothing may be learned from: the official test list, and the images with boxes."""
    reserved: dict[str, Sequence[str]] = {}
    if all((folder.root / name).is_file() for name in OFFICIAL_LISTS.values()):
        reserved["official test images"] = folder.official_lists()["test"]
    if (folder.root / BOXES).is_file():
        reserved["images with boxes"] = sorted({one.image for one in folder.boxes()})
    return reserved
