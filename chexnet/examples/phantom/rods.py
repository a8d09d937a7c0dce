"""Bent rods in closed form: what ribs and other bones, vessels and airways are made of."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chexnet.arrays import Float
from chexnet.examples.phantom.rays import Film, Grid, Number
from chexnet.examples.phantom.solids import spline

Points = Float[np.ndarray, "points 3"]


def unit(vectors: np.ndarray) -> np.ndarray:
    """The same directions at length 1."""
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
        way = unit(np.diff(path, axis=0))
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
    way = unit(rods.end - rods.start)
    up = np.where(np.abs(way[:, 2:]) > 0.9, [1.0, 0, 0], [0, 0, 1.0])
    high = unit(up - (up * way).sum(1, keepdims=True) * way)
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
