"""What fills the lungs: vessels and airways, and the opacity that takes the place of air."""

import math

import numpy as np

from chexnet.arrays import Float
from chexnet.examples.phantom.anatomy import FLUID_PER_MM, LEFT, RIGHT, Anatomy, Opacity
from chexnet.examples.phantom.organs import abdomen, heart, lung_cavity
from chexnet.examples.phantom.rays import Film, Grid
from chexnet.examples.phantom.rods import Points, Rods, curve, ray_sum_of_rods, unit

VESSEL_STEP_MM = 3.5
THINNEST_VESSEL_MM = 0.35


def _free_lung(points: Points, side: int, anatomy: Anatomy) -> np.ndarray:
    """Whether a vessel may be there: air around it, or the hilum, which lies against the heart."""
    x, y, z = points.T
    air = lung_cavity(x, z, side).holds(y) & ~heart(x, z, anatomy.heart).holds(y)
    root = (np.abs(x) < 42) & (z > -10)
    return np.asarray((root | air) & ~abdomen(x, z, side, anatomy.dome_mm(side)).holds(y))


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
    ways = unit(np.stack([side * np.cos(angle), rng.normal(0, 0.45, count), np.sin(angle)], 1))
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
        aside = unit(np.cross(ways, rng.normal((0, 1.5, 0), 1, ways.shape)))
        lean = rng.uniform(0.12, 0.26, (len(ends), 1)) * fork[:, None] * aside
        onward = unit(ways + lean + rng.normal(0, 0.07, ways.shape))
        goes, forks = air & (major > THINNEST_VESSEL_MM), air & fork & (minor > THINNEST_VESSEL_MM)
        tips = np.concatenate([ends[goes], ends[forks]])
        ways = np.concatenate([onward[goes], unit(ways - 3.2 * lean)[forks]])
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
