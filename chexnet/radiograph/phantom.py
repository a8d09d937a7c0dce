"""A synthetic thorax: ray sums through a body of simple solids, shown as a posteroanterior chest film.

No patient is behind it. Every solid is closed and given in millimetres: ``x`` towards the patient's left
(the film's right), ``z`` up, ``y`` forward along the parallel rays; the origin is the film's centre.
The film follows Beer and Lambert: ``exp(-sum of attenuation x path)`` arrives, scatter and quantum noise
join it, and its logarithm is shown through a sigmoid window, bone white, as computed radiography does.
``SYNTHETIC`` is burned into the corner.

The attenuation coefficients are those near 60 keV, about the mean energy of a filtered 120 kVp beam; soft
tissue is muscle with a third of fat, lung has a quarter of its density.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

FIELD_MM = 365.0
"""Side of the square film."""

SOFT_PER_MM = 0.0205
LUNG_PER_MM = 0.0052
CORTEX_PER_MM = 0.0600
MARROW_PER_MM = 0.0255
FLUID_PER_MM = SOFT_PER_MM - LUNG_PER_MM
"""What blood or exudate adds where it takes the place of lung."""

RIGHT, LEFT = -1, 1
"""The patient's sides, as signs of ``x``."""

Number = int | float
Rays = Float[np.ndarray, "..."]
Film = Float[np.ndarray, "height width"]
Points = Float[np.ndarray, "points 3"]
Table = Sequence[tuple[Number, Number]]

# Contours of the average body, (z, value) in mm: half widths, half depths, and borders seen from the front.
# fmt: off
TRUNK_WIDTH = [(150, 130), (120, 150), (90, 164), (60, 174), (20, 178), (-40, 177), (-100, 174), (-230, 176)]
TRUNK_DEPTH = [(150, 0), (146, 25), (135, 50), (120, 70), (100, 86), (60, 101), (20, 108),
               (-60, 110), (-230, 104)]
SHOULDER_WIDTH = [(260, 58), (200, 57), (182, 59), (170, 65), (160, 78), (152, 98), (145, 125), (138, 155),
                  (130, 182), (120, 204), (100, 226), (60, 238)]
SHOULDER_DEPTH = [(260, 60), (180, 60), (150, 62), (120, 64), (90, 58), (60, 44), (35, 20), (22, 0), (0, 0)]
LUNG_OUTER = [(134, 58), (131, 70), (125, 80), (115, 91), (100, 103), (80, 115), (55, 125), (25, 131),
              (-20, 135), (-80, 138), (-140, 137)]
LUNG_INNER = [(134, 50), (131, 40), (125, 33), (115, 26), (100, 19), (70, 12), (40, 8), (-140, 8)]
LUNG_DEPTH = [(134, 0), (131, 20), (125, 33), (115, 46), (100, 58), (80, 69), (50, 80), (0, 88),
              (-60, 90), (-140, 88)]
# Downwards, the right border is superior vena cava and right atrium ...
HEART_RIGHT = [(210, -34), (150, -30), (120, -27), (90, -25), (60, -25), (40, -27), (22, -29),
               (5, -36), (-15, -42), (-35, -43), (-52, -40), (-68, -34), (-100, -30)]
# ... and the left one aortic knob, pulmonary trunk and left ventricle.
HEART_LEFT = [(210, 34), (150, 30), (120, 26), (95, 25), (80, 31), (66, 36), (54, 34), (44, 33), (34, 38),
              (22, 41), (8, 46), (-8, 57), (-24, 70), (-38, 80), (-50, 86), (-62, 88), (-72, 86), (-82, 77),
              (-92, 52), (-110, 34), (-160, 30)]
HEART_DEPTH = [(210, 30), (120, 34), (80, 44), (40, 52), (0, 60), (-40, 62), (-70, 56), (-110, 46)]
BACK_MUSCLE_WIDTH = [(150, 40), (60, 34), (-20, 34), (-140, 46)]
# Curves of the shoulder's bones: points of the path, upper half axes, other half axes, cortex; all in mm.
SHOULDER_BONES = {
    "clavicle": ([(15, 60, 95), (38, 68, 101), (75, 60, 114), (112, 38, 124), (145, 18, 124), (168, 8, 128)],
                 (7, 9, 7, 5.8, 5.8, 6.2, 7, 4), (6, 8, 7, 6, 6, 5, 4, 3), (1.6,)),
    "scapula, from its lower angle along the lateral border to the glenoid": (
        [(127, -80, -8), (134, -76, 22), (145, -68, 58), (152, -60, 82), (154, -55, 100), (152, -55, 115)],
        (1.5, 3.4, 4.4, 6, 9, 4), (1.5, 3.2, 4, 5, 7, 4), (1.5, 1.6, 1.5, 1.2, 1, 1)),
    "its medial border": ([(118, -85, 110), (108, -85, 70), (112, -85, 35), (126, -80, -6)],
                          (1.6, 1.5, 1.5, 2), (1.6, 1.5, 1.5, 2), (0.7,)),
    "its blade": ([(118, -85, 112), (124, -85, 80), (128, -85, 40), (127, -80, -6)],
                  (5, 20, 12, 3), (1.4, 2, 2, 2), (0.9,)),
    "its spine and the acromion": ([(110, -85, 100), (140, -80, 113), (166, -60, 128), (184, -40, 127)],
                                   (2, 4, 5.5, 6, 3), (3, 5, 6, 6, 3), (1.2,)),
    "coracoid": ([(150, -45, 108), (143, -30, 118), (149, -10, 119)], (5, 5, 3), (5, 5, 3), (1.2,)),
}
# fmt: on


