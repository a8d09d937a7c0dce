"""Solids that each ray enters and leaves once, and the curves that bound them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from chexnet.examples.phantom.rays import Number, Rays

Table = Sequence[tuple[Number, Number]]
"""A curve as (knot, value) pairs."""


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


@lru_cache(maxsize=256)
def _knots(table: tuple[tuple[Number, Number], ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Knots, values and slopes, worked out once a table: vessels ask for the same curves at every step."""
    knots, values = np.array(sorted(table), dtype=float).T
    return knots, values, np.gradient(values, knots)


def spline(at: Rays | Number, table: Table) -> Rays:
    """Smooth curve through (knot, value) pairs: cubic Hermite, central slopes, level beyond the ends."""
    knots, values, slopes = _knots(tuple(table))
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
