"""The table a network is trained from: one row an image, its patient, its labels."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

import numpy as np

from chexnet.arrays import Bool, Float, Float32, Int
from chexnet.datasets.pack.reader import Pack
from chexnet.paper import PATHOLOGIES
from chexnet.tables.table import PATIENT_COLUMNS, BadTable, Table, read_table

UNKNOWN = float("nan")
"""An unknown label. The loss and every metric leave it out; it is never taken for "absent"."""

_IMAGE_COLUMNS = ("image", "Image Index")
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
        pack: what to read the images from instead of their files, which then need not be there.
    """

    name: str
    images: tuple[Path, ...]
    patients: tuple[str, ...]
    findings: tuple[str, ...]
    labels: Float32[np.ndarray, "images findings"]
    splits: tuple[str, ...] | None = None
    pack: Pack | None = None

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
        return replace(
            self,
            images=tuple(self.images[row] for row in rows),
            patients=tuple(self.patients[row] for row in rows),
            labels=self.labels[rows],
            splits=tuple(self.splits[row] for row in rows) if self.splits is not None else None,
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
        return replace(self, findings=tuple(findings), labels=self.labels[:, columns])

    def read_from(self, pack: Pack) -> "Manifest":
        """The same images, read from a pack.

        Raises:
            ValueError: the pack lacks an image, or could not read it when it was made.
        """
        missing = [image for image in self.image_ids if image not in pack]
        if missing:
            reason = pack.problems.get(missing[0], "it was not among the films that were packed")
            raise ValueError(
                f"{pack.folder}: {len(missing):,} of {len(self):,} images are not in the pack, the first "
                f"{missing[0]} ({reason})"
            )
        return replace(self, pack=pack)


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
    table = read_table(Path(path), short_rows=True)
    images = tuple(table.path.parent / name for name in _filled(table, _IMAGE_COLUMNS))
    patients = tuple(_filled(table, PATIENT_COLUMNS))
    _refuse_repeated(images, table)
    findings = tuple(pathology for pathology in PATHOLOGIES if pathology in table.columns)
    if not findings:
        raise BadTable(f"{path}: no label column; expected some of {', '.join(PATHOLOGIES)}")
    labels = [[_label(table, row, finding) for finding in findings] for row in range(len(table))]
    return Manifest(
        name=table.path.stem,
        images=images,
        patients=patients,
        findings=findings,
        labels=np.array(labels, dtype=np.float32),
        splits=_splits(table) if "split" in table.columns else None,
    )


def _filled(table: Table, candidates: tuple[str, ...]) -> list[str]:
    """The column of one of these names, which may not be blank anywhere."""
    column = table.known_column(candidates)
    if column is None:
        raise BadTable(f"{table.path}: no column {candidates[0]!r}; the table has {', '.join(table.columns)}")
    if "" in column:
        raise BadTable(f"{table.where(column.index(''))}: {candidates[0]} is blank")
    return column


def _label(table: Table, row: int, finding: str) -> float:
    text = table.columns[finding][row]
    if not text:
        return UNKNOWN
    try:
        value = float(text)
    except ValueError:
        value = UNKNOWN
    if not 0 <= value <= 1:
        raise BadTable(
            f"{table.where(row)}: {finding} is {text!r}; expected 0, 1, a probability, or blank for unknown"
        )
    return value


def _splits(table: Table) -> tuple[str, ...]:
    for row, name in enumerate(table.columns["split"]):
        if name not in SPLITS:
            raise BadTable(f"{table.where(row)}: split is {name!r}; expected {', '.join(SPLITS)}")
    return tuple(table.columns["split"])


def _refuse_repeated(images: Sequence[Path], table: Table) -> None:
    seen = set()
    for row, image in enumerate(images):
        if image in seen:
            raise BadTable(
                f"{table.where(row)}: {image} stands in an earlier row too; each image may stand once"
            )
        seen.add(image)
