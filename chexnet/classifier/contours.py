"""Where a finding is seen: the outline of half of its positive evidence, in image coordinates."""

from typing import Any, cast

import numpy as np

from chexnet.arrays import Bool, Float, Float32, Float64

SHARE = 0.5
"""A contour encloses this share of the positive evidence, in the smallest possible area."""

LEAST_AREA = 0.002
"""Smaller parts, as a share of the image, are specks of interpolation and are left out."""

_GRID = 128
"""Cells along each side of the grid on which the boundary is traced; finer than the network's maps."""


def contours_of(
    evidence: Float[np.ndarray, "rows columns"],
    height: int,
    width: int,
    exposed: Bool[np.ndarray, "128 128"] | None = None,
) -> tuple[Float64[np.ndarray, "_ 2"], ...]:
    """Outer boundaries of the smallest region that holds half of the positive evidence.

    Args:
        evidence: `Prediction.evidence_of` a finding, stretched over the whole image.
        height: of the image, in pixels.
        width: of the image, in pixels.
        exposed: `exposed_body` of the image; evidence elsewhere does not count. None counts all of it.

    Returns:
        Closed polygons (the first point is repeated at the end), the largest first, as x and y in pixels
        from the image's upper left corner: the centre of the first pixel is (0.5, 0.5), as in DICOM
        (PS3.3 C.18.6.1.1). Empty where no evidence is positive.

    Raises:
        ValueError: the image has no pixels, or the evidence is not finite.
    """
    if height < 1 or width < 1:
        raise ValueError(f"the image has {height} rows and {width} columns; expected at least 1 of each")
    if not np.isfinite(evidence).all():
        raise ValueError("the evidence has values that are not finite; expected log odds")
    # Pillow and contourpy are loaded only where contours are asked for, to keep the cold start short.
    from chexnet.classifier.overlay import upscale

    fine = upscale(evidence, _GRID, _GRID)
    if exposed is not None:
        fine = np.where(exposed, fine, np.minimum(fine, 0))
    level = _level(fine)
    if level is None:
        return ()
    polygons = [polygon for polygon in _traced(fine, level) if _area(polygon) >= LEAST_AREA]
    polygons.sort(key=_area, reverse=True)
    return tuple(polygon * [width, height] for polygon in polygons)


def _level(fine: Float32[np.ndarray, "rows columns"]) -> float | None:
    """The evidence above which `SHARE` of all positive evidence lies; None where none is positive."""
    positive = np.sort(fine[fine > 0].astype(np.float64))[::-1]
    if not positive.size:
        return None
    reached = np.searchsorted(np.cumsum(positive), SHARE * positive.sum())
    # Just below, so that a plateau at the level is inside.
    return float(positive[min(int(reached), positive.size - 1)]) * (1 - 1e-6)


def _traced(fine: Float32[np.ndarray, "rows columns"], level: float) -> list[Float64[np.ndarray, "_ 2"]]:
    """The outer boundaries of what is above the level, in shares of the image."""
    from contourpy import FillType, contour_generator

    # Two rings close every boundary at the image's edge: one repeats the edge, one is below the level.
    values = np.pad(np.pad(fine.astype(np.float64), 1, mode="edge"), 1, constant_values=level - 1)
    centres = (np.arange(_GRID) + 0.5) / _GRID
    places = np.concatenate([[-1e-9, 0], centres, [1, 1 + 1e-9]])
    generator = contour_generator(places, places, values, fill_type=FillType.OuterOffset)
    points, offsets = cast("tuple[list[Any], list[Any]]", generator.filled(level, np.inf))
    # Each offset list starts with 0 and the end of the outer boundary; holes come after it.
    return [np.clip(every[: int(offset[1])], 0, 1) for every, offset in zip(points, offsets, strict=True)]


def _area(polygon: Float64[np.ndarray, "_ 2"]) -> float:
    x, y = polygon[:, 0], polygon[:, 1]
    return abs(float(np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1]))) / 2
