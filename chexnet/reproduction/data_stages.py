"""The stages before any network: the data set fetched, checked, divided, audited, packed."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chexnet._options import Progress
from chexnet.arrays import Int
from chexnet.datasets import (
    ChestXray14,
    DownloadConfig,
    PackConfig,
    Split,
    pack_films,
    split_patients,
    split_pneumonia,
    write_split,
)
from chexnet.datasets import download as download_data
from chexnet.evaluation import audit_files
from chexnet.paper import PNEUMONIA_SPLIT
from chexnet.report import audit_json, show_audit
from chexnet.reproduction.config import Reproduction
from chexnet.reproduction.experiment import PACK, SPLIT, Data, Experiment, existing
from chexnet.reproduction.records import Stage
from chexnet.tables import Labels, read_boxes, read_table

INVENTORY = "inventory.json"
_IMAGES = 112_120
"""Of ChestX-ray14 (section 3.1)."""


def download(root: Path, config: Reproduction) -> None:
    """Fetch what the folder lacks of the data set.

    Raises:
        ValueError: something could not be fetched; the rest is kept, and the same call resumes.
    """
    found = download_data(root, DownloadConfig(mirror=config.mirror))
    if found.problems:
        problems = "\n".join(f"{name}: {problem}" for name, problem in found.problems.items())
        raise ValueError(f"{root} is not complete; run the same command again to resume\n{problems}")


def check_stage(experiment: Experiment) -> Stage:
    """Compare the data set with its table."""
    data, config = experiment.data, experiment.config
    return Stage(
        "check",
        "compare the data set with its table",
        lambda folder, _: _check(data, config, folder),
        settings={"only_present": config.selects_present, "films": {"there": experiment.listing}},
        sources=data.sources(),
    )


def _check(data: Data, config: Reproduction, folder: Path) -> Mapping[str, Any]:
    """Compare the folder with its table, and leave what is there.

    Raises:
        ValueError: an image is damaged, or missing where all are asked for.
    """
    inventory = ChestXray14(data.root).inventory()
    there = inventory.expected - len(inventory.missing)
    hint = ""
    if inventory.damaged:
        hint = "fetch the damaged images again"
    elif inventory.missing and not config.selects_present:
        hint = (
            f'complete it with "chexnet download {data.root}", or use the images that are there with '
            "`only_present`"
        )
    elif not there:
        hint = f'fetch them with "chexnet download {data.root}"'
    if hint:
        raise ValueError(f"{data.root}: {inventory.message}\n{hint}")
    content: dict[str, Any] = {"table": inventory.table, "expected": inventory.expected, "there": there}
    lines = {"message": inventory.message, "complete": inventory.complete}
    (folder / INVENTORY).write_text(json.dumps(content | lines, indent=1) + "\n", encoding="utf-8")
    return content


def split_stage(experiment: Experiment, task: str) -> Stage:
    """Draw the split of a task."""
    data, config = experiment.data, experiment.config
    images: dict[str, Any] = {"there": experiment.listing, "wanted": config.wanted_films}
    sources = data.table()
    if config.wanted_films is not None:
        images |= {"seed": config.seed, "boxes_finding": data.boxes_finding}
        sources |= existing(boxes=data.boxes, readings=data.readings)
    if task == "pneumonia":
        sources |= existing(readings=data.readings)
    return Stage(
        f"split-{task}",
        f"draw the split of the task {task}",
        lambda folder, _: _split(task, data, config, folder),
        settings={"films": images, "seed": config.seed},
        sources=sources,
        after=("check",),
    )


def _split(task: str, data: Data, config: Reproduction, folder: Path) -> Mapping[str, Any]:
    """Draw the split of a task and write it to `split.csv`, no patient on two sides."""
    chosen, there = used_images(data, config)
    assert chosen.patients is not None
    if task == "pneumonia":
        parts, how = split_of_pneumonia(chosen, _read_images(data), config.seed)
    else:
        parts = split_patients(chosen.patients, seed=config.seed)
        how = "70 / 10 / 20 of the images by patient (section 5)"
    origin = {"data": "ChestX-ray14", "kind": task, "how": how, "seed": config.seed}
    written = write_split(folder / SPLIT, chosen.images, chosen.patients, parts, origin)
    return {
        "how": how,
        "films_there": there,
        "films_used": len(chosen.images),
        "images": dict(written.images),
        "patients": dict(written.patients),
        "sha256": dict(written.sha256),
    }


def audit_stage(experiment: Experiment) -> Stage:
    """Look for patients in two parts."""
    return Stage(
        "audit",
        "look for patients on two sides",
        lambda folder, progress: _audit(experiment, folder, progress),
        settings={"pixels": experiment.config.pixels, "films": {"there": experiment.listing}},
        sources=experiment.data.sources(),
        needs=tuple(f"split-{task}" for task in experiment.tasks),
        after=("check",),
    )


def _audit(experiment: Experiment, folder: Path, progress: Progress) -> Mapping[str, Any]:
    """Audit the split of each task, and leave the audit as text and as JSON.

    Raises:
        ValueError: a patient is in two parts.
    """
    verdicts = {}
    for task in experiment.tasks:
        split, pixels = experiment.split_file(task), experiment.config.pixels
        found = audit_files(experiment.data.root, split, pixels=pixels, progress=progress)
        text = show_audit(found)
        if found.audit.leaks:
            raise ValueError(f"the split of the task {task} shares patients between its parts:\n{text}")
        (folder / f"{task}.txt").write_text(text + "\n", encoding="utf-8")
        content = json.dumps(audit_json(found), indent=1, ensure_ascii=False, allow_nan=False)
        (folder / f"{task}.json").write_text(content + "\n", encoding="utf-8")
        verdicts[task] = text.splitlines()[-1]
    return verdicts


def pack_stage(experiment: Experiment) -> Stage:
    """Pack the images that splits are drawn from.

    It reads the table for the names of the images and their order alone, so those stand for it: an edited
    label does not make hours of packing start again.
    """
    data, config = experiment.data, experiment.config
    size = config.recipe(config.networks[0]).image_size
    how = PackConfig(image_size=size, workers=max(experiment.hardware.workers, 1))
    images = used_images(data, config)[0].images if data.table() else ()
    return Stage(
        PACK,
        f"pack the images at {size} px",
        lambda folder, _: pack(data, config, how, folder),
        settings={"films": experiment.digest(images), "size": size},
        after=("check",),
        resumes=True,
    )


def pack(data: Data, config: Reproduction, settings: PackConfig, folder: Path) -> Mapping[str, Any]:
    """Pack the images that splits are drawn from, in their order in the table, at the networks' size.

    Raises:
        ValueError: an image cannot be read. The others are packed, and are kept for the next run.
    """
    wanted = set(used_images(data, config)[0].images)
    present = ChestXray14(data.root).manifest(only_present=True).images
    images = [one for one in present if one.name in wanted]
    packed = pack_films(images, folder, settings).pack
    if packed.problems:
        problems = "\n".join(packed.problems.values())
        raise ValueError(
            f"{len(packed.problems):,} of {len(images):,} images cannot be read; fetch them again and run "
            f"the same command again\n{problems}"
        )
    return {"films": len(packed), "size": packed.size}


def used_images(data: Data, config: Reproduction) -> tuple[Labels, int]:
    """The images that splits are drawn from, and how many are there."""
    labels = ChestXray14(data.root).labels()
    files = ChestXray14(data.root).image_files()
    there = np.flatnonzero([name in files for name in labels.images])
    rows = choose_images(labels, there, config.wanted_films, _wanted_patients(labels, data), config.seed)
    return labels.take(rows), len(there)


def choose_images(
    labels: Labels,
    there: Int[np.ndarray, " there"],
    wanted: int | None,
    first: Sequence[str],
    seed: int,
) -> Int[np.ndarray, " chosen"]:
    """Rows of about `wanted` images that are there, whole patients.

    A quarter are of patients who are named `first` (those with boxes or readings), a quarter of patients with
    pneumonia, the rest at random, so that a few hundred images have something for every stage.
    """
    if wanted is None or wanted >= len(there):
        return there
    assert labels.patients is not None
    owner = np.asarray(labels.patients)[there]
    pneumonia = labels.values[there, list(labels.findings).index("Pneumonia")] == 1
    order = np.random.default_rng(seed).permutation(np.unique(owner)).tolist()
    images_of = dict(zip(*_grouped(owner), strict=True))
    quarters = (
        [p for p in order if p in set(first)],
        [p for p in order if pneumonia[images_of[p]].any()],
        order,
    )
    chosen: dict[str, None] = {}
    count = 0
    for number, patients in enumerate(quarters, start=1):
        limit = wanted if number == len(quarters) else number * wanted // 4
        for patient in patients:
            if count >= limit:
                break
            if patient not in chosen:
                chosen[patient] = None
                count += len(images_of[patient])
    return there[np.isin(owner, list(chosen))]


def _grouped(owner: np.ndarray) -> tuple[list[str], list[np.ndarray]]:
    names, places = np.unique(owner, return_inverse=True)
    return names.tolist(), [np.flatnonzero(places == place) for place in range(len(names))]


def split_of_pneumonia(labels: Labels, read: Sequence[str], seed: int) -> tuple[Split, str]:
    """The split of section 3.1, and in words how it came about.

    Exactly the paper's numbers for the whole data set. Where radiologists have read images, those are the
    test part, as the paper's 420 were, and no patient of theirs is in another. For a part of the data set,
    70 / 10 / 20 by patient, since the paper's test part would be an image or two.
    """
    assert labels.patients is not None
    owner = np.asarray(labels.patients)
    tested = np.isin(np.asarray(labels.images), np.asarray(read or [""]))
    if tested.any():
        others = np.flatnonzero(~np.isin(owner, owner[tested]))
        images = {name: size for name, (_, size) in PNEUMONIA_SPLIT.items()}
        share = images["validation"] / (images["train"] + images["validation"])
        inner = split_patients(
            owner[others].tolist(), {"train": 1 - share, "validation": share, "test": 0.0}, seed=seed
        )
        how = (
            "test: the images that radiologists read; validation: the paper's share of the others, by patient"
        )
        return Split(others[inner.train], others[inner.validation], np.flatnonzero(tested)), how
    if len(labels.images) == _IMAGES:
        drawn = split_pneumonia(labels.images, labels.patients, seed=seed)
        return drawn, "the patients and images of section 3.1"
    # Another seed than the other task's, since it is another split in the paper too.
    how = "70 / 10 / 20 of the images by patient, as this is a part of the data set"
    return split_patients(labels.patients, seed=seed + 1), how


def _read_images(data: Data) -> list[str]:
    return [] if data.readings is None else list(dict.fromkeys(read_table(data.readings).images()))


def _wanted_patients(labels: Labels, data: Data) -> list[str]:
    """Patients with boxes or readings, which the last stages look at."""
    wanted = set(_read_images(data))
    if data.boxes.is_file():
        wanted |= {one.image for one in read_boxes(data.boxes, data.boxes_finding)}
    assert labels.patients is not None
    return [patient for image, patient in zip(labels.images, labels.patients, strict=True) if image in wanted]
