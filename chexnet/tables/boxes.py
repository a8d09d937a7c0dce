"""Radiologists' boxes: where on a film a finding is."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from chexnet.arrays import Float
from chexnet.tables.table import BadTable

FILM_SIDE = 1024.0
"""Pixels; boxes of ChestX-ray14 and of the RSNA challenge are drawn on films of this side."""

_SPELLINGS = {"Infiltrate": "Infiltration"}
"""BBox_List_2017.csv spells one finding otherwise than the table of labels."""


@dataclass(frozen=True)
class Boxes:
    """Radiologists' boxes of one film for one finding.

    Attributes:
        boxes: left, top, width and height as shares of the film's sides.
    """

    image: str
    finding: str
    boxes: Float[np.ndarray, "boxes 4"]


def read_boxes(
    path: str | PathLike[str], finding: str | None = None, film_side: float = FILM_SIDE
) -> list[Boxes]:
    """Read ``BBox_List_2017.csv``, or a table of image, x, y, width, height and perhaps finding.

    Args:
        finding: of every box, for a table that names none (such as the RSNA challenge's).
        film_side: pixels that the boxes' coordinates refer to.

    Raises:
        BadTable: a column is missing, or a number is none.
    """
    path = Path(path)
    if not path.is_file():
        raise BadTable(f"{path}: no such file; expected a table of boxes")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadTable(f"{path}: not a CSV in UTF-8 ({error})") from error
    if len(rows) < 2:
        raise BadTable(f"{path}: the table has no boxes")
    places = _places(rows[0], finding, path)
    grouped: dict[tuple[str, str], list[list[float]]] = {}
    for number, row in enumerate(rows[1:], start=2):
        image = row[places["image"]].strip()
        name = finding or row[places["finding"]].strip()
        try:
            box = [float(row[places[side]]) / film_side for side in ("x", "y", "width", "height")]
        except (ValueError, IndexError) as error:
            raise BadTable(f"{path}: row {number}, image {image}: expected x, y, width and height") from error
        grouped.setdefault((image, _SPELLINGS.get(name, name)), []).append(box)
    return [Boxes(image, name, np.array(boxes)) for (image, name), boxes in grouped.items()]


def _places(header: Sequence[str], finding: str | None, path: Path) -> dict[str, int]:
    """Where each column is; NIH's header is torn apart by the commas inside its own brackets."""
    names = [name.strip().casefold() for name in header]
    if "bbox [x" in names:
        start = names.index("bbox [x")
        return {
            "image": names.index("image index"),
            "finding": names.index("finding label"),
            **dict(zip(("x", "y", "width", "height"), range(start, start + 4), strict=True)),
        }
    aliases: dict[str, Sequence[str]] = {
        "image": ("image", "image index"),
        "x": ("x",),
        "y": ("y",),
        "width": ("width", "w"),
        "height": ("height", "h"),
    }
    if finding is None:
        aliases["finding"] = ("finding", "finding label")
    places: dict[str, int] = {}
    for key, known in aliases.items():
        found = next((names.index(name) for name in known if name in names), None)
        if found is None:
            hint = "; name the finding of all boxes with `finding`" if key == "finding" else ""
            raise BadTable(f"{path}: no column {key!r}; found {', '.join(map(repr, header))}{hint}")
        places[key] = found
    return places
