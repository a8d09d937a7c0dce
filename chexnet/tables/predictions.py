"""Predictions of any model: a table with one row an image and one probability a pathology."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from chexnet.arrays import Float
from chexnet.paper import PATHOLOGIES
from chexnet.tables.columns import BadTable, ColumnNames, same_finding
from chexnet.tables.table import Table, read_table, refuse_repeated_images

_SCORED = ("ok", "")
_PATHOLOGIES = {same_finding(pathology) for pathology in PATHOLOGIES}


@dataclass(frozen=True)
class Predictions:
    """Probabilities of a model.

    Attributes:
        name: what to call the model in tables.
        images: names of the images that have probabilities.
        findings: names of the columns.
        probabilities: in [0, 1].
        not_scored: reason to number of images that the model refused or could not read. They are no
            part of any AUROC, and are reported beside it.
        source: the file and its SHA-256, where there is one.
    """

    name: str
    images: Sequence[str]
    findings: Sequence[str]
    probabilities: Float[np.ndarray, "images findings"]
    not_scored: dict[str, int] = field(default_factory=dict)
    source: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        if not np.isfinite(self.probabilities).all():
            raise ValueError("probabilities must be numbers; leave images without them out")
        if len(set(self.images)) != len(self.images):
            raise ValueError("an image is there twice; keep one row for each")

    def of(self, finding: str) -> Float[np.ndarray, " images"]:
        """The probabilities of one finding."""
        return self.probabilities[:, list(self.findings).index(finding)]


def read_predictions(
    path: Path,
    names: ColumnNames | None = None,
    name: str | None = None,
    findings: Sequence[str] | None = None,
) -> Predictions:
    """Read what ``chexnet predict`` wrote, or any wide table of probabilities.

    A column ``status`` other than ``ok`` marks an image that was not scored; its probabilities are
    blank and its ``reason`` is counted.

    Args:
        names: how the table names its columns.
        name: what to call the model; the file's name by default.
        findings: those wanted; other columns may then hold anything. By default every column of
            numbers is a finding.

    Raises:
        BadTable: an image is there twice, or a scored one lacks a probability, or one lies outside
            [0, 1], or no column holds probabilities.
    """
    return predictions_of(read_table(path), names or ColumnNames(), name, findings)


def prediction_columns(table: Table, names: ColumnNames) -> dict[str, str]:
    """The columns of a table of predictions that hold numbers: finding to column.

    Raises:
        BadTable: there is none, or none with the prefix, or one of a pathology that holds something else.
    """
    scored = _scored(table)
    numeric = {}
    for finding, column in table.findings(names, besides=("status", "reason")).items():
        cells = [cell for cell, good in zip(table.columns[column], scored, strict=True) if good]
        if any(_is_number(cell) for cell in cells):
            numeric[finding] = column
        elif same_finding(finding) in _PATHOLOGIES and (wrong := next(filter(str.strip, cells), None)):
            # Left out, it would be missed by nobody, and a mean would be of fewer findings.
            raise BadTable(
                f"{table.path}: column {column!r}: expected probabilities, got {wrong!r}; write numbers in "
                "[0, 1] with a point"
            )
    if not any(scored):
        raise BadTable(f"{table.path}: no image was scored: {_reasons(table, scored)}")
    if not numeric:
        raise BadTable(
            f"{table.path}: no column holds probabilities; found {', '.join(map(repr, table.columns))}; "
            "columns are separated by commas"
        )
    return numeric


def predictions_of(
    table: Table, names: ColumnNames, name: str | None = None, findings: Sequence[str] | None = None
) -> Predictions:
    """As ``read_predictions``, from a table already read."""
    images = table.images(names)
    refuse_repeated_images(images, table.path)
    scored = _scored(table)
    columns = prediction_columns(table, names)
    if findings is not None:
        wanted = {same_finding(one) for one in findings}
        columns = {finding: column for finding, column in columns.items() if same_finding(finding) in wanted}
    probabilities = np.stack(
        [_probabilities(table, column, finding, images, scored) for finding, column in columns.items()],
        axis=1,
    )
    return Predictions(
        name=name or table.path.stem,
        images=[image for image, good in zip(images, scored, strict=True) if good],
        findings=tuple(columns),
        probabilities=probabilities,
        not_scored=_reasons(table, scored),
        source=(table.path.name, table.sha256()),
    )


def _scored(table: Table) -> list[bool]:
    status = table.column("status")
    return [True] * len(table) if status is None else [one.strip().lower() in _SCORED for one in status]


def _reasons(table: Table, scored: Sequence[bool]) -> dict[str, int]:
    if all(scored):
        return {}
    status, blank = table.filled("status"), [""] * len(table)
    reason = table.column("reason") or blank
    count = Counter(
        ": ".join(filter(None, (status[row].strip(), reason[row].strip())))
        for row, good in enumerate(scored)
        if not good
    )
    return dict(count.most_common())


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _probabilities(
    table: Table, column: str, finding: str, images: Sequence[str], scored: Sequence[bool]
) -> Float[np.ndarray, " scored"]:
    values = []
    for row, (image, cell, good) in enumerate(
        zip(images, table.columns[column], scored, strict=True), start=2
    ):
        if good:
            values.append(_probability(cell, f"{table.path}: row {row}, image {image}, {finding}"))
    return np.array(values, dtype=np.float64)


def _probability(cell: str, place: str) -> float:
    if not cell.strip():
        raise BadTable(
            f"{place}: no probability; an image that was not scored needs a status other than ok, or no row"
        )
    try:
        value = float(cell)
    except ValueError as error:
        raise BadTable(f"{place}: expected a probability, got {cell!r}") from error
    if not 0 <= value <= 1:
        raise BadTable(f"{place}: expected a probability in [0, 1], got {cell.strip()}")
    return value
