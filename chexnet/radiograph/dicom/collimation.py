"""The field that a collimator or a display shutter leaves open (PS3.3 C.8.7.3 and C.7.6.11).

Of a rectangle, a circle or a polygon, the rectangle around it is the field. Headers are wrong at times: a
field that lies outside of the image, or that is very small, is ignored with a note.
"""

import math

from chexnet.radiograph.borders import Field
from chexnet.radiograph.dicom.elements import Elements, label

_EDGES = ("LeftVerticalEdge", "RightVerticalEdge", "UpperHorizontalEdge", "LowerHorizontalEdge")

COVERING_KEYWORDS = tuple(
    keyword
    for cover in ("Collimator", "Shutter")
    for keyword in (
        *(f"{cover}{name}" for name in ("Shape", *_EDGES)),
        f"CenterOfCircular{cover}",
        f"RadiusOfCircular{cover}",
        f"VerticesOfThePolygonal{cover}",
    )
)
"""(0018,1700) to (0018,1720), and (0018,1600) to (0018,1620)."""

_LEAST_SHARE = 0.3
"""Of each side of the image: a smaller field is a mistake, or no chest."""


def covered_field(elements: Elements, shape: tuple[int, ...], notes: list[str]) -> Field | None:
    """The field that the collimator and the shutter leave open, or None where it is the whole image."""
    height, width = shape[:2]
    whole = Field(0, height, 0, width)
    field = whole
    for cover in ("Collimator", "Shutter"):
        for shape_name in elements.strings(f"{cover}Shape"):
            opened = _opened(elements, cover, shape_name.upper())
            if opened is not None:
                field = _intersection(field, opened)
    if field.height < _LEAST_SHARE * height or field.width < _LEAST_SHARE * width:
        notes.append(f"{label('CollimatorShape')} or shutter leaves no field of a chest; it was ignored")
        return None
    return None if field == whole else field


def _opened(elements: Elements, cover: str, shape: str) -> Field | None:
    """The rectangle around one shape; pixels are counted from 1, and edges lie outside of the field."""
    if shape == "RECTANGULAR":
        edges = [elements.numbers(f"{cover}{edge}") for edge in _EDGES]
        if any(len(edge) != 1 or not math.isfinite(edge[0]) for edge in edges):
            return None
        left, right, upper, lower = (int(edge[0]) for edge in edges)
        return Field(upper, lower - 1, left, right - 1)
    if shape == "CIRCULAR":
        center = elements.numbers(f"CenterOfCircular{cover}")
        radius = elements.numbers(f"RadiusOfCircular{cover}")
        if len(center) != 2 or len(radius) != 1 or not all(map(math.isfinite, (*center, *radius))):
            return None
        row, column, reach = int(center[0]) - 1, int(center[1]) - 1, int(radius[0])
        return Field(row - reach, row + reach + 1, column - reach, column + reach + 1)
    vertices = elements.numbers(f"VerticesOfThePolygonal{cover}")
    if (
        shape != "POLYGONAL"
        or len(vertices) < 6
        or len(vertices) % 2
        or not all(map(math.isfinite, vertices))
    ):
        return None
    rows, columns = vertices[::2], vertices[1::2]
    return Field(int(min(rows)) - 1, int(max(rows)), int(min(columns)) - 1, int(max(columns)))


def _intersection(one: Field, other: Field) -> Field:
    """What both leave open; without height or width where that is nothing."""
    top, left = max(one.top, other.top), max(one.left, other.left)
    bottom, right = min(one.bottom, other.bottom), min(one.right, other.right)
    return Field(top, max(bottom, top), left, max(right, left))
