"""The training tables of the embedded model, from the open films: who is in which part, with which labels.

``python recipes/films.py`` writes ``runs/films/pretraining.csv`` and
``runs/films/chestxray14-1330-films.csv`` in seconds.

Films: 1,330 adult films of ChestX-ray14 with 14 labels, and 4,937 paediatric films (Kermany et al.) of
which only pneumonia is known; the other 13 labels stay blank. Patients are drawn into training,
validation and test within each source. For training films that a fully trained CheXNet has scored
(reproduce-chexnet, on its own test patients), the label is the mean of the report's 0 or 1 and that
model's probability: the labels are read from reports by a text miner and are wrong in places, and a
probability says more than a 0. Validation and test keep the report's labels.
"""

import csv
import os
from pathlib import Path

import numpy as np

from chexnet.datasets import split_patients
from chexnet.paper import PATHOLOGIES

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("CHEXNET_DATA", ROOT.parent / "shared" / "data"))
FILMS = ROOT / "runs" / "films"
SHARES = {"train": 0.65, "validation": 0.15, "test": 0.2}
SEED = 1

Row = dict[str, object]


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, rows: list[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["image", "patient", "split", *PATHOLOGIES])
        writer.writeheader()
        writer.writerows(rows)


def parts(patients: list[str]) -> list[str]:
    split = split_patients(patients, SHARES, seed=SEED)
    named = np.empty(len(patients), dtype="U10")
    for name in SHARES:
        named[getattr(split, name)] = name
    return named.tolist()


def soft_labels(hard: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Mean of label and probability, after moving the log odds to the prevalence of these films.

    The other model was trained where pneumonia is one film in a hundred; here it is one in four.
    """
    log_odds = np.log(probabilities / (1 - probabilities))
    low, high = np.full(hard.shape[1], -20.0), np.full(hard.shape[1], 20.0)
    for _ in range(60):
        offset = (low + high) / 2
        too_low = (1 / (1 + np.exp(-(log_odds + offset)))).mean(axis=0) < hard.mean(axis=0)
        low, high = np.where(too_low, offset, low), np.where(too_low, high, offset)
    return (hard + 1 / (1 + np.exp(-(log_odds + offset)))) / 2


def adults() -> list[Row]:
    table = read(DATA / "chestxray14" / "manifest.csv")
    part = parts([row["patient_id"] for row in table])
    labels = np.array([[float(row[name]) for name in PATHOLOGIES] for row in table])
    scored = {
        row["Image Index"]: row for row in read(DATA / "predictions" / "reproduce-chexnet" / "preds.csv")
    }
    column = {name: f"prob_{name}" for name in PATHOLOGIES}
    rows = [i for i, row in enumerate(table) if part[i] == "train" and row["image"] in scored]
    probabilities = np.array(
        [[float(scored[table[i]["image"]][column[n]]) for n in PATHOLOGIES] for i in rows]
    )
    labels[rows] = soft_labels(labels[rows], probabilities)
    return [
        {
            "image": DATA / "chestxray14" / "images" / row["image"],
            "patient": f"nih-{row['patient_id']}",
            "split": part[i],
            **{name: f"{value:.5g}" for name, value in zip(PATHOLOGIES, labels[i], strict=True)},
        }
        for i, row in enumerate(table)
    ]


def children() -> list[Row]:
    table = read(DATA / "kermany" / "manifest.csv")
    part = parts([row["patient"] for row in table])
    return [
        {
            "image": DATA / "kermany" / "images" / row["image"],
            "patient": f"kermany-{row['patient']}",
            "split": part[i],
            "Pneumonia": int(row["label"] != "normal"),
        }
        for i, row in enumerate(table)
    ]


def main() -> None:
    grown = adults()
    # Children are never mixed with adults in one metric, so the test part of this table is adult only.
    young = [row for row in children() if row["split"] != "test"]
    write(FILMS / "pretraining.csv", grown + young)
    write(FILMS / "chestxray14-1330-films.csv", grown)
    print(f"{len(grown)} adult and {len(young)} paediatric films: {FILMS}")


if __name__ == "__main__":
    main()