@dataclass(frozen=True)
class Opacity:
    """A consolidation: a ball of lung that thickens towards its centre, in the average body's millimetres.

    ``contrast`` is the share of the air that fluid has replaced at the centre.
    """

    x_mm: float
    z_mm: float
    radius_mm: float = 36.0
    contrast: float = 0.95

    def __post_init__(self) -> None:
        if not (self.radius_mm > 0 and 0 < self.contrast <= 1):
            raise ValueError(
                "an opacity needs a radius above 0 mm and a contrast in (0, 1]; "
                f"got {self.radius_mm} mm and {self.contrast}"
            )

    @classmethod
    def in_zone(cls, side: Literal["right", "left"], zone: Literal["upper", "middle", "lower"]) -> "Opacity":
        """An opacity in the middle of one of the six zones of the lungs; sides are the patient's."""
        signs, centres = (
            {"right": RIGHT, "left": LEFT},
            {"upper": (66, 84), "middle": (82, 34), "lower": (88, -18)},
        )
        if side not in signs or zone not in centres:
            raise ValueError(f"a zone is right or left, and upper, middle or lower; got {side!r}, {zone!r}")
        x, z = centres[zone]
        return cls(float(signs[side] * x), float(z))


@dataclass(frozen=True)
class Anatomy:
    """What differs from body to body; lengths in the average body's millimetres, the rest are factors."""

    width: float = 1.0
    height: float = 1.0
    depth: float = 1.0
    heart: float = 1.0
    rib_slope: float = 1.0
    breast: float = 0.0
    right_dome_mm: float = -52.0
    left_dome_mm: float = -64.0
    gas_bubble_mm: float = 26.0
    spine_bend_mm: float = 0.0
    shift_mm: float = 0.0

    def __post_init__(self) -> None:
        factors = (self.width, self.height, self.depth, self.heart, self.rib_slope)
        if not all(0.5 <= factor <= 2 for factor in factors):
            raise ValueError(f"width, height, depth, heart, rib_slope lie between 0.5 and 2; got {factors}")

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> "Anatomy":
        """One adult among many."""
        right_dome = rng.uniform(-62, -46)
        return cls(
            width=rng.uniform(0.94, 1.05),
            height=rng.uniform(0.93, 1.05),
            depth=rng.uniform(0.92, 1.1),
            heart=rng.uniform(0.9, 1.1),
            rib_slope=rng.uniform(0.85, 1.15),
            breast=max(0.0, rng.uniform(-0.8, 0.8)),
            right_dome_mm=right_dome,
            left_dome_mm=right_dome - rng.uniform(6, 16),
            gas_bubble_mm=rng.uniform(17, 32),
            spine_bend_mm=rng.uniform(-4, 4),
            shift_mm=rng.uniform(-6, 6),
        )

    def dome_mm(self, side: int) -> float:
        """Height of the top of one half of the diaphragm."""
        return self.right_dome_mm if side == RIGHT else self.left_dome_mm


@dataclass(frozen=True)
class Phantom:
    """A synthetic film: grey values in [0, 1], bone white (MONOCHROME2), and what is known of it.

    ``opacity_box`` is (x, y, width, height) in pixels around the part of the film where the opacity adds
    more than a tenth of the most it adds anywhere; None without an opacity.
    """

    pixels: Film
    pixel_spacing_mm: float
    opacity_box: tuple[float, float, float, float] | None


@dataclass(frozen=True)
class RaySums:
    """Attenuation x path (no unit) along each ray: of the whole body, and the opacity's share of it."""

    total: Film
    opacity: Film


@dataclass(frozen=True)
class Grid:
    """The rays: one ``x`` a column, one ``z`` a row, in the average body's millimetres."""

    x: Float[np.ndarray, " width"]
    z: Float[np.ndarray, " height"]

    @classmethod
    def of(cls, size: int, anatomy: Anatomy) -> "Grid":
        """A square film's rays, moved into the average body."""
        axis = (np.arange(size) + 0.5) * FIELD_MM / size - FIELD_MM / 2
        return cls((axis - anatomy.shift_mm) / anatomy.width, -axis / anatomy.height)

    @property
    def columns(self) -> Float[np.ndarray, "1 width"]:
        """``x`` as a row that broadcasts over the film."""
        return self.x[None, :].astype(np.float32)

    @property
    def rows(self) -> Float[np.ndarray, "height 1"]:
        """``z`` as a column that broadcasts over the film."""
        return self.z[:, None].astype(np.float32)


# --- Solids that each ray enters and leaves once ----------------------------------------------------------


@dataclass(frozen=True)
class Span:
    """A solid as the rays meet it: in at ``back``, out at ``front`` (mm); missed where ``back >= front``."""

    back: Rays
    front: Rays

    @property
    def thickness(self) -> Rays:
        """Length of each ray inside the solid."""
        return np.maximum(self.front - self.back, 0)

    def __and__(self, other: "Span") -> "Span":
        return Span(np.maximum(self.back, other.back), np.minimum(self.front, other.front))

    def holds(self, y: Rays) -> np.ndarray:
        """Whether depth ``y`` lies inside."""
        return (y > self.back) & (y < self.front)


