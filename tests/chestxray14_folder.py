"""A small ChestX-ray14 as NIH ships it: its tables, lists and boxes, and films of the synthetic thorax.

Half of the films have a bright disc in a lung, which is labelled and boxed as if it were the finding; a
network can learn it, and maps can be compared with the boxes.
"""

import csv
from pathlib import Path

import numpy as np
from PIL import Image

import chexnet.examples
from chexnet.datasets.chestxray14 import BOXES, OFFICIAL_LISTS, TABLES
from chexnet.paper import PATHOLOGIES

SIDE = 64
HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)
BOXED = ("Atelectasis", "Cardiomegaly", "Effusion", "Mass", "Nodule", "Pneumonia", "Pneumothorax")


def write_chestxray14(root: Path, *, patients: int = 60, side: int = SIDE, archives: int = 2) -> Path:
    """Two films a patient, in the folders of the archives; every second patient has findings."""
    generator = np.random.default_rng(0)
    thorax = _thorax(side)
    rows, boxes, lists = [], [], {"train_val": [], "test": []}
    for patient in range(1, patients + 1):
        findings = _findings(patient)
        for visit in range(2):
            name = f"{patient:08}_{visit:03}.png"
            film, box = _film(thorax, generator, opaque=bool(findings))
            folder = root / f"images_{patient * archives // (patients + 1) + 1:03}" / "images"
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(film).save(folder / name)
            labels = "|".join(findings) or "No Finding"
            sex, view = "MF"[patient % 2], ("PA", "AP")[patient % 3 == 0]
            age = 20 + patient % 60
            rows.append([name, labels, visit, patient, age, sex, view, 2048, 2048, 0.143, 0.143])
            lists["test" if patient % 5 == 0 else "train_val"].append(name)
            boxes += [[name, finding, *box, "", "", ""] for finding in findings if finding in BOXED]
    _write(root / TABLES[0], HEADER, rows)
    _write(root / BOXES, "Image Index,Finding Label,Bbox [x,y,w,h],,,", boxes)
    for part, file in OFFICIAL_LISTS.items():
        (root / file).write_text("\n".join(lists[part]) + "\n")
    return root


def _findings(patient: int) -> tuple[str, ...]:
    """Every second patient has some: pneumonia, and one or two of the others in turn."""
    if patient % 2:
        return ()
    turn = patient // 2
    others = [name for name in PATHOLOGIES if name != "Pneumonia"]
    found = {others[turn % len(others)], others[(3 * turn + 1) % len(others)]}
    return tuple(name for name in PATHOLOGIES if name in found or (name == "Pneumonia" and turn % 2))


def _thorax(side: int) -> np.ndarray:
    path = Path(chexnet.examples.__file__).with_name("synthetic_thorax.png")
    return np.asarray(Image.open(path).convert("L").resize((side, side), Image.Resampling.BILINEAR)).astype(
        float
    )


def _film(
    thorax: np.ndarray, generator: np.random.Generator, *, opaque: bool
) -> tuple[np.ndarray, list[float]]:
    """A film, and the box of its disc in pixels of a film of 1024."""
    side = len(thorax)
    film = thorax + generator.normal(0, 8, thorax.shape)
    row, column = generator.uniform(0.35, 0.6), generator.choice([0.3, 0.7]) + generator.uniform(-0.05, 0.05)
    radius = 0.12
    if opaque:
        rows, columns = np.mgrid[0:side, 0:side] / side
        film[np.hypot(rows - row, columns - column) < radius] += 70
    box = [1024 * (column - radius), 1024 * (row - radius), 2048 * radius, 2048 * radius]
    return film.clip(0, 255).astype(np.uint8), box


def _write(path: Path, header: str, rows: list[list[object]]) -> None:
    with path.open("w", newline="") as file:
        file.write(header + "\n")
        csv.writer(file).writerows(rows)
