"""The bones, as what they add to the soft tissue in their place."""

import math
from collections.abc import Sequence

import numpy as np

from chexnet.examples.phantom.anatomy import CORTEX_PER_MM, LEFT, MARROW_PER_MM, RIGHT, SOFT_PER_MM, Anatomy
from chexnet.examples.phantom.organs import LUNG_DEPTH, LUNG_OUTER
from chexnet.examples.phantom.rays import Film, Grid, Number
from chexnet.examples.phantom.rods import Points, Rods, curve, ray_sum_of_rods
from chexnet.examples.phantom.solids import ellipsoid, spline

# fmt: off
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
