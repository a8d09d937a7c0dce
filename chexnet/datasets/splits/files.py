"""A split on disk: a CSV of image, patient and part, beside a JSON with the hash of each part."""

import csv
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from chexnet._version import __version__
from chexnet.datasets.manifest import Manifest
from chexnet.datasets.splits.by_patient import Split
from chexnet.tables import BadTable, SplitLists, hash_image_ids, match_images, read_image_list, read_table

_TRAIN_VAL = "train_val"
_PARTS = ("train", _TRAIN_VAL, "validation", "test")
_SPELLINGS = {"val": "validation", "valid": "validation", "training": "train", "trainval": _TRAIN_VAL}
_LIST_ENDINGS = ("_list", "_ids")


@dataclass(frozen=True)
class WrittenSplit:
    """A split that was written.

    Attributes:
        path: the CSV; the JSON beside it has the same name.
        images, patients, sha256: of each part.
    """

    path: Path
    images: Mapping[str, int]
    patients: Mapping[str, int]
    sha256: Mapping[str, str]


def write_split(
    path: Path, images: Sequence[str], patients: Sequence[str], split: Split, origin: Mapping[str, Any]
) -> WrittenSplit:
    """Write a split; the same split gives the same bytes.

    Args:
        origin: how it was made, for the JSON.
    """
    parts = {
        part: sorted((images[row], patients[row]) for row in rows) for part, rows in split.parts().items()
    }
    written = WrittenSplit(
        path,
        images={part: len(rows) for part, rows in parts.items()},
        patients={part: len({patient for _, patient in rows}) for part, rows in parts.items()},
        sha256={part: hash_image_ids(image for image, _ in rows) for part, rows in parts.items()},
    )
    content = {
        **origin,
        "images": written.images,
        "patients": written.patients,
        "sha256": written.sha256,
        "software": f"chexnet {__version__}",
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["image", "patient", "split"])
        for part, rows in parts.items():
            writer.writerows([image, patient, part] for image, patient in rows)
    text = json.dumps(content, indent=2, ensure_ascii=False)
    path.with_suffix(".json").write_text(f"{text}\n", encoding="utf-8")
    return written


def read_split(path: str | PathLike[str]) -> SplitLists:
    """A split as `chexnet split` writes it, a list, or a folder of lists.

    A CSV has the columns image and split, and perhaps patient. A list's name says which part it is:
    ``train_list.txt``, ``val_list.txt``, ``test_list.txt``, NIH's ``train_val_list.txt``;
    ``training_ids.txt`` is what a run of `chexnet train` leaves behind.

    Raises:
        ValueError: nothing of the kind is there, an image is named twice, or the images are not those whose
            hash the JSON beside the CSV holds.
    """
    path = Path(path)
    if path.is_dir():
        lists = [file for file in path.glob("*.txt") if _part_of(file) in _PARTS]
        if not lists:
            raise ValueError(f"{path}: no list of images; expected such as train_list.txt and test_list.txt")
        lists.sort(key=lambda file: _PARTS.index(_part_of(file)))
        return SplitLists(path.name, {_part_of(file): read_image_list(file) for file in lists}, {})
    if path.suffix.lower() not in {".csv", ".tsv", ".parquet", ".pq"}:
        return SplitLists(path.name, {_part_of(path): read_image_list(path)}, {})
    split = _read_table(path)
    _compare_with_hashes(split, path.with_suffix(".json"))
    return split


def apply_split(manifest: Manifest, split: SplitLists, *, only_present: bool = False) -> Manifest:
    """The images of the manifest that the split names, each in its part.

    Args:
        only_present: do without images of the split that the manifest lacks.

    Raises:
        ValueError: an image of the split is not in the manifest, or the split has no parts to train by.
    """
    if not {"train", "validation"} <= split.images.keys():
        raise ValueError(
            f"{split.name}: has the parts {', '.join(split.images)}; expected train, validation and perhaps "
            'test. Make such a split with "chexnet split"'
        )
    part_of = {name: part for part, names in split.images.items() for name in names}
    matched = match_images(tuple(part_of), manifest.image_ids).rows
    lacking = [name for name, row in zip(part_of, matched, strict=True) if row is None]
    if lacking and not only_present:
        raise ValueError(
            f"{split.name}: {len(lacking):,} of {len(part_of):,} images are not in {manifest.name}, the "
            f"first {lacking[0]}; use the data that it was made for, or `only_present` to do without them"
        )
    part_of_row = {row: part for part, row in zip(part_of.values(), matched, strict=True) if row is not None}
    rows = sorted(part_of_row)
    chosen = manifest.select(np.array(rows, dtype=np.int64))
    return replace(chosen, splits=tuple(part_of_row[row] for row in rows))


def _read_table(path: Path) -> SplitLists:
    table = read_table(path)
    images = table.images()
    column = table.column("split")
    parts = [_part_of(path)] * len(images) if column is None else [_SPELLINGS.get(p, p) for p in column]
    for row, part in enumerate(parts):
        if column is not None and part not in _PARTS:
            raise BadTable(f"{table.where(row)}: split is {column[row]!r}; expected {', '.join(_PARTS)}")
    repeated, count = Counter(images).most_common(1)[0]
    if count > 1:
        raise BadTable(f"{path}: image {repeated} is there {count} times; expected each image once")
    listed: dict[str, list[str]] = {}
    for image, part in zip(images, parts, strict=True):
        listed.setdefault(part, []).append(image)
    patients = table.column("patient")
    return SplitLists(
        path.name,
        {part: tuple(listed[part]) for part in sorted(listed, key=[*_PARTS, *listed].index)},
        {} if patients is None else dict(zip(images, patients, strict=True)),
    )


def _compare_with_hashes(split: SplitLists, path: Path) -> None:
    if not path.is_file():
        return
    try:
        held = json.loads(path.read_text(encoding="utf-8"))["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path}: expected the hashes that chexnet split writes beside {split.name}"
        ) from error
    # A part without images has no rows in the table.
    found = {part: hash_image_ids(()) for part in held} | split.sha256()
    for part in held.keys() | found.keys():
        if held.get(part) != found.get(part):
            raise ValueError(
                f"{split.name}: the images of {part} are not those that {path.name} holds the hash of; "
                'the split was changed after it was written. Make it again with "chexnet split"'
            )


def _part_of(file: Path) -> str:
    stem = file.stem
    for ending in _LIST_ENDINGS:
        stem = stem.removesuffix(ending)
    return _SPELLINGS.get(stem, stem)
