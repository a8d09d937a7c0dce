"""Reference labels: which image has which finding, of whom, and how it was taken."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from chexnet.arrays import Float, Int
from chexnet.paper import PATHOLOGIES
from chexnet.tables.columns import BadTable, ColumnNames, closest, same_finding
from chexnet.tables.table import Table, read_table, refuse_repeated_images

_NO_FINDING = "No Finding"

_OLDEST = 120
"""Years; ChestX-ray14 has ages up to 414, which are errors of entry and count as unknown."""

_VALUES = {
    "1": 1.0,
    "0": 0.0,
    "1.0": 1.0,
    "0.0": 0.0,
    "yes": 1.0,
    "no": 0.0,
    "true": 1.0,
    "false": 0.0,
    "": math.nan,
}


_MOST_GROUPS = 20
"""Values of a column of subgroups; with more, the column is rather an identifier."""


@dataclass(frozen=True)
class Labels:
    """Labels of images.

    Attributes:
        images: their names.
        findings: names of the columns of ``values``.
        values: 1 present, 0 absent, NaN unknown.
        patients: the patient of each image; None where the table does not say.
        sex, view: as the table spells them, empty where unknown.
        age: years, NaN where unknown.
        source: the file and its SHA-256, where there is one.
        groups: further columns by their name, to measure subgroups by; empty where unknown.
        of_chestxray14: whether they are ChestX-ray14's own, mined from reports; by its column Finding Labels.
    """

    images: Sequence[str]
    findings: Sequence[str]
    values: Float[np.ndarray, "images findings"]
    patients: Sequence[str] | None = None
    sex: Sequence[str] | None = None
    age: Float[np.ndarray, " images"] | None = None
    view: Sequence[str] | None = None
    source: tuple[str, str] | None = None
    of_chestxray14: bool = False
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def of(self, finding: str) -> Float[np.ndarray, " images"]:
        """The labels of one finding: 1, 0 or NaN."""
        return self.values[:, list(self.findings).index(finding)]

    def take(self, rows: Int[np.ndarray, " rows"]) -> "Labels":
        """The labels of some of the images, in that order."""
        return Labels(
            images=[self.images[row] for row in rows],
            findings=self.findings,
            values=self.values[rows],
            patients=_take(self.patients, rows),
            sex=_take(self.sex, rows),
            age=None if self.age is None else self.age[rows],
            view=_take(self.view, rows),
            source=self.source,
            of_chestxray14=self.of_chestxray14,
            groups={name: [values[row] for row in rows] for name, values in self.groups.items()},
        )


def read_labels(path: Path, findings: Sequence[str], names: ColumnNames | None = None) -> Labels:
    """Read the official ``Data_Entry_2017_v2020.csv``, or any wide table of 0, 1 and blank.

    Args:
        findings: those wanted, as the predictions spell them. Blanks, underscores and capitals do
            not matter, so that ``Pleural Thickening`` is found as ``Pleural_Thickening``.

    Raises:
        BadTable: none of the findings is there, or one is there under a slightly different name, or a
            label is not 0, 1 or blank, or an image is there twice or has no patient while others do.
    """
    return labels_of(read_table(path), findings, names or ColumnNames())


def label_columns(table: Table, names: ColumnNames) -> list[str]:
    """The findings that a table of labels may hold."""
    if is_nih(table):
        return [*PATHOLOGIES, _NO_FINDING]
    return list(table.findings(names))


def is_nih(table: Table) -> bool:
    """Whether the table has ChestX-ray14's column ``Finding Labels``, which holds all labels of an image."""
    return table.column("findings") is not None


def labels_of(table: Table, findings: Sequence[str], names: ColumnNames) -> Labels:
    """As ``read_labels``, from a table already read."""
    images = table.images(names)
    refuse_repeated_images(images, table.path)
    found, values = _values(table, findings, names, images)
    labels = with_demography(table, images, found, values, patients_of(table, images, names))
    return replace(labels, groups=_groups(table, names))


def _groups(table: Table, names: ColumnNames) -> dict[str, list[str]]:
    """The columns that were asked for as subgroups, as far as this table has them."""
    found = {name: table.columns[name] for name in names.groups if name in table.columns}
    for name, values in found.items():
        if len(set(values)) > _MOST_GROUPS:
            raise BadTable(
                f"{table.path}: column {name!r} has {len(set(values)):,} values; subgroups need a column "
                f"with at most {_MOST_GROUPS}"
            )
    return found


def with_demography(
    table: Table,
    images: Sequence[str],
    findings: Sequence[str],
    values: Float[np.ndarray, "images findings"],
    patients: Sequence[str] | None,
) -> Labels:
    """Labels together with what else the table says of its images."""
    return Labels(
        images=images,
        findings=findings,
        values=values,
        patients=patients,
        sex=table.column("sex"),
        age=_ages(table),
        view=table.column("view"),
        source=(table.path.name, table.sha256()),
        of_chestxray14=is_nih(table),
    )


