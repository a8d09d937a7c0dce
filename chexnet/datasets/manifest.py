"""The table a network is trained from: one row per image, its patient, its labels."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

import numpy as np

from chexnet.arrays import Bool, Float, Float32, Int, UInt8
from chexnet.datasets.pack.reader import Pack
from chexnet.paper import PATHOLOGIES
from chexnet.tables import BadTable, ColumnNames, Table, match_images, read_table, same_finding

UNKNOWN = float("nan")
"""An unknown label. The loss and every metric leave it out; it is never taken for "absent"."""

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
        names: path of each image relative to the image root, which identifies it wherever the root lies;
            None where the files' own names do.
        packed_names: what each image is called in the pack.
    """

    name: str
    images: tuple[Path, ...]
    patients: tuple[str, ...]
    findings: tuple[str, ...]
    labels: Float32[np.ndarray, "images findings"]
    splits: tuple[str, ...] | None = None
    pack: Pack | None = None
    names: tuple[str, ...] | None = None
    packed_names: tuple[str, ...] | None = None

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
        """What identifies each image: its path relative to the image root."""
        return tuple(image.name for image in self.images) if self.names is None else self.names

    def select(self, rows: Int[np.ndarray, " rows"]) -> "Manifest":
        """The manifest of these rows alone, in their order."""
        return replace(
            self,
            images=tuple(self.images[row] for row in rows),
            patients=tuple(self.patients[row] for row in rows),
            labels=self.labels[rows],
            splits=_take(self.splits, rows),
            names=_take(self.names, rows),
            packed_names=_take(self.packed_names, rows),
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
        found = match_images(self.image_ids, tuple(pack.rows)).rows
        missing = [image for image, row in zip(self.image_ids, found, strict=True) if row is None]
        if missing:
            reason = pack.problems.get(missing[0], "it was not among the images that were packed")
            raise ValueError(
                f"{pack.folder}: {len(missing):,} of {len(self):,} images are not in the pack, the first "
                f"{missing[0]} ({reason})"
            )
        there = tuple(pack.rows)
        return replace(self, pack=pack, packed_names=tuple(there[row] for row in found if row is not None))

    def packed(self, row: int) -> UInt8[np.ndarray, "size size"]:
        """The image of a row as its pack holds it.

        Raises:
            UnreadableImage: the pixels are not those that were packed.
            ValueError: the manifest is not read from a pack.
        """
        if self.pack is None or self.packed_names is None:
            raise ValueError(f"{self.name}: is not read from a pack")
        return self.pack.grey(self.packed_names[row])


def known_labels(
    labels: Float[np.ndarray, " images"],
) -> tuple[Bool[np.ndarray, " images"], Bool[np.ndarray, " known"]]:
    """Which labels are known, and which of the known say present; a soft label does from one half on."""
    known = ~np.isnan(labels)
    return known, labels[known] >= 0.5


def read_manifest(path: str | PathLike[str], names: ColumnNames | None = None) -> Manifest:
    """Read a table with `image`, `patient`, one column per finding and, if there is one, `split`.

    Image paths are relative to the image root, by default the table's folder. A label is 0, 1, a probability
    between them (a soft label) or blank (unknown). Columns that are not findings of the paper are ignored.

    Args:
        names: how the table names its columns.

    Raises:
        ValueError: the first bad row, with its line and what was expected there.
    """
    names = names or ColumnNames()
    table = read_table(Path(path), short_rows=True)
    images, patients = table.images(names), tuple(table.filled("patient", names))
    _refuse_repeated(images, table)
    columns = {same_finding(finding): column for finding, column in table.findings(names).items()}
    findings = {name: columns[same_finding(name)] for name in PATHOLOGIES if same_finding(name) in columns}
    if not findings:
        raise BadTable(f"{path}: no label column; expected some of {', '.join(PATHOLOGIES)}")
    labels = [
        [_label(table, row, finding, column) for finding, column in findings.items()]
        for row in range(len(table))
    ]
    root = names.image_root or table.path.parent
    return Manifest(
        name=table.path.stem,
        images=tuple(root / image for image in images),
        patients=patients,
        findings=tuple(findings),
        labels=np.array(labels, dtype=np.float32),
        splits=_splits(table),
        names=tuple(images),
    )


def _take(values: tuple[str, ...] | None, rows: Int[np.ndarray, " rows"]) -> tuple[str, ...] | None:
    return None if values is None else tuple(values[row] for row in rows)


def _label(table: Table, row: int, finding: str, column: str) -> float:
    text = table.columns[column][row]
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


def _splits(table: Table) -> tuple[str, ...] | None:
    column = table.column("split")
    if column is None:
        return None
    for row, name in enumerate(column):
        if name not in SPLITS:
            raise BadTable(f"{table.where(row)}: split is {name!r}; expected {', '.join(SPLITS)}")
    return tuple(column)


def _refuse_repeated(images: Sequence[str], table: Table) -> None:
    seen = set()
    for row, image in enumerate(images):
        if image in seen:
            raise BadTable(
                f"{table.where(row)}: {image} stands in an earlier row too; each image may stand once"
            )
        seen.add(image)
