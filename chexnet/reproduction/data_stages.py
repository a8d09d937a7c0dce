"""The stages before any network: the data set fetched, checked, divided, audited, packed."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from chexnet._options import Progress
from chexnet.arrays import Int
from chexnet.datasets import ChestXray14, DownloadConfig, PackConfig, pack_films
from chexnet.datasets import download as download_data
from chexnet.datasets.chestxray14 import BOXES, OFFICIAL_LISTS, TABLES
from chexnet.datasets.splits.by_patient import Split, split_patients
from chexnet.datasets.splits.files import write_split
from chexnet.datasets.splits.pneumonia import split_pneumonia
from chexnet.evaluation.audit import audit_files
from chexnet.paper import PNEUMONIA_SPLIT
from chexnet.report.audit_report import audit_json, show_audit
from chexnet.reproduction.config import Reproduction
from chexnet.tables import Labels, read_boxes, read_table

Task = Literal["pathologies", "pneumonia"]
INVENTORY = "inventory.json"
SPLIT = "split.csv"
IMAGES = 112_120
"""Of ChestX-ray14 (section 3.1)."""


@dataclass(frozen=True)
class Data:
    """The data set of a reproduction.

    Attributes:
        root: a ChestX-ray14 folder.
        boxes: a table of radiologists' boxes.
    """

    root: Path
    boxes: Path
    boxes_finding: str | None
    readings: Path | None

    def __post_init__(self) -> None:
        # The data set's own table of boxes may be missing; one that was asked for may not.
        for what, path in (("boxes", self.boxes), ("readings", self.readings)):
            if path is not None and path != self.root / BOXES and not path.is_file():
                raise ValueError(f"{what} are {path}; expected a file that exists")

    def sources(self) -> dict[str, Path]:
        """The tables that decide what is read."""
        return self.table() | self._there(*OFFICIAL_LISTS.values(), BOXES)

    def table(self) -> dict[str, Path]:
        """The table of the films, which says whose they are and what is on them."""
        return self._there(*TABLES)

    def _there(self, *names: str) -> dict[str, Path]:
        return {name: self.root / name for name in names if (self.root / name).is_file()}

    def listing(self) -> str:
        """SHA-256 of the names and sizes of the table's films that are there; "" without a table."""
        data = ChestXray14(self.root)
        files = data.image_files()
        if not self.table():
            return ""
        lines = [f"{name} {files[name].stat().st_size}\n" for name in data.labels().images if name in files]
        return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


def download(root: Path, config: Reproduction) -> None:
    """Fetch what the folder lacks of the data set.

    Raises:
        ValueError: something could not be had; the rest is kept, and the same call goes on.
    """
    found = download_data(root, DownloadConfig(mirror=config.mirror))
    if found.problems:
        problems = "\n".join(f"{name}: {problem}" for name, problem in found.problems.items())
        raise ValueError(f"{root} is not complete; give the same command to go on\n{problems}")