def thickness_outside(span: Span, others: Sequence[Span]) -> Rays:
    """Length of each ray inside ``span`` but in none of the ``others`` (by inclusion and exclusion)."""
    if not others:
        return span.thickness
    first, *rest = others
    return thickness_outside(span, rest) - thickness_outside(span & first, rest)


def ellipsoid(
    x: Rays, z: Rays, centre: Sequence[Number], radii: Sequence[Number | Rays], tilt_deg: Number = 0
) -> Span:
    """An ellipsoid turned in the film's plane by ``tilt_deg``, from its left side upwards."""
    cos, sin = math.cos(math.radians(tilt_deg)), math.sin(math.radians(tilt_deg))
    u, w = x - centre[0], z - centre[2]
    across, along = (u * cos + w * sin) / radii[0], (w * cos - u * sin) / radii[2]
    half = radii[1] * np.sqrt(np.maximum(1 - across**2 - along**2, 0))
    return Span(centre[1] - half, centre[1] + half)


def spline(at: Rays | Number, table: Table) -> Rays:
    """Smooth curve through (knot, value) pairs: cubic Hermite, central slopes, level beyond the ends."""
    knots, values = np.array(sorted(table), dtype=float).T
    slopes = np.gradient(values, knots)
    dtype = np.result_type(at, np.float32)
    at = np.clip(at, knots[0], knots[-1])
    i = np.clip(np.searchsorted(knots, at) - 1, 0, len(knots) - 2)
    step = knots[i + 1] - knots[i]
    t = (at - knots[i]) / step
    before = (1 + 2 * t) * values[i] + t * step * slopes[i]
    after = (3 - 2 * t) * values[i + 1] + (t - 1) * step * slopes[i + 1]
    return np.asarray((1 - t) ** 2 * before + t**2 * after, dtype)


def superellipse(x: Rays, left: Rays, right: Rays, power: Number) -> Rays:
    """Rises from 0 at the borders to 1 midway between them, as the half depth of a rounded section does."""
    s = (x - (left + right) / 2) / ((right - left) / 2)
    return np.sqrt(np.maximum(1 - np.abs(s) ** power, 0))


def body(x: Rays, z: Rays) -> Rays:
    """Thickness of trunk, neck with shoulders, and arms, run together without a seam."""
    width, depth = spline(z, TRUNK_WIDTH), np.maximum(spline(z, TRUNK_DEPTH), 0)
    parts = [2 * depth * superellipse(x, -width, width, 2.8)]
    width, depth = spline(z, SHOULDER_WIDTH), np.maximum(spline(z, SHOULDER_DEPTH), 0)
    parts.append(2 * depth * superellipse(x, -width, width, 2.4))
    parts += [ellipsoid(x, z, (s * 226, 0, 30), (52, 46, 112), s * 34).thickness for s in (RIGHT, LEFT)]
    return np.linalg.norm(np.stack(parts), ord=5, axis=0)


def lung_cavity(x: Rays, z: Rays, side: int) -> Span:
    """One half of the chest, from its apex to below the diaphragm."""
    depth = np.maximum(spline(z, LUNG_DEPTH), 0)
    half = depth * superellipse(side * x, spline(z, LUNG_INNER), spline(z, LUNG_OUTER), 2.5)
    return Span(-8 - half, -8 + half)


def abdomen(x: Rays, z: Rays, side: int, top: float) -> Span:
    """What lies under one dome; it widens downwards until it closes the costophrenic recess."""
    base = top - 58.0
    wider = 1 + 0.35 * (np.maximum(base - z, 0) / 40) ** 2
    return ellipsoid(x, np.maximum(z, base), (side * 68.0, 4.0, base), (70 * wider, 85 * wider, 58.0))


def heart(x: Rays, z: Rays, scale: float) -> Span:
    """Heart and great vessels between their two borders; ``scale`` widens only what lies below the hila."""
    wider = 1 + (scale - 1) * np.clip((40 - z) / 60, 0, 1)
    right, left = spline(z, HEART_RIGHT) * wider, spline(z, HEART_LEFT) * wider
    half = spline(z, HEART_DEPTH) * superellipse(x, right, left, 2.2)
    return Span(6 - half, 6 + half)


def back_muscle(x: Rays, z: Rays) -> Span:
    """The spine with the muscle beside it."""
    half = 40 * np.maximum(1 - (x / spline(z, BACK_MUSCLE_WIDTH)) ** 2, 0)
    return Span(-60 - half, -60 + half)


def lung(x: Rays, z: Rays, side: int, anatomy: Anatomy) -> tuple[Span, list[Span]]:
    """One lung: the cavity, and the organs that take their room from it."""
    aorta = ellipsoid(x, z, (19, -42, -40), (13, 14, 130))
    below = abdomen(x, z, side, anatomy.dome_mm(side))
    return lung_cavity(x, z, side), [heart(x, z, anatomy.heart), back_muscle(x, z), aorta, below]


# --- Bent rods: ribs and other bones, vessels, airways ----------------------------------------------------


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


