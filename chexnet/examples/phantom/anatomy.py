"""What all organs share: the patient's sides, the tissues, and what differs from body to body.

The attenuation coefficients are those near 60 keV, about the mean energy of a filtered 120 kVp beam; soft
tissue is muscle with a third of fat, lung has a quarter of its density.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from chexnet.examples.phantom.rays import Grid, pixel_centres_mm

SOFT_PER_MM = 0.0205
LUNG_PER_MM = 0.0052
CORTEX_PER_MM = 0.0600
MARROW_PER_MM = 0.0255
FLUID_PER_MM = SOFT_PER_MM - LUNG_PER_MM
"""What blood or exudate adds where it takes the place of lung."""

RIGHT, LEFT = -1, 1
"""The patient's sides, as signs of ``x``."""


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

    def rays(self, size: int) -> Grid:
        """A square film's rays, ``size`` a side, moved into the average body."""
        axis = pixel_centres_mm(size)
        return Grid((axis - self.shift_mm) / self.width, -axis / self.height)
