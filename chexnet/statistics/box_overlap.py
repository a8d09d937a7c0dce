"""Do activation maps point at what radiologists boxed? (Figure 2, and Wang et al. 2017, section 4.2).

Definitions, as used here:

* A map is scaled up to the film by bilinear interpolation and normalised to [0, 1] by its own minimum
  and maximum. *Detected boxes* enclose the connected regions (8 neighbours) at or above a level; Wang
  et al. use two levels, 60/255 and 180/255, and the boxes of both.
* IoBB of a detected box is its intersection with a radiologist's box, divided by the area of the
  *detected* box; IoU divides by the area of the union.
* A film is *correctly localised* at T if any detected box has IoBB (or IoU) above T with any of the
  film's boxes for that finding. *Accuracy* is the share of such films.
* A *false positive* at T is a detected box that reaches T with none of them; their mean over the films
  is the average number of false positives (AFP).
* *Pointing game*: is the map's maximum inside a box?

IoBB rewards small detected boxes inside large findings, IoU does not; a map of noise is scored beside
the model, because large findings are easy to hit by chance.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chexnet.arrays import Bool, Float, Int

THRESHOLDS = tuple(round(0.1 * step, 1) for step in range(1, 10))
"""T(IoBB) and T(IoU)."""

LEVELS = (60 / 255, 180 / 255)
"""Where Wang et al. cut the normalised map."""

GRID = 224
"""Side of the film, in pixels, that maps and boxes are compared on."""


@dataclass(frozen=True)
class FilmLocalisation:
    """One film's outcome for one finding, at each of ``THRESHOLDS``.

    Attributes:
        detected: number of detected boxes.
    """

    pointing: bool
    iobb_hit: Bool[np.ndarray, " thresholds"]
    iou_hit: Bool[np.ndarray, " thresholds"]
    iobb_false: Int[np.ndarray, " thresholds"]
    iou_false: Int[np.ndarray, " thresholds"]
    detected: int


def localise(
    activation_map: Float[np.ndarray, "rows columns"],
    boxes: Float[np.ndarray, "boxes 4"],
    levels: Sequence[float] = LEVELS,
) -> FilmLocalisation:
    """Compare one map with one film's boxes.

    Args:
        activation_map: of the finding, any scale; it covers the whole film.
        boxes: left, top, width and height as shares of the film's width and height.
        levels: of the normalised map, for detected boxes.

    Raises:
        ValueError: there is no box, a box lies outside the film or has no area, or the map has NaN.
    """
    _check_boxes(boxes)
    if not np.isfinite(activation_map).all():
        raise ValueError("the activation map has values that are not finite")
    heat = normalise(upscale(activation_map, GRID, GRID))
    detected = np.concatenate([detected_boxes(heat, level) for level in levels])
    truth = boxes * GRID
    iobb, iou = overlaps(detected, truth)
    return FilmLocalisation(
        pointing=points_at(heat, truth),
        iobb_hit=_missed(iobb).sum(axis=0) < len(detected),
        iou_hit=_missed(iou).sum(axis=0) < len(detected),
        iobb_false=_missed(iobb).sum(axis=0),
        iou_false=_missed(iou).sum(axis=0),
        detected=len(detected),
    )


def upscale(
    activation_map: Float[np.ndarray, "rows columns"], height: int, width: int
) -> Float[np.ndarray, "height width"]:
    """Bilinear interpolation between the centres of the map's cells; flat beyond the outermost centres."""
    down = _interpolation(activation_map.shape[0], height)
    across = _interpolation(activation_map.shape[1], width)
    scaled: Float[np.ndarray, "height width"] = down @ activation_map.astype(np.float64) @ across.T
    return scaled


def normalise(heat: Float[np.ndarray, "height width"]) -> Float[np.ndarray, "height width"]:
    """To [0, 1] by its own minimum and maximum; zero everywhere if it is constant."""
    low, high = heat.min(), heat.max()
    # Interpolating a constant map leaves differences of rounding, which do not count.
    if high - low <= 1e-12 * max(abs(low), abs(high), 1.0):
        return np.zeros_like(heat)
    scaled: Float[np.ndarray, "height width"] = (heat - low) / (high - low)
    return scaled


def detected_boxes(heat: Float[np.ndarray, "height width"], level: float) -> Float[np.ndarray, "boxes 4"]:
    """Left, top, width and height, in pixels, of each connected region at or above ``level``.

    A map that is zero everywhere detects nothing.
    """
    if not heat.any():
        return np.zeros((0, 4))
    runs = _runs(heat >= level)
    _, region = np.unique(_connect(runs), return_inverse=True)
    rows, starts, ends = np.array(runs).T
    low = np.full((int(region.max()) + 1, 2), max(heat.shape))
    high = np.zeros_like(low)
    for axis, (first, after) in enumerate(((starts, ends), (rows, rows + 1))):
        np.minimum.at(low[:, axis], region, first)
        np.maximum.at(high[:, axis], region, after)
    return np.concatenate((low, high - low), axis=1).astype(np.float64)