def label_value(cell: str, place: str) -> float:
    """1 present, 0 absent, NaN unknown; ``YES`` and ``NO`` are understood."""
    try:
        return _VALUES[cell.strip().lower()]
    except KeyError:
        raise BadTable(f"{place}: expected 0, 1 or blank, got {cell!r}") from None


def match_findings(wanted: Sequence[str], offered: Sequence[str], path: Path) -> dict[str, str]:
    """Wanted to offered name of each finding that both sides have.

    Raises:
        BadTable: none is common, or one is missing on one side and nearly there on the other.
    """
    by_key = {same_finding(name): name for name in offered}
    common = {name: by_key[same_finding(name)] for name in wanted if same_finding(name) in by_key}
    free = [name for name in offered if name not in common.values()]
    for name in wanted:
        near = None if name in common else closest(name, free)
        if near:
            raise BadTable(
                f"{path}: has no finding {name!r}; did you mean {near!r}? Use `rename`, {name}={near}"
            )
    if not common:
        raise BadTable(_nothing_common(wanted, offered, path))
    return common


def _nothing_common(wanted: Sequence[str], offered: Sequence[str], path: Path) -> str:
    message = (
        f"{path}: none of the findings {', '.join(map(repr, wanted[:6]))} is among its columns "
        f"{', '.join(map(repr, offered[:6]))}"
    )
    for name in wanted:
        for target in offered:
            if same_finding(name).endswith("_" + same_finding(target)):
                return f"{message}; try `prefix` {name[: len(name) - len(target)]}"
    return f"{message}; map the names with `prefix` and `rename`"


def _values(
    table: Table, findings: Sequence[str], names: ColumnNames, images: Sequence[str]
) -> tuple[tuple[str, ...], Float[np.ndarray, "images findings"]]:
    if is_nih(table):
        return _from_finding_labels(table, findings, images)
    columns = table.findings(names)
    common = match_findings(findings, list(columns), table.path)
    values = [
        [
            label_value(cell, f"{table.path}: row {row}, image {image}, {finding}")
            for row, (image, cell) in enumerate(
                zip(images, table.columns[columns[own]], strict=True), start=2
            )
        ]
        for finding, own in common.items()
    ]
    return tuple(common), np.array(values, dtype=np.float64).T


def _from_finding_labels(
    table: Table, findings: Sequence[str], images: Sequence[str]
) -> tuple[tuple[str, ...], Float[np.ndarray, "images findings"]]:
    """ChestX-ray14's own column: names joined by ``|``, or ``No Finding``."""
    known = {*PATHOLOGIES, _NO_FINDING}
    common = match_findings(findings, sorted(known), table.path)
    place = {own: index for index, own in enumerate(common.values())}
    values = np.zeros((len(table), len(common)))
    for row, cell in enumerate(table.filled("findings")):
        names = cell.split("|")
        if not set(names) <= known or (_NO_FINDING in names and len(names) > 1):
            raise BadTable(
                f"{table.where(row)}: {images[row]} has the labels {cell!r}; expected some of the 14 "
                f"pathologies joined by |, or {_NO_FINDING!r} alone"
            )
        for name in names:
            if name in place:
                values[row, place[name]] = 1
    return tuple(common), values


def patients_of(table: Table, images: Sequence[str], names: ColumnNames) -> list[str] | None:
    """The patient of each image; None where the table has no such column.

    Raises:
        BadTable: an image has no patient while others do.
    """
    patients = table.column("patient", names)
    if patients is None:
        return None
    missing = [image for image, patient in zip(images, patients, strict=True) if not patient]
    if missing:
        raise BadTable(
            f"{table.path}: {len(missing)} images have no patient, the first is {missing[0]}; give each a "
            "patient, or leave the column out to count every image as its own patient"
        )
    return patients


def _ages(table: Table) -> Float[np.ndarray, " images"] | None:
    cells = table.column("age")
    return None if cells is None else np.array([_age(cell) for cell in cells])


def _age(cell: str) -> float:
    """Years from ``57`` or the older table's ``057Y``, ``011M``, ``012D``."""
    unit = {"Y": 1.0, "M": 1 / 12, "D": 1 / 365.25}.get(cell[-1:].upper(), 1.0)
    try:
        years = float(cell.rstrip("YMDymd")) * unit
    except ValueError:
        return math.nan
    return years if 0 <= years <= _OLDEST else math.nan


def _take(cells: Sequence[str] | None, rows: Int[np.ndarray, " rows"]) -> list[str] | None:
    return None if cells is None else [cells[row] for row in rows]
