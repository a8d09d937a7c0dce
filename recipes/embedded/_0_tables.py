"""Stage 0 of the embedded model: its training tables, from the open images.

``python -m recipes.embedded._0_tables`` writes ``runs/films/chestxray14-1330-and-kermany.csv`` in seconds.
Beside it are the same table with every second and with every third child only, which train faster, and the
adults alone. Each row has an image, its patient, its part and its labels.

Images: 1,330 of ChestX-ray14, nearly all of adults, with 14 labels; and 4,937 of children (Kermany et al.) of
which only pneumonia is known: the other 13 labels stay blank. Patients are drawn into training,
validation and test within each source. The children of the test part are left out, to be measured by
``recipes/card/measure.py``; those of the other parts are trained on, so that adults alone decide calibration,
thresholds, and which epoch is the best.

The labels of ChestX-ray14 are read from reports by a text miner and are wrong in places. For training
images the label is the mean of all that is known of it: the report's 0 or 1; the probability that a fully
trained CheXNet gives (reproduce-chexnet, on its own test patients); for pneumonia, whether the
radiologists of the RSNA challenge saw a lung opacity, or a normal radiograph. Validation and test keep the
report's labels.
"""

import csv
from pathlib import Path

import numpy as np

from chexnet.paper import PATHOLOGIES
from recipes.open_images import DATA, ROOT, parts, read

TABLE = ROOT / "runs" / "films" / "chestxray14-1330-and-kermany.csv"
ADULTS = TABLE.with_name("chestxray14-1330-films.csv")
HALF_OF_CHILDREN = TABLE.with_name("chestxray14-1330-and-half-of-kermany.csv")
THIRD_OF_CHILDREN = TABLE.with_name("chestxray14-1330-and-third-of-kermany.csv")

Row = dict[str, object]


def write(path: Path, rows: list[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["image", "patient", "split", *PATHOLOGIES])
        writer.writeheader()
        writer.writerows(rows)


def at_prevalence(probabilities: np.ndarray, prevalence: np.ndarray) -> np.ndarray:
    """Probabilities (films, findings) after moving their log odds so that their mean is `prevalence`.

    The other model was trained where pneumonia is one film in a hundred; here it is one in four.
    """
    log_odds = np.log(probabilities / (1 - probabilities))
    low, high = np.full(log_odds.shape[1], -20.0), np.full(log_odds.shape[1], 20.0)
    for _ in range(60):
        offset = (low + high) / 2
        too_low = (1 / (1 + np.exp(-(log_odds + offset)))).mean(axis=0) < prevalence
        low, high = np.where(too_low, offset, low), np.where(too_low, high, offset)
    return 1 / (1 + np.exp(-(log_odds + offset)))


def soft_labels(table: list[dict[str, str]], hard: np.ndarray) -> np.ndarray:
    """Mean of what is known of each label (films, findings)."""
    opinions = np.full((3, *hard.shape), np.nan)
    opinions[0] = hard
    scored = {
        row["Image Index"]: row for row in read(DATA / "predictions" / "reproduce-chexnet" / "preds.csv")
    }
    rows = [i for i, row in enumerate(table) if row["image"] in scored]
    probabilities = np.array(
        [[float(scored[table[i]["image"]][f"prob_{name}"]) for name in PATHOLOGIES] for i in rows]
    )
    opinions[1, rows] = at_prevalence(probabilities, hard[rows].mean(axis=0))
    seen = {"Lung Opacity": 1.0, "Normal": 0.0}
    opinions[2, :, PATHOLOGIES.index("Pneumonia")] = [seen.get(row["rsna_class"], np.nan) for row in table]
    return np.nanmean(opinions, axis=0)


def adults() -> list[Row]:
    table = read(DATA / "chestxray14" / "manifest.csv")
    part = parts([row["patient_id"] for row in table])
    labels = np.array([[float(row[name]) for name in PATHOLOGIES] for row in table])
    rows = [i for i, name in enumerate(part) if name == "train"]
    labels[rows] = soft_labels([table[i] for i in rows], labels[rows])
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
            "split": "train",
            "Pneumonia": int(row["label"] != "normal"),
        }
        for row, name in zip(table, part, strict=True)
        if name != "test"
    ]


def main() -> None:
    grown, young = adults(), children()
    for table, some in (
        (TABLE, young),
        (HALF_OF_CHILDREN, young[::2]),
        (THIRD_OF_CHILDREN, young[::3]),
        (ADULTS, []),
    ):
        write(table, grown + some)
        print(f"{len(grown)} adult and {len(some)} paediatric films: {table}")


if __name__ == "__main__":
    main()
