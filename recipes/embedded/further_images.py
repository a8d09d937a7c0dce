"""Further images of ChestX-ray14 for pretraining: one table, one look, soft labels.

``python -m recipes.embedded.further_images`` (about four minutes on one core) writes 224-pixel PNGs and the
table ``runs/further/chestxray14-15999.csv``, which `chexnet train` takes.

There are three sources: the 1,330 images at full size, 8,003 small copies that radiologists call normal, and
6,666 small copies of which only the lungs remain. A network tells the sources apart, and so what radiologists
said, unless all look alike. Every image therefore goes through one degradation: down to 299 and then to 224
pixels, and through lossy compression.

Only training patients of ``recipes/open_images.py`` are trained on; further images of the others' patients
are left out. Labels are the mean of what is known: the report's, the radiologists' of the RSNA challenge for
pneumonia, and the probabilities of fully trained networks, aligned to the prevalence of each source first.
Averaged as they are, those say "no pneumonia" exactly where a positive image has one.
"""

import io
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from chexnet.paper import PATHOLOGIES
from chexnet.radiograph import read_radiograph
from recipes.embedded._0_tables import Row, at_prevalence, write
from recipes.open_images import DATA, ROOT, parts, read

FOLDER = ROOT / "runs" / "further"
TABLE = FOLDER / "chestxray14-15999.csv"
SIDE = 224
_BEFORE, _QUALITY = 299, 80
"""Pixels and quality of the copies that the small images came through."""
_MORE = DATA / "chestxray14_more"
_ARCHIVES = {"whole": _MORE / "whole-224-webp.tar", "lungs": _MORE / "lungs-224-webp.tar"}
_SAID = {"Lung Opacity": 1.0, "Normal": 0.0}
"""What radiologists' classes say of pneumonia."""


def degraded(grey: np.ndarray) -> np.ndarray:
    """An image of any size as the small copies look: (224, 224) bytes.

    Args:
        grey: (rows, columns), bytes.
    """
    image = Image.fromarray(grey)
    for side in (_BEFORE, SIDE):
        # Only ever smaller: nothing is gained by blowing a small copy up again.
        if min(image.size) > side or image.size[0] != image.size[1]:
            image = image.resize((side, side), Image.Resampling.BILINEAR)
    compressed = io.BytesIO()
    image.save(compressed, "WEBP", quality=_QUALITY)
    return np.asarray(Image.open(compressed).convert("L"))


def members(archive: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Each image of an archive, by its name in ChestX-ray14."""
    with tarfile.open(archive) as opened:
        for entry in opened:
            file = opened.extractfile(entry)
            if file is not None:
                yield Path(entry.name).stem + ".png", np.asarray(Image.open(file).convert("L"))


def soft_labels(
    reported: np.ndarray,
    taught: Mapping[int, Sequence[float]],
    classes: Sequence[str],
    sources: Sequence[str],
) -> np.ndarray:
    """Mean of what is known of each label, (images, findings).

    Args:
        reported: 0 or 1 of the report, (images, findings).
        taught: probabilities of trained networks, by row; only some rows have them.
        classes: what radiologists of the RSNA challenge said, "" where they did not see the image.
        sources: of each image; probabilities are aligned within a source, as prevalences differ.
    """
    opinions = np.full((3, *reported.shape), np.nan)
    opinions[0] = reported
    for source in dict.fromkeys(sources):
        rows = [row for row in taught if sources[row] == source]
        if rows:
            probabilities = np.clip([taught[row] for row in rows], 1e-6, 1 - 1e-6)
            opinions[1, rows] = at_prevalence(probabilities, reported[rows].mean(axis=0))
    opinions[2, :, PATHOLOGIES.index("Pneumonia")] = [_SAID.get(one, np.nan) for one in classes]
    return np.nanmean(opinions, axis=0)


def further_table(
    adults: Sequence[Mapping[str, str]], more: Sequence[Mapping[str, str]], folder: Path
) -> list[Row]:
    """Rows of the table: all adults with their parts, and the further images of training patients.

    Args:
        adults: the manifest of the 1,330.
        more: the manifest of the further images.
        folder: where the degraded images are.
    """
    part = parts([row["patient_id"] for row in adults])
    held_out = {row["patient_id"] for row, name in zip(adults, part, strict=True) if name != "train"}
    known = {row["image"] for row in adults}
    further = [row for row in more if row["patient_id"] not in held_out and row["image"] not in known]
    table = [*adults, *further]
    reported = np.array([[float(row[name]) for name in PATHOLOGIES] for row in table])
    scored = {row["image"]: row for row in read(_MORE / "teacher_probabilities.csv")}
    taught = {
        n: [float(scored[row["image"]][name]) for name in PATHOLOGIES]
        for n, row in enumerate(table)
        if row["image"] in scored and (n >= len(part) or part[n] == "train")
    }
    sources = ["adults"] * len(adults) + [row["kind"] for row in further]
    labels = soft_labels(reported, taught, [row["rsna_class"] for row in table], sources)
    # Validation and test keep the report's labels.
    measured = [n for n, name in enumerate(part) if name != "train"]
    labels[measured] = reported[measured]
    return [
        {
            "image": folder / row["image"],
            "patient": f"nih-{row['patient_id']}",
            "split": part[n] if n < len(part) else "train",
            **{name: f"{value:.5g}" for name, value in zip(PATHOLOGIES, labels[n], strict=True)},
        }
        for n, row in enumerate(table)
    ]


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    adults = read(DATA / "chestxray14" / "manifest.csv")
    rows = further_table(adults, read(_MORE / "manifest.csv"), FOLDER)
    wanted = {Path(str(row["image"])).name for row in rows}
    for row in adults:
        pixels = read_radiograph(DATA / "chestxray14" / "images" / row["image"]).pixels
        _store(row["image"], np.rint(255 * pixels).astype(np.uint8))
    for archive in _ARCHIVES.values():
        for name, grey in members(archive):
            if name in wanted:
                _store(name, grey)
    write(TABLE, rows)
    print(f"{len(rows)} images: {TABLE}")


def _store(name: str, grey: np.ndarray) -> None:
    path = FOLDER / name
    if not path.exists():
        partial = path.with_suffix(".partial")
        Image.fromarray(degraded(grey)).save(partial, "PNG")
        partial.replace(path)


if __name__ == "__main__":
    main()
