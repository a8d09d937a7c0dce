"""`chexnet audit`: splits, lists and models by their files, and the audit as text and as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from chexnet.datasets import (
    Audit,
    ChestXray14,
    Inventory,
    SplitLists,
    TrainingImages,
    audit_splits,
    find_twins,
    fingerprint_files,
    read_known_images,
    read_manifest,
    read_split,
    read_training_list,
)
from chexnet.datasets.audit import NOTABLE
from chexnet.datasets.chestxray14 import BOXES, OFFICIAL_LISTS
from chexnet.datasets.contamination import TRAINING_IDS
from chexnet.datasets.fingerprints import BITS, NEAR
from chexnet.evaluation.grids import Grid
from chexnet.statistics.bootstrap import Progress

_SHOWN = 20


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
) -> AuditedFiles:
    """Audit a split, alone and against others.

    Args:
        data: a ChestX-ray14 folder, its table, or a CSV to train from: whose the images are. From the folder,
            the official test list and the boxed images too.
        split: a file of `chexnet split`, a list, a folder of lists, a run's folder or its model file.
        against: others of the kind.
        pixels: compare the films that are there.

    Raises:
        ValueError: a file cannot be read, or a model's list of images is not the one it was trained on.
    """
    labels = read_known_images(data)
    found = [find_audited(path) for path in (split, *against)]
    splits = _with_own_names([one for one in found if isinstance(one, SplitLists)])
    hashes = {one.source: one.sha256 for one in found if isinstance(one, TrainingImages) and one.sha256}
    inventory, unreadable, twins, films = None, None, [], None
    if pixels:
        if data.is_dir():
            inventory = ChestXray14(data).inventory()
        wanted = {name for one in splits for names in one.images.values() for name in names}
        files = {name: file for name, file in sorted(_image_files(data).items()) if name in wanted}
        fingerprints = fingerprint_files(files, workers=workers, progress=progress)
        twins, films = find_twins(fingerprints, near), len(fingerprints.names)
        unreadable = fingerprints.unreadable
    result = audit_splits(labels, splits, reserved=_reserved(data), hashes=hashes, twins=twins, films=films)
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
        from chexnet.evaluation.model_files import training_of

        trained = training_of(load(path, threads=1))
        if trained is None:
            raise ValueError(f"{path}: the model does not say what it was trained on")
        return trained
    # The run's own record, which needs no training framework.
    recipe = path.parent / "recipe.json"
    if not recipe.is_file():
        raise ValueError(f"{path}: no recipe.json beside it; expected the folder of a run of chexnet train")
    return TrainingImages(path.name, None, json.loads(recipe.read_text())["train_ids_sha256"], {})


def _with_own_names(splits: Sequence[SplitLists]) -> list[SplitLists]:
    """Two files of one name in different folders are told apart by a number."""
    seen: dict[str, int] = {}
    named = []
    for split in splits:
        seen[split.name] = seen.get(split.name, 0) + 1
        number = seen[split.name]
        named.append(split if number == 1 else replace(split, name=f"{split.name} ({number})"))
    return named


def _image_files(data: Path) -> dict[str, Path]:
    if data.is_dir():
        return ChestXray14(data).image_files()
    manifest = read_manifest(data)
    files = zip(manifest.image_ids, manifest.images, strict=True)
    return {name: file for name, file in files if file.is_file()}


def _reserved(data: Path) -> dict[str, Sequence[str]]:
    """Images that nothing may be learned from: the official test list, and the films with boxes."""
    folder = data if data.is_dir() else data.parent
    reserved: dict[str, Sequence[str]] = {}
    if all((folder / name).is_file() for name in OFFICIAL_LISTS.values()):
        reserved["official test images"] = ChestXray14(folder).official_lists()["test"]
    if (folder / BOXES).is_file():
        reserved["images with boxes"] = sorted({one.image for one in ChestXray14(folder).boxes()})
    return reserved


def audit_json(audited: AuditedFiles) -> dict[str, Any]:
    """All numbers."""
    found = audited.audit
    return {
        "parts": [
            {
                **{key: value for key, value in asdict(part).items() if key != "characteristics"},
                "characteristics": {
                    one.name: {"value": one.value, "known": one.known, "sd": one.deviation}
                    for one in part.characteristics
                },
            }
            for part in found.parts
        ],
        "compared": found.compared,
        "leaks": len(found.leaks),
        "overlaps": [asdict(overlap) for overlap in found.overlaps],
        "shifts": [
            # Infinite where a part has none of what all of the other have; JSON knows no infinity.
            asdict(shift) | {"difference": _finite(shift.difference), "notable": shift.notable}
            for shift in found.shifts
        ],
        "reserved": [
            {
                "part": one.part,
                "what": one.what,
                "of": one.found.test_images,
                "images": one.found.images,
                "patients": one.found.patients,
            }
            for one in found.reserved
        ],
        "hashes": [asdict(one) for one in found.hashes],
        "films": found.films,
        "near_bits": audited.near,
        "twins": [
            asdict(pair) | {"first_in": first, "second_in": second} for pair, first, second in found.twins
        ],
        "unreadable": dict(audited.unreadable or {}),
        "inventory": None if audited.inventory is None else audited.inventory.message.splitlines(),
    }


def _finite(number: float) -> float | None:
    return number if abs(number) < float("inf") else None


def show_audit(audited: AuditedFiles) -> str:
    """As text, the verdict last."""
    found = audited.audit
    blocks = [
        _parts(found),
        _shifted(found),
        _kept(found),
        _hashed(found),
        _pictures(audited),
        _verdict(found),
    ]
    return "\n\n".join(block for block in blocks if block)


def _parts(found: Audit) -> str:
    head = ["part", "patients", "images", "not in the table", "sha256 of the image names"]
    rows = [
        [part.name, f"{part.patients:,}", f"{part.images:,}", f"{part.unknown:,}", part.sha256]
        for part in found.parts
    ]
    return Grid(head, rows).markdown()


def _shifted(found: Audit) -> str:
    """One table a split: each characteristic in each part."""
    tables = []
    for split in dict.fromkeys(part.split for part in found.parts):
        parts = [part for part in found.parts if part.split == split]
        shifts = {(shift.part, shift.characteristic): shift for shift in found.shifts}
        names = dict.fromkeys(one.name for part in parts for one in part.characteristics)
        rows = []
        for name in names:
            row = [name]
            for part in parts:
                one = next((one for one in part.characteristics if one.name == name), None)
                shift = shifts.get((part.name, name))
                flag = f" ({shift.difference:+.2f}) !" if shift and shift.notable else ""
                row.append("–" if one is None else _value(one.value, one.deviation) + flag)
            rows.append(row)
        tables.append(f"{split}\n\n{Grid(['', *(part.part for part in parts)], rows).markdown()}")
    note = f"In brackets, marked !: the standardised difference from the first part, where above {NOTABLE}."
    return "\n\n".join([*tables, note] if any(shift.notable for shift in found.shifts) else tables)


def _value(value: float, deviation: float | None) -> str:
    return f"{100 * value:.2f} %" if deviation is None else f"{value:.2f} ± {deviation:.2f}"


def _kept(found: Audit) -> str:
    rows = [
        [
            one.part,
            one.what,
            f"{one.found.images or 0:,} of {one.found.test_images:,}",
            "not known" if one.found.patients is None else f"{one.found.patients:,}",
        ]
        for one in found.reserved
    ]
    head = ["learned from", "kept for testing", "images in common", "patients in common"]
    return Grid(head, rows).markdown() if rows else ""


def _hashed(found: Audit) -> str:
    return "\n".join(
        f"{'LEAK: ' if one.leak else ''}{one.model}: only the hash of its training images is known "
        f"({one.sha256}); "
        + (
            f"they are those of {', '.join(one.parts)}"
            if one.parts
            else f"it is that of no part here; a partial overlap cannot be excluded without {TRAINING_IDS}"
        )
        for one in found.hashes
    )


def _pictures(audited: AuditedFiles) -> str:
    found = audited.audit
    if found.films is None:
        return ""
    lines = [audited.inventory.message] if audited.inventory else []
    lines += [f"cannot be read: {reason}" for reason in (audited.unreadable or {}).values()]
    lines.append(
        f"{found.films:,} films compared; pairs whose fingerprints differ in at most {audited.near} of "
        f"{BITS} bits: {len(found.twins):,}"
    )
    for pair, first, second in found.twins[:_SHOWN]:
        lines.append(
            f"  {pair.first} ({', '.join(first)}) and {pair.second} ({', '.join(second)}): {pair.bits} bits"
        )
    if len(found.twins) > _SHOWN:
        lines.append(f"  and {len(found.twins) - _SHOWN:,} more; --json lists all")
    return "\n".join(lines)


def _verdict(found: Audit) -> str:
    lines = [
        f"{'LEAK: ' if overlap.leak else ''}{overlap.first} and {overlap.second} share {overlap.patients:,} "
        f"patients and {overlap.images:,} images, such as {overlap.example}"
        for overlap in found.overlaps
    ]
    verdict = (
        f"{len(found.leaks)} leaks: patients are where they must not be"
        if found.leaks
        else "no patient is in two parts that must not share any"
    )
    return "\n".join([*lines, f"{verdict} ({found.compared} pairs of parts compared)"])