@dataclass(frozen=True)
class Rods:
    """Straight pieces of elliptical section, each cut by a plane at either end so that neighbours join.

    ``high`` and ``wide`` are the half axes of the section: ``high`` is the upper one (the one towards the
    side in an upright piece). ``per_mm`` is the attenuation that a piece adds to what it lies in.
    """

    start: Points
    end: Points
    start_cut: Points
    end_cut: Points
    high: Float[np.ndarray, " points"]
    wide: Float[np.ndarray, " points"]
    per_mm: Float[np.ndarray, " points"]

    @classmethod
    def along(cls, path: Points, high: np.ndarray, wide: np.ndarray, per_mm: float) -> "Rods":
        """Pieces between the points of a path, mitred where they meet."""
        way = _unit(np.diff(path, axis=0))
        cuts = np.concatenate([way[:1], way[:-1] + way[1:], way[-1:]])
        return cls(path[:-1], path[1:], cuts[:-1], cuts[1:], high, wide, np.full(len(way), per_mm))

    @classmethod
    def joined(cls, rods: Sequence["Rods"]) -> "Rods":
        """All pieces as one."""
        parts = zip(*(vars(rod).values() for rod in rods), strict=True)
        return cls(*(np.concatenate(part) for part in parts))

    def __getitem__(self, which: np.ndarray) -> "Rods":
        return Rods(*(part[which] for part in vars(self).values()))


