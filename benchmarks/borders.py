"""How often a border around a chest radiograph changes a verdict, before and after borders are left out.

Usage: python benchmarks/borders.py [images [folder]]; the folder is chestxray14/images of CHEXNET_DATA.
"Before" is the same path from file to tensor, with the whole image as the field. Images are compared with
themselves without the border; an image counts as changed if a finding crosses its threshold or the gate
refuses one of both.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from chexnet.classifier import Classifier, Prediction
from chexnet.radiograph import Radiograph, network_input, read_radiograph

SHARE = 0.8
"""Side of the image inside of a frame."""


def shrunk(grey: np.ndarray) -> np.ndarray:
    """The image at 80 % of the side, without a border: what the loss of resolution alone changes."""
    height, width = grey.shape
    size = round(width * SHARE), round(height * SHARE)
    return np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.LANCZOS))


def framed(grey: np.ndarray, value: int) -> np.ndarray:
    """The image, at 80 % of the side, within a frame of one grey value."""
    rows, columns = (round(side * (1 / SHARE - 1) / 2) for side in grey.shape)
    return np.pad(grey, ((rows, rows), (columns, columns)), constant_values=value)


def barred(grey: np.ndarray, value: int) -> np.ndarray:
    """The image between two bars, 16:9 as on a wide screen."""
    height, width = grey.shape
    bar = (round(height * 16 / 9) - width) // 2
    return np.pad(grey, ((0, 0), (bar, bar)), constant_values=value)


VARIANTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "black frame": lambda grey: framed(grey, 0),
    "black 16:9 bars": lambda grey: barred(grey, 0),
    "white 16:9 bars": lambda grey: barred(grey, 255),
    "white frame": lambda grey: framed(grey, 255),
    "grey frame": lambda grey: framed(grey, 128),
    "black frame, shrunk": lambda grey: framed(shrunk(grey), 0),
    "none, shrunk": shrunk,
}


def read(grey: np.ndarray) -> Radiograph:
    """Through the door, as a PNG."""
    import io

    file = io.BytesIO()
    Image.fromarray(grey).save(file, "PNG")
    return read_radiograph(file.getvalue())


def predicted(model: Classifier, radiographs: list[Radiograph]) -> list[Prediction]:
    inputs = [network_input(radiograph, model.metadata.preprocessing) for radiograph in radiographs]
    return [
        model.predict_inputs(one[None], [radiograph])[0]
        for one, radiograph in zip(inputs, radiographs, strict=True)
    ]


def changed(plain: Prediction, other: Prediction) -> tuple[bool, bool]:
    """Whether the verdict on pneumonia, and whether any verdict, is another."""
    if plain.status != other.status:
        return True, True
    verdicts = [(one.present, two.present) for one, two in zip(plain.findings, other.findings, strict=True)]
    pneumonia = next((n for n, one in enumerate(plain.findings) if one.finding == "Pneumonia"), None)
    moved = [one != two for one, two in verdicts]
    return pneumonia is not None and moved[pneumonia], any(moved)


def main(count: int = 80, folder: str | None = None) -> None:
    where = Path(folder or Path(os.environ["CHEXNET_DATA"], "chestxray14", "images"))
    paths = sorted(where.glob("*.png"))
    chosen = [paths[n] for n in np.linspace(0, len(paths) - 1, 3 * count).astype(int)]
    model = Classifier(threads=1)
    images = [np.asarray(Image.open(path).convert("L")) for path in chosen]
    with_borders = [read(grey) for grey in images]
    plain = predicted(model, with_borders)
    kept = [n for n, prediction in enumerate(plain) if prediction.status == "ok"][:count]
    own = [replace(with_borders[n], field=None) for n in kept]
    before = predicted(model, own)
    moved = [changed(plain[n], one) for n, one in zip(kept, before, strict=True)]
    cropped = sum(with_borders[n].field is not None for n in kept)
    print(f"{len(kept)} images that pass the gate; {cropped} have a border of their own, which changes the")
    print(f"pneumonia verdict of {sum(m[0] for m in moved)} and any verdict of {sum(m[1] for m in moved)}.\n")
    print("| border | pneumonia before | any before | pneumonia after | any after |")
    print("|---|---|---|---|---|")
    for name, variant in VARIANTS.items():
        bordered = [read(variant(images[n])) for n in kept]
        whole = predicted(model, [replace(radiograph, field=None) for radiograph in bordered])
        after = predicted(model, bordered)
        shares = [np.mean([changed(a, b) for a, b in zip(before, whole, strict=True)], axis=0)]
        shares.append(np.mean([changed(plain[n], b) for n, b in zip(kept, after, strict=True)], axis=0))
        print(
            f"| {name} | " + " | ".join(f"{share:.1%}" for pair in shares for share in pair) + " |",
            flush=True,
        )


if __name__ == "__main__":
    main(*[kind(argument) for kind, argument in zip((int, str), sys.argv[1:], strict=False)])
