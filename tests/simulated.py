"""A small study with known structure, as files."""

import csv

import numpy as np

FINDINGS = ("Cardiomegaly", "Pneumonia", "Hernia")


def write(path, *rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def study(folder, images=240, seed=0, noise=1.0, name="predictions.csv"):
    """Predictions and labels of 60 patients with four images each; nobody has a hernia."""
    truth = np.random.default_rng(0)
    labels = truth.random((images, 3)) < (0.4, 0.2, 0.0)
    generator = np.random.default_rng(seed)
    scores = 1 / (1 + np.exp(-(generator.normal(size=(images, 3)) * noise + 1.5 * labels - 1)))
    names = [f"{row:05}.png" for row in range(images)]
    predicted = write(
        folder / name,
        ["image", *FINDINGS],
        *([image, *map(repr, row.tolist())] for image, row in zip(names, scores, strict=True)),
    )
    labelled = write(
        folder / "labels.csv",
        ["image", "patient", "sex", "age", "view", *FINDINGS],
        *(
            [
                image,
                row // 4,
                "FM"[row // 4 % 2],
                20 + row // 4,
                ("PA", "AP")[row % 2],
                *labels[row].astype(int),
            ]
            for row, image in enumerate(names)
        ),
    )
    return predicted, labelled, labels, scores


def reader_study(folder, images=80):
    """Four readers and a model around a hidden truth; two images a patient."""
    generator = np.random.default_rng(0)
    truth = generator.random(images) < 0.4
    calls = np.where(generator.random((4, images)) < 0.85, truth, ~truth)
    probabilities = np.clip(0.5 * truth + generator.random(images) * 0.5, 0, 1)
    readings = write(
        folder / "readings.csv",
        ["image", "patient", "reader", "Pneumonia", "Mass"],
        *(
            [f"{image}.png", image // 2, f"R{reader + 1}", int(calls[reader, image]), 0]
            for image in range(images)
            for reader in range(4)
        ),
    )
    predictions = write(
        folder / "predictions.csv",
        ["image", "Pneumonia", "Mass"],
        *([f"{image}.png", repr(float(p)), 0.1] for image, p in enumerate(probabilities)),
    )
    return readings, predictions, calls, probabilities
