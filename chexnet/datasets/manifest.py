"""The table a network is trained from: one row an image, its patient, its labels."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from chexnet.arrays import Bool, Float, Float32, Int
from chexnet.datasets.table import Row, read_table
from chexnet.paper import PATHOLOGIES

UNKNOWN = float("nan")
"""An unknown label. The loss and every metric leave it out; it is never taken for "absent"."""

_IMAGE_COLUMNS = ("image", "Image Index")
_PATIENT_COLUMNS = ("patient", "patient_id", "Patient ID")
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Manifest:
    """Images with the labels of their findings.

    Attributes:
        name: what the data set is called in a model's provenance.
        images: files, in the table's order.
        patients: an identifier of the patient of each image, unique over all sources.
        findings: names of the label columns.
        labels: 0 absent, 1 present, between them a soft label (a probability), NaN unknown.
        splits: "train", "validation" or "test" for each image, where the table says so.
    """

    name: str
    images: tuple[Path, ...]
    patients: tuple[str, ...]
    findings: tuple[str, ...]
    labels: Float32[np.ndarray, "images findings"]
    splits: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        splits = self.images if self.splits is None else self.splits
        if not len(self.images) == len(self.patients) == len(self.labels) == len(splits):
            raise ValueError(
                f"{self.name}: {len(self.images)} images, {len(self.patients)} patients, "
                f"{len(self.labels)} rows of labels, {len(splits)} splits; expected as many of each"
            )
        if self.labels.shape[1] != len(self.findings):
            raise ValueError(
                f"{self.name}: {self.labels.shape[1]} columns of labels for {len(self.findings)} findings"
            )
        known = self.labels[~np.isnan(self.labels)]
        if known.size and (known.min() < 0 or known.max() > 1):
            raise ValueError(f"{self.name}: labels must lie between 0 and 1, or be blank where unknown")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def image_ids(self) -> tuple[str, ...]:
        """File names, which identify an image wherever it lies."""
        return tuple(image.name for image in self.images)

    def select(self, rows: Int[np.ndarray, " rows"]) -> "Manifest":
        """The manifest of these rows alone, in their order."""
        return Manifest(
            self.name,
            tuple(self.images[row] for row in rows),
            tuple(self.patients[row] for row in rows),
            self.findings,
            self.labels[rows],
            tuple(self.splits[row] for row in rows) if self.splits is not None else None,
        )

    def with_findings(self, findings: Sequence[str]) -> "Manifest":
        """The same images with these label columns.

        Raises:
            ValueError: a finding that this manifest does not label.
        """
        missing = [finding for finding in findings if finding not in self.findings]
        if missing:
            raise ValueError(
                f"{self.name}: no label column for {', '.join(missing)}; it has {', '.join(self.findings)}"
            )
        columns = [self.findings.index(finding) for finding in findings]
        return Manifest(
            self.name, self.images, self.patients, tuple(findings), self.labels[:, columns], self.splits
        )


def known_labels(
    labels: Float[np.ndarray, " images"],
) -> tuple[Bool[np.ndarray, " images"], Bool[np.ndarray, " known"]]:
    """Which labels are known, and which of the known say present; a soft label does from one half on."""
    known = ~np.isnan(labels)
    return known, labels[known] >= 0.5


def read_manifest(path: str | PathLike[str]) -> Manifest:
    """Read a CSV with `image`, `patient`, one column a pathology and, if it likes, `split`.

    Image paths are relative to the CSV's folder. A label is 0, 1, a probability between them (a soft
    label) or blank (unknown). Columns that are no pathology of the paper are left alone.

    Raises:
        ValueError: the first bad row, with its line and what was expected there.
    """
    path = Path(path)
    table = read_table(path)
    image_column = _one_of(table.columns, _IMAGE_COLUMNS, path)
    patient_column = _one_of(table.columns, _PATIENT_COLUMNS, path)
    findings = tuple(pathology for pathology in PATHOLOGIES if pathology in table.columns)
    if not findings:
        raise ValueError(f"{path}: no label column; expected some of {', '.join(PATHOLOGIES)}")
    images = tuple(path.parent / _filled(row, image_column) for row in table.rows)
    _refuse_repeated(images, table.rows)
    labels = [[_label(row, finding) for finding in findings] for row in table.rows]
    return Manifest(
        name=path.stem,
        images=images,
        patients=tuple(_filled(row, patient_column) for row in table.rows),
        findings=findings,
        labels=np.array(labels, dtype=np.float32),
        splits=tuple(_split(row) for row in table.rows) if "split" in table.columns else None,
    )


def _one_of(columns: Iterable[str], candidates: tuple[str, ...], path: Path) -> str:
    for candidate in candidates:
        if candidate in columns:
            return candidate
    raise ValueError(f"{path}: no column {candidates[0]!r}; the table has {', '.join(columns)}")


def _filled(row: Row, column: str) -> str:
    if not row.cells[column]:
        raise ValueError(f"{row.where}: {column} is blank")
    return row.cells[column]


def _label(row: Row, finding: str) -> float:
    text = row.cells[finding]
    if not text:
        return UNKNOWN
    try:
        value = float(text)
    except ValueError:
        value = UNKNOWN
    if not 0 <= value <= 1:
        raise ValueError(
            f"{row.where}: {finding} is {text!r}; expected 0, 1, a probability, or blank for unknown"
        )
    return value


def _split(row: Row) -> str:
    if row.cells["split"] not in SPLITS:
        raise ValueError(f"{row.where}: split is {row.cells['split']!r}; expected {', '.join(SPLITS)}")
    return row.cells["split"]


def _refuse_repeated(images: Sequence[Path], rows: Sequence[Row]) -> None:
    seen = set()
    for image, row in zip(images, rows, strict=True):
        if image in seen:
            raise ValueError(f"{row.where}: {image} stands in an earlier row too; each image may stand once")
        seen.add(image)