def ray_sum_of_rods(rods: Rods, grid: Grid) -> Film:
    """Attenuation x path through all pieces, each ray's chord in closed form."""
    film = np.zeros(len(grid.z) * len(grid.x))
    reach = 1.5 * np.maximum(rods.high, rods.wide)[:, None]
    low, high = np.minimum(rods.start, rods.end) - reach, np.maximum(rods.start, rods.end) + reach
    column, last_column = np.searchsorted(grid.x, low[:, 0]), np.searchsorted(grid.x, high[:, 0])
    row, last_row = np.searchsorted(-grid.z, -high[:, 2]), np.searchsorted(-grid.z, -low[:, 2])
    x, z = grid.columns.ravel(), grid.rows.ravel()
    # Pieces whose windows are about equally large are worked out together: one piece at a time is slow.
    window = -(-np.stack([last_row - row, last_column - column], axis=1) // 8) * 8
    for rows, columns in np.unique(window[(window > 0).all(axis=1)], axis=0):
        alike = np.flatnonzero((window == (rows, columns)).all(axis=1))
        for some in np.array_split(alike, math.ceil(len(alike) * rows * columns / 2e5)):
            r, c = row[some, None] + np.arange(rows), column[some, None] + np.arange(columns)
            inside = (r < len(grid.z))[:, :, None] & (c < len(grid.x))[:, None, :]
            r, c = np.minimum(r, len(grid.z) - 1), np.minimum(c, len(grid.x) - 1)
            chords = _chords(rods[some], x[c][:, None, :], z[r][:, :, None]) * inside
            pixel = r[:, :, None] * len(grid.x) + c[:, None, :]
            film += np.bincount(pixel.ravel(), (chords * rods.per_mm[some, None, None]).ravel(), len(film))
    return film.reshape(len(grid.z), len(grid.x)).astype(np.float32)


def _beside_film(vectors: Points) -> np.ndarray:
    """x, y and z of one vector a piece, shaped to meet the windows of pixels."""
    return vectors.T[:, :, None, None].astype(np.float32)


def _chords(rods: Rods, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Length of each ray in each piece: inside the cylinder (a quadratic in y), between the two cuts."""
    way = _unit(rods.end - rods.start)
    up = np.where(np.abs(way[:, 2:]) > 0.9, [1.0, 0, 0], [0, 0, 1.0])
    high = _unit(up - (up * way).sum(1, keepdims=True) * way)
    wide = np.cross(way, high) / rods.wide[:, None]
    (hx, hy, hz), (wx, wy, wz) = (_beside_film(axis) for axis in (high / rods.high[:, None], wide))
    x0, y0, z0 = _beside_film(rods.start)
    h, w = hx * (x - x0) + hz * (z - z0), wx * (x - x0) + wz * (z - z0)
    # A piece that runs along the rays has no quadratic term; this floor makes its chord end at the cuts.
    a, b = np.maximum(hy**2 + wy**2, 1e-9), h * hy + w * wy
    root = np.sqrt(np.maximum(b**2 - a * (h**2 + w**2 - 1), 0)) / a
    back, front = -b / a - root, -b / a + root
    for point, cut, sign in ((rods.start, rods.start_cut, 1), (rods.end, rods.end_cut, -1)):
        px, py, pz = _beside_film(point)
        cx, cy, cz = sign * _beside_film(cut)
        cy = np.where(np.abs(cy) < 1e-6, np.float32(1e-6), cy)
        plane = py - y0 - (cx * (x - px) + cz * (z - pz)) / cy
        back = np.where(cy > 0, np.maximum(back, plane), back)
        front = np.where(cy > 0, front, np.minimum(front, plane))
    return np.where(root > 0, np.maximum(front - back, 0), 0)


def curve(points: Sequence[tuple[Number, Number, Number]], count: int) -> Points:
    """``count`` points on a smooth curve through the given ones."""
    t = np.linspace(0, len(points) - 1, count)
    return np.stack([spline(t, list(enumerate(axis))) for axis in zip(*points, strict=True)], axis=1)


def bone(
    path: Points,
    high: Sequence[Number] | np.ndarray,
    wide: Sequence[Number] | np.ndarray,
    cortex: Sequence[Number],
) -> Rods:
    """A bone: cortex around marrow. Half axes and the cortex's thickness are spread evenly over the path."""
    middles = np.linspace(0, 1, len(path) - 1)
    h, w, shell_mm = (np.interp(middles, np.linspace(0, 1, len(axis)), axis) for axis in (high, wide, cortex))
    shell = Rods.along(path, h, w, CORTEX_PER_MM - SOFT_PER_MM)
    h, w = (np.maximum(axis - shell_mm, 0.05) for axis in (h, w))
    return Rods.joined([shell, Rods.along(path, h, w, MARROW_PER_MM - CORTEX_PER_MM)])


# --- The skeleton -----------------------------------------------------------------------------------------


def rib(number: int, side: int, slope: float, rng: np.random.Generator) -> Rods:
    """A rib, from its head beside the spine, round the chest and downwards, to its cartilage in front."""
    lateral = slope * spline(number, [(1, 10), (3, 26), (6, 44), (9, 58), (12, 70)])
    front = slope * spline(number, [(1, 26), (3, 62), (6, 92), (9, 112), (12, 110)])
    sweep = np.radians(
        spline(number, [(1, 142), (3, 150), (6, 146), (8, 136), (10, 118), (11, 90), (12, 70)])
    )
    angle = np.linspace(0, sweep, 41)
    behind, ahead = np.minimum(angle, np.pi / 2), np.maximum(angle - np.pi / 2, 0)
    z = 128 - 24 * (number - 1) + rng.normal(0, 0.8) + 6 * np.sin(2 * behind)
    z -= lateral * (1 - np.cos(behind)) ** 1.3 + 1.3 * lateral * ahead
    z -= (front - 2.3 * lateral) * (1 - np.cos(ahead))
    # The first ribs stay below the top of the lung, which rises into the neck inside them.
    level = np.clip(z, -140, spline(number, [(1, 112), (2, 96), (3, 110), (5, 120)]))
    outside = np.full_like(z, 75) if number == 1 else spline(level, LUNG_OUTER) + 3 + rng.normal(0, 0.6)
    x = 14 + (outside - 14) * np.sin(angle) ** 0.75
    y = -8 - (spline(level, LUNG_DEPTH) + 4) * np.cos(angle)
    fade = np.clip((1.02 - angle[1:] / sweep) / 0.12, 0.1, 1)
    high = (5.4 if number == 1 else 6.0) * np.linspace(0.85, 1.1, 40) * np.sqrt(fade)
    return bone(np.stack([side * x, y, z], 1), high, np.linspace(3.6, 2.9, 40) * fade, (0.9,))


def shoulder(side: int) -> list[Rods]:
    """Clavicle and scapula."""
    bones = SHOULDER_BONES.values()
    return [bone(curve(path, 30) * [side, 1, 1], high, wide, cortex) for path, high, wide, cortex in bones]


def humerus(grid: Grid, side: int) -> Film:
    """Head and shaft; where they overlap the longer ray sum holds, since they are one bone."""
    path = curve([(180, 0, 98), (190, 0, 72), (211, 0, 22), (242, 0, -45)], 80) * [side, 1, 1]
    taper = (20, 18.5, 15, 12, 11, 11, 11)
    shaft = ray_sum_of_rods(bone(path, taper, taper, (0.7, 1, 2, 3, 3, 3, 3)), grid)
    centre = (side * 179, 0, 99)
    outer, inner = (ellipsoid(grid.columns, grid.rows, centre, (r, r, r)).thickness for r in (23, 22.2))
    return np.maximum(shaft, (CORTEX_PER_MM - SOFT_PER_MM) * outer + (MARROW_PER_MM - CORTEX_PER_MM) * inner)


def vertebra(number: int) -> Rods:
    """One of the twenty vertebrae from C5 (0) to L4 (19): body, end plates, pedicles and processes."""
    middle = float(spline(number, [(0, 196), (3, 146), (6, 98), (10, 14), (14, -82), (19, -220)]))
    step = spline(number, [(0, 16), (3, 16), (8, 21), (14, 26), (19, 30)])
    wide = float(spline(number, [(0, 11), (3, 14), (8, 14.5), (14, 19), (19, 22)]))
    lean = math.tan(math.radians(spline(number, [(0, 15), (3, 22), (7, 4), (10, -6), (14, -10), (19, 6)])))
    half = float(step) * 0.41

    def column(levels: Sequence[Number], radius: float, per_mm: float) -> Rods:
        offsets = half * np.array(levels)
        path = np.stack([0 * offsets, -52 - lean * offsets, middle + offsets], 1)
        waist = np.where(np.abs(offsets[1:] + offsets[:-1]) < half, 0.93, 1) * radius
        return Rods.along(path, waist, 0.9 * waist, per_mm)

    wall = 0.25 * (CORTEX_PER_MM - MARROW_PER_MM)
    levels = [1, 0.6, 0, -0.6, -1]
    parts = [column(levels, wide, MARROW_PER_MM - SOFT_PER_MM + wall), column(levels, wide - 0.8, -wall)]
    parts += [column([end, end - 1 / half], wide, wall) for end in (1 + 0.5 / half, -1 + 0.5 / half)]
    spinous = np.linspace((0, -76, middle - 0.2 * half), (0, -96, middle - 1.8 * half), 7)
    parts.append(bone(spinous, (2, 2.6, 1.6), (2.4, 3, 2), (0.7,)))
    for side in (RIGHT, LEFT) if number > 2 else ():
        up = middle + 0.35 * half
        pedicle = np.linspace((side * wide * 0.72, -62, up), (side * wide * 0.74, -74, up - 2), 4)
        process = np.linspace((side * wide * 0.8, -74, up), (side * (wide + 10), -82, up + 3), 6)
        parts.append(bone(pedicle, (0.42 * half,), (0.2 * wide,), (0.5,)))
        parts.append(bone(process, (3.4, 3, 1.5), (3, 3, 1.5), (0.5,)))
    return Rods.joined(parts)


def spine(anatomy: Anatomy) -> Rods:
    """All vertebrae, bent sideways as a whole."""
    straight = Rods.joined([vertebra(number) for number in range(20)])

    def bent(points: Points) -> Points:
        return points + [1, 0, 0] * (anatomy.spine_bend_mm * np.sin(points[:, 2:] / 90))

    return Rods(bent(straight.start), bent(straight.end), *list(vars(straight).values())[2:])


def skeleton(grid: Grid, anatomy: Anatomy, rng: np.random.Generator) -> Film:
    """What bone adds to the soft tissue in its place."""
    bones = [spine(anatomy)]
    for side in (RIGHT, LEFT):
        bones += [rib(number, side, anatomy.rib_slope * rng.normal(1, 0.02), rng) for number in range(1, 13)]
        bones += shoulder(side)
    return ray_sum_of_rods(Rods.joined(bones), grid) + humerus(grid, RIGHT) + humerus(grid, LEFT)


# --- Lungs ------------------------------------------------------------------------------------------------

VESSEL_STEP_MM = 3.5
THINNEST_VESSEL_MM = 0.35


def _free_lung(points: Points, side: int, anatomy: Anatomy) -> np.ndarray:
    """Whether a vessel may be there: air around it, or the hilum, which lies against the heart."""
    x, y, z = points.T
    cavity, (heart_span, *_, abdomen_span) = lung(x, z, side, anatomy)
    root = (np.abs(x) < 42) & (z > -10)
    return np.asarray((root | cavity.holds(y) & ~heart_span.holds(y)) & ~abdomen_span.holds(y))


def hilum(side: int) -> list[Rods]:
    """The large pulmonary artery and upper vein of one side; the left hilum is the higher one."""
    up = 0 if side == RIGHT else 8
    artery = curve([(30, -5, 28 + up), (44, -8, 14 + up), (51, -12, -8 + up), (55, -18, -30 + up)], 20)
    vein = curve([(32, -5, 26 + up), (46, -2, 42 + up), (54, 0, 64 + up)], 20)
    courses = ((artery, np.linspace(7.5, 3, 19)), (vein, np.linspace(5.5, 2, 19)))
    return [Rods.along(path * [side, 1, 1], radius, radius, FLUID_PER_MM) for path, radius in courses]


def vessels(side: int, anatomy: Anatomy, rng: np.random.Generator) -> Rods:
    """The tree that leaves one hilum: each tip steps on, bends, thins, at times forks, until the pleura.

    The vessels of the lower zones are the wider ones, as in a person who stands.
    """
    count = 22
    angle = np.radians(np.linspace(-98, 80, count) + rng.normal(0, 5, count))
    low = angle < math.radians(-15)
    ways = _unit(np.stack([side * np.cos(angle), rng.normal(0, 0.45, count), np.sin(angle)], 1))
    tips = np.array([side * 38, -5, 18 if side == RIGHT else 26]) + 6 * ways + rng.normal(0, 4, (count, 3))
    tips[low, 2] -= 14
    radii = np.where(low, 3.6, 2.8) * rng.uniform(0.6, 1.2, count)
    pieces = []
    while len(tips):
        ends = tips + VESSEL_STEP_MM * ways
        pieces.append(np.column_stack([tips, ends, radii]))
        air = _free_lung(ends, side, anatomy)
        fork = rng.random(len(ends)) < 0.17
        major = radii * np.where(fork, rng.uniform(0.78, 0.93, len(ends)), 0.985)
        minor = radii * rng.uniform(0.45, 0.75, len(ends))
        aside = _unit(np.cross(ways, rng.normal((0, 1.5, 0), 1, ways.shape)))
        lean = rng.uniform(0.12, 0.26, (len(ends), 1)) * fork[:, None] * aside
        onward = _unit(ways + lean + rng.normal(0, 0.07, ways.shape))
        goes, forks = air & (major > THINNEST_VESSEL_MM), air & fork & (minor > THINNEST_VESSEL_MM)
        tips = np.concatenate([ends[goes], ends[forks]])
        ways = np.concatenate([onward[goes], _unit(ways - 3.2 * lean)[forks]])
        radii = np.concatenate([major[goes], minor[forks]])
    return _vessel_rods(np.concatenate(pieces))


def _vessel_rods(pieces: Float[np.ndarray, "pieces 7"]) -> Rods:
    start, end, radius = pieces[:, :3], pieces[:, 3:6], pieces[:, 6]
    # A vessel thinner than a pixel would be hit or missed; a wider, fainter one of the same blood is not.
    drawn = np.maximum(radius, 0.5)
    # The sheath of a vessel, its bronchus and interstitium, adds about half as much again.
    per_mm = 1.5 * FLUID_PER_MM * (radius / drawn) ** 2
    return Rods(start, end, end - start, end - start, drawn, drawn, per_mm)


def vascular_tree(grid: Grid, anatomy: Anatomy, rng: np.random.Generator) -> Film:
    """What the vessels of both lungs add."""
    rods = [part for side in (RIGHT, LEFT) for part in (*hilum(side), vessels(side, anatomy, rng))]
    return ray_sum_of_rods(Rods.joined(rods), grid)


def ball(grid: Grid, opacity: Opacity) -> Film:
    """Fluid in mm on each ray through the opacity.

    Its density falls from the centre as ``1 - r^2``, whose integral along a ray that passes at ``d`` (both in
    radii) is ``4/3 (1 - d^2)^(3/2)``.
    """
    u, w = (grid.columns - opacity.x_mm) / opacity.radius_mm, (grid.rows - opacity.z_mm) / opacity.radius_mm
    return opacity.contrast * opacity.radius_mm * 4 / 3 * np.maximum(1 - u**2 - w**2, 0) ** 1.5


def airways(grid: Grid) -> Film:
    """Air in mm in the trachea and the two main bronchi; where they overlap they are one."""
    tubes = [
        ([(-1, -5, 205), (-1, -8, 150), (-3, -15, 100), (-2, -25, 60), (-2, -26, 42)], (10, 10, 9.5, 9, 4)),
        ([(-4, -26, 54), (-16, -25, 36), (-32, -26, 20)], (6, 7, 6)),
        ([(0, -26, 54), (18, -25, 36), (44, -26, 24)], (5, 6, 5)),
    ]
    films = []
    for points, radii in tubes:
        radius = np.interp(np.linspace(0, 1, 39), np.linspace(0, 1, len(radii)), radii)
        films.append(ray_sum_of_rods(Rods.along(curve(points, 40), radius, radius, 1.0), grid))
    return np.maximum.reduce(films)


def gut_gas(grid: Grid, anatomy: Anatomy, rng: np.random.Generator) -> Film:
    """Air in mm in the stomach, level with the fluid below it, and in some loops of the bowel."""
    x, z = grid.columns, grid.rows
    level = anatomy.left_dome_mm - 34
    bubble = ellipsoid(x, z, (60, 20, level + 6), (anatomy.gas_bubble_mm, 28, 19)).thickness
    gas = bubble / (1 + np.exp(-np.clip((z - level) / 0.6, -50, 50)))
    for _ in range(8):
        centre = (rng.uniform(20, 130), 30, rng.uniform(-190, -130))
        radii = (rng.uniform(6, 22), rng.uniform(3, 11), rng.uniform(5, 14))
        gas = gas + ellipsoid(x, z, centre, radii, rng.uniform(-60, 60)).thickness
    return gas


def texture(size: int, roughness: float, rng: np.random.Generator) -> Film:
    """A random field of mean 0 and deviation 1 whose amplitude falls as ``frequency^-roughness``.

    The same draw gives the same field at every size that can hold it.
    """
    band = 128
    spectrum = rng.normal(size=(2 * band, band)) + 1j * rng.normal(size=(2 * band, band))
    frequency = np.hypot(np.fft.fftfreq(2 * band, 1 / (2 * band))[:, None], np.arange(band))
    kept = (frequency >= 3) & (frequency < band)
    spectrum = np.where(kept, spectrum * np.maximum(frequency, 1) ** -roughness, 0)
    whole = np.zeros((size, size // 2 + 1), np.complex64)
    whole[:band, :band], whole[-band:, :band] = spectrum[:band], spectrum[-band:]
    field = np.fft.irfft2(whole, (size, size))
    return np.asarray(field / field.std())


def ray_sums(size: int, anatomy: Anatomy, opacity: Opacity | None, rng: np.random.Generator) -> RaySums:
    """Attenuation x path through the whole body, for ``size`` x ``size`` rays (256 or more)."""
    grid = Grid.of(size, anatomy)
    x, z = grid.columns, grid.rows
    room = np.zeros((size, size), np.float32)
    for side in (RIGHT, LEFT):
        half = side * grid.x > 0
        room[:, half] = FLUID_PER_MM * thickness_outside(*lung(x[:, half], z, side, anatomy))
    breasts = sum(ellipsoid(x, z, (side * 84, 0, -50), (68, 80, 62)).thickness for side in (RIGHT, LEFT)) / 2
    total = SOFT_PER_MM * (body(x, z) * (1 + 0.014 * texture(size, 1.6, rng)) + anatomy.breast * breasts)
    total -= room * (1 + 0.012 * texture(size, 1.0, rng))
    total -= SOFT_PER_MM * (airways(grid) + gut_gas(grid, anatomy, rng)) - skeleton(grid, anatomy, rng)
    blood = np.minimum(vascular_tree(grid, anatomy, rng), room)
    total += blood
    added = np.zeros_like(total)
    if opacity is not None:
        mottle = np.clip(1 + 0.3 * texture(size, 1.4, rng), 0, 2)
        # Only air can be replaced, so vessels sink into a dense opacity and none reaches past the lung.
        added = np.minimum(FLUID_PER_MM * ball(grid, opacity) * mottle, room - blood)
    return RaySums(np.maximum(total + added, 0) * anatomy.depth, added * anatomy.depth)


# --- From ray sums to a film ------------------------------------------------------------------------------

QUANTA_PER_MM2 = 4.5e5
"""Quanta that reach the detector in the open beam: 15 uGy at about 30,000 per mm2 and uGy."""


def gaussian_blur(film: Film, sigma_pixels: float) -> Film:
    """Blur, with the film's edge carried on outwards."""
    pad = min(math.ceil(3 * sigma_pixels), len(film))
    rest = -(len(film) + 2 * pad) % 64  # the transform is slow at sizes with large prime factors
    padded = np.pad(film, (pad, pad + rest), mode="edge")
    rows, columns = np.fft.fftfreq(len(padded)), np.fft.rfftfreq(len(padded))
    transfer = np.outer(
        *(np.exp(-2 * (np.pi * sigma_pixels * f) ** 2).astype(np.float32) for f in (rows, columns))
    )
    blurred = np.fft.irfft2(np.fft.rfft2(padded) * transfer, padded.shape)
    return np.asarray(blurred[pad : pad + len(film), pad : pad + len(film)])


def exposed(primary: Film, spacing_mm: float, quanta_per_mm2: float, rng: np.random.Generator) -> Film:
    """Signal in the detector, 1 in the open beam: primary, scatter, unsharpness and quantum noise."""
    # Each ray scatters where it is attenuated and still alive; the grid lets a twentieth of that through.
    scatter = 0.05 * gaussian_blur(-primary * np.log(primary), 35 / spacing_mm)
    signal = np.maximum(gaussian_blur(primary + scatter, 0.25 / spacing_mm), 1e-4)
    # Normal instead of Poisson: at hundreds of quanta it is the same, and rounding cannot shift later draws.
    noise = np.sqrt(signal / (quanta_per_mm2 * spacing_mm**2)) * rng.standard_normal(signal.shape, np.float32)
    return np.maximum(signal + noise, 1e-4)


def displayed(signal: Film, spacing_mm: float) -> Film:
    """Grey values in [0, 1]: logarithm, edge enhancement in two bands, sigmoid window (PS3.3 C.11.2.1.3)."""
    density = -np.log(signal)
    sharp = density + sum(0.8 * (density - gaussian_blur(density, sigma / spacing_mm)) for sigma in (12, 2.5))
    grey = 1 / (1 + np.exp(-4 * (sharp - 1.65) / 4.6))
    return np.clip((grey - 0.13) / 0.85, 0, 1)


GLYPHS = {
    "S": "0111110000011100000111110", "Y": "1000101010001000010000100", "N": "1000111001101011001110001",
    "T": "1111100100001000010000100", "H": "1000110001111111000110001", "E": "1111110000111101000011111",
    "I": "0111000100001000010001110", "C": "0111110000100001000001111", "L": "1000010000100001000011111",
}  # fmt: skip
"""Letters, five rows of five dots."""


def lettering(text: str, x_mm: Number, z_mm: Number, dot_mm: Number, size: int) -> Film:
    """Share of each pixel that lead letters cover; (x, z) is the upper left corner."""
    dots = np.zeros((5, 6 * len(text)))
    for k, letter in enumerate(text):
        dots[:, 6 * k : 6 * k + 5] = np.array(list(GLYPHS[letter]), dtype=float).reshape(5, 5)
    axis = (np.arange(size) + 0.5) * FIELD_MM / size - FIELD_MM / 2
    column, row = (np.floor(at / dot_mm).astype(int) for at in (axis - x_mm, axis + z_mm))
    on_column, on_row = (column >= 0) & (column < dots.shape[1]), (row >= 0) & (row < 5)
    film = np.zeros((size, size))
    film[np.ix_(on_row, on_column)] = dots[np.ix_(row[on_row], column[on_column])]
    return film


def binned(film: Film, by: int) -> Float[np.ndarray, "fewer_rows fewer_columns"]:
    """Mean over blocks of ``by`` x ``by``."""
    side = len(film) // by
    return np.asarray(film.reshape(side, by, side, by).mean(axis=(1, 3)))


def _box(added: Film, by: int) -> tuple[float, float, float, float]:
    seen = added > 0.1 * added.max()
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    x, y = columns[0] / by, rows[0] / by
    return float(x), float(y), float((columns[-1] + 1) / by - x), float((rows[-1] + 1) / by - y)


def thorax_phantom(
    size: int = 1024,
    *,
    seed: int = 0,
    opacity: Opacity | None = None,
    anatomy: Anatomy | None = None,
    quanta_per_mm2: float = QUANTA_PER_MM2,
) -> Phantom:
    """A synthetic frontal chest film of ``size`` x ``size`` pixels, patient upright, right side on the left.

    Args:
        size: pixels a side, at least 32; the film is always 365 mm wide.
        seed: body, vessels, texture and noise; the same seed is the same body at every size.
        opacity: a consolidation to add; nothing else about the body changes.
        anatomy: the body's proportions instead of those the seed draws.
        quanta_per_mm2: the dose; ``math.inf`` gives a film without noise.

    Raises:
        ValueError: the film is too small, or the opacity lies where there is no lung.
    """
    if size < 32:
        raise ValueError(f"a phantom has at least 32 pixels a side; got {size}")
    body_rng, tissue_rng, noise_rng = np.random.default_rng(seed).spawn(3)
    anatomy = anatomy or Anatomy.drawn(body_rng)
    # Small films are binned from a finer one, as a detector's pixel adds up what falls on it.
    by = math.ceil(512 / size)
    sums = ray_sums(size * by, anatomy, opacity, tissue_rng)
    if opacity is not None and not sums.opacity.any():
        raise ValueError(
            f"no lung at ({opacity.x_mm}, {opacity.z_mm}) mm: move the opacity, e.g. Opacity.in_zone"
        )
    spacing_mm = FIELD_MM / size
    signal = exposed(binned(np.exp(-sums.total), by), spacing_mm, quanta_per_mm2, noise_rng)
    lead = lettering("SYNTHETIC", -173, 173, 1.5, size * by) + lettering("L", 152, 173, 3, size * by)
    pixels = np.maximum(displayed(signal, spacing_mm), 0.85 * binned(lead, by)).astype(np.float32)
    return Phantom(pixels, spacing_mm, None if opacity is None else _box(sums.opacity, by))
