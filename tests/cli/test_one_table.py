"""One table of images, in five spellings of its header, through every command that takes a table."""

import csv
import shutil
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chexnet.cli import main

PATIENTS = 24


@dataclass(frozen=True)
class Spelling:
    """How a table is written: the names of its columns, what separates them, and the options it needs."""

    image: str
    patient: str
    finding: str
    separator: str = ","
    options: tuple[str, ...] = ()
    suffix: str = ".csv"


SPELLINGS = {
    "own": Spelling("image", "patient", "Pneumonia"),
    "NIH": Spelling("Image Index", "Patient ID", "Pneumonia"),
    "tabs": Spelling("image_id", "patient_id", "pneumonia", "\t", suffix=".tsv"),
    "Excel": Spelling("ImageID", "PatientID", "Pneumonia", ";"),
    "none of the usual": Spelling(
        "scan",
        "person",
        "label_Pneumonia",
        options=("--image-column", "scan", "--patient-column", "person", "--prefix", "label_"),
    ),
}


TINY = (
    *("--task", "pneumonia", "--weights", "none", "--image-size", 32, "--batch-size", 8),
    *("--max-epochs", 1, "--accelerator", "cpu", "--workers", 0, "--name", "tiny"),
)
FEW = ("--samples", 100)


@dataclass(frozen=True)
class Study:
    """A folder of images, and a table of them as each spelling writes it."""

    root: Path
    rows: list[tuple[str, str, int]]

    def table(self, spelling: Spelling) -> Path:
        """One row per image."""
        return self._write("table", spelling, (spelling.image, spelling.patient, spelling.finding), self.rows)

    def boxes(self, spelling: Spelling) -> Path:
        """A box on some of the images."""
        rows = [(image, "Pneumonia", 60, 150, 30, 30) for image, _, present in self.rows if present][:6]
        return self._write("boxes", spelling, (spelling.image, "finding", "x", "y", "w", "h"), rows)

    def _write(self, name: str, spelling: Spelling, *rows) -> Path:
        folder = self.root / "tables" / spelling.image
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}{spelling.suffix}"
        with path.open("w", newline="", encoding="utf-8-sig") as file:
            writer = csv.writer(file, delimiter=spelling.separator)
            writer.writerow(rows[0])
            writer.writerows(rows[1])
        return path


def run(*arguments: object, ends_with: int = 0) -> str:
    """What a command prints; `chexnet_cli` is of one test, and the trained network is of all."""
    out, err = StringIO(), StringIO()
    with pytest.raises(SystemExit) as ended, redirect_stdout(out), redirect_stderr(err):
        main([str(argument) for argument in arguments])
    assert (ended.value.code or 0) == ends_with, err.getvalue()
    return out.getvalue() + err.getvalue()


def split_and_pack(table: Path, folder: Path, *options: object) -> tuple[object, ...]:
    """The arguments of a training on the split and the pack of a table."""
    split, pack = folder / "split.csv", folder / "pack"
    assert "48 images in the table" in run("split", table, split, *options)
    assert "no patient is in two parts" in run("audit", split, "--data", table, *options)
    run("pack", table, pack, "--image-size", 32, "--workers", 1, *options)
    return ("train", table, folder / "run", "--split", split, "--packed", pack, *TINY, *options)


@pytest.fixture(scope="module")
def study(tmp_path_factory, example_film) -> Study:
    """Two images per patient; every patient has a view1.png and a view2.png, as in CheXpert.

    All show the synthetic chest, which the gate lets through, some with a bright square.
    """
    chest = np.asarray(Image.open(example_film).convert("L").resize((256, 256))).astype(float)
    root = tmp_path_factory.mktemp("study")
    generator = np.random.default_rng(0)
    rows = []
    for patient in range(PATIENTS):
        for view in (1, 2):
            path = root / "scans" / f"p{patient:02}" / f"view{view}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = chest + generator.normal(0, 2, chest.shape)
            pixels[150:180, 60:90] += 60 * (patient % 2)
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)
            rows.append((path.relative_to(root).as_posix(), f"p{patient:02}", patient % 2))
    return Study(root, rows)


@pytest.fixture(scope="module")
def trained(study, tmp_path_factory) -> Path:
    """The folder of a split, a pack, a run and its predictions, from the table in its own spelling."""
    folder = tmp_path_factory.mktemp("trained")
    run(*split_and_pack(study.table(SPELLINGS["own"]), folder, "--image-root", study.root))
    predicted = folder / "predicted.csv"
    model = folder / "run" / "tiny.onnx"
    run("predict", study.root, "--model", model, "--no-gate", "--output", predicted)
    return folder


def test_images_of_one_name_in_many_folders_are_told_by_their_paths(study, trained):
    named = (trained / "run" / "training_ids.txt").read_text().split()
    assert set(named) < {image for image, _, _ in study.rows}
    assert len(set(named)) == len(named)
    with (trained / "predicted.csv").open(newline="") as file:
        assert {row["image"] for row in csv.DictReader(file)} == {
            str(study.root / image) for image, _, _ in study.rows
        }


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_table_goes_through_every_command(study, trained, tmp_path, name):
    spelling = SPELLINGS[name]
    options = (*spelling.options, "--image-root", study.root)
    table, model = study.table(spelling), trained / "run" / "tiny.onnx"
    # A run that has ended, on the same images and labels, is known as such; any other table is refused.
    shutil.copytree(trained, tmp_path / "again", ignore=shutil.ignore_patterns("best.ckpt", "predicted.csv"))
    training = split_and_pack(table, tmp_path / "again", *options)
    assert "best.ckpt is no longer there, and the run has ended" in run(*training, ends_with=1)
    evaluated = run(
        *("evaluate", trained / "predicted.csv", "--labels", table, *FEW, *options),
        *("--trained-on", trained / "run" / "training_ids.txt"),
    )
    assert "48 images of 24 patients" in evaluated
    assert "CONTAMINATED" in evaluated
    boxed = ("--images", study.root, "--model", model)
    boxes, side = study.boxes(spelling), ("--image-side", 256)
    localised = run("localise", boxes, *boxed, "--labels", table, *side, *FEW, *options)
    assert "Pneumonia" in localised
    page = tmp_path / "report.html"
    shown = ("--boxes", boxes, *boxed, "--output", page)
    run("report", trained / "predicted.csv", "--labels", table, *shown, *FEW, *options)
    assert "48 images" in page.read_text(encoding="utf-8")