def overlaps(
    detected: Float[np.ndarray, "detected 4"], truth: Float[np.ndarray, "boxes 4"]
) -> tuple[Float[np.ndarray, " detected"], Float[np.ndarray, " detected"]]:
    """The best IoBB and the best IoU of each detected box with any of the boxes."""
    low = np.maximum(detected[:, None, :2], truth[None, :, :2])
    high = np.minimum(detected[:, None, :2] + detected[:, None, 2:], truth[None, :, :2] + truth[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    own, others = detected[:, 2:].prod(axis=1)[:, None], truth[:, 2:].prod(axis=1)[None, :]
    return (shared / own).max(axis=1), (shared / (own + others - shared)).max(axis=1)


def points_at(heat: Float[np.ndarray, "height width"], truth: Float[np.ndarray, "boxes 4"]) -> bool:
    """Whether the centre of the hottest pixel lies in a box; the first pixel where several are hottest.

    A map that is zero everywhere points at nothing.
    """
    if not heat.any():
        return False
    row, column = np.unravel_index(int(heat.argmax()), heat.shape)
    x, y = float(column) + 0.5, float(row) + 0.5
    inside = (truth[:, 0] <= x) & (x <= truth[:, 0] + truth[:, 2])
    return bool((inside & (truth[:, 1] <= y) & (y <= truth[:, 1] + truth[:, 3])).any())


def random_maps(
    films: int, generator: "np.random.Generator", side: int = 7
) -> Float[np.ndarray, "films side side"]:
    """Maps of independent noise: what localisation scores where nothing was learned."""
    return generator.standard_normal((films, side, side))


def _interpolation(cells: int, pixels: int) -> Float[np.ndarray, "pixels cells"]:
    """Weights of the two cells whose centres enclose each pixel's centre."""
    place = np.clip((np.arange(pixels) + 0.5) * cells / pixels - 0.5, 0, cells - 1)
    left = np.minimum(place.astype(np.int64), max(cells - 2, 0))
    weights = np.zeros((pixels, cells))
    rows = np.arange(pixels)
    weights[rows, left] = 1 - (place - left)
    weights[rows, np.minimum(left + 1, cells - 1)] += place - left
    return weights


def _runs(mask: Bool[np.ndarray, "height width"]) -> list[tuple[int, int, int]]:
    """Row, start and end (exclusive) of each horizontal stretch of true pixels."""
    padded = np.pad(mask.astype(np.int8), ((0, 0), (1, 1)))
    change = np.diff(padded, axis=1)
    rows, starts = np.nonzero(change == 1)
    ends = np.nonzero(change == -1)[1]
    return list(zip(rows.tolist(), starts.tolist(), ends.tolist(), strict=True))


def _connect(runs: Sequence[tuple[int, int, int]]) -> list[int]:
    """A label for each run, equal where runs touch, also by a corner."""
    parent = list(range(len(runs)))

    def root(of: int) -> int:
        while parent[of] != of:
            parent[of] = parent[parent[of]]
            of = parent[of]
        return of

    above: list[int] = []
    current: list[int] = []
    for index, (row, start, end) in enumerate(runs):
        if current and runs[current[0]][0] != row:
            above, current = current, []
        if above and runs[above[0]][0] != row - 1:
            above = []
        for other in above:
            if runs[other][1] <= end and start <= runs[other][2]:
                parent[root(index)] = root(other)
        current.append(index)
    return [root(index) for index in range(len(runs))]


def _missed(overlap: Float[np.ndarray, " detected"]) -> np.ndarray:
    """Detected boxes by thresholds: whether the overlap does not exceed it."""
    missed: np.ndarray = overlap[:, None] <= np.array(THRESHOLDS)
    return missed


def _check_boxes(boxes: Float[np.ndarray, "boxes 4"]) -> None:
    if not len(boxes):
        raise ValueError("expected at least one box; a film without boxes says nothing of localisation")
    corner = boxes[:, :2] + boxes[:, 2:]
    # Boxes drawn to the edge may pass it by rounding.
    if (boxes[:, :2] < -1e-3).any() or (corner > 1 + 1e-3).any() or (boxes[:, 2:] <= 0).any():
        raise ValueError(f"boxes must lie in the film and have an area, as shares of its sides; got {boxes}")
