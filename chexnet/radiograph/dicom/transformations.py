"""Modality LUTs, VOI LUTs and windows: one number to another (PS3.3 C.11.1 and C.11.2)."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from chexnet.arrays import Float64, Int64

Values = Float64[np.ndarray, " values"]

SMALLEST, LARGEST = 1e-6, 1e9
"""Decimal strings can say 1E-300. Windows and slopes beyond these would overflow, and mean nothing."""


@dataclass(frozen=True)
class LookupTable:
    """A Modality LUT or VOI LUT (PS3.3 C.11.1.1, C.11.2.1.1).

    Attributes:
        first_mapped: the input that selects the first entry; lower inputs select it as well.
        entries: the outputs; inputs beyond the last select the last.
        bits: for each entry, as declared.
    """

    first_mapped: int
    entries: Int64[np.ndarray, " entries"]
    bits: int

    def __call__(self, values: Values) -> Values:
        """The entry that each value selects."""
        index = np.clip(np.rint(values) - self.first_mapped, 0, len(self.entries) - 1)
        return np.asarray(self.entries[index.astype(np.int64)], np.float64)

    @property
    def bits_in_use(self) -> int:
        """Bits of the largest entry.

        Tables declare more than they hold (16 bits, of which 12 or 14 are used), and some hold more than they
        declare: white is the end of what they hold, in either case.
        """
        return max(int(self.entries.max()).bit_length(), 1)

    def shown(self, values: Values) -> Values:
        """The entry that each value selects, scaled by its bits to 0 … 1."""
        return np.asarray(self(values) / (2**self.bits_in_use - 1))


@dataclass(frozen=True)
class Window:
    """Window Center and Window Width with their VOI LUT Function (PS3.3 C.11.2.1.2, C.11.2.1.3).

    Raises:
        ValueError: centre or width is no number of a sane size, or the width is smaller than the
            function allows.
    """

    center: float
    width: float
    function: Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"] = "LINEAR"

    def __post_init__(self) -> None:
        least = 1 if self.function == "LINEAR" else SMALLEST
        # NaN fails every comparison.
        if not (abs(self.center) <= LARGEST and least <= self.width <= LARGEST):
            raise ValueError(
                f"window center {self.center:g}, width {self.width:g}; expected a width of at least {least:g}"
            )

    def shown(self, values: Values) -> Values:
        """0 below the window, 1 above, and in between what the function says."""
        if self.function == "SIGMOID":
            # C.11.2.1.3.1. A logistic beyond ±700 overflows, and is 0 or 1 in any case.
            return 1 / (1 + np.exp(np.clip(-4 * (values - self.center) / self.width, -700, 700)))
        if self.function == "LINEAR_EXACT":
            return np.clip((values - self.center) / self.width + 0.5, 0, 1)  # C.11.2.1.3.2
        return self._linear(values)

    def _linear(self, values: Values) -> Values:
        """C.11.2.1.2.1, in which the first and last of `width` integers are black and white."""
        if self.width == 1:
            return (values > self.center - 0.5).astype(np.float64)
        return np.clip((values - (self.center - 0.5)) / (self.width - 1) + 0.5, 0, 1)
