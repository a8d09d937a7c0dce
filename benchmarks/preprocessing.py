"""From a 1024 × 1024 PNG to the network's input: this package against the usual lines with Pillow.

``python benchmarks/preprocessing.py [ROUNDS] [FILM.png ...]`` reads each film both ways, in turns. Without
films, it takes those of ChestX-ray14 under CHEXNET_DATA, 8-bit grey as 90 % of them are and RGBA as
the rest. Reports medians, and the ratio with its quartiles over rounds and films.
"""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from timing import interleaved, report

from chexnet.paper import IMAGENET_MEAN, IMAGENET_STD
from chexnet.radiograph import network_input, read_radiograph

ROOT = Path(__file__).resolve().parents[1]


def usual(path: Path) -> np.ndarray:
    """What most CheXNet repositories do: all in RGB, in 8 bits, then float."""
    image = Image.open(path).convert("RGB").resize((224, 224), Image.Resampling.BILINEAR)
    pixels = np.asarray(image, np.float32) / 255
    normalised = (pixels - np.float32(IMAGENET_MEAN)) / np.float32(IMAGENET_STD)
    return np.ascontiguousarray(normalised.transpose(2, 0, 1))


def ours(path: Path) -> np.ndarray:
    return network_input(read_radiograph(path))


def films_at_hand() -> dict[str, list[Path]]:
    folder = (
        Path(os.environ.get("CHEXNET_DATA", ROOT.parent / "shared" / "data")) / "chestxray14" / "images_1024"
    )
    films: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*.png")):
        with Image.open(path) as image:
            if image.size == (1024, 1024):
                films.setdefault(image.mode, []).append(path)
    if not films:
        sys.exit(f"no films in {folder}; set CHEXNET_DATA or name some PNG files")
    return films


def each(read: Callable[[Path], np.ndarray], paths: Sequence[Path]) -> Callable[[], object]:
    """Reads the next film at each call."""
    turns = iter(paths * 1000)
    return lambda: read(next(turns))


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    films = {"named": [Path(name) for name in sys.argv[2:]]} if len(sys.argv) > 2 else films_at_hand()
    for mode, paths in films.items():
        print(f"{mode}: {len(paths)} films, {rounds} rounds")
        seconds = interleaved(
            {"usual Pillow lines": each(usual, paths), "chexnet": each(ours, paths)}, rounds
        )
        report(seconds, "usual Pillow lines")
        difference = max(np.abs(usual(path) - ours(path)).max() for path in paths[:10])
        print(f"largest difference of the inputs: {difference * min(IMAGENET_STD) * 255:.2f} levels of 255")


if __name__ == "__main__":
    main()
