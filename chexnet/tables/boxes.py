"""Radiologists' boxes: where on a radiograph a finding is."""

import math
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from chexnet.arrays import Float
from chexnet.tables.columns import BadTable, ColumnNames
from chexnet.tables.table import Table, read_table

IMAGE_SIDE = 1024.0
"""Pixels; boxes of ChestX-ray14 and of the RSNA challenge are drawn on images of this side."""

_SIDES = ("x", "y", "width", "height")
_SPELLINGS = {"Infiltrate": "Infiltration"}
"""BBox_List_2017.csv spells one finding otherwise than the table of labels."""


@dataclass(frozen=True)
class Boxes:
    """Radiologists' boxes of one image for one finding.

    Attributes:
        boxes: left, top, width and height as shares of the image's sides.
    """

    image: str
    finding: str
    boxes: Float[np.ndarray, "boxes 4"]


def read_boxes(
    path: str | PathLike[str],
    finding: str | None = None,
    image_side: float = IMAGE_SIDE,
    names: ColumnNames | None = None,
) -> list[Boxes]:
    """Read ``BBox_List_2017.csv``, or a table of image, x, y, width, height and perhaps finding.

    Args:
        finding: of every box, for a table that names none (such as the RSNA challenge's).
        image_side: pixels that the boxes' coordinates refer to.
        names: how the table names its columns.

    Raises:
        BadTable: a column is missing, or a number is not finite, or a box has no area.
        ValueError: the side is not a positive number.
    """
    if not (math.isfinite(image_side) and image_side > 0):
        raise ValueError(f"`image_side` is {image_side}; expected the number of pixels, above 0")
    table = read_table(Path(path))
    images = table.images(names)
    sides = [table.filled(side) for side in _SIDES]
    findings = [finding] * len(table) if finding else _findings(table)
    grouped: dict[tuple[str, str], list[list[float]]] = {}
    for row, (image, name) in enumerate(zip(images, findings, strict=True)):
        box = _box([cells[row] for cells in sides], f"{table.where(row)}, image {image}")
        grouped.setdefault((image, _SPELLINGS.get(name, name)), []).append(
            [side / image_side for side in box]
        )
    return [Boxes(image, name, np.array(boxes)) for (image, name), boxes in grouped.items()]


def _findings(table: Table) -> list[str]:
    if table.column("finding") is None:
        raise BadTable(
            f"{table.path}: no column 'finding'; found {', '.join(map(repr, table.columns))}; name the "
            "finding of all boxes with `finding`"
        )
    return table.filled("finding")


def _box(cells: list[str], place: str) -> list[float]:
    try:
        box = [float(cell) for cell in cells]
    except ValueError:
        box = [math.nan]
    if not all(map(math.isfinite, box)) or min(box[2:]) <= 0:
        raise BadTable(
            f"{place}: expected x, y, and a width and height above 0, in pixels; got {', '.join(cells)}"
        )
    return box
