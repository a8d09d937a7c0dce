"""What the embedded model reads on films it was not trained on, beside baselines that see no film.

``python recipes/measure.py [MODEL]`` (five minutes) prints AUROCs with 95 % intervals, by patient, on the
test patients of ``recipes/films.py``. Children and adults are never mixed. The baselines use the view
position, or the patient's number, alone: the films with and without pneumonia were taken in different
years and positions, and a model may live on that.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from films import DATA, parts, read

import chexnet
from chexnet.classifier import InputFile, score_files
from chexnet.paper import PATHOLOGIES
from chexnet.statistics import auroc_interval


def scores(model: chexnet.Classifier, films: Sequence[Path]) -> np.ndarray:
    """Probabilities (films, findings)."""
    scored = score_files(model, [InputFile(film, Path(film.name)) for film in films])
    return np.array([[finding.probability for finding in item.prediction.findings] for item in scored])


def show(what: str, present: np.ndarray, score: np.ndarray, patients: np.ndarray) -> None:
    area = auroc_interval(present, score.astype(float), patients=patients)
    counts = f"{int(present.sum())} / {int((~present).sum())}"
    print(f"{what:<52}{area.value:.3f} ({area.low:.3f}-{area.high:.3f})  {counts}")


def adults(model: chexnet.Classifier) -> None:
    table = read(DATA / "chestxray14" / "manifest.csv")
    part = parts([row["patient_id"] for row in table])
    table = [row for row, where in zip(table, part, strict=True) if where == "test"]
    patients = np.array([row["patient_id"] for row in table])
    labels = np.array([[row[name] == "1" for name in PATHOLOGIES] for row in table])
    probabilities = scores(model, [DATA / "chestxray14" / "images" / row["image"] for row in table])
    none = ~labels.any(axis=1)
    pneumonia = labels[:, PATHOLOGIES.index("Pneumonia")]
    score = probabilities[:, PATHOLOGIES.index("Pneumonia")]
    both = pneumonia | none
    show("pneumonia or no finding", pneumonia[both], score[both], patients[both])
    view = np.array([row["view"] == "AP" for row in table])
    show("  baseline: view position alone", pneumonia[both], view[both], patients[both])
    show("  baseline: patient number alone", pneumonia[both], patients.astype(float)[both], patients[both])
    for position in ("PA", "AP"):
        rows = both & (view == (position == "AP"))
        show(f"  within {position} films", pneumonia[rows], score[rows], patients[rows])
    anything = 1 - np.prod(1 - probabilities, axis=1)
    show("any finding or none", ~none, anything, patients)
    show("  baseline: view position alone", ~none, view, patients)
    known = np.array([row["rsna_class"] for row in table])
    rows = np.isin(known, ["Lung Opacity", "Normal"])
    if rows.any():
        show("RSNA: lung opacity or normal", known[rows] == "Lung Opacity", score[rows], patients[rows])


def children(model: chexnet.Classifier) -> None:
    table = read(DATA / "kermany" / "manifest.csv")
    part = parts([row["patient"] for row in table])
    table = [row for row, where in zip(table, part, strict=True) if where == "test"]
    probabilities = scores(model, [DATA / "kermany" / "images" / row["image"] for row in table])
    show(
        "children: pneumonia or normal",
        np.array([row["label"] != "normal" for row in table]),
        probabilities[:, PATHOLOGIES.index("Pneumonia")],
        np.array([row["patient"] for row in table]),
    )


if __name__ == "__main__":
    classifier = chexnet.load(sys.argv[1] if len(sys.argv) > 1 else None, threads=1)
    print(f"{'':<52}AUROC (95 % interval)  present / absent")
    adults(classifier)
    children(classifier)