def check(data: Data, config: Reproduction, folder: Path) -> Mapping[str, Any]:
    """Compare the folder with its table, and leave what is there.

    Raises:
        ValueError: a film is damaged, or missing where all are asked for.
    """
    inventory = ChestXray14(data.root).inventory()
    there = inventory.expected - len(inventory.missing)
    hint = ""
    if inventory.damaged:
        hint = "fetch the damaged films again"
    elif inventory.missing and not config.selects_present:
        hint = (
            f'complete it with "chexnet download {data.root}", or use the films that are there with '
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


def split(task: Task, data: Data, config: Reproduction, folder: Path) -> Mapping[str, Any]:
    """Draw the split of a task and write it to `split.csv`, no patient on two sides."""
    chosen, there = used_films(data, config)
    assert chosen.patients is not None
    if task == "pneumonia":
        parts, how = split_of_pneumonia(chosen, _read_films(data), config.seed)
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


def audit(
    data: Data, splits: Mapping[str, Path], config: Reproduction, folder: Path, progress: Progress
) -> Mapping[str, Any]:
    """Audit the split of each task, and leave the audit as text and as JSON.

    Raises:
        ValueError: a patient is in two parts.
    """
    verdicts = {}
    for task, path in splits.items():
        found = audit_files(data.root, path, pixels=config.pixels, progress=progress)
        text = show_audit(found)
        if found.audit.leaks:
            raise ValueError(f"the split of the task {task} is not one:\n{text}")
        (folder / f"{task}.txt").write_text(text + "\n", encoding="utf-8")
        content = json.dumps(audit_json(found), indent=1, ensure_ascii=False, allow_nan=False)
        (folder / f"{task}.json").write_text(content + "\n", encoding="utf-8")
        verdicts[task] = text.splitlines()[-1]
    return verdicts


def pack(data: Data, config: Reproduction, settings: PackConfig, folder: Path) -> Mapping[str, Any]:
    """Pack the films that splits are drawn from, in their order in the table, at the networks' size.

    Raises:
        ValueError: a film cannot be read. The others are packed, and are kept for the next run.
    """
    wanted = set(used_films(data, config)[0].images)
    films = [
        film for film in ChestXray14(data.root).manifest(only_present=True).images if film.name in wanted
    ]
    packed = pack_films(films, folder, settings).pack
    if packed.problems:
        problems = "\n".join(packed.problems.values())
        raise ValueError(
            f"{len(packed.problems):,} of {len(films):,} films cannot be read; fetch them again and give the "
            f"same command\n{problems}"
        )
    return {"films": len(packed), "size": packed.size}


def used_films(data: Data, config: Reproduction) -> tuple[Labels, int]:
    """The films that splits are drawn from, and how many are there."""
    labels = ChestXray14(data.root).labels()
    files = ChestXray14(data.root).image_files()
    there = np.flatnonzero([name in files for name in labels.images])
    rows = choose_films(labels, there, config.wanted_films, _wanted_patients(labels, data), config.seed)
    return labels.take(rows), len(there)


def choose_films(
    labels: Labels,
    there: Int[np.ndarray, " there"],
    wanted: int | None,
    first: Sequence[str],
    seed: int,
) -> Int[np.ndarray, " chosen"]:
    """Rows of about `wanted` films that are there, whole patients.

    A quarter are of patients who are named `first` (those with boxes or readings), a quarter of patients with
    pneumonia, the rest at random, so that a few hundred films have something for every stage.
    """
    if wanted is None or wanted >= len(there):
        return there
    assert labels.patients is not None
    owner = np.asarray(labels.patients)[there]
    pneumonia = labels.values[there, list(labels.findings).index("Pneumonia")] == 1
    order = np.random.default_rng(seed).permutation(np.unique(owner)).tolist()
    films = dict(zip(*_grouped(owner), strict=True))
    quarters = ([p for p in order if p in set(first)], [p for p in order if pneumonia[films[p]].any()], order)
    chosen: dict[str, None] = {}
    count = 0
    for number, patients in enumerate(quarters, start=1):
        limit = wanted if number == len(quarters) else number * wanted // 4
        for patient in patients:
            if count >= limit:
                break
            if patient not in chosen:
                chosen[patient] = None
                count += len(films[patient])
    return there[np.isin(owner, list(chosen))]


def _grouped(owner: np.ndarray) -> tuple[list[str], list[np.ndarray]]:
    names, places = np.unique(owner, return_inverse=True)
    return names.tolist(), [np.flatnonzero(places == place) for place in range(len(names))]


def split_of_pneumonia(labels: Labels, read: Sequence[str], seed: int) -> tuple[Split, str]:
    """The split of section 3.1, and in words how it came about.

    Exactly the paper's numbers for the whole data set. Where radiologists have read films, those are the
    test part, as the paper's 420 were, and no patient of theirs is in another. Of a part of the data set,
    70 / 10 / 20 by patient, since the paper's test part would be a film or two.
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
            "test: the films that radiologists read; validation: the paper's share of the others, by patient"
        )
        return Split(others[inner.train], others[inner.validation], np.flatnonzero(tested)), how
    if len(labels.images) == IMAGES:
        drawn = split_pneumonia(labels.images, labels.patients, seed=seed)
        return drawn, "the patients and images of section 3.1"
    # Another seed than the other task's, since it is another split in the paper too.
    how = "70 / 10 / 20 of the images by patient, as this is a part of the data set"
    return split_patients(labels.patients, seed=seed + 1), how


def _read_films(data: Data) -> list[str]:
    return [] if data.readings is None else list(dict.fromkeys(read_table(data.readings).images()))


def _wanted_patients(labels: Labels, data: Data) -> list[str]:
    """Patients with boxes or readings, which the last stages look at."""
    wanted = set(_read_films(data))
    if data.boxes.is_file():
        wanted |= {one.image for one in read_boxes(data.boxes, data.boxes_finding)}
    assert labels.patients is not None
    return [patient for image, patient in zip(labels.images, labels.patients, strict=True) if image in wanted]
