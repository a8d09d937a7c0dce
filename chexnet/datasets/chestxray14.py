"""ChestX-ray14 (Wang et al. 2017) as NIH ships it: 112,120 images of 30,805 patients."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chexnet.datasets.manifest import Manifest
from chexnet.datasets.table import Row, read_table
from chexnet.paper import PATHOLOGIES

TABLES = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
NO_FINDING = "No Finding"
IMAGE, LABELS, PATIENT = "Image Index", "Finding Labels", "Patient ID"


@dataclass(frozen=True)
class ChestXray14:
    """A folder that holds the table and the images, in twelve archives' folders or in one.

    Attributes:
        root: holds `Data_Entry_2017_v2020.csv` (or the older `Data_Entry_2017.csv`) and the images, in
            `images_001/images` … `images_012/images`, in `images`, or beside the table.
    """

    root: Path

    @property
    def table(self) -> Path:
        """The table of labels; the 2020 version where both are there."""
        for name in TABLES:
            if (self.root / name).is_file():
                return self.root / name
        raise ValueError(f"{self.root}: no {TABLES[0]}; expected a ChestX-ray14 folder as NIH ships it")

    def image_files(self) -> dict[str, Path]:
        """Each image that is there, by its name."""
        folders = [*sorted(self.root.glob("images_*/images")), self.root / "images", self.root]
        return {file.name: file for folder in folders if folder.is_dir() for file in folder.glob("*.png")}

    def manifest(self, *, only_present: bool = False) -> Manifest:
        """All images of the table with their 14 labels.

        Args:
            only_present: leave out the images whose files are not there. Off by default, so that an
                incomplete copy is an error and not a smaller data set.

        Raises:
            ValueError: files are missing, or the table says what it cannot mean.
        """
        rows = _rows(self.table)
        files = self.image_files()
        missing = [name for name in rows if name not in files]
        if missing and not only_present:
            raise ValueError(
                f"{self.root}: {len(missing):,} of {len(rows):,} images are missing, the first {missing[0]}; "
                "complete the download, or ask for the images that are there with --only-present"
            )
        if len(missing) == len(rows):
            raise ValueError(f"{self.root}: holds none of the images of {self.table.name}")
        present = {name: row for name, row in rows.items() if name in files}
        return Manifest(
            name="ChestX-ray14",
            images=tuple(files[name] for name in present),
            patients=tuple(row.cells[PATIENT] for row in present.values()),
            findings=PATHOLOGIES,
            labels=np.array([_labels(row) for row in present.values()], dtype=np.float32),
        )


def _rows(path: Path) -> dict[str, Row]:
    """Rows by image, checked for what is needed of them."""
    table = read_table(path)
    for column in (IMAGE, LABELS, PATIENT):
        if column not in table.columns:
            raise ValueError(f"{path}: no column {column!r}; is this the table as NIH ships it?")
    rows: dict[str, Row] = {}
    for row in table.rows:
        name = row.cells[IMAGE]
        if not name or not row.cells[PATIENT]:
            raise ValueError(f"{row.where}: no image or no patient; is this the table as NIH ships it?")
        if name in rows:
            raise ValueError(f"{row.where}: {name} stands in an earlier row too")
        rows[name] = row
    return rows


def _labels(row: Row) -> list[float]:
    names = set(row.cells[LABELS].split("|"))
    unknown = names - set(PATHOLOGIES) - {NO_FINDING}
    if unknown or (NO_FINDING in names and len(names) > 1):
        raise ValueError(
            f"{row.where}: {row.cells[IMAGE]} has the labels {row.cells[LABELS]!r}; "
            f"expected pathologies joined by | or {NO_FINDING!r} alone"
        )
    return [float(pathology in names) for pathology in PATHOLOGIES]
