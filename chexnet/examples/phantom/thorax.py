"""The whole body as ray sums: its parts, the gas below them and the unevenness of tissue, added up."""

from dataclasses import dataclass

import numpy as np

from chexnet.examples.phantom.anatomy import FLUID_PER_MM, LEFT, RIGHT, SOFT_PER_MM, Anatomy, Opacity
from chexnet.examples.phantom.lungs import airways, ball, vascular_tree
from chexnet.examples.phantom.organs import body, lung_thickness
from chexnet.examples.phantom.rays import Film, Grid
from chexnet.examples.phantom.skeleton import skeleton
from chexnet.examples.phantom.solids import ellipsoid


@dataclass(frozen=True)
class RaySums:
    """Attenuation x path (no unit) along each ray: of the whole body, and the opacity's share of it."""

    total: Film
    opacity: Film


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


@dataclass(frozen=True)
class ClearThorax:
    """A body without an opacity: attenuation x path along each ray, and how much more fluid for air adds."""

    total: Film
    room: Film

    @classmethod
    def drawn(cls, grid: Grid, anatomy: Anatomy, rng: np.random.Generator) -> "ClearThorax":
        """The average body's depth, with organs, bones and unevenness drawn from ``rng``."""
        x, z, size = grid.columns, grid.rows, len(grid.x)
        lungs = FLUID_PER_MM * lung_thickness(grid, anatomy)
        sides = (ellipsoid(x, z, (side * 84, 0, -50), (68, 80, 62)).thickness for side in (RIGHT, LEFT))
        breasts = anatomy.breast * (sum(sides) / 2)
        total = SOFT_PER_MM * (body(x, z) * (1 + 0.014 * texture(size, 1.6, rng)) + breasts)
        total -= lungs * (1 + 0.012 * texture(size, 1.0, rng))
        total -= SOFT_PER_MM * (airways(grid) + gut_gas(grid, anatomy, rng)) - skeleton(grid, anatomy, rng)
        blood = np.minimum(vascular_tree(grid, anatomy, rng), lungs)
        return cls(total + blood, lungs - blood)


def clouding(opacity: Opacity, grid: Grid, room: Film, rng: np.random.Generator) -> Film:
    """Attenuation x path that a mottled opacity adds, as far as there is ``room``."""
    mottle = np.clip(1 + 0.3 * texture(len(grid.x), 1.4, rng), 0, 2)
    # Only air can be replaced, so vessels sink into a dense opacity and none reaches past the lung.
    return np.minimum(FLUID_PER_MM * ball(grid, opacity) * mottle, room)


def ray_sums(size: int, anatomy: Anatomy, opacity: Opacity | None, rng: np.random.Generator) -> RaySums:
    """Attenuation x path through the whole body, for ``size`` x ``size`` rays (256 or more)."""
    grid = anatomy.rays(size)
    clear = ClearThorax.drawn(grid, anatomy, rng)
    added = np.zeros_like(clear.total) if opacity is None else clouding(opacity, grid, clear.room, rng)
    return RaySums(np.maximum(clear.total + added, 0) * anatomy.depth, added * anatomy.depth)
