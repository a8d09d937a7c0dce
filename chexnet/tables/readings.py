"""Readings of radiologists: one row for each image and reader, one column a pathology."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chexnet.arrays import Float
from chexnet.tables.columns import BadTable, ColumnNames
from chexnet.tables.labels import label_value, match_findings
from chexnet.tables.table import Table, read_table


@dataclass(frozen=True)
class Readings:
    """Who saw what.

    Attributes:
        readers: their names, in order of appearance.
        images: their names, in order of appearance.
        findings: names of the last axis.
        values: 1 present, 0 absent, NaN not read.
        patients: the patient of each image; None where the table does not say.
        source: the file and its SHA-256, where there is one.
    """

    readers: Sequence[str]
    images: Sequence[str]
    findings: Sequence[str]
    values: Float[np.ndarray, "readers images findings"]
    patients: Sequence[str] | None = None
    source: tuple[str, str] | None = None

    def of(self, finding: str) -> Float[np.ndarray, "readers images"]:
        """The readings of one finding."""
        return self.values[:, :, list(self.findings).index(finding)]


def reading_columns(table: Table, names: ColumnNames) -> list[str]:
    """The findings that a table of readings may hold."""
    return list(table.findings(names))


def read_readings(path: Path, findings: Sequence[str], names: ColumnNames | None = None) -> Readings:
    """Read a long table: columns ``image``, ``reader``, and one of 0, 1, blank (or NO, YES) a pathology.

    Args:
        findings: those wanted; blanks, underscores and capitals do not matter.

    Raises:
        BadTable: no column names the reader, a reader read an image twice, a reading is not 0, 1 or
            blank, or an image has two patients.
    """
    return readings_of(read_table(path), findings, names or ColumnNames())


def readings_of(table: Table, findings: Sequence[str], names: ColumnNames) -> Readings:
    """As ``read_readings``, from a table already read."""
    images, readers = table.images(names), table.filled("reader", names)
    columns = table.findings(names)
    common = match_findings(findings, list(columns), table.path)
    image_row = {name: row for row, name in enumerate(dict.fromkeys(images))}
    reader_row = {name: row for row, name in enumerate(dict.fromkeys(readers))}
    values = np.full((len(reader_row), len(image_row), len(common)), np.nan)
    seen: set[tuple[str, str]] = set()
    for row, (image, reader) in enumerate(zip(images, readers, strict=True)):
        if (image, reader) in seen:
            raise BadTable(
                f"{table.path}: row {row + 2}: reader {reader} read image {image} twice; keep one reading"
            )
        seen.add((image, reader))
        for place, (finding, own) in enumerate(common.items()):
            where = f"{table.path}: row {row + 2}, image {image}, reader {reader}, {finding}"
            cell = table.columns[columns[own]][row]
            values[reader_row[reader], image_row[image], place] = label_value(cell, where)
    return Readings(
        readers=list(reader_row),
        images=list(image_row),
        findings=tuple(common),
        values=values,
        patients=_patients(table, images, names),
        source=(table.path.name, table.sha256()),
    )


def _patients(table: Table, images: Sequence[str], names: ColumnNames) -> list[str] | None:
    column = table.column("patient", names)
    if column is None:
        return None
    of_image: dict[str, str] = {}
    for image, cell in zip(images, column, strict=True):
        patient = cell.strip()
        if not patient:
            raise BadTable(f"{table.path}: image {image} has no patient; give it one, or drop the column")
        if of_image.setdefault(image, patient) != patient:
            raise BadTable(f"{table.path}: image {image} has two patients, {of_image[image]} and {patient}")
    return list(of_image.values())
