"""The soft parts that give the film its outlines: body, lungs, heart, abdomen, muscle of the back."""

import numpy as np

from chexnet.examples.phantom.anatomy import LEFT, RIGHT, Anatomy
from chexnet.examples.phantom.rays import Film, Grid, Rays
from chexnet.examples.phantom.solids import Span, ellipsoid, spline, superellipse, thickness_outside

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
# fmt: on


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


def lung_thickness(grid: Grid, anatomy: Anatomy) -> Film:
    """Lung in mm on each ray, both lungs together; each keeps to its half of the film."""
    film = np.zeros((len(grid.z), len(grid.x)), np.float32)
    for side in (RIGHT, LEFT):
        half = side * grid.x > 0
        film[:, half] = thickness_outside(*lung(grid.columns[:, half], grid.rows, side, anatomy))
    return film
