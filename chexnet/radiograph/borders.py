"""The field of an image that shows the patient: uniform borders and collimation are left out.

Frames, the bars of a wide screen and collimated margins do not show the patient, but they squeeze the
chest into fewer of the network's pixels. A row or column belongs to a border if nearly all of its
pixels have one grey value.
"""

from typing import NamedTuple

import numpy as np

from chexnet.arrays import Bool, Float32

_TOLERANCE = 4 / 255
"""Largest distance from the grey of a border: JPEG leaves so much noise beside an edge."""

_UNLIKE = 0.03
"""Largest share of a border's row that may be otherwise: letters, a marker, a line."""

_LEAST_SHARE = 0.1
"""Share of the image that must be border. Radiographs of ChestX-ray14 have thinner ones of their own, and
networks have learned from them so: leaving those out as well costs AUROC (0.8028 to 0.8016, mean of 14)."""

_LEAST_FIELD = 0.3
"""A field shorter than this share of a side is no chest within borders; nothing is cropped."""


class Field(NamedTuple):
    """A rectangle of an image: rows `top` to `bottom` and columns `left` to `right`, ends not included."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def height(self) -> int:
        """Rows of the field."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Columns of the field."""
        return self.right - self.left

    def is_inside(self, shape: tuple[int, ...]) -> bool:
        """Whether it holds a pixel, and only pixels of an image of this shape."""
        height, width = shape
        return 0 <= self.top < self.bottom <= height and 0 <= self.left < self.right <= width

    def within(self, pixels: Float32[np.ndarray, "height width"]) -> Float32[np.ndarray, "rows columns"]:
        """The pixels of the field, a view."""
        return pixels[self.top : self.bottom, self.left : self.right]


def field_without_borders(
    pixels: Float32[np.ndarray, "height width"], start: Field | None = None
) -> Field | None:
    """The field inside of uniform borders, or None where it is the whole image.

    Args:
        pixels: grey values from 0 to 1.
        start: a field known already, such as the collimated one; its borders are looked for.
    """
    height, width = pixels.shape
    whole = Field(0, height, 0, width)
    known = field = whole if start is None else start
    while (smaller := _trimmed(pixels, field)) != field:
        field = smaller
    small = field.height < _LEAST_FIELD * height or field.width < _LEAST_FIELD * width
    if small or field.height * field.width > (1 - _LEAST_SHARE) * known.height * known.width:
        field = known
    return None if field == whole else field


def margins(field: Field, shape: tuple[int, int]) -> str:
    """What was cropped, as a note says it."""
    height, width = shape
    sides = {
        "at the top": field.top,
        "at the bottom": height - field.bottom,
        "at the left": field.left,
        "at the right": width - field.right,
    }
    return ", ".join(f"{pixels} pixels {side}" for side, pixels in sides.items() if pixels)


def _trimmed(pixels: Float32[np.ndarray, "height width"], field: Field) -> Field:
    """One border less on each side; rows first, then the columns of what is left."""
    shown = field.within(pixels)
    top, bottom = _border(shown), _border(shown[::-1])
    if top + bottom >= len(shown):
        return field
    field = field._replace(top=field.top + top, bottom=field.bottom - bottom)
    shown = field.within(pixels).T
    left, right = _border(shown), _border(shown[::-1])
    if left + right >= len(shown):
        return field
    return field._replace(left=field.left + left, right=field.right - right)


def _border(rows: Float32[np.ndarray, "height width"]) -> int:
    """How many of the first rows have one grey value, that of the outermost row."""
    # The median; np.median would import masked arrays, 7 ms of a cold start.
    grey = np.float32(np.sort(rows[0])[rows.shape[1] // 2])
    count, step = 0, 1
    while count < len(rows):
        alike = _alike(rows[count : count + step], grey)
        if not alike.all():
            return count + int(alike.argmin())
        # Most images have no border: look at one row first, and at many only after that.
        count, step = count + len(alike), min(4 * step, 256)
    return count


def _alike(rows: Float32[np.ndarray, "rows width"], grey: np.float32) -> Bool[np.ndarray, " rows"]:
    unlike = np.abs(rows - grey) > _TOLERANCE
    return np.asarray(np.count_nonzero(unlike, axis=1) <= _UNLIKE * rows.shape[1])
