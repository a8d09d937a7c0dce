"""Small synthetic films with a finding that a network learns in seconds, and recipes to learn it by."""

import csv
from pathlib import Path

import numpy as np
from PIL import Image

from chexnet.training import Hardware, TrainConfig

HERE = Hardware(accelerator="cpu", workers=0)
FILMS = 60


def film(generator: np.random.Generator, *, bright: bool) -> np.ndarray:
    """Noise, with a bright square somewhere if asked for."""
    pixels = generator.normal(90, 20, (40, 40))
    if bright:
        row, column = generator.integers(0, 24, 2)
        pixels[row : row + 16, column : column + 16] += 90
    return pixels.clip(0, 255).astype(np.uint8)


def write_films(folder: Path, *, films: int = FILMS, findings: tuple[str, ...] = ("Pneumonia",)) -> Path:
    """Films of two a patient; every second patient has each of the findings, seen as a bright square."""
    generator = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "films.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "patient", *findings])
        for index in range(films):
            present = index // 2 % 2 == 1
            Image.fromarray(film(generator, bright=present)).save(folder / f"{index:03}.png")
            writer.writerow([f"{index:03}.png", f"p{index // 2}", *[int(present)] * len(findings)])
    return folder / "films.csv"


def recipe(**changes) -> TrainConfig:
    """A pneumonia run of seconds."""
    return TrainConfig(
        **{
            "task": "pneumonia",
            "weights": "none",
            "image_size": 32,
            "batch_size": 8,
            "max_epochs": 3,
            "shift": 0.1,
            "contrast": 0.1,
            "name": "tiny",
        }
        | changes
    )
