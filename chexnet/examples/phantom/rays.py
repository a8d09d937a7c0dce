"""The parallel rays that draw the film, and the arrays that hold one number for each."""

from dataclasses import dataclass

import numpy as np

from chexnet.arrays import Float

FIELD_MM = 365.0
"""Side of the square film."""

Number = int | float
Rays = Float[np.ndarray, "..."]
Film = Float[np.ndarray, "height width"]


def pixel_centres_mm(size: int) -> Float[np.ndarray, " size"]:
    """Where the pixels of a film of ``size`` a side lie along either axis, from its centre."""
    return (np.arange(size) + 0.5) * FIELD_MM / size - FIELD_MM / 2


@dataclass(frozen=True)
class Grid:
    """The rays: one ``x`` a column, one ``z`` a row, in the average body's millimetres."""

    x: Float[np.ndarray, " width"]
    z: Float[np.ndarray, " height"]

    @property
    def columns(self) -> Float[np.ndarray, "1 width"]:
        """``x`` as a row that broadcasts over the film."""
        return self.x[None, :].astype(np.float32)

    @property
    def rows(self) -> Float[np.ndarray, "height 1"]:
        """``z`` as a column that broadcasts over the film."""
        return self.z[:, None].astype(np.float32)
